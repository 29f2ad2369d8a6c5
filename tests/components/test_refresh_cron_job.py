"""Mode `cronjob`: what runs in the cluster, field by field, and when it is made anew."""

import json
from typing import Any

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import refresher_source
from components.refresher_source import source_files
from settings.selection import targets_bytes
from tests.components.cron_job import (
    BY_LABEL,
    FIRST_RUN,
    HAND_OVER,
    HOST,
    IMAGE,
    LABELS,
    built,
    deliver,
    in_cluster,
    physical,
)
from tests.components.recording import Recorder, record
from tests.components.test_lambda_delivery import built as built_lambda

POD_LABELS = {**LABELS, "app.kubernetes.io/component": "refresher"}
AS_SECRET = {"name": "refresher-aws-credentials"}


def cron_job(recorder: Recorder) -> Any:
    return recorder.one(":CronJob").inputs["spec"]


def first_run(recorder: Recorder) -> Any:
    return recorder.one(":Job", "-first-run").inputs["spec"]


def first_name(recorder: Recorder) -> str:
    return physical(recorder, "Job", "-first-run")


def pod_of(job: Any) -> Any:
    return job["template"]["spec"]


def job_as_it_should_be(recorder: Recorder, arguments: list[str], retries: int) -> dict[str, Any]:
    return {
        "activeDeadlineSeconds": 600,
        "backoffLimit": retries,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {"containerName": "refresher", "operator": "In", "values": [2]},
                },
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": {
            "metadata": {"labels": POD_LABELS},
            "spec": {
                "serviceAccountName": "refresher",
                "automountServiceAccountToken": True,
                "enableServiceLinks": False,
                "restartPolicy": "Never",
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "runAsGroup": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "refresher",
                        "image": IMAGE,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python3", "-m", "refresher"],
                        "args": arguments,
                        "env": [
                            {"name": "AWS_REGION", "value": "eu-central-1"},
                            {"name": "EVERPULL_REGISTRIES", "value": HOST},
                            {"name": "EVERPULL_TARGETS", "value": "/etc/everpull/targets.json"},
                            {"name": "PYTHONPATH", "value": "/opt/everpull"},
                            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
                            {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
                            {
                                "name": "AWS_ACCESS_KEY_ID",
                                "valueFrom": {"secretKeyRef": {**AS_SECRET, "key": "access-key-id"}},
                            },
                            {
                                "name": "AWS_SECRET_ACCESS_KEY",
                                "valueFrom": {"secretKeyRef": {**AS_SECRET, "key": "secret-access-key"}},
                            },
                        ],
                        "resources": {
                            "requests": {"cpu": "50m", "memory": "128Mi"},
                            "limits": {"cpu": "1", "memory": "256Mi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                            "readOnlyRootFilesystem": True,
                        },
                        "terminationMessagePolicy": "FallbackToLogsOnError",
                        "volumeMounts": [
                            {"name": "code", "mountPath": "/opt/everpull/refresher", "readOnly": True},
                            {"name": "targets", "mountPath": "/etc/everpull", "readOnly": True},
                        ],
                    }
                ],
                "volumes": [
                    {"name": "code", "configMap": {"name": content_name(recorder, "code")}},
                    {"name": "targets", "configMap": {"name": content_name(recorder, "targets")}},
                ],
            },
        },
    }


def content_name(recorder: Recorder, what: str) -> str:
    return recorder.one(":ConfigMap", f"-{what}").inputs["metadata"]["name"]


def test_the_cron_job_is_this_and_no_more() -> None:
    recorder = built()
    scheduled = job_as_it_should_be(recorder, ["--reason", "schedule"], retries=2)
    assert recorder.one(":CronJob").inputs["metadata"] == {
        "name": "refresher",
        "namespace": "everpull-system",
        "labels": LABELS,
    }
    assert cron_job(recorder) == {
        "schedule": "7 * * * *",
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 3600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "suspend": False,
        "jobTemplate": {"metadata": {"labels": POD_LABELS}, "spec": {"ttlSecondsAfterFinished": 86400, **scheduled}},
    }


