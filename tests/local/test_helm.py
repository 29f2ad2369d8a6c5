"""Helm keeps to its own folders, and renders the operator's own chart."""

import shutil
from pathlib import Path

import pytest
import yaml

from local import helm
from local.helm import HelmError
from local.paths import Paths, current


def rules(role: dict[str, list[dict[str, list[str]]]]) -> set[tuple[str, str]]:
    """Each resource and verb that a role allows."""
    return {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def test_the_operators_rights_are_those_of_its_chart() -> None:
    objects = helm.rendered(current(), "external-secrets", "somewhere", "rbac.yaml")
    found = {(document["kind"], document["metadata"]["name"]): document for document in objects}
    controller = found["ClusterRole", "external-secrets-controller"]
    assert {("serviceaccounts/token", "create"), ("secrets", "delete")} <= rules(controller)
    assert ("secrets", "*") not in rules(controller)
    binding = found["ClusterRoleBinding", "external-secrets-controller"]
    assert binding["roleRef"]["name"] == "external-secrets-controller"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "external-secrets", "namespace": "somewhere"}]
    # Everything but ConfigMaps and leases for the election of a leader goes for the whole cluster.
    assert {kind for kind, _ in found} == {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    assert found["Role", "external-secrets-leaderelection"]["metadata"]["namespace"] == "somewhere"


@pytest.fixture
def changed(folders: Paths) -> Path:
    """The chart in a state folder of its own, to be changed, with the platform's Helm."""
    chart = folders.share / "external-secrets" / "chart"
    shutil.copytree(current().share / "external-secrets" / "chart", chart)
    (folders.bin / "helm").symlink_to(current().bin / "helm")
    return chart


def test_a_chart_is_whole_but_for_what_it_does_not_install(changed: Path, folders: Paths, tmp_path: Path) -> None:
    written = tmp_path / "chart"
    helm.write_chart(folders, written)
    before, after = (yaml.safe_load((folder / "Chart.yaml").read_text()) for folder in (changed, written))
    assert [part["name"] for part in before.pop("dependencies")] == ["bitwarden-sdk-server"]
    assert after.pop("dependencies") == []
    assert before == after
    names = {path.relative_to(changed) for path in changed.rglob("*")}
    assert names == {path.relative_to(written) for path in written.rglob("*")}
    same = [name for name in names if (changed / name).is_file() and name != Path("Chart.yaml")]
    assert all((changed / name).read_bytes() == (written / name).read_bytes() for name in same)


@pytest.mark.parametrize("condition", ["    condition: unheard-of.enabled\n", ""])
def test_a_dependency_that_would_be_installed_is_not_left_out(changed: Path, folders: Paths, condition: str) -> None:
    about = changed / "Chart.yaml"
    text = about.read_text()
    about.write_text(text.replace("    condition: bitwarden-sdk-server.enabled\n", condition))
    assert about.read_text() != text
    with pytest.raises(HelmError, match=r"helm template: .*missing in charts/ directory: "):
        helm.rendered(folders, "external-secrets", "somewhere", "rbac.yaml")


def test_a_template_that_the_chart_lacks_is_an_error() -> None:
    with pytest.raises(HelmError, match=r"could not find template templates/none\.yaml in chart"):
        helm.rendered(current(), "external-secrets", "somewhere", "none.yaml")


def test_helm_keeps_its_files_in_its_own_folder(tmp_path: Path) -> None:
    home, own = tmp_path / "home", tmp_path / "own"
    home.mkdir()
    told = helm.run(current(), ["env"], {"HOME": str(home), **helm.homes(own)})
    places = [line for line in told.splitlines() if "_HOME=" in line or "REPOSITORY" in line or "REGISTRY_" in line]
    assert len(places) == 6
    assert all(str(own) in line and str(home) not in line for line in places)


def test_helm_sees_no_variable_but_what_it_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HELM_NAMESPACE", "of-a-person")
    assert "of-a-person" not in helm.run(current(), ["env"], helm.homes(tmp_path))
