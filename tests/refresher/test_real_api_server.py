"""The CronJob's run on a real API server, as a real service account with exactly the rights that everpull gives it."""

import json
import os
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from refresher import __main__ as entry
from refresher import aws_clients
from refresher.kubernetes_http import Answer, KubernetesHttp
from refresher.service_account import ServiceAccount

from tests.local_providers.kubernetes.control_plane import control_plane
from tests.refresher.aws_server import AwsServer
from tests.refresher.cluster import SYSTEM, Cluster, eventually, targets_text
from tests.refresher.fakes import CANARY, FRANKFURT
from tests.refresher.secrets import LABELS, NAME, controller, logins_in

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with control_plane(tmp_path_factory.mktemp("control-plane")) as plane:
        authority = str(plane.kubeconfig.parent / "certificates" / "apiserver.crt")
        headers = {"Authorization": "Bearer admin-token"}
        with httpx2.Client(
            base_url=plane.url, verify=ssl.create_default_context(cafile=authority), headers=headers, trust_env=False
        ) as admin:
            made = Cluster(plane, admin)
            made.call("POST", "/api/v1/namespaces", {"metadata": {"name": SYSTEM}})
            yield made


@dataclass
class Run:
    """One service account, and runs of the CronJob as it."""

    cluster: Cluster
    account: str
    targets: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> dict[str, Any]:
        """The report, with the exit status beside it, and each failed namespace's error."""
        code = entry.main(arguments, os.environ)
        *rest, report = [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]
        return {
            "exit": code,
            "errors": {line["namespace"]: line.get("error", line.get("note")) for line in rest},
            **report,
        }

    def keeps(self, *namespaces: str, adopt: bool = False) -> None:
        """Gives the rights to these namespaces and lists them."""
        owners = {name: self.cluster.role(name, self.account) for name in namespaces}
        self.targets.write_text(targets_text(owners, adopt=adopt))

    def selects(self, label: str, *excluded: str) -> dict[str, str]:
        """Gives the rights that a selector asks for, and uses it; the owner of what it writes."""
        owner = self.cluster.cluster_role(self.account)
        selector = {"labelSelector": label, "excluded": list(excluded), "owner": owner}
        self.targets.write_text(targets_text({}, selector))
        return owner

    def ask(self, method: str, path: str, query: dict[str, str] | None = None, **options: Any) -> Answer:
        """One request as that service account."""
        http = KubernetesHttp(ServiceAccount(os.environ))
        try:
            return http.request(method, f"{path}?{urlencode(query or {})}", **options)
        finally:
            http.close()


@pytest.fixture
def run(
    cluster: Cluster,
    aws: AwsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    account = cluster.account()
    targets = tmp_path / "targets.json"
    for name in ("HTTPS_PROXY", "https_proxy", "AWS_LAMBDA_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        **cluster.pod(account, tmp_path / "account"),
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "key",
        "EVERPULL_REGISTRIES": FRANKFURT,
        "EVERPULL_TARGETS": str(targets),
    }.items():
        monkeypatch.setenv(name, value)
    aws_clients.forget()
    yield Run(cluster, account, targets, capsys)
    aws_clients.forget()


def path(namespace: str, name: str = NAME) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets/{name}"


def test_a_secret_is_made_by_an_apply_that_the_right_to_one_name_allows(cluster: Cluster, run: Run) -> None:
    namespace = cluster.namespace()
    run.keeps(namespace)
    assert run()["served"] == 1
    secret: Any = cluster.secret(namespace)
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert set(secret["data"]) == {".dockerconfigjson"}
    assert logins_in(secret) == {FRANKFURT: f"AWS:{CANARY}-eu-central-1"}
    metadata = secret["metadata"]
    assert metadata["labels"] == LABELS
    assert [owner["kind"] for owner in metadata["ownerReferences"]] == ["Role"]
    assert not {"controller", "blockOwnerDeletion"} & metadata["ownerReferences"][0].keys()
    assert [(field["manager"], field["operation"]) for field in metadata["managedFields"]] == [("everpull", "Apply")]


def test_a_fresh_secret_is_not_written(cluster: Cluster, run: Run, aws: AwsServer) -> None:
    namespace = cluster.namespace()
    run.keeps(namespace)
    run()
    before: Any = cluster.secret(namespace)
    report = run()
    assert (report["status"], report["unchanged"], aws.actions()) == ("fresh", 1, ["GetAuthorizationToken"])
    assert cluster.secret(namespace) == before
    aws.expires_at += 1
    run("--force")
    after: Any = cluster.secret(namespace)
    # In place: whoever watches or mounts it never sees it gone.
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]


