"""The README's command installs the External Secrets Operator, by real Helm into a real API server."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import helm
from local.apt import SYSTEM_PATH
from local.paths import current
from tests.docs.pages import blocks, text_of
from tests.local.chart_repository import chart_repository, in_bundle
from tests.local_providers.kubernetes.control_plane import ControlPlane
from tests.local_providers.kubernetes.meddler import eventually

Shell = Callable[[str], str]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chart_repository(tmp_path_factory.mktemp("repository")) as url:
        yield url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def shell(plane: ControlPlane, repository: str, home: Path, tmp_path: Path) -> Shell:
    """Runs commands with the platform's programs, the cluster and the repository; gives what they print."""
    environment = {
        "PATH": f"{current().bin}:{SYSTEM_PATH}",
        "HOME": str(home),
        "KUBECONFIG": str(plane.kubeconfig),
        "KUBECACHEDIR": str(tmp_path / "cache"),
        **helm.homes(tmp_path / "helm"),
    }

    def run(command: str) -> str:
        done = subprocess.run(["sh", "-ec", command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(f"helm repo add external-secrets {repository}")
    return run


def names(shell: Shell, resource: str) -> set[str]:
    found = json.loads(shell(f"kubectl get {resource} --all-namespaces --output=json"))
    return {item["metadata"]["name"] for item in found["items"]}


def served(shell: Shell) -> set[str]:
    """The kinds of the version that everpull needs."""
    found = json.loads(shell("kubectl get --raw /apis/external-secrets.io/v1 || echo '{\"resources\": []}'"))
    return {resource["kind"] for resource in found["resources"]}


def test_the_readmes_command_installs_the_operator_and_uninstall_takes_all_away(shell: Shell, home: Path) -> None:
    command = blocks(text_of("README.md"))[6]
    namespaces = names(shell, "namespaces")
    assert "STATUS: deployed" in shell(command)
    assert names(shell, "customresourcedefinitions") == {crd["metadata"]["name"] for crd in in_bundle()}
    eventually(lambda: {"ExternalSecret", "SecretStore", "ClusterSecretStore"} <= served(shell))
    (image,) = shell(
        "kubectl --namespace external-secrets get deployment external-secrets"
        " --output=jsonpath='{.spec.template.spec.containers[*].image}'"
    ).split()
    about = yaml.safe_load((current().share / "external-secrets" / "chart" / "Chart.yaml").read_text())
    assert image.endswith(f"/external-secrets:{about['appVersion']}")

    # As with any release, a second time changes nothing.
    assert "REVISION: 2" in shell(command)

    shell("helm uninstall external-secrets --namespace external-secrets --wait")
    assert names(shell, "customresourcedefinitions") == set()
    assert names(shell, "deployments") == set()
    assert names(shell, "namespaces") == namespaces | {"external-secrets"}
    assert list(home.iterdir()) == []


def test_the_crds_are_the_modules_and_the_charts_values_choose_among_them(shell: Shell) -> None:
    def rendered(options: str) -> list[dict[str, Any]]:
        text = shell(f"helm template external-secrets external-secrets/external-secrets {options}")
        found = [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]
        return [document for document in found if document["kind"] == "CustomResourceDefinition"]

    assert {crd["metadata"]["name"]: crd for crd in rendered("")} == {
        crd["metadata"]["name"]: crd for crd in in_bundle()
    }
    less = {crd["spec"]["names"]["kind"] for crd in rendered("--set crds.createClusterSecretStore=false")}
    assert less == {crd["spec"]["names"]["kind"] for crd in in_bundle()} - {"ClusterSecretStore"}
    assert rendered("--set installCRDs=false") == []
