"""What is built: a family is one Go module of ours whose `tool` lines name the programs, with its linker flags."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Taken:
    """A file or a folder taken out of a module as it is: `path` in `module`, to `target` under `bin` or `share`."""

    module: str
    path: str
    target: str
    executable: bool = False


@dataclass(frozen=True)
class Family:
    """`packages` are built into `.local/bin`, each named after its last path element.

    `variables` are set in the programs by the linker: without the versions, `pulumi version` prints nothing and
    Kubernetes clients cannot parse the server's version. `static` programs are linked without the system's C library,
    because they run in an image that holds nothing else.
    """

    name: str
    packages: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    taken: tuple[Taken, ...] = ()
    static: bool = False

    @property
    def module(self) -> Path:
        return FOLDER / self.name

    @property
    def programs(self) -> tuple[str, ...]:
        return tuple(package.rpartition("/")[2] for package in self.packages)


_PULUMI_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_KUBERNETES_VERSION = "k8s.io/component-base/version"
_ESO = "github.com/external-secrets/external-secrets"

KUBERNETES = Family(
    "kubernetes",
    tuple(
        f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
    ),
    (
        (f"{_KUBERNETES_VERSION}.gitVersion", "v1.36.3"),
        (f"{_KUBERNETES_VERSION}.gitMajor", "1"),
        (f"{_KUBERNETES_VERSION}.gitMinor", "36"),
    ),
)
EXTERNAL_SECRETS = Family(
    "external-secrets",
    (_ESO,),
    taken=(
        Taken(_ESO, "deploy/crds/bundle.yaml", "share/external-secrets/crds.yaml"),
        Taken(_ESO, "deploy/charts/external-secrets", "share/external-secrets/chart"),
    ),
    static=True,
)
# The next API generation's CRDs, against which our objects are tried; nothing is built.
EXTERNAL_SECRETS_NEXT = Family(
    "external-secrets-next",
    (),
    taken=(Taken(_ESO, "deploy/crds/bundle.yaml", "share/external-secrets-next/crds.yaml"),),
)
HELM = Family(
    "helm",
    ("helm.sh/helm/v3/cmd/helm",),
    (
        ("helm.sh/helm/v3/internal/version.version", "v3.22.0"),
        # The Kubernetes that charts are rendered for without a cluster: that of its client library, as in its releases.
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor", "1"),
        ("helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor", "37"),
    ),
)
PULUMI = Family(
    "pulumi",
    ("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",),
    ((_PULUMI_VERSION, "v3.259.0"),),
    taken=tuple(
        Taken("github.com/pulumi/pulumi/sdk/v3", f"python/{folder}/{name}", f"bin/{name}", executable=True)
        for folder, name in (("cmd", "pulumi-language-python-exec"), ("dist", "pulumi-resource-pulumi-python"))
    ),
)
# The last release in which the host is part of a served module; it works with the newer engine.
PULUMI_LANGUAGE_PYTHON = Family(
    "pulumi-language-python",
    ("github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",),
    ((_PULUMI_VERSION, "v3.79.0"),),
)
ACTIONLINT = Family("actionlint", ("github.com/rhysd/actionlint/cmd/actionlint",))
# What bench/ measures everpull against; its own image is built without the system's C library too.
K8S_ECR_LOGIN_RENEW = Family("k8s-ecr-login-renew", ("github.com/nabsul/k8s-ecr-login-renew",), static=True)

ALL = {
    family.name: family
    for family in (
        KUBERNETES,
        EXTERNAL_SECRETS,
        EXTERNAL_SECRETS_NEXT,
        HELM,
        PULUMI,
        PULUMI_LANGUAGE_PYTHON,
        ACTIONLINT,
        K8S_ECR_LOGIN_RENEW,
    )
}
