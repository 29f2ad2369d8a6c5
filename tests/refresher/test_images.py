"""Images by name, and what is told of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.images import Image, Verdict, parse_image, refused

from tests.refresher.fakes import FRANKFURT

DIGEST = "sha256:" + "0123456789abcdef" * 4
APP = Image(f"{FRANKFURT}/app", FRANKFURT, "app", None)


@pytest.mark.parametrize(
    ("rest", "repository", "reference"),
    [
        ("app", "app", None),
        ("app:1.2", "app", "1.2"),
        (f"app@{DIGEST}", "app", DIGEST),
        (f"app:1.2@{DIGEST}", "app", DIGEST),
        ("team/a-b__c.d/app:_X-1", "team/a-b__c.d/app", "_X-1"),
        ("app:" + "x" * 128, "app", "x" * 128),
    ],
)
def test_an_image_is_a_registry_a_repository_and_what_is_asked_of_it(
    rest: str, repository: str, reference: str | None
) -> None:
    text = f"{FRANKFURT}/{rest}"
    assert parse_image(text) == Image(text, FRANKFURT, repository, reference)
    assert str(parse_image(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app",
        FRANKFURT,
        f"{FRANKFURT}/",
        f"https://{FRANKFURT}/app",
        f"{FRANKFURT}:443/app",
        f"{FRANKFURT}/App",
        f"{FRANKFURT}/app:",
        f"{FRANKFURT}/app:-1",
        f"{FRANKFURT}/app:" + "x" * 129,
        f"{FRANKFURT}/app@sha256:12",
        f"{FRANKFURT}/app@sha512:{'0' * 128}",
        f"{FRANKFURT}/a//b",
        f"{FRANKFURT}/app?x",
        f"{FRANKFURT}/../app",
        f"{FRANKFURT}/app \n",
    ],
)
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match="is not HOST/REPOSITORY, HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST"
    ):
        parse_image(text)


@given(text=st.from_regex(r"\A[a-z0-9.-]+/[a-z0-9._/-]+(:[\w.-]+)?\Z"))
def test_what_is_taken_is_fit_for_an_address(text: str) -> None:
    try:
        image = parse_image(text)
    except ValueError:
        return
    for part in (image.host, image.repository, image.reference or ""):
        assert not set(part) & set("?#%@ \n")
        assert ".." not in part.split("/")


def test_a_report_has_a_reason_only_where_there_is_one() -> None:
    assert Verdict(APP, "pulls").fields == {"image": f"{FRANKFURT}/app", "status": "pulls"}
    assert Verdict(APP, "refused", "why").fields == {"image": f"{FRANKFURT}/app", "status": "refused", "detail": "why"}


def test_only_refusals_are_an_error_and_each_is_named() -> None:
    others = [Verdict(APP, "pulls"), Verdict(APP, "empty", "e"), Verdict(APP, "unreachable", "u")]
    assert refused(others) is None
    error = refused([Verdict(APP, "refused", "first"), *others, Verdict(APP, "refused", "second")])
    assert str(error) == f"2 of 5 images can't be pulled: {APP}: first; {APP}: second"


@pytest.mark.parametrize("heals", [[False, False], [False, True], [True, True]])
def test_a_refusal_may_heal_if_any_of_them_may(heals: list[bool]) -> None:
    error = refused([Verdict(APP, "refused", "why", may_heal) for may_heal in heals])
    assert error is not None
    assert error.rights_missing is any(heals)
