"""docs/migration.md is typed, block by block, by somebody who has what it speaks of: afterwards pods pull, and that is gone.

As tests/live/test_pages.py, with a stack called `migrate`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_global_resource
from lightkube.models.batch_v1 import CronJobSpec, JobSpec, JobTemplateSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import CronJob
from lightkube.resources.core_v1 import Namespace, Secret, ServiceAccount
from lightkube.types import PatchType

from local import env, paths
from local.demo.chain import CLUSTER_EXTERNAL_SECRET, EXTERNAL_SECRET, SECRET_STORE
from local.driver import aws, workloads
from local.registry.images import File, push_image
from local.state import PlatformState
from tests.live.reader import Reader, settled
from tests.live.surroundings import deployment, external_secret, kind, nodes, pull_secret, renewed_by_hand, secret_store

PAGE, NAME = "docs/migration.md", "migrate"
NAMESPACE = f"{NAME}-a"
EVERYWHERE = "kubernetes.io/metadata.name"
# Others' namespaces are on this cluster too.
SOMEWHERE = {f"everpull:namespaceSelector {EVERYWHERE}": f"everpull:namespaceSelector '{EVERYWHERE} in ({NAMESPACE})'"}
READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
RENEWER = "k8s-ecr-login-renew"
# As its chart has them; what it needs on this machine is added.
CHART = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: k8s-ecr-login-renew-account}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: k8s-ecr-login-renew-role}
rules:
  - {apiGroups: [""], resources: [namespaces], verbs: [list]}
  - {apiGroups: [""], resources: [secrets, serviceaccounts, serviceaccounts/token], verbs: [delete, create, patch, get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: k8s-ecr-login-renew-binding}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: k8s-ecr-login-renew-role}
subjects:
  - {kind: ServiceAccount, name: k8s-ecr-login-renew-account, namespace: "{{ .Release.Namespace }}"}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: k8s-ecr-login-renew-cron}
spec:
  schedule: 0 */6 * * *
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          serviceAccountName: k8s-ecr-login-renew-account
          restartPolicy: Never
          hostNetwork: true
          containers:
            - name: k8s-ecr-login-renew
              image: "{{ .Values.image }}"
              env: {{ .Values.env | toJson }}
"""


@pytest.fixture(scope="module")
def image(platform: PlatformState, kube: Client) -> str:
    workloads.ensure_namespace(kube, NAMESPACE)
    kube.patch(Namespace, NAMESPACE, {"metadata": {"labels": {"team": "a"}}}, patch_type=PatchType.MERGE)
    return aws.seed_image(platform, f"{NAMESPACE}/app", "1.0", "hello from where you come from")