def test_many_namespaces_are_served_at_once(cluster: Cluster, run: Run) -> None:
    names = [cluster.namespace() for _ in range(25)]
    run.keeps(*names)
    assert run()["served"] == 25
    assert run()["unchanged"] == 25
    assert len({json.dumps((cluster.secret(name) or {})["data"]) for name in names}) == 1


def test_a_write_answers_without_the_login(cluster: Cluster, run: Run) -> None:
    namespace = cluster.namespace()
    run.keeps(namespace)
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME}, "stringData": {"a": CANARY}}
    query = {"fieldManager": "everpull", "force": "true"}
    answer = run.ask(
        "PATCH", path(namespace), query, body=body, content_type="application/apply-patch+yaml", accept=METADATA_ONLY
    )
    assert (answer.status, answer.body["kind"]) == (201, "PartialObjectMetadata")
    assert CANARY not in json.dumps(answer.body)


@pytest.mark.parametrize("selector", [False, True])
def test_no_other_secret_can_be_read_or_touched(cluster: Cluster, run: Run, selector: bool) -> None:
    namespace, elsewhere = cluster.namespace(labels={"sel": "other"}), cluster.namespace()
    for name in (namespace, elsewhere):
        cluster.make_secret(name, "theirs")
    if selector:
        run.selects("sel=other")
    else:
        run.keeps(namespace)
    apply = {"query": {"fieldManager": "everpull"}, "content_type": "application/apply-patch+yaml"}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs"}}
    denied = [
        run.ask("GET", path(namespace, "theirs")),
        run.ask("PATCH", path(namespace, "theirs"), body=body, **apply),
        run.ask("DELETE", path(namespace, "theirs")),
        run.ask("GET", f"/api/v1/namespaces/{namespace}/secrets"),
        run.ask("GET", "/api/v1/secrets"),
        run.ask("GET", "/api/v1/secrets", {"fieldSelector": "metadata.name=theirs"}),
        run.ask("GET", "/api/v1/secrets", {"fieldSelector": f"metadata.name!={NAME}"}),
        run.ask("GET", "/api/v1/secrets", {"fieldSelector": "type=kubernetes.io/dockerconfigjson"}),
        run.ask("GET", "/api/v1/secrets", {"watch": "true"}),
        run.ask("GET", f"/api/v1/namespaces/{namespace}/configmaps"),
        run.ask("GET", f"/api/v1/namespaces/{namespace}"),
    ]
    if not selector:
        denied += [
            run.ask("GET", path(elsewhere)),
            run.ask("DELETE", path(namespace)),
            run.ask("GET", "/api/v1/namespaces"),
            run.ask("GET", f"/api/v1/namespaces/{namespace}/secrets", {"fieldSelector": f"metadata.name={NAME}"}),
            run.ask("GET", "/api/v1/secrets", {"fieldSelector": f"metadata.name={NAME}"}),
        ]
    assert {answer.status for answer in denied} == {403}


def test_a_list_of_one_name_is_allowed_by_the_right_to_that_name(cluster: Cluster, run: Run) -> None:
    namespace = cluster.namespace(labels={"sel": "list"})
    cluster.make_secret(namespace, "theirs")
    run.selects("sel=list")
    run()
    listed: Any = run.ask("GET", "/api/v1/secrets", {"fieldSelector": f"metadata.name={NAME}"}).body["items"]
    assert {item["metadata"]["name"] for item in listed} == {NAME}
    assert namespace in {item["metadata"]["namespace"] for item in listed}


