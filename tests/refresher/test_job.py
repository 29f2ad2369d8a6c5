"""What environment and event may say, and what is refused."""

from typing import Any

import pytest
from refresher.errors import ConfigurationError
from refresher.job import Job, read_job
from refresher.wanted import Wanted

from tests.refresher.fakes import FRANKFURT, VIRGINIA, registries

WANTED = Wanted(registries(FRANKFURT, VIRGINIA), {})
ENVIRONMENT = {"EVERPULL_SECRET_ID": "arn:secret", "EVERPULL_REGISTRIES": f"{FRANKFURT},{VIRGINIA}", "PATH": "/bin"}


def test_an_empty_event_is_a_plain_refresh() -> None:
    expected = Job("arn:secret", WANTED, False, "unspecified", 0)
    assert read_job(ENVIRONMENT, {}) == expected


def test_every_field_is_taken_over() -> None:
    event = {"force": True, "reason": "deploy", "awaitRightsSeconds": 90, "imagesMayFail": True}
    assert read_job(ENVIRONMENT, event) == Job("arn:secret", WANTED, True, "deploy", 90, True)


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({"force": "true"}, "force in the event must be true or false"),
        ({"force": 1}, "force in the event must be true or false"),
        ({"force": None}, "force in the event must be true or false"),
        ({"imagesMayFail": 0}, "imagesMayFail in the event must be true or false"),
        ({"reason": 7}, "reason in the event must be text of at most 200 characters"),
        ({"reason": "x" * 201}, "reason in the event must be text of at most 200 characters"),
        ({"awaitRightsSeconds": "90"}, "awaitRightsSeconds in the event must be a whole number from 0 to 900"),
        ({"awaitRightsSeconds": 1.5}, "awaitRightsSeconds in the event must be a whole number from 0 to 900"),
        ({"awaitRightsSeconds": True}, "awaitRightsSeconds in the event must be a whole number from 0 to 900"),
        ({"awaitRightsSeconds": -1}, "awaitRightsSeconds in the event must be a whole number from 0 to 900"),
        ({"awaitRightsSeconds": 901}, "awaitRightsSeconds in the event must be a whole number from 0 to 900"),
        (
            {"Force": True, "x": 1},
            "unknown in the event: Force, x; known are awaitRightsSeconds, force, imagesMayFail, reason",
        ),
        (None, "the event must be a JSON object"),
        ([], "the event must be a JSON object"),
        ("force", "the event must be a JSON object"),
    ],
)
def test_a_faulty_event_is_refused(event: Any, fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_job(ENVIRONMENT, event)
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    "empty", [{}, {"EVERPULL_SECRET_ID": "", "EVERPULL_REGISTRIES": " , "}], ids=["unset", "blank"]
)
def test_all_faults_are_listed_at_once(empty: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_job(empty, {"force": "yes", "reason": 1, "awaitRightsSeconds": -1, "detail": {}})
    assert str(caught.value).split("; ") == [
        "EVERPULL_SECRET_ID is not set",
        "it names the secret to keep",
        "EVERPULL_REGISTRIES is not set",
        "it lists registry hosts with commas between",
        "force in the event must be true or false",
        "reason in the event must be text of at most 200 characters",
        "awaitRightsSeconds in the event must be a whole number from 0 to 900",
        "unknown in the event: detail",
        "known are awaitRightsSeconds, force, imagesMayFail, reason",
    ]
