"""By whose rights each registry's login is fetched."""

import json
from typing import Any

from modes.reaching import login_args, node_arns
from settings import Settings, parse
from tests.settings.bad_configurations import GOOD

OWN, OTHER = "123456789012", "222222222222"
HOST, THEIRS = (f"{account}.dkr.ecr.eu-central-1.amazonaws.com" for account in (OWN, OTHER))
ROLE = f"arn:aws:iam::{OTHER}:role/ecr-pull"


def settings(**keys: Any) -> Settings:
    config = {f"everpull:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}
    return parse({**GOOD, **config}, "dev").of_account(OWN, "amazonaws.com")


def arn(account: str, name: str, partition: str = "aws") -> str:
    return f"arn:{partition}:ecr:eu-central-1:{account}:repository/{name}"


def test_every_repository_of_every_registry_may_be_pulled() -> None:
    chosen = settings(registries=[HOST, THEIRS], repositories=["app", "team-a/*"])
    args = login_args(chosen, "aws")
    assert args["registries"] == [HOST, THEIRS]
    assert args["repository_arns"] == [arn(account, name) for account in (OWN, OTHER) for name in ("app", "team-a/*")]
    assert args.get("assume_roles") == []
    assert login_args(settings(), "aws-eusc")["repository_arns"] == [arn(OWN, "*", "aws-eusc")]


def test_what_a_role_fetches_the_login_for_is_left_to_the_roles_rights() -> None:
    chosen = settings(registries=[HOST, THEIRS], repositories=["app"], assumeRoles=[ROLE])
    args = login_args(chosen, "aws")
    assert args["registries"] == [HOST, THEIRS]
    assert args["repository_arns"] == [arn(OWN, "app")]
    assert args.get("assume_roles") == [ROLE]


def test_nodes_assume_no_role_and_may_pull_everywhere() -> None:
    chosen = settings(registries=[HOST, THEIRS], repositories=["app"], assumeRoles=[ROLE])
    assert node_arns(chosen, "aws") == ([arn(OWN, "app"), arn(OTHER, "app")], [])


def test_caches_are_filled_in_every_registry_but_those_that_a_role_fetches_the_login_for() -> None:
    keys = {"registries": [HOST, THEIRS], "pullThroughCaches": ["docker-hub", "quay/io/"]}
    in_both = [arn(account, name) for account in (OWN, OTHER) for name in ("docker-hub/*", "quay/io/*")]
    assert login_args(settings(**keys), "aws").get("pull_through_arns") == in_both
    chosen = settings(**keys, assumeRoles=[ROLE])
    assert login_args(chosen, "aws").get("pull_through_arns") == in_both[:2]
    assert node_arns(chosen, "aws")[1] == in_both


def test_a_cache_without_a_prefix_is_every_repository() -> None:
    assert login_args(settings(pullThroughCaches=["ROOT"]), "aws").get("pull_through_arns") == [arn(OWN, "*")]


def test_ecr_public_is_the_last_of_the_registries_and_no_repository_is_there() -> None:
    args = login_args(settings(ecrPublic="true"), "aws")
    assert args["registries"] == [HOST, "public.ecr.aws"]
    assert (args["repository_arns"], args.get("ecr_public")) == ([arn(OWN, "*")], True)
    assert login_args(settings(), "aws").get("ecr_public") is False


def test_images_are_handed_over_as_they_are_listed_and_nothing_may_be_looked_up_for_them() -> None:
    images = [f"{HOST}/app:1.0", f"{HOST}/app@sha256:{'0' * 64}", "public.ecr.aws/team-a/app:1"]
    args = login_args(settings(verifyImages=images, ecrPublic="true"), "aws")
    assert (args.get("verify_images"), args.get("may_list")) == (images, False)
    assert login_args(settings(), "aws").get("verify_images") == []


def test_auto_is_one_image_of_each_repository_in_each_private_registry() -> None:
    keys = {"registries": [HOST, THEIRS], "repositories": ["app", "team-a/app"], "verifyImages": ["auto"]}
    args = login_args(settings(**keys, assumeRoles=[ROLE], ecrPublic="true"), "aws")
    assert args.get("verify_images") == [
        *(f"{HOST}/{name}" for name in ("app", "team-a/app")),
        *(f"{THEIRS}/{name}" for name in ("app", "team-a/app")),
    ]
    assert args.get("may_list") is True