def test_a_secret_that_eso_controls_is_taken_over_and_keeps_both_owners(cluster: Cluster, run: Run) -> None:
    namespace = cluster.namespace()
    made = cluster.make_secret(namespace, labels=LABELS, annotations={"theirs": "kept"}, ownerReferences=[controller()])
    run.keeps(namespace)
    report = run()
    assert (report["served"], report["errors"]) == (1, {})
    secret: Any = cluster.secret(namespace)
    assert secret["metadata"]["uid"] == made["metadata"]["uid"]
    assert [owner["kind"] for owner in secret["metadata"]["ownerReferences"]] == ["ExternalSecret", "Role"]
    assert secret["metadata"]["annotations"]["theirs"] == "kept"
    assert set(logins_in(secret)) == {FRANKFURT}
    assert run()["status"] == "fresh"


def test_what_another_manager_wrote_since_is_put_right(cluster: Cluster, run: Run) -> None:
    namespace = cluster.namespace()
    run.keeps(namespace)
    run()
    patch = {"headers": {"Content-Type": "application/merge-patch+json"}}
    cluster.call("PATCH", path(namespace), {"stringData": {".dockerconfigjson": '{"auths":{}}'}}, **patch)
    report = run()
    assert (report["served"], report["errors"]) == (1, {namespace: "data that somebody else changed"})
    assert run()["status"] == "fresh"
    cluster.call("PATCH", path(namespace), {"metadata": {"labels": dict.fromkeys(LABELS)}}, **patch)
    assert "is not everpull's" in run()["errors"][namespace]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "somebody's": ({}, "set everpull:adopt to true"),
    "another stack's": ({"labels": {**LABELS, "app.kubernetes.io/instance": "prod"}}, "set everpull:adopt to true"),
    "of another type": ({"labels": LABELS, "type": "Opaque"}, "is not of the type kubernetes.io/dockerconfigjson"),
    "immutable": ({"labels": LABELS, "immutable": True}, "is immutable"),
    "controlled": (
        {"labels": LABELS, "ownerReferences": [controller(apiVersion="example.com/v1", kind="Thing")]},
        "is kept by Thing everpull-dev",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_be_left_alone_is_and_the_others_are_served(cluster: Cluster, run: Run, name: str) -> None:
    changes, said = REFUSED[name]
    refused, served = cluster.namespace(), cluster.namespace()
    before = cluster.make_secret(refused, **changes)
    run.keeps(refused, served)
    report = run("--force")
    assert (report["exit"], report["status"], report["served"], report["failed"]) == (1, "incomplete", 1, 1)
    assert said in report["errors"][refused]
    assert cluster.secret(refused) == before
    assert cluster.secret(served) is not None


def test_somebodys_secret_is_adopted_where_that_is_allowed(cluster: Cluster, run: Run) -> None:
    namespace = cluster.namespace()
    made = cluster.make_secret(namespace, labels={"theirs": "kept"})
    run.keeps(namespace, adopt=True)
    report = run()
    assert (report["exit"], report["served"]) == (0, 1)
    secret: Any = cluster.secret(namespace)
    assert secret["metadata"]["uid"] == made["metadata"]["uid"]
    assert secret["metadata"]["labels"] == {**LABELS, "theirs": "kept"}


def test_a_secret_that_changed_since_it_was_read_is_not_overwritten_unseen(cluster: Cluster, run: Run) -> None:
    namespace = cluster.namespace()
    run.keeps(namespace)
    run()
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "resourceVersion": "1"}}
    query = {"fieldManager": "everpull", "force": "true"}
    options = {"body": body, "content_type": "application/apply-patch+yaml"}
    assert run.ask("PATCH", path(namespace), query, **options).status == 409
    cluster.call("DELETE", path(namespace))
    # One that is gone by now is made anew.
    assert run.ask("PATCH", path(namespace), query, **options).status == 201


