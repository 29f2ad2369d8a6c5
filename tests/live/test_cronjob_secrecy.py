"""Mode `cronjob`: no login and no secret key is to be found where it does not belong."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from lightkube import Client
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.core_v1 import ConfigMap, Event, Pod, Secret

from local import paths
from local.driver import aws
from local.state import PlatformState
from tests.live.cronjob_deployment import CronJobDeployment, Run, deploy_cronjob
from tests.live.test_secrecy import leaks


@pytest.fixture(scope="module")
def quiet(platform: PlatformState, kube: Client) -> Iterator[CronJobDeployment]:
    with deploy_cronjob(platform, kube, "quiet", ["quiet-a"]) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def runs(quiet: CronJobDeployment) -> list[Run]:
    """A renewal, a look at a fresh login, and a denial."""
    iam = aws.client(quiet.state, "iam")
    user = quiet.outputs["identityArn"].rsplit("/", 1)[1]
    (policy,) = iam.list_user_policies(UserName=user)["PolicyNames"]
    document = iam.get_user_policy(UserName=user, PolicyName=policy)["PolicyDocument"]
    good = [quiet.run("--force"), quiet.run()]
    iam.delete_user_policy(UserName=user, PolicyName=policy)
    try:
        denied = quiet.run("--force")
    finally:
        iam.put_user_policy(UserName=user, PolicyName=policy, PolicyDocument=json.dumps(document))
    assert not denied.succeeded
    return [*good, denied]


@pytest.fixture(scope="module")
def canaries(quiet: CronJobDeployment, runs: list[Run]) -> dict[str, str]:
    """What must not be found: logins, old and new, in each of their forms, and the secret access key."""
    found: dict[str, str] = {}
    for age in ("old", "new"):
        (entry,) = quiet.docker_config("quiet-a")["auths"].values()
        password = base64.b64decode(entry["auth"]).decode().partition(":")[2]
        found |= {f"{age} auth": entry["auth"], f"{age} password": password}
        assert quiet.run("--force").succeeded
    credentials = quiet.kube.get(Secret, "refresher-aws-credentials", namespace=quiet.system_namespace)
    key = base64.b64decode((credentials.data or {})["secret-access-key"]).decode()
    return {**found, "secret access key": key}


def test_no_log_and_no_end_of_a_pod_tells_a_login_or_a_key(canaries: dict[str, str], runs: list[Run]) -> None:
    texts = [(f"run {number}", run.log + run.said) for number, run in enumerate(runs)]
    assert all(text for _, text in texts), "a run that logged nothing proves nothing"
    assert leaks(canaries, texts) == []


def test_no_object_but_the_secrets_holds_a_login_or_a_key(canaries: dict[str, str], quiet: CronJobDeployment) -> None:
    def texts() -> Iterator[tuple[str, str]]:
        for kind in (Job, CronJob, Pod, ConfigMap, Event):
            found: list[Any] = list(quiet.kube.list(kind, namespace=quiet.system_namespace))
            assert found, f"no {kind.__name__} was looked at"
            for item in found:
                yield f"{kind.__name__} {item.metadata.name}", json.dumps(item.to_dict(), default=str)

    assert leaks(canaries, texts()) == []


def test_neither_the_engine_nor_the_platform_tells_a_login_or_a_key(
    canaries: dict[str, str], quiet: CronJobDeployment
) -> None:
    texts = [
        ("first up", quiet.first_up.output),
        ("outputs", json.dumps(quiet.outputs)),
        ("state", quiet.stack.export()),
    ]
    with quiet.configured(schedule="rate(2 hours)"):
        texts.append(("preview", quiet.stack.preview().output))
    texts.append(("refresh", quiet.stack.refresh().output))
    files = [file for file in sorted(paths.current().log.rglob("*")) if file.is_file()]
    texts += [(file.name, file.read_text(encoding="utf-8", errors="replace")) for file in files]
    assert leaks(canaries, texts) == []
