"""Whose rights fetch the logins: the same of the function's role and of the CronJob's user, and told to both refreshers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.logins import LoginArgs, login_environment, login_rights
from components.policy import PULL_ACTIONS, PolicyTooLong
from tests.components import cron_job
from tests.components.recording import ACCOUNT, Recorder
from tests.components.test_lambda_delivery import built as built_lambda
from tests.components.test_lambda_delivery import hub_name

OTHER = "222222222222"
HOST, THEIRS = (f"{account}.dkr.ecr.eu-central-1.amazonaws.com" for account in (ACCOUNT, OTHER))
ROLE = f"arn:aws:iam::{OTHER}:role/ecr-pull"
REPOSITORIES = [f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/team-a/*"]
CACHE = f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/docker-hub/*"

# Of each mode: a delivery, the policy of its refresher's principal, and the environment that its refresher gets.
Mode = tuple[Callable[..., Recorder], str, Callable[[Recorder], dict[str, str]]]


def of_function(recorder: Recorder) -> dict[str, str]:
    return recorder.one("function:Function").inputs["environment"]["variables"]


def of_cron_job(recorder: Recorder) -> dict[str, str]:
    (container,) = recorder.one(":CronJob").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item["value"] for item in container["env"] if "value" in item}


MODES: dict[str, Mode] = {
    "lambda": (built_lambda, "RolePolicy", of_function),
    "cronjob": (cron_job.built, "UserPolicy", of_cron_job),
}
# What the function's role may besides.
NOT_OF_LOGINS = {"WriteLog", "KeepLogin", "BuryFailures"}


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    return MODES[request.param]


def rights(mode: Mode, **more: Any) -> dict[str, Any]:
    built, policy, _ = mode
    statements = built(**more).statements(policy)
    return {sid: statement for sid, statement in statements.items() if sid not in NOT_OF_LOGINS}


def told(mode: Mode, **more: Any) -> dict[str, str]:
    built, _, environment = mode
    return {name: value for name, value in environment(built(**more)).items() if name.startswith("EVERPULL_")}


def test_roles_are_assumed_and_no_others(mode: Mode) -> None:
    granted = rights(mode, registries=[HOST, THEIRS], assume_roles=[ROLE])
    assert granted["AssumeRoles"] == {
        "Sid": "AssumeRoles",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole"],
        "Resource": [ROLE],
    }
    assert granted.keys() == {"FetchLogin", "PullWithIt", "AssumeRoles"}
    assert granted["PullWithIt"]["Resource"] == REPOSITORIES


def test_who_fetches_no_login_itself_may_neither_fetch_nor_pull(mode: Mode) -> None:
    assert rights(mode, registries=[THEIRS], repository_arns=[], assume_roles=[ROLE]).keys() == {"AssumeRoles"}


def test_caches_may_be_filled_and_what_they_hold_be_pulled(mode: Mode) -> None:
    granted = rights(mode, pull_through_arns=[CACHE])
    assert granted.keys() == {"FetchLogin", "PullWithIt", "PullThrough"}
    assert granted["PullWithIt"]["Resource"] == REPOSITORIES
    assert granted["PullThrough"]["Action"] == [*PULL_ACTIONS, "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]
    assert granted["PullThrough"]["Resource"] == [CACHE]


def test_to_try_any_image_of_a_repository_takes_the_right_to_list_them(mode: Mode) -> None:
    tried = {"verify_images": [f"{HOST}/team-a/app"]}
    granted = rights(mode, **tried, may_list=True, pull_through_arns=[CACHE])
    assert granted["PullWithIt"]["Action"] == [*PULL_ACTIONS, "ecr:ListImages"]
    assert "ecr:ListImages" not in granted["PullThrough"]["Action"]
    assert rights(mode, **tried)["PullWithIt"]["Action"] == list(PULL_ACTIONS)


def test_ecr_public_takes_two_rights_more_that_know_no_resource(mode: Mode) -> None:
    granted = rights(mode, registries=[HOST, "public.ecr.aws"], ecr_public=True)
    assert granted.keys() == {"FetchLogin", "PullWithIt", "FetchPublicLogin"}
    assert granted["FetchPublicLogin"]["Action"] == ["ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"]
    assert granted["FetchPublicLogin"]["Resource"] == ["*"]
    assert "Condition" not in granted["FetchPublicLogin"]
    assert told(mode, registries=[HOST, "public.ecr.aws"])["EVERPULL_REGISTRIES"] == f"{HOST},public.ecr.aws"


def test_the_refresher_is_told_of_roles_and_of_nothing_that_is_empty(mode: Mode) -> None:
    assert told(mode, registries=[HOST, THEIRS], assume_roles=[ROLE])["EVERPULL_ASSUME_ROLES"] == ROLE
    both = told(mode, registries=[HOST, THEIRS], assume_roles=[ROLE, f"{ROLE}2"])
    assert both["EVERPULL_ASSUME_ROLES"] == f"{ROLE},{ROLE}2"
    assert both["EVERPULL_REGISTRIES"] == f"{HOST},{THEIRS}"
    assert told(mode).keys() & {"EVERPULL_ASSUME_ROLES", "EVERPULL_VERIFY_IMAGES"} == set()
    images = [f"{HOST}/a:1", f"{HOST}/b@sha256:{'0' * 64}"]
    assert told(mode, verify_images=images)["EVERPULL_VERIFY_IMAGES"] == ",".join(images)


def test_another_role_is_another_run_of_the_function_and_another_hub() -> None:
    """The hub would else hold the login of before for a quarter of an hour more."""
    before, after = (built_lambda(registries=[HOST, THEIRS], assume_roles=roles) for roles in ([ROLE], [f"{ROLE}2"]))
    assert before.one("Invocation").inputs["triggers"] != after.one("Invocation").inputs["triggers"]
    assert hub_name(before) != hub_name(after)


def test_another_role_is_another_first_run_of_the_cron_job() -> None:
    before, after = (
        cron_job.physical(cron_job.built(registries=[HOST, THEIRS], assume_roles=roles), "Job", "-first-run")
        for roles in ([ROLE], [f"{ROLE}2"])
    )
    assert before != after


TRIED = {"verify_images": [f"{HOST}/a:1"]}


def test_images_that_do_not_pull_do_not_keep_a_deployment_from_its_end() -> None:
    event = json.loads(built_lambda(**TRIED).one("Invocation").inputs["input"])
    assert event["imagesMayFail"] is True
    assert "imagesMayFail" not in json.loads(built_lambda().one("Invocation").inputs["input"])
    for recorder, expected in ((cron_job.built(**TRIED), True), (cron_job.built(), False)):
        for job in recorder.all(":Job"):
            (container,) = job.inputs["spec"]["template"]["spec"]["containers"]
            assert ("--images-may-fail" in container["args"]) is expected, job.name
        scheduled = recorder.one(":CronJob").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        assert "--images-may-fail" not in scheduled["containers"][0]["args"]


def test_other_images_are_another_run_at_deploy_time_and_the_same_hub() -> None:
    before, after = built_lambda(), built_lambda(**TRIED)
    assert before.one("Invocation").inputs["triggers"] != after.one("Invocation").inputs["triggers"]
    assert hub_name(before) == hub_name(after)
    names = [
        cron_job.physical(cron_job.built(**more), "Job", "-first-run")
        for more in ({}, TRIED, {"verify_images": [f"{HOST}/a:2"]}, {**TRIED, "may_list": True})
    ]
    assert len(set(names)) == 4


def test_a_policy_that_is_too_long_names_every_key_that_makes_it_so() -> None:
    roles = [f"arn:aws:iam::{number:012}:role/ecr-pull" for number in range(60)]
    with pytest.raises(PolicyTooLong, match=r"rights on everpull:repositories and everpull:assumeRoles, in all"):
        cron_job.built(assume_roles=roles)
    with pytest.raises(PolicyTooLong, match=r"rights on everpull:assumeRoles, in all"):
        cron_job.built(assume_roles=roles, repository_arns=[])
    caches = [CACHE.replace("docker-hub", f"docker-hub{number}") for number in range(30)]
    with pytest.raises(PolicyTooLong, match=r"rights on everpull:repositories and everpull:pullThroughCaches, in all"):
        cron_job.built(pull_through_arns=caches)


def test_the_order_of_rights_is_fixed_so_that_nothing_changes_by_itself() -> None:
    args: LoginArgs = {
        "registries": [HOST],
        "repository_arns": REPOSITORIES,
        "pull_through_arns": [CACHE],
        "assume_roles": [ROLE],
        "ecr_public": True,
    }
    order = ["FetchLogin", "PullWithIt", "PullThrough", "AssumeRoles", "FetchPublicLogin"]
    assert [right["Sid"] for right in login_rights(args)] == order
    assert json.dumps(login_environment(args)) == json.dumps(
        {"EVERPULL_REGISTRIES": HOST, "EVERPULL_ASSUME_ROLES": ROLE}
    )