def test_a_secret_goes_when_the_right_to_it_goes(cluster: Cluster, run: Run) -> None:
    namespace = cluster.namespace()
    run.keeps(namespace)
    run()
    cluster.call("DELETE", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/{NAME}")
    eventually(lambda: cluster.secret(namespace) is None)
    report = run()
    may_not = f"system:serviceaccount:{SYSTEM}:{run.account} may not get secrets {NAME} in this namespace"
    assert report["errors"][namespace].startswith(f"{may_not}: Role {NAME} and its binding allow it")


def test_a_namespace_that_does_not_exist_is_reported_and_stops_no_other(cluster: Cluster, run: Run) -> None:
    served = cluster.namespace()
    owner = cluster.role(served, run.account)
    run.targets.write_text(targets_text({"nosuch": owner, served: owner}))
    report = run()
    assert (report["served"], report["failed"]) == (1, 1)
    # Without a Role in it, RBAC's answer comes before the namespace's.
    assert report["errors"]["nosuch"].endswith("a namespace that does not exist has none")
    cluster.cluster_role(run.account)
    assert run()["errors"]["nosuch"].startswith("the namespace does not exist: make it")


def test_a_namespace_that_is_being_deleted_is_left_out(cluster: Cluster, run: Run) -> None:
    held = {"metadata": {"name": "held", "finalizers": ["example.com/held"]}}
    owner = run.selects("sel=dying")
    for labels in ({"sel": "dying"}, {}):
        dying = cluster.namespace(labels=labels)
        cluster.call("POST", f"/api/v1/namespaces/{dying}/configmaps", held)
        cluster.call("DELETE", f"/api/v1/namespaces/{dying}")
        if not labels:
            # Listed: nothing tells before the write is refused.
            run.targets.write_text(targets_text({dying: owner}))
        report = run()
        assert (report["exit"], report["leftOut"], report["served"]) == (0, 1, 0)
        assert report["errors"] == {dying: "the namespace is being deleted"}
        patch = {"headers": {"Content-Type": "application/merge-patch+json"}}
        free = {"metadata": {"finalizers": None}}
        cluster.call("PATCH", f"/api/v1/namespaces/{dying}/configmaps/held", free, **patch)


def relabel(cluster: Cluster, namespace: str, value: str | None) -> None:
    patch = {"headers": {"Content-Type": "application/merge-patch+json"}}
    cluster.call("PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"sel": value}}}, **patch)


def test_a_label_serves_a_namespace_and_its_loss_takes_the_secret_away(cluster: Cluster, run: Run) -> None:
    stays, leaves, theirs = (cluster.namespace(labels={"sel": "turn"}) for _ in range(3))
    owner = run.selects("sel=turn")
    cluster.make_secret(theirs)
    report = run()
    assert (report["served"], set(report["errors"])) == (2, {theirs})
    secret: Any = cluster.secret(leaves)
    assert secret["metadata"]["ownerReferences"] == [owner]
    for name in (leaves, theirs):
        relabel(cluster, name, None)
    report = run()
    assert (report["unchanged"], report["removed"], report["failed"]) == (1, 1, 0)
    assert [cluster.secret(name) is None for name in (stays, leaves, theirs)] == [False, True, False]
    relabel(cluster, leaves, "turn")
    assert run()["served"] == 1


def test_a_selection_longer_than_a_page_is_served_whole(
    cluster: Cluster, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refresher.kubernetes_listing.PAGE", 2)
    for _ in range(5):
        cluster.namespace(labels={"sel": "pages"})
    run.selects("sel=pages")
    assert run()["served"] == 5
    assert run()["unchanged"] == 5


def test_a_token_that_ended_is_refused_and_the_next_one_is_taken(
    cluster: Cluster, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace = cluster.namespace()
    run.keeps(namespace)
    token = tmp_path / "account" / "token"
    good = token.read_text()
    token.write_text("not-a-token")
    report = run()
    assert "does not accept the service account's token" in report["errors"][namespace]
    # Exchanged while the run is under way, and without the file's time telling.
    original: Callable[..., Any] = ServiceAccount.reload

    def reload(account: ServiceAccount) -> bool:
        token.write_text(good)
        return original(account)

    http = KubernetesHttp(ServiceAccount(os.environ))
    monkeypatch.setattr(ServiceAccount, "reload", reload)
    assert http.request("GET", path(namespace)).status == 404
    http.close()
