"""What is configured arrives in the mode's component, and what comes of it is exported."""

import json
from threading import Event
from typing import Any

import pulumi
import pytest

from cluster.surroundings import Surroundings
from components.delivery import DeliveryArgs
from modes import by_cronjob, by_operator, deliver
from modes.keys import key_args
from settings import Settings, parse, schema
from tests.components.recording import Recorder, record
from tests.settings.bad_configurations import CRONJOB, GOOD

SHARED = {"pullSecrets", "identityArn", "refresherArn"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OUTPUTS = {
    "lambda": {
        *SHARED,
        *("namespaceSelector", "clusterStore", "hub", "loginSecretArn"),
        *("functionName", "scheduleRule", "logGroup", "deadLetterQueue"),
        *("region", "loginRevision", "trigger", "schedule"),
    },
    "cronjob": {*SHARED, "namespaceSelector", "cronJob", "firstRun"},
    "generator": {*SHARED, "namespaceSelector", "clusterStore", "hub"},
}


def delivered(config: dict[str, str], around: Surroundings | None = None) -> tuple[Recorder, dict[str, Any]]:
    """What a configuration registers, and its outputs."""
    recorder, outputs = record(), {}
    settings = parse({**GOOD, **config}, "dev")

    @pulumi.runtime.test
    def build() -> Any:
        made = deliver(settings, around or Surroundings(), args(settings), pulumi.ResourceOptions())
        # Looks at the cluster.
        made = {key: value for key, value in made.items() if key != "pullSecrets"}
        return pulumi.Output.all(**made).apply(outputs.update)

    build()
    return recorder, outputs


def args(settings: Settings, **more: Any) -> DeliveryArgs:
    """What a delivery is told; nothing is looked up in AWS for it."""
    return {
        **(key_args(settings) if settings.identity == "access-key" else {}),
        "owner": settings.owner,
        "labels": settings.labels,
        "region": settings.region,
        "registries": ["123456789012.dkr.ecr.eu-central-1.amazonaws.com"],
        "repository_arns": ["arn:aws:ecr:eu-central-1:123456789012:repository/*"],
        "namespaces": settings.namespaces,
        "pull_secret_name": settings.pull_secret_name,
        "system_namespace": settings.system_namespace,
        **more,
    }


@pytest.mark.parametrize("mode", schema.modes_with("namespaces"))
def test_every_mode_exports_what_its_users_and_the_doctor_look_at(mode: str) -> None:
    _, outputs = delivered({"everpull:mode": mode})
    assert {*outputs, "pullSecrets"} == OUTPUTS[mode]


def test_with_rotation_the_rate_is_told_instead_of_the_rule() -> None:
    recorder, outputs = delivered({"everpull:trigger": "rotation", "everpull:schedule": "rate(5 hours)"})
    assert {*outputs, "pullSecrets"} == OUTPUTS["lambda"] - {"scheduleRule"} | {"rotation"}
    assert outputs["rotation"] == "rate(5 hours)"
    rules = recorder.one("SecretRotation").inputs["rotationRules"]
    assert rules == {
        "scheduleExpression": "rate(5 hours)",
        "duration": f"{schema.ROTATION_WINDOW_MINUTES // 60}h",
    }


def test_the_cronjobs_outputs_are_its_objects() -> None:
    recorder, outputs = delivered(CRONJOB)
    arn = recorder.one("user:User").name
    assert outputs["identityArn"] == outputs["refresherArn"] == f"arn:aws:iam:eu-central-1:123456789012:{arn}"
    assert outputs["cronJob"] == "everpull-dev/refresher"
    assert outputs["firstRun"] == f"everpull-dev/{recorder.one(':Job', '-first-run').inputs['metadata']['name']}"
    assert outputs["namespaceSelector"] == ""


def test_every_key_of_the_cronjob_arrives() -> None:
    config = {
        **CRONJOB,
        "everpull:namespaceSelector": "team=a",
        "everpull:excludedNamespaces": json.dumps(["team-x"]),
        "everpull:pullSecretName": "ecr-pull",
        "everpull:adopt": "true",
        "everpull:schedule": "rate(15 minutes)",
        "everpull:image": f"registry.example/python@sha256:{'0' * 64}",
        "everpull:imagePullPolicy": "Always",
        "everpull:nodeSelector": json.dumps(["a=b"]),
        "everpull:tolerations": json.dumps(["gpu", "c=d:NoExecute", "e:NoSchedule"]),
    }
    recorder, outputs = delivered(config)
    spec = recorder.one(":CronJob").inputs["spec"]
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    targets = json.loads(recorder.one(":ConfigMap", "-targets").inputs["data"]["targets.json"])
    assert (spec["schedule"], spec["startingDeadlineSeconds"]) == ("9-59/15 * * * *", 900)
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 600
    assert pod["containers"][0]["image"] == config["everpull:image"]
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["nodeSelector"] == {"a": "b"}
    assert pod["tolerations"] == [
        {"key": "gpu", "operator": "Exists"},
        {"key": "c", "operator": "Equal", "value": "d", "effect": "NoExecute"},
        {"key": "e", "operator": "Exists", "effect": "NoSchedule"},
    ]
    assert (targets["secretName"], targets["adopt"]) == ("ecr-pull", True)
    assert (targets["selector"]["labelSelector"], targets["selector"]["excluded"]) == (
        "team=a",
        ["everpull-dev", "team-x"],
    )
    assert recorder.one(":ClusterRole").inputs["metadata"]["name"] == "everpull-dev:ecr-pull"
    assert outputs["namespaceSelector"] == "team=a"


def test_every_key_of_lambda_arrives() -> None:
    recorder, _ = delivered(
        {
            "everpull:schedule": "rate(2 hours)",
            "everpull:syncInterval": "10m",
            "everpull:fanOutInterval": "1m",
            "everpull:logRetentionDays": "7",
            "everpull:reservedConcurrency": "2",
            "everpull:recoveryDays": "30",
            "everpull:kmsKey": KEY,
        }
    )
    secret = recorder.one("secret:Secret").inputs
    assert (secret["recoveryWindowInDays"], secret["kmsKeyId"]) == (30, KEY)
    assert recorder.one("EventRule").inputs["scheduleExpression"] == "rate(2 hours)"
    assert recorder.one("LogGroup").inputs["retentionInDays"] == 7
    assert recorder.one("function:Function").inputs["reservedConcurrentExecutions"] == 2
    intervals = {item.name: item.inputs["spec"]["refreshInterval"] for item in recorder.all(":ExternalSecret")}
    assert intervals == {"everpull-dev-sync-hub": "10m0s", "everpull-dev-sync-pull-secret-default": "1m0s"}


def test_every_key_of_the_generator_arrives() -> None:
    role = "arn:aws:iam::222222222222:role/ecr-pull"
    hosts = [f"{account}.dkr.ecr.eu-central-1.amazonaws.com" for account in ("123456789012", "222222222222")]
    recorder, _ = delivered(
        {
            "everpull:mode": "generator",
            "everpull:renewInterval": "30m",
            "everpull:fanOutInterval": "1m",
            "everpull:registries": json.dumps([*hosts, "333333333333.dkr.ecr.us-east-1.amazonaws.com"]),
            "everpull:assumeRoles": json.dumps([role]),
            "everpull:ecrPublic": "true",
        }
    )
    names = ("eu-central-1", "eu-central-1-222222222222", "us-east-1", "public")
    asked = {
        item.name.removeprefix("everpull-dev-logins-token-generator-"): item.inputs["spec"]
        for item in recorder.all(":ECRAuthorizationToken")
    }
    assert [(spec["region"], spec.get("role"), spec.get("scope")) for spec in map(asked.pop, names)] == [
        ("eu-central-1", None, None),
        ("eu-central-1", role, None),
        ("us-east-1", None, None),
        ("us-east-1", None, "public"),
    ]
    assert asked == {}
    intervals = {item.name: item.inputs["spec"]["refreshInterval"] for item in recorder.all(":ExternalSecret")}
    assert intervals == {
        **{f"everpull-dev-logins-fetch-generator-{name}": "30m0s" for name in names},
        "everpull-dev-sync-hub-generator": "1m0s",
        "everpull-dev-sync-pull-secret-default": "1m0s",
    }


@pytest.mark.parametrize("policies", [True, False])
def test_what_lambda_is_told_of_labels_and_of_the_cluster_arrives(policies: bool) -> None:
    config = {
        "everpull:namespaceSelector": "team=a,!legacy",
        "everpull:excludedNamespaces": json.dumps(["team-x"]),
        "everpull:pullSecretName": "ecr-pull",
    }
    recorder, outputs = delivered(config, Surroundings(policies=policies))
    spec = recorder.one(":ClusterExternalSecret").inputs["spec"]
    assert spec["externalSecretName"] == "ecr-pull.labelled"
    assert spec["namespaceSelectors"] == [
        {
            "matchLabels": {"team": "a"},
            "matchExpressions": [
                {"key": "legacy", "operator": "DoesNotExist"},
                {
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": ["default", "everpull-dev", "team-x"],
                },
            ],
        }
    ]
    assert len(recorder.all(":MutatingAdmissionPolicy")) == policies
    assert outputs["namespaceSelector"] == "team=a,!legacy"


def test_a_role_that_somebody_deleted_stops_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_: Settings) -> None:
        raise pulumi.RunError("the Role is gone")

    monkeypatch.setattr(by_cronjob, "roles_there", gone)
    with pytest.raises(pulumi.RunError, match="the Role is gone"):
        delivered(CRONJOB)


def test_pull_secrets_change_hands_while_the_listed_are_still_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace that is listed from now on is ready once its Secret was made free, so neither may wait for the other."""
    freed = Event()
    waited: list[bool] = []
    answer = Recorder.new_resource

    async def pass_on(_: Settings) -> None:
        freed.set()

    def held_up(self: Recorder, args: Any) -> tuple[str, dict[str, Any]]:
        if args.name.endswith("-pull-secret-default"):
            waited.append(freed.wait(10))
        return answer(self, args)

    monkeypatch.setattr(by_operator, "pass_on", pass_on)
    monkeypatch.setattr(Recorder, "new_resource", held_up)
    delivered({})
    assert waited == [True]
