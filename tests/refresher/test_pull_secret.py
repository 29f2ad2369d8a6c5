"""The Secret that pods pull with: how it is written, and what is made of one that anybody may have edited."""

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.core import Held, Login, Renewal, docker_config, is_fresh
from refresher.pull_secret import CONTENT, EXPIRES_AT, REFRESHED_AT, held_in, manifest

from tests.refresher.fakes import CANARY, FRANKFURT, LIFE, NOW, VIRGINIA
from tests.refresher.secrets import CLUSTER_OWNER, HOSTS, LABELS, NAME, OWNER, RENEWAL, controller, ours
from tests.refresher.test_document_properties import hosts, lives, moments, passwords, usernames, values

CONFIG = docker_config(RENEWAL.logins)
TIMES = '"expiresAt":"2026-11-24T00:00:00Z","refreshedAt":"2026-11-23T12:00:00Z"'


def fresh(secret: dict[str, Any], now: datetime = NOW, registries: tuple[str, ...] = HOSTS) -> bool:
    return is_fresh(held_in(secret, LABELS, OWNER), registries, now)


def annotated(**changes: Any) -> dict[str, Any]:
    """Ours with these annotations changed."""
    keys = {"expires": EXPIRES_AT, "refreshed": REFRESHED_AT, "content": CONTENT}
    annotations = dict(ours()["metadata"]["annotations"])
    annotations.update({keys[name]: value for name, value in changes.items()})
    return ours(annotations=annotations)


def with_data(config: str | bytes) -> dict[str, Any]:
    encoded = base64.b64encode(config if isinstance(config, bytes) else config.encode()).decode()
    return ours(data={".dockerconfigjson": encoded})


def test_the_secret_is_what_we_own_of_it_and_nothing_else() -> None:
    assert manifest("team-a", NAME, LABELS, OWNER, RENEWAL, None) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": NAME,
            "namespace": "team-a",
            "labels": LABELS,
            "annotations": {
                "everpull/expires-at": "2026-11-24T00:00:00Z",
                "everpull/refreshed-at": "2026-11-23T12:00:00Z",
                "everpull/logins": f'[{{"registries":["{FRANKFURT}"],{TIMES}}},{{"registries":["{VIRGINIA}"],{TIMES}}}]',
                "everpull/content": hashlib.sha256(CONFIG.encode()).hexdigest(),
            },
            "ownerReferences": [
                {
                    "apiVersion": "rbac.authorization.k8s.io/v1",
                    "kind": "Role",
                    "name": NAME,
                    "uid": OWNER.uid,
                }
            ],
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(CONFIG.encode()).decode()},
    }


def test_a_secret_that_is_replaced_is_named_by_its_version() -> None:
    made: Any = manifest("team-a", NAME, LABELS, OWNER, RENEWAL, "4711")
    assert made["metadata"]["resourceVersion"] == "4711"


def test_what_was_written_is_held() -> None:
    assert held_in(ours(), LABELS, OWNER) == Held(RENEWAL.logins)


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (ours(), True),
        (ours(labels={**LABELS, "theirs": "x"}), True),
        (ours(ownerReferences=[controller(), *ours()["metadata"]["ownerReferences"]]), True),
        (ours(annotations={**ours()["metadata"]["annotations"], "theirs": "x"}), True),
        (ours(labels={"app.kubernetes.io/name": "everpull"}), False),
        (ours(labels=None), False),
        (ours(ownerReferences=[controller()]), False),
        (ours(ownerReferences=None), False),
        (ours(annotations=None), False),
        (annotated(content="0" * 64), False),
        (annotated(content=None), False),
        (annotated(expires="tomorrow"), False),
        (annotated(expires="2026-11-26T00:00:00Z"), False),
        (annotated(expires=None), False),
        (annotated(refreshed="2026-11-23T12:00:01Z"), False),
        (annotated(refreshed=None), False),
        (with_data(CONFIG + " "), False),
        (with_data(docker_config(RENEWAL.logins[:1])), False),
        (with_data(b"\xff"), False),
        (ours(data={".dockerconfigjson": "no base64"}), False),
        (ours(data={".dockerconfigjson": None}), False),
        (ours(data={}), False),
        (ours(data=None), False),
    ],
    ids=[
        *("as written", "other labels", "another owner", "other annotations", "a label less", "no label"),
        *("not our owner", "no owner", "no annotation", "another content", "no content", "no time", "lives too long"),
        *("no expiry", "from the future", "from nowhere", "a space more", "a registry less", "not text", "not base64"),
        *("null", "no key", "no data"),
    ],
)
def test_a_secret_is_fresh_only_if_all_of_it_is_as_it_was_written(secret: dict[str, Any], expected: bool) -> None:
    assert fresh(secret) is expected


