"""Where another stack keeps the login: what comes of its outputs, and what is refused."""

import json
from typing import Any

import pulumi
import pytest

from cluster.surroundings import Surroundings
from modes import aws_stack, deliver
from modes.aws_stack import find_login
from modes.keys import key_args
from settings import ConfigurationError, parse
from tests.components.recording import ACCOUNT, Recorder, record
from tests.modes.test_modes import KEY, args
from tests.settings.bad_configurations import GOOD
from tests.settings.bad_scopes import AWS, CLUSTER

HOSTS = [f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com", "public.ecr.aws"]
OUTPUTS: dict[str, object] = {
    "registries": HOSTS,
    "loginSecretArn": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:everpull-aws-login",
    "refresherArn": f"arn:aws:iam::{ACCOUNT}:role/everpull-aws-refresh",
    "region": "eu-west-1",
    "loginRevision": "0123456789",
    "trigger": "schedule",
    "schedule": "rate(2 hours)",
}


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the stack `aws` has, for the test to change."""
    there = dict(OUTPUTS)

    def read(name: str) -> dict[str, object]:
        if name != "aws":
            raise LookupError(f'unknown stack "{name}"')
        return there

    monkeypatch.setattr(aws_stack, "read_outputs", read)
    return there


def delivered(config: dict[str, str], there: dict[str, object]) -> tuple[Recorder, dict[str, Any]]:
    """What a stack with the cluster's half registers, and its outputs."""
    recorder, found = record(), {}
    recorder.stacks["aws"] = there
    settings = parse({**GOOD, **CLUSTER, **config}, "dev")

    @pulumi.runtime.test
    def build() -> Any:
        told = args(settings, **find_login(settings, ACCOUNT))
        made = deliver(settings, Surroundings(), told, pulumi.ResourceOptions())
        # Looks at the cluster.
        made = {key: value for key, value in made.items() if key not in ("pullSecrets", "attachedBy")}
        return pulumi.Output.all(**made).apply(found.update)

    build()
    return recorder, found


def refused(config: dict[str, str]) -> str:
    settings = parse({**GOOD, **CLUSTER, **config}, "dev")
    record()
    with pytest.raises(ConfigurationError) as caught:
        find_login(settings, ACCOUNT)
    assert len(caught.value.faults) == 1
    return str(caught.value)


def test_the_half_of_a_cluster_has_an_identity_and_pull_secrets_and_no_function(outputs: dict[str, object]) -> None:
    recorder, found = delivered({"everpull:namespaces": json.dumps(["team-a", "team-b"])}, outputs)
    assert not recorder.all("function:Function")
    assert not recorder.all("secret:Secret")
    assert len(recorder.all("user:User")) == 1
    assert {*found} == {
        *("namespaceSelector", "clusterStore", "hub"),
        *("identityArn", "loginSecretArn", "refresherArn"),
    }
    assert (found["loginSecretArn"], found["refresherArn"]) == (OUTPUTS["loginSecretArn"], OUTPUTS["refresherArn"])
    store = recorder.one(":SecretStore").inputs["spec"]["provider"]["aws"]
    assert (store["region"], parse({**GOOD, **CLUSTER}, "dev").region) == ("eu-west-1", "eu-central-1")


def test_pods_get_the_pull_secret_for_the_registries_of_the_other_stack(outputs: dict[str, object]) -> None:
    recorder, _ = delivered({"everpull:attach": "pods"}, outputs)
    policy = json.dumps(recorder.one(":MutatingAdmissionPolicy").inputs)
    for host in HOSTS:
        assert host in policy


def test_a_login_that_is_encrypted_by_a_key_is_read_with_a_right_on_it(outputs: dict[str, object]) -> None:
    outputs["kmsKey"] = KEY
    recorder, _ = delivered({}, outputs)
    assert recorder.statements("UserPolicy")["UseKey"]["Resource"] == [KEY]
    del outputs["kmsKey"]
    assert set(delivered({}, outputs)[0].statements("UserPolicy")) == {"ReadLogin"}


def test_another_revision_of_the_other_stack_is_another_hub(outputs: dict[str, object]) -> None:
    _, before = delivered({}, outputs)
    outputs["loginRevision"] = "9876543210"
    _, after = delivered({}, outputs)
    assert before["hub"] != after["hub"]


def test_the_half_of_aws_tells_all_that_the_other_asks_for_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, found = record(), {}
    settings = parse({**GOOD, **AWS, "everpull:trigger": "rotation"}, "aws")

    @pulumi.runtime.test
    def build() -> Any:
        told = args(settings, **(key_args(settings) if settings.identity else {}))
        return pulumi.Output.all(
            registries=told["registries"], **deliver(settings, Surroundings(), told, pulumi.ResourceOptions())
        ).apply(found.update)

    build()
    assert not [item for item in recorder.resources if item.type.startswith("kubernetes:")]
    assert not recorder.all("accessKey:AccessKey")
    assert (found["trigger"], found["schedule"], found["region"]) == ("rotation", "rate(4 hours)", "eu-central-1")
    assert "canary" not in json.dumps(found)
    monkeypatch.setattr(aws_stack, "read_outputs", lambda _: found)
    recorder = record()
    recorder.stacks["aws"] = found
    reading = parse({**GOOD, **CLUSTER}, "dev")
    assert set(find_login(reading, ACCOUNT)) == {"registries", "repository_arns", "kept_login"}


@pytest.mark.parametrize("config", [{}, AWS, {"everpull:mode": "cronjob"}])
def test_nobody_is_asked_where_the_stack_keeps_its_own_login(config: dict[str, str]) -> None:
    """There is no engine to ask here."""
    assert find_login(parse({**GOOD, **config}, "dev"), ACCOUNT) == {}


def test_a_stack_that_is_not_there_is_refused(outputs: dict[str, object]) -> None:
    told = refused({"everpull:awsStack": "acme/aws"})
    assert 'everpull:awsStack = acme/aws\n     could not be read: unknown stack "acme/aws"' in told
    assert outputs


@pytest.mark.parametrize("key", OUTPUTS)
def test_a_stack_without_one_of_the_outputs_is_refused(outputs: dict[str, object], key: str) -> None:
    del outputs[key]
    told = refused({})
    assert f"everpull:awsStack = aws\n     has no output {key}, so it keeps no login, or not yet" in told
    assert "example: pulumi up --stack aws" in told


def test_a_stack_of_another_account_is_refused(outputs: dict[str, object]) -> None:
    outputs["loginSecretArn"] = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:a"
    assert f"keeps its login in account 222222222222, and this stack deploys into {ACCOUNT}" in refused({})


def test_reading_too_seldom_for_the_other_stacks_schedule_is_refused(outputs: dict[str, object]) -> None:
    config = {"everpull:syncInterval": "3h", "everpull:namespaces": json.dumps(["team-a"])}
    assert "everpull:syncInterval = 10800s" in refused(config)
    outputs["schedule"] = "rate(1 hour)"
    delivered(config, outputs)


def test_what_the_engine_says_of_a_stack_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def invoke(*_: object) -> None:
        raise Exception('invoke of x failed: invocation of x returned an error: unknown stack "a"')

    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    with pytest.raises(LookupError, match=r'^unknown stack "a"$'):
        aws_stack.read_outputs("a")
