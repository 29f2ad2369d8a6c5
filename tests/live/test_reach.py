"""One stack that opens registries of two regions, of another account by a lent role, of ECR Public, and a cache."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lightkube import Client

from local.driver import aws
from local.registry import busybox
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy
from tests.live.lender import Lender, lender, one_of_each, opening

STACK, CACHE = "reach", "reach-cache"
NAMESPACES = ("reach-a",)


@pytest.fixture(scope="module")
def lent(platform: PlatformState) -> Iterator[Lender]:
    with lender(platform, STACK) as made:
        yield made


@pytest.fixture(scope="module")
def images(lent: Lender) -> dict[str, str]:
    return one_of_each(lent)


@pytest.fixture(scope="module")
def wide(platform: PlatformState, kube: Client, lent: Lender, images: dict[str, str]) -> Iterator[Deployment]:
    with deploy(platform, kube, STACK, NAMESPACES, pullThroughCaches=[CACHE], **opening(lent, images)) as deployment:
        yield deployment


@pytest.fixture(autouse=True)
def role_as_documented(lent: Lender) -> Iterator[None]:
    yield
    lent.may()


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


def test_a_pod_pulls_through_a_cache_what_nobody_pulled_before(platform: PlatformState, wide: Deployment) -> None:
    ecr = aws.client(platform, "ecr")
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=CACHE, upstreamRegistryUrl="quay.io")
    try:
        busybox.push_hello(
            platform.backend_registry, f"{platform.account}/{platform.region}/{CACHE}/team/app", "1", "hi"
        )
        pull = wide.pull(image=f"{platform.registry_host}/{CACHE}/team/app:1")
        assert pull.pulled, pull.message
        ecr.delete_repository(repositoryName=f"{CACHE}/team/app", force=True)
    finally:
        ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix=CACHE)


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
