"""No login and no secret key is to be found where it does not belong."""

import base64
import json
from collections.abc import Iterator

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Secret

from local import paths
from local.driver import aws, workloads
from local.driver.stack import PulumiError
from tests.live.deployment import Deployment
from tests.live.granted import Granted


@pytest.fixture
def canaries(deployed: Deployment) -> dict[str, str]:
    """What must not be found: logins, old and new, in each of their forms, and the cluster's secret access key."""
    found: dict[str, str] = {}
    for age in ("old", "new"):
        document = deployed.login()
        (entry,) = json.loads(document["dockerconfigjson"])["auths"].values()
        found |= {f"{age} password": document["password"], f"{age} auth": entry["auth"]}
        deployed.refresh_login(force=True)
    return {**found, "secret access key": secret_access_key(deployed)}


def secret_access_key(deployed: Deployment) -> str:
    credentials = deployed.kube.get(Secret, "aws-credentials", namespace=deployed.outputs["systemNamespace"])
    return base64.b64decode((credentials.data or {})["secret-access-key"]).decode()


def logs(deployed: Deployment) -> Iterator[tuple[str, str]]:
    for file in sorted(paths.current().log.rglob("*")):
        if file.is_file():
            yield file.name, file.read_text(encoding="utf-8", errors="replace")
    client = aws.client(deployed.state, "logs")
    streams = client.describe_log_streams(logGroupName=deployed.outputs["logGroup"])["logStreams"]
    assert streams, "the function wrote no log, so searching it would prove nothing"
    for stream in streams:
        events = client.get_log_events(
            logGroupName=deployed.outputs["logGroup"], logStreamName=stream["logStreamName"]
        )["events"]
        yield stream["logStreamName"], "\n".join(event["message"] for event in events)


def leaks(canaries: dict[str, str], texts: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> list[str]:
    return [f"{name} in {where}" for where, text in texts for name, value in canaries.items() if value in text]


def test_the_search_finds_what_is_there(canaries: dict[str, str], deployed: Deployment) -> None:
    everything = json.dumps(deployed.login()) + " " + secret_access_key(deployed)
    deployed.sync()
    (held,) = deployed.docker_config(deployed.namespaces[0])["auths"].values()
    document = deployed.login()
    assert document["password"] in everything
    assert document["password"] in base64.b64decode(held["auth"]).decode()
    assert held["auth"] in everything
    assert leaks({"canary": canaries["secret access key"]}, [("here", everything)]) == ["canary in here"]


def test_no_log_holds_a_login_or_a_key(canaries: dict[str, str], deployed: Deployment) -> None:
    assert leaks(canaries, logs(deployed)) == []


def test_no_state_holds_a_login_or_a_key(canaries: dict[str, str], deployed: Deployment) -> None:
    files = [(str(file), file.read_text(encoding="utf-8")) for file in paths.current().pulumi_state.rglob("*.json")]
    assert any(deployed.stack.name in where for where, _ in files)
    assert leaks(canaries, [("export", deployed.stack.export()), *files]) == []


def test_no_output_of_the_engine_holds_a_login_or_a_key(canaries: dict[str, str], deployed: Deployment) -> None:
    texts = [("first up", deployed.first_up.output), ("outputs", json.dumps(deployed.outputs))]
    deployed.stack.configure({**deployed.config, "everpull:repositories": ["more/*", "again/*"]})
    try:
        texts.append(("preview", deployed.stack.preview().output))
    finally:
        deployed.stack.configure(deployed.config)
    texts += [("refresh", deployed.stack.refresh().output), ("up", deployed.stack.up().output)]
    assert leaks(canaries, texts) == []


def test_no_failure_tells_a_login_or_a_key(canaries: dict[str, str], deployed: Deployment) -> None:
    """The function is made to fail with its rights taken away, and the program with somebody else's Secret of the same
    login where a pull secret is to be."""
    before = deployed.login()
    with (
        Granted(deployed.state, deployed.outputs["refresherArn"]).without("FetchLogin"),
        pytest.raises(AssertionError) as failure,
    ):
        deployed.refresh_login(force=True)
    assert "ecr:GetAuthorizationToken" in str(failure.value)
    assert deployed.login() == before, "a failed refresh leaves the last good login in place"
    name = deployed.outputs["pullSecretName"]
    workloads.ensure_namespace(deployed.kube, "live-taken")
    theirs = Secret(
        metadata=ObjectMeta(name=name, namespace="live-taken"),
        type="kubernetes.io/dockerconfigjson",
        stringData={".dockerconfigjson": before["dockerconfigjson"]},
    )
    deployed.kube.apply(theirs, field_manager="somebody-else")
    deployed.stack.configure({**deployed.config, "everpull:namespaces": ["live-taken"]})
    try:
        with pytest.raises(PulumiError) as refusal:
            deployed.stack.preview()
    finally:
        deployed.stack.configure(deployed.config)
        deployed.kube.delete(Secret, name, namespace="live-taken")
    assert f"everpull:pullSecretName = {name}" in str(refusal.value)
    assert leaks(canaries, [("function", str(failure.value)), ("preview", str(refusal.value))]) == []
    assert leaks(canaries, logs(deployed)) == []