@pytest.fixture(scope="module")
def settler(platform: PlatformState, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with settled(platform, tmp_path_factory.mktemp("reader"), NAME) as made:
        yield made


@pytest.fixture
def reader(settler: Reader, platform: PlatformState) -> Reader:
    """With what every stack has set; what is deployed is what the test before has left."""
    settler.configure({"aws:region": platform.region, "everpull:repositories": [f"{NAMESPACE}/*"]})
    return settler


@pytest.fixture
def cronjob(reader: Reader, platform: PlatformState) -> Reader:
    """The same, with an image that is within reach."""
    reader.configure({**reader.config, "everpull:image": platform.refresher_image})
    return reader


def is_gone(kube: Client, what: Any, name: str, namespace: str | None = NAMESPACE) -> bool:
    try:
        kube.get(what, name, **({"namespace": namespace} if namespace else {}))
    except ApiError as error:
        if error.status.code != 404:
            raise
        return True
    return False


def cron_job(name: str, namespace: str, *, suspend: bool) -> CronJob:
    """One that would write pull secrets by itself; it never runs."""
    pod = PodSpec(containers=[Container(name="main", image="none.invalid/none")], restartPolicy="Never")
    template = JobTemplateSpec(spec=JobSpec(template=PodTemplateSpec(spec=pod)))
    spec = CronJobSpec(schedule="0 0 30 2 *", jobTemplate=template, suspend=suspend)
    return CronJob(metadata=ObjectMeta(name=name, namespace=namespace), spec=spec)


def test_a_name_of_its_own_side_by_side(reader: Reader, kube: Client, image: str) -> None:
    reader.configure({**reader.config, "everpull:namespaces": [NAMESPACE]})
    reader.types(PAGE, 1)
    try:
        reader.pulls(kube, image, reader.pull_secret)
        account = kube.get(ServiceAccount, "default", namespace=NAMESPACE)
        assert reader.pull_secret in [reference.name for reference in account.imagePullSecrets]
    finally:
        reader.configure({key: value for key, value in reader.config.items() if key != "everpull:attach"})
        reader.run("pulumi up --skip-preview")


def test_the_old_name_taken_over(reader: Reader, kube: Client, image: str) -> None:
    reader.configure({**reader.config, "everpull:namespaces": [NAMESPACE]})
    theirs = kube.create(pull_secret("ecr-login", NAMESPACE))
    reader.types(PAGE, 2)
    assert kube.get(Secret, "ecr-login", namespace=NAMESPACE).metadata.uid == theirs.metadata.uid
    reader.pulls(kube, image, "ecr-login")


def test_from_a_cron_job_with_kubectl(cronjob: Reader, kube: Client, image: str) -> None:
    kube.create(cron_job("ecr-login", NAMESPACE, suspend=True))
    # The way back, which can be gone for as long as the CronJob is there.
    cronjob.says(PAGE, "kubectl --namespace team-a patch cronjob")
    assert not kube.get(CronJob, "ecr-login", namespace=NAMESPACE).spec.suspend
    theirs = kube.create(pull_secret("regcred", NAMESPACE))
    cronjob.types(PAGE, 3)
    assert is_gone(kube, CronJob, "ecr-login")
    assert kube.get(Secret, "regcred", namespace=NAMESPACE).metadata.uid == theirs.metadata.uid
    cronjob.pulls(kube, image, "regcred")
    iam = aws.client(cronjob.state, "iam")
    iam.create_user(UserName="ecr-login")
    key = iam.create_access_key(UserName="ecr-login")["AccessKey"]["AccessKeyId"]
    cronjob.types(PAGE, 4, instead={"KEY-ID": key})
    assert not iam.list_access_keys(UserName="ecr-login")["AccessKeyMetadata"]
    iam.delete_user(UserName="ecr-login")


def test_from_a_function_a_secret_and_eso_by_hand(reader: Reader, kube: Client, image: str) -> None:
    kube.create(secret_store("aws", NAMESPACE))
    kube.create(external_secret("ecr-login", NAMESPACE, "aws"))
    secrets = aws.client(reader.state, "secretsmanager")
    with renewed_by_hand(reader.state, "ecr-login"):
        reader.types(PAGE, 5)
        reader.pulls(kube, image, reader.pull_secret)
        login = json.loads(json.loads(reader.types(PAGE, 6))["SecretString"])
        assert {"registry", "username", "password", "dockerconfigjson"} <= login.keys()
        reader.types(PAGE, 7)
        assert is_gone(kube, EXTERNAL_SECRET, "ecr-login")
        assert is_gone(kube, SECRET_STORE, "aws")
        assert "DeletedDate" in secrets.describe_secret(SecretId="ecr-login")
        reader.says(PAGE, "aws secretsmanager restore-secret")
        assert "DeletedDate" not in secrets.describe_secret(SecretId="ecr-login")


def test_from_node_roles_by_hand(reader: Reader) -> None:
    iam = aws.client(reader.state, "iam")
    reader.configure({**reader.config, "everpull:namespaces": [NAMESPACE]})
    with nodes(reader.state):
        iam.attach_role_policy(RoleName="main-nodes", PolicyArn=READ_ONLY)
        # What a stack of nodes is set up with from the beginning.
        reader.types("README.md", 5)
        reader.run("pulumi preview")
        reader.configure({key: value for key, value in reader.config.items() if "nodeRoles" not in key})
        reader.configure({**reader.config, "everpull:namespaces": [NAMESPACE]})
        reader.types(PAGE, 8)
        assert len(iam.list_role_policies(RoleName="main-nodes")["PolicyNames"]) == 1
        reader.types(PAGE, 9)
        assert not iam.list_attached_role_policies(RoleName="main-nodes")["AttachedPolicies"]
        reader.run("pulumi destroy --skip-preview")


def test_from_a_generator_of_each_namespace(reader: Reader, kube: Client, image: str) -> None:
    generators = create_global_resource(
        "generators.external-secrets.io", "v1alpha1", "ClusterGenerator", "clustergenerators"
    )
    reader.configure({**reader.config, "everpull:namespaces": []})
    reader.types(PAGE, 10)
    workloads.wait_until(lambda: not is_gone(kube, Secret, reader.pull_secret), "the namespace is served")
    reader.pulls(kube, image, reader.pull_secret)
    ecr = {"region": reader.state.region, "auth": {"secretRef": _keys("ecr-credentials")}}
    generator = {"kind": "ECRAuthorizationToken", "generator": {"ecrAuthorizationTokenSpec": ecr}}
    kube.create(generators(metadata=ObjectMeta(name="ecr-login"), spec=generator))
    external = external_secret("ecr-login", NAMESPACE, "none").spec
    selected = {"matchLabels": {EVERYWHERE: "nowhere"}}
    kube.create(
        CLUSTER_EXTERNAL_SECRET(
            metadata=ObjectMeta(name="ecr-login"),
            spec={"namespaceSelectors": [selected], "externalSecretSpec": external},
        )
    )
    kube.create(Secret(metadata=ObjectMeta(name="ecr-credentials", namespace=NAMESPACE), stringData={"id": "none"}))
    reader.types(PAGE, 11)
    assert is_gone(kube, CLUSTER_EXTERNAL_SECRET, "ecr-login", None)
    assert is_gone(kube, generators, "ecr-login", None)
    assert is_gone(kube, Secret, "ecr-credentials")


def _keys(name: str) -> dict[str, Any]:
    return {
        "accessKeyIDSecretRef": {"name": name, "key": "id"},
        "secretAccessKeySecretRef": {"name": name, "key": "secret"},
    }


def test_a_secret_is_let_go_from_its_external_secret(reader: Reader, kube: Client) -> None:
    owner = kube.create(external_secret("ecr-login", NAMESPACE, "none"))
    secret = pull_secret("orphan", NAMESPACE)
    secret.metadata.ownerReferences = [
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "name": "ecr-login",
            "uid": owner.metadata.uid,
        }
    ]
    kube.create(secret)
    reader.types(PAGE, 12)
    workloads.wait_until(lambda: is_gone(kube, EXTERNAL_SECRET, "ecr-login"), "the ExternalSecret is gone")
    workloads.wait_until(
        lambda: not kube.get(Secret, "orphan", namespace=NAMESPACE).metadata.ownerReferences, "nobody owns the Secret"
    )
    kube.delete(Secret, "orphan", namespace=NAMESPACE)


