"""Mode `cronjob` over registries of two regions, of another account by a lent role, of ECR Public, and a cache.

Its policy has every statement that the mode knows, so it is also where each is taken away once.
"""

from collections.abc import Iterator

import pytest
from lightkube import Client

from local.driver import aws
from local.state import PlatformState
from tests.live.cronjob_deployment import CronJobDeployment, deploy_cronjob
from tests.live.granted import Granted
from tests.live.lender import Lender, opening, upstream

pytestmark = pytest.mark.usefixtures("role_as_documented")

STACK, CACHE = "reach-cron", "reach-cron-cache"
NAMESPACES = ("reach-cron-a", "reach-cron-b")


@pytest.fixture(scope="module")
def wide(platform: PlatformState, kube: Client, lent: Lender, images: dict[str, str]) -> Iterator[CronJobDeployment]:
    keys = {"pullThroughCaches": [CACHE], **opening(lent, images)}
    with deploy_cronjob(platform, kube, STACK, NAMESPACES, **keys) as deployment:
        yield deployment


@pytest.mark.parametrize("kind", ["own", "far", "lent", "public"])
def test_a_pod_pulls_from_each(wide: CronJobDeployment, images: dict[str, str], kind: str) -> None:
    pull = wide.pull(image=images[kind])
    assert pull.pulled, pull.message


def test_what_was_verified_is_an_output(wide: CronJobDeployment, images: dict[str, str]) -> None:
    assert wide.outputs["imagesVerified"] == [{"image": image, "status": "pulls"} for image in images.values()]


def test_an_account_that_gives_no_login_keeps_its_last_one_while_the_others_renew(
    wide: CronJobDeployment, lent: Lender
) -> None:
    before = {namespace: wide.docker_config(namespace)["auths"] for namespace in NAMESPACES}
    lent.may(log_in=False)
    aws.admin(wide.state, "calls", method="DELETE")
    run = wide.run("--force")
    assert not run.succeeded
    # One call a region and role, however many namespaces.
    assert aws.calls_of(wide.state, wide.outputs["refresherArn"])["ecr:GetAuthorizationToken"] == 2
    assert aws.calls_of(wide.state, lent.role)["ecr:GetAuthorizationToken"] == 1
    assert f"assumed-role/{STACK}/" in run.log
    for namespace in NAMESPACES:
        after = wide.docker_config(namespace)["auths"]
        assert after[lent.host] == before[namespace][lent.host]
        assert all(after[host] != before[namespace][host] for host in after if host != lent.host)
    assert wide.pull(image=lent.image).pulled


def test_a_pull_that_would_be_refused_fails_the_run_and_tells_who_lacks_what(
    wide: CronJobDeployment, lent: Lender, images: dict[str, str]
) -> None:
    lent.may(layers=False)
    run = wide.run()
    assert not run.succeeded
    told = {item["image"]: item for item in run.report["images"]}
    assert {image: item["status"] for image, item in told.items()} == {
        image: "refused" if image == lent.image else "pulls" for image in images.values()
    }
    assert "ecr:GetDownloadUrlForLayer" in told[lent.image]["detail"]
    assert f"assumed-role/{STACK}/" in told[lent.image]["detail"]
    assert wide.run("--images-may-fail").succeeded


@pytest.mark.parametrize(
    ("sid", "action"),
    [
        ("FetchLogin", "ecr:GetAuthorizationToken"),
        ("AssumeRoles", "sts:AssumeRole"),
        ("FetchPublicLogin", "ecr-public:GetAuthorizationToken"),
    ],
)
def test_no_login_is_fetched_without_the_statement(wide: CronJobDeployment, sid: str, action: str) -> None:
    with Granted(wide.state, wide.outputs["identityArn"]).without(sid):
        run = wide.run("--force")
    assert not run.succeeded
    assert action in run.said


def test_nothing_is_pulled_without_the_statements_that_are_for_it(
    wide: CronJobDeployment, images: dict[str, str]
) -> None:
    granted = Granted(wide.state, wide.outputs["identityArn"])
    assert granted.sids == {"FetchLogin", "PullWithIt", "PullThrough", "AssumeRoles", "FetchPublicLogin"}
    with granted.without("PullWithIt"):
        assert not wide.pull(image=images["own"]).pulled
    with upstream(wide.state, CACHE) as image:
        with granted.without("PullThrough"):
            assert not wide.pull(image=image).pulled
        assert wide.pull(image=image).pulled


def test_up_again_changes_nothing(wide: CronJobDeployment) -> None:
    assert wide.stack.up().changes == {}
