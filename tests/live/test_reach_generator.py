"""Mode `generator` over registries of two regions, of another account by a lent role, of ECR Public, and a cache.

Its policy has every statement that the mode knows, so it is also where each is taken away once.
"""

from collections.abc import Iterator

import pytest
from lightkube import Client

from local.driver import aws
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.generator_deployment import GeneratorDeployment, deploy_generator
from tests.live.granted import Granted
from tests.live.lender import Lender, opening, upstream
from tests.live.test_side_by_side import in_aws

pytestmark = pytest.mark.usefixtures("role_as_documented")

STACK, CACHE = "reach-gen", "reach-gen-cache"
NAMESPACES = ("reach-gen-a", "reach-gen-b")


@pytest.fixture(scope="module")
def wide(platform: PlatformState, kube: Client, lent: Lender, images: dict[str, str]) -> Iterator[GeneratorDeployment]:
    keys = {"pullThroughCaches": [CACHE], **opening(lent, images)}
    # What tries images is no part of this mode.
    del keys["verifyImages"]
    with deploy_generator(platform, kube, STACK, NAMESPACES, **keys) as deployment:
        yield deployment


@pytest.mark.parametrize("kind", ["own", "far", "lent", "public"])
def test_a_pod_pulls_from_each(wide: GeneratorDeployment, images: dict[str, str], kind: str) -> None:
    pull = wide.pull(image=images[kind])
    assert pull.pulled, pull.message


def test_there_is_nothing_in_aws_but_the_user(wide: GeneratorDeployment) -> None:
    assert {kind: len(names) for kind, names in in_aws(wide.state, STACK).items() if names} == {"users": 1}


def test_a_renewal_asks_for_each_login_however_many_namespaces_there_are_and_reaches_all_of_them(
    wide: GeneratorDeployment, lent: Lender
) -> None:
    before = wide.docker_config(NAMESPACES[0])["auths"]
    aws.admin(wide.state, "calls", method="DELETE")
    for login in wide.logins:
        wide.renew(login)
    wide.sync()
    for namespace in NAMESPACES:
        after = wide.docker_config(namespace)["auths"]
        assert after.keys() == before.keys()
        assert all(after[host] != before[host] for host in after)
    calls, lent_calls = (aws.calls_of(wide.state, arn) for arn in (wide.outputs["identityArn"], lent.role))
    asked = {
        "own and far": calls["ecr:GetAuthorizationToken"],
        "public": calls["ecr-public:GetAuthorizationToken"],
        "lent": lent_calls["ecr:GetAuthorizationToken"],
    }
    # ESO may look at an ExternalSecret once more that it has just changed, before it hears of its own change.
    assert 2 <= asked.pop("own and far") <= 4
    assert set(asked.values()) <= {1, 2}


def test_an_account_that_gives_no_login_keeps_its_last_one_while_the_others_renew(
    wide: GeneratorDeployment, lent: Lender
) -> None:
    before = wide.docker_config(NAMESPACES[0])["auths"]
    lent.may(log_in=False)
    refused = next(login for login in wide.logins if login.endswith("-222222222222"))
    for login in wide.logins:
        if login != refused:
            wide.renew(login)
    wide.force(refused)
    wait_until(lambda: wide.why_not_ready(refused), "the one login is refused")
    wide.sync()
    for namespace in NAMESPACES:
        after = wide.docker_config(namespace)["auths"]
        assert after[lent.host] == before[lent.host]
        assert all(after[host] != before[host] for host in after if host != lent.host)
    assert wide.pull(image=lent.image).pulled


@pytest.mark.parametrize(
    ("sid", "login"),
    [("FetchLogin", "eu-central-1"), ("AssumeRoles", "eu-central-1-222222222222"), ("FetchPublicLogin", "public")],
)
def test_no_login_is_fetched_without_the_statement(wide: GeneratorDeployment, sid: str, login: str) -> None:
    assert login in wide.logins
    with Granted(wide.state, wide.outputs["identityArn"]).without(sid):
        wide.force(login)
        wait_until(lambda: wide.why_not_ready(login), f"{login} is refused")
    wide.force(login)
    wait_until(lambda: not wide.why_not_ready(login), f"{login} is fetched again")


def test_nothing_is_pulled_without_the_statements_that_are_for_it(
    wide: GeneratorDeployment, images: dict[str, str]
) -> None:
    granted = Granted(wide.state, wide.outputs["identityArn"])
    assert granted.sids == {"FetchLogin", "PullWithIt", "PullThrough", "AssumeRoles", "FetchPublicLogin"}
    with granted.without("PullWithIt"):
        assert not wide.pull(image=images["own"]).pulled
    with upstream(wide.state, CACHE) as image:
        with granted.without("PullThrough"):
            assert not wide.pull(image=image).pulled
        assert wide.pull(image=image).pulled


def test_up_again_changes_nothing(wide: GeneratorDeployment) -> None:
    assert wide.stack.up().changes == {}
    assert wide.stack.preview("--refresh").changes == {}


def test_a_registry_less_is_other_logins_and_the_ones_of_before_go(wide: GeneratorDeployment, lent: Lender) -> None:
    before = wide.syncs()
    registries = [host for host in wide.config["everpull:registries"] if host != lent.host]  # type: ignore[union-attr]
    with wide.configured(registries=registries, assumeRoles=[]):
        wide.stack.up()
        assert lent.host not in wide.docker_config(NAMESPACES[0])["auths"]
        assert len(wide.syncs()) == len(before) - 1
        assert not wide.syncs() & before
    assert wide.pull(image=lent.image).pulled
