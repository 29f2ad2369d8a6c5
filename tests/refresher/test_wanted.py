"""Which registries are to be logged in to, and as whom: what the environment may say, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.registries import PUBLIC
from refresher.wanted import Wanted, read_wanted

from tests.refresher.fakes import FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA, groups, registries

OURS = "arn:aws:iam::123456789012:role/pull"
THEIRS = "arn:aws:iam::210987654321:role/teams/ecr-pull"
LISTED = f"{FRANKFURT},{FRANKFURT_OTHER_ACCOUNT}"


def read(**environment: str) -> Wanted:
    faults: list[str] = []
    wanted = read_wanted({f"EVERPULL_{name}": value for name, value in environment.items()}, faults)
    assert faults == []
    return wanted


def faults(**environment: str) -> list[str]:
    found: list[str] = []
    read_wanted({f"EVERPULL_{name}": value for name, value in environment.items()}, found)
    return found


def test_spaces_empty_parts_and_repetitions_do_no_harm() -> None:
    wanted = read(REGISTRIES=f" {VIRGINIA} ,,{FRANKFURT},{VIRGINIA},", ASSUME_ROLES=f",{OURS} , {OURS}")
    assert wanted == Wanted(registries(VIRGINIA, FRANKFURT), {"123456789012": OURS})
    assert wanted.hosts == (VIRGINIA, FRANKFURT)


@pytest.mark.parametrize("roles", [{}, {"ASSUME_ROLES": ""}, {"ASSUME_ROLES": " , "}], ids=["unset", "empty", "blank"])
def test_without_roles_everything_is_fetched_as_oneself(roles: dict[str, str]) -> None:
    assert read(REGISTRIES=LISTED, **roles).groups == groups(FRANKFURT, FRANKFURT_OTHER_ACCOUNT)


def test_a_role_logs_in_to_the_registries_of_its_own_account() -> None:
    wanted = read(REGISTRIES=f"{LISTED},{VIRGINIA}", ASSUME_ROLES=THEIRS)
    assert [(group.hosts, group.role) for group in wanted.groups] == [
        ((FRANKFURT,), None),
        ((FRANKFURT_OTHER_ACCOUNT,), THEIRS),
        ((VIRGINIA,), None),
    ]


@pytest.mark.parametrize("arn", [OURS, OURS.replace("aws", "aws-cn", 1), OURS.replace("pull", "a/b_c+=.@-d")])
def test_a_role_of_any_partition_and_path_is_taken(arn: str) -> None:
    assert set(read(REGISTRIES=FRANKFURT, ASSUME_ROLES=arn).roles) == {"123456789012"}


@given(order=st.permutations([FRANKFURT, "public.ecr.aws", VIRGINIA]))
def test_ecr_public_is_never_the_main_registry_beside_another(order: list[str]) -> None:
    wanted = read(REGISTRIES=",".join(order))
    assert wanted.registries[-1] == PUBLIC
    assert [host for host in order if host != PUBLIC.host] == list(wanted.hosts[:-1])


def test_ecr_public_may_be_the_only_registry() -> None:
    assert read(REGISTRIES="public.ecr.aws").registries == (PUBLIC,)


def test_images_are_those_of_the_registries_once_each() -> None:
    images = f" {FRANKFURT}/app:1 ,,public.ecr.aws/alias/app@sha256:{'0' * 64},{FRANKFURT}/app,{FRANKFURT}/app:1"
    wanted = read(REGISTRIES=f"{FRANKFURT},public.ecr.aws", VERIFY_IMAGES=images)
    assert [str(image) for image in wanted.images] == [
        f"{FRANKFURT}/app:1",
        f"public.ecr.aws/alias/app@sha256:{'0' * 64}",
        f"{FRANKFURT}/app",
    ]
    assert [image.reference for image in wanted.images] == ["1", f"sha256:{'0' * 64}", None]


@pytest.mark.parametrize(
    ("images", "fault"),
    [
        ("app", "'app' is not HOST/REPOSITORY, HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST"),
        (f"{VIRGINIA}/app", f"{VIRGINIA}/app is in a registry that EVERPULL_REGISTRIES does not list"),
    ],
)
def test_an_image_that_cannot_be_tried_is_refused(images: str, fault: str) -> None:
    assert faults(REGISTRIES=FRANKFURT, VERIFY_IMAGES=images) == [f"EVERPULL_VERIFY_IMAGES: {fault}"]


def test_each_host_that_is_no_registry_is_named() -> None:
    found = faults(REGISTRIES=f"docker.io,{FRANKFURT},https://{VIRGINIA}")
    assert [fault.split("'")[1] for fault in found] == ["docker.io", f"https://{VIRGINIA}"]


@pytest.mark.parametrize(
    ("roles", "fault"),
    [
        *(
            (arn, f"{arn!r} is not the ARN of a role (arn:aws:iam::ACCOUNT:role/NAME)")
            for arn in (
                "pull",
                "arn:aws:iam::123456789012:user/pull",
                "arn:aws:iam::12345:role/pull",
                "arn:aws:iam:eu-central-1:123456789012:role/pull",
                "arn:aws:sts::123456789012:assumed-role/pull/session",
                "arn:aws:iam::123456789012:role/",
                "arn:aws:iam::123456789012:role/*",
                f"{OURS} x",
            )
        ),
        (
            f"{OURS},{OURS}-too",
            f"{OURS} and {OURS}-too are both of account 123456789012; name one of them",
        ),
        (
            "arn:aws:iam::555555555555:role/pull",
            "arn:aws:iam::555555555555:role/pull is of account 555555555555, of which there is no registry",
        ),
    ],
)
def test_a_role_that_is_of_no_use_is_refused(roles: str, fault: str) -> None:
    assert faults(REGISTRIES=FRANKFURT, ASSUME_ROLES=roles) == [f"EVERPULL_ASSUME_ROLES: {fault}"]
