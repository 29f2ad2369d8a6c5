import json
from typing import Any

import pulumi
import pytest

from components.cluster_identity import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from components.external_secrets import go_duration
from components.lambda_delivery import LambdaDelivery, LambdaDeliveryArgs
from components.policy import PolicyTooLong
from components.refresh_function import AWAIT_RIGHTS_SECONDS, TIMEOUT_SECONDS
from components.refresher_source import source_files
from tests.components.recording import ACCOUNT, Recorder, record

HOST = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"
REPOSITORIES = [f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/team-a/*"]


@pytest.fixture
def recorder() -> Recorder:
    return record()


def deliver(**more: Any) -> LambdaDelivery:
    args: dict[str, Any] = {
        "owner": "everpull-dev",
        "labels": {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"},
        "region": "eu-central-1",
        "registries": [HOST],
        "repository_arns": REPOSITORIES,
        "namespaces": ["team-a", "team-b"],
        "namespace_selector": None,
        "excluded_namespaces": [],
        "labelled_sync": "ecr-pull.labelled",
        "has_policy": True,
        "pull_secret_name": "ecr-pull",
        "system_namespace": "everpull-dev",
        "schedule": "rate(1 hour)",
        "sync_interval": 900,
        "fan_out_interval": 300,
        "log_retention_days": 30,
        "reserved_concurrency": -1,
    }
    return LambdaDelivery("everpull-dev", LambdaDeliveryArgs(**{**args, **more}))


def settled(delivery: LambdaDelivery) -> pulumi.Output[Any]:
    """Resolves once every resource of the delivery is registered."""
    return pulumi.Output.all(
        delivery.pull_secrets, delivery.labelled, delivery.dead_letter_queue_url, delivery.identity_arn
    )


def built(**more: Any) -> Recorder:
    """Everything that a delivery registers."""
    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        return settled(deliver(**more))

    build()
    return recorder


def external_secrets(recorder: Recorder) -> dict[str, dict[str, Any]]:
    return {
        f"{item.inputs['metadata'].get('namespace')}/{item.inputs['metadata']['name']}": item.inputs["spec"]
        for item in recorder.all(":ExternalSecret")
    }


@pulumi.runtime.test
def test_the_cluster_may_read_the_one_secret_and_nothing_else(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        (statement,) = recorder.statements("UserPolicy").values()
        assert statement["Action"] == ["secretsmanager:GetSecretValue"]
        assert statement["Resource"] == [f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:everpull-dev-login-secret"]

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_a_user_policy_of_before_its_name_changed_is_kept(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert [alias.name for alias in recorder.aliases("everpull-dev-cluster-rights")] == [
            "everpull-dev-cluster-read-login"
        ]

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_the_refresher_has_exactly_its_rights(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        statements = recorder.statements("RolePolicy")
        assert {sid: sorted(statement["Action"]) for sid, statement in statements.items()} == {
            "WriteLog": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "FetchLogin": ["ecr:GetAuthorizationToken"],
            "PullWithIt": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "KeepLogin": ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
            "BuryFailures": ["sqs:SendMessage"],
        }
        assert statements["PullWithIt"]["Resource"] == REPOSITORIES
        anywhere = [sid for sid, statement in statements.items() if "*" in statement["Resource"]]
        assert anywhere == ["FetchLogin"], "only GetAuthorizationToken knows no resource"

    return settled(deliver()).apply(check)


def test_more_rights_than_a_role_can_hold_are_refused_before_any_arn_is_known(recorder: Recorder) -> None:
    many = [f"{REPOSITORIES[0]}{number}" for number in range(300)]
    with pytest.raises(PolicyTooLong, match="IAM limits to 10240"):
        deliver(repository_arns=many)
    assert recorder.all("role:Role") == []


@pulumi.runtime.test
def test_only_lambda_may_be_the_refresher(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        (statement,) = json.loads(recorder.one("role:Role").inputs["assumeRolePolicy"])["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_only_our_own_rule_may_invoke_the_function_and_bury_events(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        rule_arn = f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:everpull-dev-refresh-schedule"
        assert recorder.one("Permission").inputs["sourceArn"] == rule_arn
        (bury,) = recorder.statements("QueuePolicy").values()
        assert bury["Condition"] == {"ArnEquals": {"aws:SourceArn": rule_arn}}

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_the_store_reads_the_keys_that_the_credentials_secret_has(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        credentials = recorder.one("v1:Secret", "-credentials").inputs
        store = recorder.one(":SecretStore").inputs
        auth = store["spec"]["provider"]["aws"]["auth"]["secretRef"]
        assert recorder.one("v1:Secret", "-credentials").secrets == {"stringData"}
        assert set(credentials["stringData"]) == {ACCESS_KEY_ID, SECRET_ACCESS_KEY}
        assert credentials["metadata"]["namespace"] == store["metadata"]["namespace"]
        assert auth["accessKeyIDSecretRef"] == {"name": credentials["metadata"]["name"], "key": ACCESS_KEY_ID}
        assert auth["secretAccessKeySecretRef"] == {"name": credentials["metadata"]["name"], "key": SECRET_ACCESS_KEY}

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_the_login_is_never_a_value_that_pulumi_tracks(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert recorder.one("secret:Secret").inputs["recoveryWindowInDays"] == 0
        assert not recorder.all("SecretVersion")

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_aws_is_asked_once_however_many_namespaces(recorder: Recorder) -> Any:
    names = [f"team-{number}" for number in range(40)]

    def check(_: Any) -> None:
        from_aws = [
            name for name, spec in external_secrets(recorder).items() if spec["secretStoreRef"]["kind"] == "SecretStore"
        ]
        assert len(from_aws) == 1
        assert len(external_secrets(recorder)) == 41

    return settled(deliver(namespaces=names)).apply(check)


@pulumi.runtime.test
def test_the_cluster_store_serves_the_chosen_namespaces_only(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        spec = recorder.one(":ClusterSecretStore").inputs["spec"]
        assert spec["conditions"] == [{"namespaces": ["team-a", "team-b"]}]

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_the_hub_reader_may_get_the_hub_and_nothing_else(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        (hub,) = [name for name in external_secrets(recorder) if name.startswith("everpull-dev/")]
        (rule,) = recorder.one("v1:Role").inputs["rules"]
        assert rule == {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": [hub.split("/")[1]],
            "verbs": ["get"],
        }

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_every_eso_object_is_waited_for(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        objects = [item for item in recorder.resources if item.inputs.get("apiVersion") == "external-secrets.io/v1"]
        assert len(objects) == 5
        for item in objects:
            assert item.inputs["metadata"]["annotations"]["pulumi.com/waitFor"] == "condition=Ready", item.name

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_each_namespace_reads_the_hub_that_holds_its_registries(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        specs = external_secrets(recorder)
        (hub,) = [name.split("/")[1] for name in specs if name.startswith("everpull-dev/")]
        for namespace in ("team-a", "team-b"):
            spec = specs[f"{namespace}/ecr-pull"]
            assert spec["data"][0]["remoteRef"]["key"] == hub
            assert spec["target"]["name"] == "ecr-pull"
            assert spec["target"]["creationPolicy"] == "Owner"
            assert spec["target"]["deletionPolicy"] == "Retain"
            assert spec["target"]["template"]["type"] == "kubernetes.io/dockerconfigjson"

    return settled(deliver()).apply(check)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(10, "10s"), (59, "59s"), (60, "1m0s"), (90, "1m30s"), (300, "5m0s"), (3600, "1h0m0s"), (5405, "1h30m5s")],
)
def test_intervals_are_spelled_as_go_prints_them(seconds: int, text: str) -> None:
    assert go_duration(seconds) == text


def hub_name(recorder: Recorder) -> str:
    return next(name for name in external_secrets(recorder) if name.startswith("everpull-dev/"))


def test_other_registries_make_another_hub_and_another_first_run() -> None:
    seen = []
    for registries in ([HOST], [HOST, HOST.replace("central", "west")]):
        recorder = record()

        @pulumi.runtime.test
        def build(registries: list[str] = registries, recorder: Recorder = recorder) -> Any:
            return settled(deliver(registries=registries)).apply(
                lambda _: seen.append((hub_name(recorder), recorder.one("Invocation").inputs["triggers"]))
            )

        build()
    (hub, triggers), (other_hub, other_triggers) = seen
    assert hub != other_hub
    assert triggers["EVERPULL_REGISTRIES"] != other_triggers["EVERPULL_REGISTRIES"]
    assert triggers["code"] == other_triggers["code"]


@pulumi.runtime.test
def test_the_first_run_waits_for_rights_and_the_function_outlives_the_wait(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        event = json.loads(recorder.one("Invocation").inputs["input"])
        assert event == {"reason": "deploy", "force": True, "awaitRightsSeconds": AWAIT_RIGHTS_SECONDS}
        assert recorder.one("function:Function").inputs["timeout"] == TIMEOUT_SECONDS
        assert TIMEOUT_SECONDS - AWAIT_RIGHTS_SECONDS >= 60

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_failures_and_undelivered_events_end_in_the_dead_letter_queue(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        queue_arn = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:everpull-dev-refresh-dead-letters"
        assert recorder.one("function:Function").inputs["deadLetterConfig"] == {"targetArn": queue_arn}
        assert recorder.one("EventTarget").inputs["deadLetterConfig"] == {"arn": queue_arn}

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_every_kubernetes_object_says_whose_it_is(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        objects = [item for item in recorder.resources if item.type.startswith("kubernetes:")]
        assert len(objects) == 9
        for item in objects:
            assert item.inputs["metadata"]["labels"]["app.kubernetes.io/instance"] == "dev", item.name

    return settled(deliver()).apply(check)


@pulumi.runtime.test
def test_two_stacks_share_no_cluster_wide_name(recorder: Recorder) -> Any:
    def check(_: Any) -> None:
        assert recorder.one(":ClusterSecretStore").inputs["metadata"]["name"] == "everpull-dev"

    return settled(deliver()).apply(check)


def test_the_function_carries_source_files_only() -> None:
    files = source_files()
    assert "refresher/handler.py" in files
    assert all(path.endswith(".py") for path in files)


def test_the_function_tells_its_metrics_only_when_it_is_told_to() -> None:
    for more, expected in (({}, None), ({"metrics": True}, "on")):
        recorder = built(**more)
        variables = recorder.one("function:Function").inputs["environment"]["variables"]
        assert variables.get("EVERPULL_METRICS") == expected
        # Run then, so that there is a first metric before any alarm looks.
        assert recorder.one(":Invocation").inputs["triggers"].get("EVERPULL_METRICS") == expected
