import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.reader import Forbidden, HttpClusterReader, Unreachable
from settings import ClusterAccess

CANARY = "canary-token-3f1c"
OBJECT = {"metadata": {"labels": {"a": "b"}}, "versions": []}
# As kube-apiserver answers for two Secrets of one name.
TABLE = {
    "kind": "Table",
    "apiVersion": "meta.k8s.io/v1",
    "columnDefinitions": [{"name": name} for name in ("Name", "Type", "Data", "Age")],
    "rows": [
        {
            "cells": ["ecr-pull", kind, 1, "5m"],
            "object": {"kind": "PartialObjectMetadata", "metadata": {"name": "ecr-pull", "namespace": namespace}},
        }
        for namespace, kind in (("team-a", "kubernetes.io/dockerconfigjson"), ("team-b", "Opaque"))
    ],
}


class Api(http.server.BaseHTTPRequestHandler):
    """Answers by path; remembers what it was asked with."""

    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        type(self).asked.append({"path": self.path, **{key.lower(): value for key, value in self.headers.items()}})
        status = {"/denied": 403, "/none": 404, "/broken": 500, "/expired": 401}.get(self.path.partition("?")[0], 200)
        body = json.dumps(TABLE if "includeObject" in self.path else OBJECT).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    Api.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def kubeconfig(url: str, name: str = "one", *, current: bool = True) -> dict[str, object]:
    return {
        "current-context": name if current else "",
        "clusters": [{"name": name, "cluster": {"server": url}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {"token": CANARY}}],
    }


def written(path: Path, content: dict[str, object]) -> str:
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def test_a_kubeconfig_may_be_given_as_contents(api: str) -> None:
    reader = HttpClusterReader.of(ClusterAccess(json.dumps(kubeconfig(api)), None))
    assert reader.metadata("/api/v1/namespaces/a") == {"labels": {"a": "b"}}


def test_a_kubeconfig_may_be_given_as_a_path(api: str, tmp_path: Path) -> None:
    reader = HttpClusterReader.of(ClusterAccess(written(tmp_path / "config", kubeconfig(api)), None))
    assert reader.document("/apis") is not None


def test_the_ambient_kubeconfig_may_be_several_files(api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = written(tmp_path / "a", kubeconfig("http://127.0.0.1:1", "nowhere"))
    here = written(tmp_path / "b", kubeconfig(api, "here"))
    monkeypatch.setenv("KUBECONFIG", f"{nowhere}:{tmp_path / 'missing'}:{here}")
    assert HttpClusterReader.of(ClusterAccess(None, "here")).document("/apis") is not None
    with pytest.raises(Unreachable):
        HttpClusterReader.of(ClusterAccess(None, None)).document("/apis")


def test_a_secrets_data_is_never_asked_for(api: str) -> None:
    HttpClusterReader.of(ClusterAccess(json.dumps(kubeconfig(api)), None)).metadata("/api/v1/namespaces/a/secrets/b")
    assert Api.asked[0]["accept"] == "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


def test_the_type_of_a_secret_is_read_from_the_table_that_kubectl_prints(api: str) -> None:
    reader = HttpClusterReader.of(ClusterAccess(json.dumps(kubeconfig(api)), None))
    rows = reader.rows("/api/v1/secrets?fieldSelector=metadata.name%3Decr-pull")
    assert [(row.namespace, row.name, row.cells["Type"]) for row in rows] == [
        ("team-a", "ecr-pull", "kubernetes.io/dockerconfigjson"),
        ("team-b", "ecr-pull", "Opaque"),
    ]
    reader.rows("/api/v1/namespaces/team-a/secrets/ecr-pull")
    assert [asked["path"] for asked in Api.asked] == [
        "/api/v1/secrets?fieldSelector=metadata.name%3Decr-pull&includeObject=Metadata",
        "/api/v1/namespaces/team-a/secrets/ecr-pull?includeObject=Metadata",
    ]
    assert {asked["accept"] for asked in Api.asked} == {"application/json;as=Table;g=meta.k8s.io;v=v1"}


def test_what_is_not_there_is_none(api: str) -> None:
    reader = HttpClusterReader.of(ClusterAccess(json.dumps(kubeconfig(api)), None))
    assert reader.metadata("/none") is None
    assert list(reader.rows("/none")) == []


def test_a_denied_read_says_what_was_asked(api: str) -> None:
    with pytest.raises(Forbidden, match="/denied"):
        HttpClusterReader.of(ClusterAccess(json.dumps(kubeconfig(api)), None)).metadata("/denied")


@pytest.mark.parametrize("path", ["/broken", "/expired"])
def test_any_other_answer_means_that_the_cluster_cannot_be_asked(api: str, path: str) -> None:
    with pytest.raises(Unreachable, match="HTTP"):
        HttpClusterReader.of(ClusterAccess(json.dumps(kubeconfig(api)), None)).document(path)


@pytest.mark.parametrize(
    "content",
    ["not: [yaml", "{}", json.dumps({**kubeconfig("http://127.0.0.1:1"), "current-context": "other"})],
    ids=["not YAML", "empty", "unknown context"],
)
def test_an_unusable_kubeconfig_is_told_without_its_contents(content: str) -> None:
    with pytest.raises(Unreachable, match="no usable kubeconfig") as caught:
        HttpClusterReader.of(ClusterAccess(content + "\n# " + CANARY, None))
    assert CANARY not in str(caught.value)


def test_no_kubeconfig_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(Unreachable, match="no usable kubeconfig"):
        HttpClusterReader.of(ClusterAccess(None, None))