def test_from_the_csi_driver(cronjob: Reader, kube: Client, image: str) -> None:
    with kind(kube, "secrets-store.csi.x-k8s.io", "v1", "SecretProviderClass") as provider_class:
        kube.create(provider_class(metadata=ObjectMeta(name="ecr-login", namespace=NAMESPACE)))
        cronjob.types(PAGE, 13)
        cronjob.pulls(kube, image, cronjob.pull_secret)
        cronjob.types(PAGE, 14)
        assert is_gone(kube, provider_class, "ecr-login")


def test_from_registry_creds(cronjob: Reader, kube: Client, image: str) -> None:
    kube.create(deployment("registry-creds", "kube-system", replicas=0))
    metadata = ObjectMeta(name="registry-creds-ecr", namespace="kube-system")
    kube.create(Secret(metadata=metadata, stringData={"key": "none"}))
    # The way back, which can be gone for as long as the Deployment is there.
    cronjob.says(PAGE, "kubectl --namespace kube-system scale")
    assert kube.get(Deployment, "registry-creds", namespace="kube-system").spec.replicas == 1
    theirs = kube.create(pull_secret("awsecr-cred", NAMESPACE))
    cronjob.configure({**cronjob.config, "everpull:namespaces": []})
    cronjob.types(PAGE, 17, instead=SOMEWHERE)
    assert kube.get(Secret, "awsecr-cred", namespace=NAMESPACE).metadata.uid == theirs.metadata.uid
    cronjob.pulls(kube, image, "awsecr-cred")
    assert is_gone(kube, Deployment, "registry-creds", "kube-system")
    assert is_gone(kube, Secret, "registry-creds-ecr", "kube-system")


@pytest.fixture
def renewer(reader: Reader, platform: PlatformState, tmp_path: Path) -> str:
    """The other program itself, installed by Helm; gives its namespace."""
    subprocess.run(
        [sys.executable, "-m", "local.tools", RENEWER], cwd=paths.ROOT, check=True, stdout=subprocess.DEVNULL
    )
    folders = paths.current()
    # Its AWS SDK knows no other endpoint than AWS's own.
    files = {
        f"/{RENEWER}": File(folders.bin / RENEWER, 0o755),
        "/etc/ssl/certs/ca-certificates.crt": File(folders.authority),
    }
    pushed = push_image(platform.backend_registry, f"everpull/{RENEWER}", "1", files, entrypoint=[f"/{RENEWER}"])
    environment = {
        "DOCKER_SECRET_NAME": f"{RENEWER}-docker-secret",
        "TARGET_NAMESPACE": NAMESPACE,
        "AWS_REGION": platform.region,
        "AWS_ACCESS_KEY_ID": platform.aws_access_key_id,
        "AWS_SECRET_ACCESS_KEY": platform.aws_secret_access_key,
        **{name: value for name, value in env.registries(platform).items() if "PROXY" in name.upper()},
    }
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "all.yaml").write_text(CHART)
    (tmp_path / "Chart.yaml").write_text(f"apiVersion: v2\nname: {RENEWER}\nversion: 1.0.0\n")
    values = {
        "image": pushed.reference,
        "env": [{"name": name, "value": value} for name, value in environment.items()],
    }
    (tmp_path / "values.yaml").write_text(json.dumps(values))
    reader.run(f"helm install {RENEWER} {tmp_path} --namespace ecr-renew --create-namespace")
    return "ecr-renew"


def test_from_k8s_ecr_login_renew(cronjob: Reader, renewer: str, kube: Client, image: str) -> None:
    name = f"{RENEWER}-docker-secret"
    cronjob.types(PAGE, 16)
    workloads.wait_until(lambda: not is_gone(kube, Secret, name), "the other program has written its Secret")
    theirs = kube.get(Secret, name, namespace=NAMESPACE)
    cronjob.pulls(kube, image, name)
    cronjob.configure({**cronjob.config, "everpull:namespaces": []})
    cronjob.types(PAGE, 15, instead=SOMEWHERE)
    assert kube.get(Secret, name, namespace=NAMESPACE).metadata.uid == theirs.metadata.uid
    cronjob.pulls(kube, image, name)
    assert is_gone(kube, CronJob, f"{RENEWER}-cron", renewer)