def test_the_first_run_is_the_same_pod_forced_and_waiting_for_rights_and_stays() -> None:
    recorder = built()
    arguments = ["--force", "--await-rights", "90", "--reason", "deploy"]
    assert first_run(recorder) == job_as_it_should_be(recorder, arguments, retries=1)
    metadata = recorder.one(":Job", "-first-run").inputs["metadata"]
    assert metadata["annotations"] == {"pulumi.com/replaceUnready": "true"}
    assert metadata["labels"] == LABELS
    # The provider must outwait the Job, or it would not tell why that failed.
    assert recorder.request(FIRST_RUN).customTimeouts.create == "660s"


def test_the_hand_over_is_a_second_run_once_nothing_else_writes_and_is_made_once() -> None:
    recorder = built()
    job = recorder.one(":Job", "-hand-over").inputs
    assert job["spec"] == job_as_it_should_be(recorder, ["--reason", "hand-over"], retries=1)
    assert job["metadata"] == {
        "name": "refresher-hand-over",
        "namespace": "everpull-system",
        "labels": LABELS,
        "annotations": {"everpull/alone": "done", "pulumi.com/replaceUnready": "true"},
    }
    assert FIRST_RUN in recorder.waits_for(HAND_OVER)
    assert list(recorder.request(HAND_OVER).ignoreChanges) == ["metadata.labels", "spec"]
    assert recorder.request(HAND_OVER).customTimeouts.create == "660s"


def test_other_writers_go_after_the_first_run_and_before_the_second() -> None:
    order: list[str] = []

    async def gone() -> str:
        order.extend(item.name for item in recorder.resources if item.type.endswith(":Job"))
        return "done"

    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        return deliver(hand_over=gone).hand_over

    build()
    assert order == [FIRST_RUN]
    assert HAND_OVER in [item.name for item in recorder.resources]


def test_pods_go_where_they_are_told_to() -> None:
    borne = [{"key": "dedicated", "operator": "Equal", "value": "system", "effect": "NoSchedule"}]
    recorder = built(node_selector={"kubernetes.io/arch": "arm64"}, tolerations=borne, image_pull_policy="Always")
    for job in (first_run(recorder), cron_job(recorder)["jobTemplate"]["spec"]):
        assert pod_of(job)["nodeSelector"] == {"kubernetes.io/arch": "arm64"}
        assert pod_of(job)["tolerations"] == borne
        assert pod_of(job)["containers"][0]["imagePullPolicy"] == "Always"


def test_the_code_is_every_file_of_the_refresher_and_immutable() -> None:
    recorder = built()
    code = recorder.one(":ConfigMap", "-code").inputs
    assert code["immutable"] is True
    assert sorted(f"refresher/{name}" for name in code["data"]) == source_files()
    for path in source_files():
        assert path.count("/") == 1, "a ConfigMap holds no folders"
    assert {"__init__.py", "__main__.py"} <= code["data"].keys()


def test_both_config_maps_are_named_by_their_content() -> None:
    one, other = built(), built(namespaces=["team-a"])
    assert content_name(one, "code") == content_name(other, "code")
    assert content_name(one, "targets") != content_name(other, "targets")
    assert other.one(":ConfigMap", "-targets").inputs["immutable"] is True


CHANGES: dict[str, dict[str, Any]] = {
    "image": {"image": IMAGE.replace("0", "1")},
    "pull policy": {"image_pull_policy": "Always"},
    "registries": {"registries": [HOST, HOST.replace("central", "west")]},
    "repositories": {"repository_arns": []},
    "namespaces": {"namespaces": ["team-a"]},
    "a namespace that is missing": {"missing_namespaces": ["team-c"]},
    "a selector": BY_LABEL,
    "another selector": {**BY_LABEL, "label_selector": "team=c"},
    "another exclusion": {**BY_LABEL, "excluded_namespaces": []},
    "pull secret": {"pull_secret_name": "other"},
    "role": {"role": "everpull-dev:other"},
    "adopt": {"adopt": True},
    "region": {"region": "eu-west-1"},
    "nodes": {"node_selector": {"a": "b"}},
    "tolerations": {"tolerations": [{"key": "a", "operator": "Exists"}]},
    "deadline": {"run_deadline": 601},
}