@pytest.mark.parametrize(
    ("secret", "flaw"),
    [
        (ours(annotations=None), "no login of ours"),
        (annotated(content="0" * 64), "data that somebody else changed"),
        (ours(labels=None), "not our labels"),
    ],
    ids=["no annotation", "another content", "no label"],
)
def test_the_logins_of_a_secret_that_may_be_somebody_elses_are_held_without_an_age(
    secret: dict[str, Any], flaw: str
) -> None:
    undated = tuple(Login(login.registries, "AWS", login.password, None) for login in RENEWAL.logins)
    assert held_in(secret, LABELS, OWNER) == Held(undated, flaw=flaw)


def test_a_secret_that_only_lost_its_owner_keeps_what_it_says_of_its_logins() -> None:
    assert held_in(ours(ownerReferences=None), LABELS, OWNER) == Held(RENEWAL.logins, flaw="not our owner")


def test_a_secret_of_another_owner_of_ours_is_due() -> None:
    assert not is_fresh(held_in(ours(), LABELS, CLUSTER_OWNER), HOSTS, NOW)


def test_a_secret_for_other_registries_is_due() -> None:
    assert fresh(ours(), registries=(VIRGINIA, FRANKFURT))
    assert not fresh(ours(), registries=(FRANKFURT,))
    assert not fresh(ours(), registries=(*HOSTS, FRANKFURT.replace("1234", "9999")))


def test_a_secret_is_due_at_half_of_its_life() -> None:
    assert fresh(ours(), NOW + timedelta(hours=5, minutes=59))
    assert not fresh(ours(), NOW + timedelta(hours=6))


def test_an_edit_that_fits_in_itself_fools_only_the_namespace_it_was_made_in() -> None:
    config = docker_config([Login(HOSTS, "AWS", "theirs", NOW + LIFE)])
    edited = with_data(config)
    annotations = {**edited["metadata"]["annotations"], CONTENT: hashlib.sha256(config.encode()).hexdigest()}
    edited["metadata"]["annotations"] = annotations
    assert fresh(edited)
    edited["metadata"]["annotations"] = {**annotations, EXPIRES_AT: "2126-11-24T00:00:00Z"}
    assert not fresh(edited)


def test_what_is_held_does_not_show_its_passwords() -> None:
    assert CANARY not in repr(held_in(ours(), LABELS, OWNER))


@given(now=moments, life=lives, hosts=hosts, username=usernames, password=passwords)
def test_what_was_just_written_is_fresh(
    now: datetime, life: timedelta, hosts: list[str], username: str, password: str
) -> None:
    renewal = Renewal((Login(tuple(hosts), username, password, now + life, now),))
    secret = json.loads(json.dumps(manifest("team-a", NAME, LABELS, OWNER, renewal, None)))
    assert is_fresh(held_in(secret, LABELS, OWNER), hosts, now)


@given(
    changes=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("data", "annotations", "labels", "ownerReferences"), values)
    )
)
def test_nothing_but_what_we_wrote_is_fresh(changes: dict[str, Any]) -> None:
    assert fresh(ours(**changes)) is (not changes)


@given(secret=st.dictionaries(st.sampled_from(["metadata", "data"]), values))
def test_any_object_is_read(secret: dict[str, Any]) -> None:
    assert not fresh(secret)
