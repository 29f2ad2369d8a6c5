"""Field ownership, redaction, readiness, settings, kubeconfig and ids, each by itself."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from local.providers.common.provider import ProviderError
from local.providers.common.values import UNKNOWN, Secret
from local.providers.kubernetes import kubeconfig, objects, options, ownership, readiness
from local.providers.kubernetes.api import Api, Unreachable
from local.providers.kubernetes.redact import Redactor


def entry(manager: str, operation: str, **fields: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields}


def test_the_creators_and_kubectls_fields_move_to_the_own_manager_and_others_stay() -> None:
    entries = [
        entry("pulumi-kubernetes", "Update", **{"f:data": {"f:a": {}}}),
        entry("kubectl", "Apply", **{"f:data": {"f:b": {}}}),
        entry("controller", "Update", **{"f:data": {"f:c": {}}}),
        {**entry("kubectl", "Update", **{"f:status": {}}), "subresource": "status"},
    ]
    moved = ownership._merged(entries, "mine")
    assert moved is not None
    assert moved[:2] == entries[2:]
    assert moved[2]["manager"] == "mine"
    assert moved[2]["operation"] == "Apply"
    assert moved[2]["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}}
    assert ownership._merged(moved, "mine") is None


def test_an_apply_takes_fields_by_force_only_when_told_to_or_in_a_preview_of_its_own_past() -> None:
    ours = {"metadata": {"managedFields": [entry("pulumi-kubernetes", "Update")]}}
    theirs = {"metadata": {"managedFields": [entry("kubectl-edit", "Update")]}}
    forced = {"metadata": {"annotations": {"pulumi.com/patchForce": "true"}}}
    assert not ownership.must_force({}, theirs, always=False, preview=True)
    assert not ownership.must_force({}, ours, always=False, preview=False)
    assert ownership.must_force({}, ours, always=False, preview=True)
    assert ownership.must_force(forced, theirs, always=False, preview=False)
    assert ownership.must_force({}, theirs, always=True, preview=False)


def test_a_manager_is_the_annotations_else_the_known_one_else_new() -> None:
    annotated = {"metadata": {"annotations": {"pulumi.com/patchFieldManager": "chosen"}}}
    assert ownership.manager_name(annotated, "known") == "chosen"
    assert ownership.manager_name({}, "known") == "known"
    assert ownership.manager_name({}, "") != ownership.manager_name({}, "")


@pytest.mark.parametrize("form", ["{}", '"{}"', "Invalid value: map[a:{}]"])
def test_every_spelling_of_a_secret_is_taken_out(form: str) -> None:
    value = 'pa"ss\nword-of-two-lines'
    redact = Redactor({"spec": Secret({"a": [value]})})
    for spelling in (value, json.dumps(value)[1:-1], base64.b64encode(value.encode()).decode(), "word-of-two-lines"):
        assert spelling not in redact(form.format(spelling))


def test_a_secrets_data_is_taken_out_even_unmarked_encoded_or_decoded() -> None:
    encoded = base64.b64encode(b"hunter2-hunter2").decode()
    redact = Redactor({"kind": "Secret", "data": {"k": encoded}}, {"kind": "ConfigMap", "data": {"k": "plain"}})
    assert redact(f"bad {encoded} or hunter2-hunter2 or plain") == "bad [secret] or [secret] or plain"


def pod(phase: str, **status: Any) -> dict[str, Any]:
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "status": {"phase": phase, **status}}


def verdict(obj: dict[str, Any]) -> bool:
    condition = readiness._CONDITIONS[f"{obj['apiVersion']}/{obj['kind']}"]
    return condition(obj).done


def conditions(*true: str) -> list[dict[str, str]]:
    return [{"type": kind, "status": "True"} for kind in true]


def test_a_pod_is_ready_when_it_runs_ready_or_has_succeeded() -> None:
    assert verdict(pod("Succeeded"))
    assert verdict(pod("Running", conditions=conditions("PodScheduled", "Initialized", "Ready")))
    assert not verdict(pod("Running", conditions=conditions("PodScheduled", "Initialized")))
    assert not verdict(pod("Pending"))
    ended = {"name": "c", "state": {"terminated": {"exitCode": 1, "message": "no rights"}}}
    with pytest.raises(readiness.Failed, match="container c ended with exit code 1: no rights"):
        verdict(pod("Failed", containerStatuses=[ended]))


def workload(kind: str, **status: Any) -> dict[str, Any]:
    metadata = {"name": "w", "generation": 2}
    return {"kind": kind, "apiVersion": "apps/v1", "metadata": metadata, "spec": {"replicas": 2}, "status": status}


def test_a_deployment_is_ready_when_all_replicas_are_new_and_available() -> None:
    done = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    assert verdict(workload("Deployment", **done))
    for worse in ({"observedGeneration": 1}, {"replicas": 3}, {"updatedReplicas": 1}, {"availableReplicas": 1}):
        assert not verdict(workload("Deployment", **{**done, **worse}))


def test_a_stateful_set_is_ready_when_its_revision_is_current() -> None:
    done = {"observedGeneration": 2, "readyReplicas": 2, "updateRevision": "b", "currentRevision": "b"}
    assert verdict(workload("StatefulSet", **done))
    assert not verdict(workload("StatefulSet", **{**done, "currentRevision": "a"}))


def test_a_daemon_set_is_ready_when_every_node_has_the_new_pod() -> None:
    done = {"observedGeneration": 2, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}
    assert verdict(workload("DaemonSet", **done))
    assert not verdict(workload("DaemonSet", **{**done, "numberAvailable": 2}))


def test_switches_come_as_text_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options.parse({"enableSecretMutable": "true"}).mutable_secrets
    assert not options.parse({}).mutable_secrets
    monkeypatch.setenv("PULUMI_K8S_ENABLE_SECRET_MUTABLE", "true")
    assert options.parse({}).mutable_secrets
    assert not options.parse({"enableSecretMutable": "false"}).mutable_secrets
    assert options.parse({"kubeClientSettings": '{"timeout": 7}'}).timeout == 7


@pytest.mark.parametrize(
    "config",
    [
        {"enableServerSideApply": "false"},
        {"kubeClientSettings": '{"qps": 5}'},
        {"helmReleaseSettings": '{"driver": "x"}'},
    ],
)
def test_a_setting_that_is_not_covered_is_an_error_naming_it(config: dict[str, str]) -> None:
    with pytest.raises(ProviderError, match=next(iter(config))[:10]):
        options.parse(config)


def a_kubeconfig(server: str, login: str = "t") -> str:
    return json.dumps(
        {
            "current-context": "a",
            "clusters": [
                {"name": "a", "cluster": {"server": server}},
                {"name": "b", "cluster": {"server": "https://b"}},
            ],
            "users": [{"name": "u", "user": {"token": login}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "u", "namespace": "n"}}],
        }
    )


def test_another_server_means_new_objects_and_another_token_does_not() -> None:
    old, moved = {"kubeconfig": a_kubeconfig("https://a")}, {"kubeconfig": a_kubeconfig("https://c")}
    rotated = {"kubeconfig": a_kubeconfig("https://a", login="new")}
    assert [change.replace for change in options.diff(old, moved).changes] == [True]
    assert [change.replace for change in options.diff(old, rotated).changes] == [False]
    assert [change.replace for change in options.diff(old, {"kubeconfig": UNKNOWN}).changes] == [True]
    same = {"clusterIdentifier": "one"}
    assert not any(change.replace for change in options.diff({**old, **same}, {**moved, **same}).changes)


def test_a_kubeconfig_is_a_path_a_text_or_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = a_kubeconfig("https://a")
    path = tmp_path / "config"
    path.write_text(text)
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/missing:{path}")
    for given in (str(path), text, ""):
        found = kubeconfig.load(given, "", "")
        assert found.cluster.server == "https://a"
        assert found.namespace == "n"
    assert kubeconfig.load(text, "", "b").cluster.server == "https://b"
    with pytest.raises(kubeconfig.NoCluster, match="elsewhere"):
        kubeconfig.load(text, "elsewhere", "")


def test_a_broken_kubeconfig_is_not_quoted() -> None:
    with pytest.raises(kubeconfig.NoCluster) as refused:
        kubeconfig.load("users: [\n token: canary-4711", "", "")
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("token", "declared", "kind"),
    [
        ("kubernetes:core/v1:Secret", "Secret", objects.Kind("v1", "Secret", False)),
        ("kubernetes:core/v1:SecretPatch", "Secret", objects.Kind("v1", "Secret", True)),
        ("kubernetes:batch/v1:Job", "", objects.Kind("batch/v1", "Job", False)),
        ("kubernetes:example.com/v1:HotPatch", "HotPatch", objects.Kind("example.com/v1", "HotPatch", False)),
    ],
)
def test_a_type_token_names_a_kind(token: str, declared: str, kind: objects.Kind) -> None:
    assert objects.kind_of_token(token, declared) == kind


def test_an_id_is_a_name_or_a_namespace_and_a_name() -> None:
    assert objects.parse_id("n/x") == ("n", "x")
    assert objects.parse_id("x") == ("", "x")
    for wrong in ("", "/x", "n/", "a/b/c"):
        with pytest.raises(ProviderError, match="is not an id"):
            objects.parse_id(wrong)


@pytest.mark.parametrize(("breaks", "asked", "answered"), [(0, 1, True), (1, 2, True), (2, 2, False)])
def test_a_question_whose_connection_broke_is_asked_once_more(breaks: int, asked: int, answered: bool):
    questions: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        questions.append(request.url.path)
        if len(questions) <= breaks:
            raise httpx.ReadError("broken", request=request)
        return httpx.Response(200, json={"major": "1"})

    api = Api(httpx.Client(transport=httpx.MockTransport(answer), base_url="https://cluster.example"))
    if answered:
        assert api.version() == {"major": "1"}
    else:
        with pytest.raises(Unreachable, match="broken"):
            api.version()
    assert questions == ["/version"] * asked
