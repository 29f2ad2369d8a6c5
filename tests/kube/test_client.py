import json
from pathlib import Path

import pytest
from lightkube.core.exceptions import ConfigError

from kube.client import Unreachable, answering, connect

CANARY = "canary-token-5d20"


def kubeconfig(name: str, server: str) -> dict[str, object]:
    return {
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {"token": CANARY}}],
    }


def written(path: Path, content: dict[str, object]) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def server(given: str | None, context: str | None = None) -> str:
    with connect(given, context, timeout=1) as client:
        return str(client.base_url)


def test_a_kubeconfig_is_contents_or_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = kubeconfig("one", "https://one.example")
    assert server(json.dumps(content)) == "https://one.example"
    assert server(str(written(tmp_path / "config", content))) == "https://one.example"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert server("~/config") == "https://one.example"


def test_ambient_kubeconfigs_are_merged_and_the_first_to_name_a_thing_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = written(tmp_path / "a", kubeconfig("one", "https://first.example"))
    second = written(tmp_path / "b", kubeconfig("one", "https://second.example"))
    third = written(tmp_path / "c", kubeconfig("three", "https://third.example"))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'missing'}:{second}:{third}")
    assert server(None) == "https://first.example"
    assert server(None, "three") == "https://third.example"


@pytest.mark.parametrize(
    "content",
    ["not: [yaml", "{}", json.dumps({**kubeconfig("one", "https://one.example"), "current-context": "other"})],
    ids=["not YAML", "empty", "unknown context"],
)
def test_an_unusable_kubeconfig_is_told_without_its_contents(content: str) -> None:
    with pytest.raises(Unreachable, match="no usable kubeconfig") as caught:
        connect(f"{content}\n# {CANARY}", None, timeout=1)
    assert CANARY not in str(caught.value)


def test_a_failed_login_program_is_told_without_its_words() -> None:
    with pytest.raises(Unreachable, match=r"^ConfigError on /version$"), answering("/version"):
        raise ConfigError(f"Exec aws returned 255: {CANARY}")