def test_every_change_is_another_first_run() -> None:
    names = {"none": first_name(built())}
    for what, change in CHANGES.items():
        names[what] = first_name(built(**change))
    assert len(set(names.values())) == len(names), names
    assert all(name.startswith("everpull-system/refresher-first-run-") for name in names.values())


def test_another_key_is_another_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = first_name(built())
    answer = Recorder.new_resource

    def with_another_key(self: Recorder, args: Any) -> tuple[str, dict[str, Any]]:
        made, outputs = answer(self, args)
        return ("another key" if args.typ == "aws:iam/accessKey:AccessKey" else made), outputs

    monkeypatch.setattr(Recorder, "new_resource", with_another_key)
    assert first_name(built()) != before


def test_other_code_is_another_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = built()
    texts = {**refresher_source.source_texts(), "refresher/core.py": "changed"}
    monkeypatch.setattr(refresher_source, "source_texts", lambda: texts)
    after = built()
    assert first_name(before) != first_name(after)
    assert content_name(before, "code") != content_name(after, "code")


def test_a_schedule_is_no_reason_to_run() -> None:
    assert first_name(built()) == first_name(built(schedule="8 * * * *", period=1800))


def test_the_same_configuration_is_the_same_first_run() -> None:
    assert first_name(built()) == first_name(built())


def test_what_is_replaced_has_another_name_so_that_the_old_one_works_until_the_new_one_does() -> None:
    """An object of the same name would have to be deleted first."""
    replaced = {
        item.name: item
        for item in built().resources
        if item.type.endswith((":Job", ":ConfigMap")) and item.name != HAND_OVER
    }
    for change in CHANGES.values():
        other = built(**change)
        for name, item in replaced.items():
            (again,) = [candidate for candidate in other.resources if candidate.name == name]
            if again.inputs != item.inputs:
                assert again.inputs["metadata"]["name"] != item.inputs["metadata"]["name"], name


def test_no_object_is_in_both_modes_but_the_pull_secrets_which_the_cluster_itself_hands_over() -> None:
    """Else the second mode would take over what the first then deletes."""
    same = {"owner": "everpull-dev", "pull_secret_name": "ecr-pull", "system_namespace": "everpull-system"}
    by_lambda = in_cluster(built_lambda(**same, namespace_selector={"matchLabels": {"team": "b"}}))
    by_cronjob = in_cluster(built(**same, **BY_LABEL, role="everpull-dev"))
    assert len(by_lambda) == 12
    assert len(by_cronjob) == 13
    assert by_lambda & by_cronjob == set()


@settings(max_examples=8, deadline=None)
@given(
    namespaces=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,62}", fullmatch=True), unique=True, max_size=60),
    excluded=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,62}", fullmatch=True), unique=True, max_size=60),
    role=st.sampled_from(["everpull-dev", f"{'x' * 63}:{'y' * 63}"]),
)
def test_the_bound_that_settings_compute_is_never_too_small(
    namespaces: list[str], excluded: list[str], role: str
) -> None:
    selector = "example.com/team in (a,b),!legacy"
    recorder = built(
        namespaces=namespaces,
        excluded_namespaces=excluded,
        label_selector=selector,
        role=role,
        pull_secret_name="s" * 63,
        system_namespace="n" * 63,
        labels={**LABELS, "app.kubernetes.io/instance": "i" * 54},
    )
    content = recorder.one(":ConfigMap", "-targets").inputs["data"]["targets.json"]
    # The mock's uids are longer than real ones.
    listed = json.loads(content)
    for item in [*listed["namespaces"], listed["selector"]]:
        item["owner"]["uid"] = "0" * 36
    size = len(json.dumps(listed, separators=(",", ":")))
    bound = targets_bytes(namespaces, excluded, role, len(selector))
    assert size <= bound <= size + 2048
    entries = sum(len(json.dumps(item, separators=(",", ":"))) + 1 for item in listed["namespaces"])
    assert entries == bound - targets_bytes([], excluded, role, len(selector))
