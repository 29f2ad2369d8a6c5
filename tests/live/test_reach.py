"""One stack that opens registries of two regions, of another account by a lent role, of ECR Public, and a cache.

Its policies have every statement that mode `lambda` knows, so it is also where each is taken away once.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lightkube import Client

from local.driver import aws
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy
from tests.live.granted import Granted
from tests.live.lender import Lender, opening, upstream

pytestmark = pytest.mark.usefixtures("role_as_documented")

STACK, CACHE = "reach", "reach-cache"
NAMESPACES = ("reach-a",)


def refused(action: str) -> Callable[[Deployment, dict[str, str]], None]:
    """Shows that a refresh fails for want of the action."""

    def shown(wide: Deployment, _images: dict[str, str]) -> None:
        assert action in failed_refresh(wide)["errorMessage"]

    return shown


def pulls_nothing(wide: Deployment, images: dict[str, str]) -> None:
    pull = wide.pull(image=images["own"])
    assert not pull.pulled
    assert "403" in pull.message


def fills_no_cache(wide: Deployment, _images: dict[str, str]) -> None:
    with upstream(wide.state, CACHE) as image:
        assert not wide.pull(image=image).pulled


def buries_nothing(wide: Deployment, _images: dict[str, str]) -> None:
    functions = aws.client(wide.state, "lambda")
    name = wide.outputs["functionName"]
    queue = functions.get_function_configuration(FunctionName=name)["DeadLetterConfig"]
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="SendMessage"):
        functions.update_function_configuration(FunctionName=name, DeadLetterConfig=queue)


# What breaks without each statement of the function's role. WriteLog breaks nothing that could be seen at once.
NEEDED = {
    "FetchLogin": refused("ecr:GetAuthorizationToken"),
    "PullWithIt": pulls_nothing,
    "PullThrough": fills_no_cache,
    "AssumeRoles": refused("sts:AssumeRole"),
    "FetchPublicLogin": refused("ecr-public:GetAuthorizationToken"),
    "KeepLogin": refused("secretsmanager:GetSecretValue"),
    "BuryFailures": buries_nothing,
}


@pytest.fixture(scope="module")
def wide(platform: PlatformState, kube: Client, lent: Lender, images: dict[str, str]) -> Iterator[Deployment]:
    with deploy(platform, kube, STACK, NAMESPACES, pullThroughCaches=[CACHE], **opening(lent, images)) as deployment:
        yield deployment


@pytest.mark.parametrize("kind", ["own", "far", "lent", "public"])
def test_a_pod_pulls_from_each(wide: Deployment, images: dict[str, str], kind: str) -> None:
    pull = wide.pull(image=images[kind])
    assert pull.pulled, pull.message


def test_what_was_verified_is_an_output(wide: Deployment, images: dict[str, str]) -> None:
    assert wide.outputs["imagesVerified"] == [{"image": image, "status": "pulls"} for image in images.values()]


def test_a_refresh_is_one_token_call_a_region_and_role(platform: PlatformState, wide: Deployment, lent: Lender) -> None:
    aws.admin(platform, "calls", method="DELETE")
    wide.refresh_login(force=True)
    ours, theirs = (aws.calls_of(platform, arn) for arn in (wide.outputs["refresherArn"], lent.role))
    assert ours["ecr:GetAuthorizationToken"] == 2
    assert ours["ecr-public:GetAuthorizationToken"] == 1
    assert ours["sts:AssumeRole"] == 1
    assert theirs["ecr:GetAuthorizationToken"] == 1


def test_an_account_that_gives_no_login_keeps_its_last_one_while_the_others_renew(
    wide: Deployment, lent: Lender
) -> None:
    before = auths(wide)
    lent.may(log_in=False)
    error = failed_refresh(wide)
    assert error["errorType"] == "DeniedError"
    assert f"assumed-role/{STACK}/" in error["errorMessage"]
    assert "ecr:GetAuthorizationToken" in error["errorMessage"]
    after = auths(wide)
    assert after[lent.host] == before[lent.host]
    assert all(after[host] != before[host] for host in before if host != lent.host)
    wide.sync()
    assert wide.pull(image=lent.image).pulled


def test_a_pull_that_would_be_refused_is_told_with_who_lacks_what_and_the_login_is_written_all_the_same(
    wide: Deployment, lent: Lender
) -> None:
    before = auths(wide)
    lent.may(layers=False)
    error = failed_refresh(wide)
    text = error["errorMessage"]
    assert lent.image.removeprefix(f"{lent.host}/").partition(":")[0] in text
    assert "ecr:GetDownloadUrlForLayer" in text
    assert f"assumed-role/{STACK}/" in text
    assert all(auth != before[host] for host, auth in auths(wide).items())


def test_a_pod_pulls_through_a_cache_what_nobody_pulled_before(wide: Deployment) -> None:
    with upstream(wide.state, CACHE) as image:
        pull = wide.pull(image=image)
        assert pull.pulled, pull.message


def test_the_functions_role_has_no_statement_that_is_not_taken_away_here(wide: Deployment) -> None:
    assert Granted(wide.state, wide.outputs["refresherArn"]).sids == {"WriteLog", *NEEDED}


@pytest.mark.parametrize("sid", [*NEEDED])
def test_the_functions_role_needs_the_statement(wide: Deployment, images: dict[str, str], sid: str) -> None:
    with Granted(wide.state, wide.outputs["refresherArn"]).without(sid):
        NEEDED[sid](wide, images)


def test_the_function_without_the_right_to_log_leaves_no_line(wide: Deployment) -> None:
    with Granted(wide.state, wide.outputs["refresherArn"]).without("WriteLog"):
        wide.refresh_login(reason="unheard")
    wide.refresh_login(reason="heard")
    wait_until(lambda: "heard" in reasons_logged(wide), "the function's log has the later run")
    assert "unheard" not in reasons_logged(wide)


def test_the_cluster_needs_its_only_statement(wide: Deployment) -> None:
    granted = Granted(wide.state, wide.outputs["identityArn"])
    assert granted.sids == {"ReadLogin"}
    before = wide.docker_config(NAMESPACES[0])
    wide.refresh_login(force=True)
    with granted.without("ReadLogin"):
        wide.force_hub()
        wait_until(wide.why_hub_is_not_ready, "ESO is refused the login")
        assert wide.docker_config(NAMESPACES[0]) == before
    wide.sync()


def test_up_again_changes_nothing(wide: Deployment) -> None:
    assert wide.stack.up().changes == {}


def test_an_image_that_does_not_pull_is_a_warning_at_deploy_time(wide: Deployment, images: dict[str, str]) -> None:
    absent = f"{images['own'].rpartition(':')[0]}:absent"
    with wide.configured(verifyImages=[images["own"], absent]):
        output = wide.stack.up().output
        assert "warning" in output
        assert absent in output
        assert wide.stack.outputs()["imagesVerified"] == [
            {"image": images["own"], "status": "pulls"},
            {"image": absent, "status": "refused"},
        ]


def failed_refresh(deployment: Deployment) -> dict[str, Any]:
    """A forced refresh that must fail; what it says."""
    answer = aws.client(deployment.state, "lambda").invoke(
        FunctionName=deployment.outputs["functionName"], Payload=json.dumps({"force": True}).encode()
    )
    assert "FunctionError" in answer
    return json.loads(answer["Payload"].read())


def auths(deployment: Deployment) -> dict[str, str]:
    """The docker config in Secrets Manager, host to login."""
    config = json.loads(deployment.login()["dockerconfigjson"])
    return {host: entry["auth"] for host, entry in config["auths"].items()}


def reasons_logged(deployment: Deployment) -> set[str]:
    """Why the function says that it ran, in all of its log."""
    logs, group = aws.client(deployment.state, "logs"), deployment.outputs["logGroup"]
    streams = [item["logStreamName"] for item in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    events = [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
    ]
    return {str(json.loads(text).get("reason")) for text in events if text.startswith("{")}
