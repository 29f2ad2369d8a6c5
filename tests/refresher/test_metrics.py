"""What a run of the Lambda function is measured by: the line that CloudWatch Logs makes metrics of."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from refresher import __main__ as job_entry
from refresher import handler
from refresher.errors import ConfigurationError, DeniedError, ImagesRefusedError, OddAnswerError, UnexpectedError
from refresher.metrics import Measured, tell

from tests.refresher.api_server import ApiServer
from tests.refresher.aws_server import AwsServer, Refusal
from tests.refresher.conftest import Lines
from tests.refresher.fakes import CANARY, FRANKFURT, VIRGINIA
from tests.refresher.registry_server import Registry, denied
from tests.refresher.test_handler import Context, only_in

NOW = datetime(2026, 5, 1, 12, 0, 0, 250000, tzinfo=UTC)
DENIED = Refusal("AccessDeniedException", "User: arn:aws:sts::1:role is not authorized to perform: service:Action")
HOUR = 3600


def told(measured: Lines) -> tuple[int, int | None]:
    """Of the one line: whether it was refreshed, and the life that remains."""
    (line,) = measured()
    return line["Refreshed"], line.get("RemainingLoginLife")


def test_a_line_is_as_the_specification_of_the_embedded_metric_format_says(measured: Lines) -> None:
    tell({"EVERPULL_METRICS": "on"}, "a-function", Measured(True, NOW + timedelta(hours=7)), NOW)
    (line,) = measured()
    assert line == {
        "timestamp": "2026-05-01T12:00:00.250Z",
        "level": "INFO",
        "event": "metrics",
        "_aws": {
            "Timestamp": 1777636800250,
            "CloudWatchMetrics": [
                {
                    "Namespace": "everpull",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [
                        {"Name": "Refreshed", "Unit": "Count"},
                        {"Name": "RemainingLoginLife", "Unit": "Seconds"},
                    ],
                }
            ],
        },
        "FunctionName": "a-function",
        "Refreshed": 1,
        "RemainingLoginLife": 7 * HOUR,
    }


def test_every_metric_that_is_announced_has_a_value_and_the_other_way_round(measured: Lines) -> None:
    tell({"EVERPULL_METRICS": "on"}, "a-function", Measured(), NOW)
    (line,) = measured()
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "Refreshed", "Unit": "Count"}]
    assert "RemainingLoginLife" not in line


def test_a_login_that_is_dead_has_no_life_left_and_no_less(measured: Lines) -> None:
    tell({"EVERPULL_METRICS": "on"}, "a-function", Measured(False, NOW - timedelta(hours=1)), NOW)
    assert told(measured) == (0, 0)


def test_a_run_that_renews_tells_the_new_logins_life(function: AwsServer, measured: Lines) -> None:
    handler.handle({}, Context())
    (line,) = measured()
    assert (line["Refreshed"], line["FunctionName"]) == (1, "everpull-dev-refresh-function")
    assert 12 * HOUR - 10 <= line["RemainingLoginLife"] <= 12 * HOUR
    assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60


def test_a_run_that_finds_a_fresh_login_has_refreshed(function: AwsServer, measured: Lines) -> None:
    handler.handle({}, Context())
    measured()
    handler.handle({}, Context())
    refreshed, life = told(measured)
    assert (refreshed, life is not None and life > 11 * HOUR) == (1, True)


def near_its_end(function: AwsServer) -> int:
    """A secret whose login has about two hours left, and when it dies."""
    end = int(time.time()) + 2 * HOUR
    function.expires_at, usual = end, function.expires_at
    handler.handle({}, Context())
    function.expires_at = usual
    return end


@pytest.mark.parametrize("action", ["GetAuthorizationToken", "PutSecretValue"])
def test_a_run_that_fails_tells_how_long_the_last_good_login_lives(
    function: AwsServer, measured: Lines, action: str
) -> None:
    end = near_its_end(function)
    measured()
    function.answers[action] = lambda call: DENIED
    with pytest.raises(DeniedError):
        handler.handle({"force": True}, Context())
    refreshed, life = told(measured)
    assert (refreshed, life is not None and abs(end - time.time() - life) < 60) == (0, True)


def test_of_several_logins_the_first_to_die_counts(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch, measured: Lines
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
    end = near_its_end(function)
    measured()
    only_in(function, "eu-central-1")
    with pytest.raises(OddAnswerError):
        handler.handle({"force": True}, Context())
    refreshed, life = told(measured)
    assert (refreshed, life is not None and abs(end - time.time() - life) < 60) == (0, True)


def test_a_secret_that_can_not_be_read_has_no_life_that_is_known(function: AwsServer, measured: Lines) -> None:
    function.answers["GetSecretValue"] = lambda call: DENIED
    with pytest.raises(DeniedError):
        handler.handle({}, Context())
    assert told(measured) == (0, None)


def test_a_run_that_fails_before_any_call_is_told_too(function: AwsServer, measured: Lines) -> None:
    with pytest.raises(ConfigurationError):
        handler.handle({"detail": {}}, Context())
    assert told(measured) == (0, None)


def test_a_fault_of_the_refresher_is_told_without_what_it_quotes(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch, measured: Lines
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(handler, "refresh", broken)
    with pytest.raises(UnexpectedError):
        handler.handle({}, Context())
    (line,) = measured()
    assert line["Refreshed"] == 0
    assert CANARY not in json.dumps(line)


def test_an_image_that_is_refused_fails_the_run_although_the_login_is_in_place(
    function: AwsServer, registry: Registry, monkeypatch: pytest.MonkeyPatch, measured: Lines
) -> None:
    monkeypatch.setenv("EVERPULL_VERIFY_IMAGES", f"{FRANKFURT}/app:1")
    registry.script = lambda path: denied("no", 404) if "manifests" in path else None
    with pytest.raises(ImagesRefusedError):
        handler.handle({}, Context())
    assert told(measured)[0] == 1


@pytest.mark.parametrize("level", ["WARN", "ERROR", "FATAL"])
def test_it_is_told_whatever_the_functions_log_level_is(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch, measured: Lines, level: str
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", level)
    handler.handle({}, Context())
    assert told(measured)[0] == 1


def test_nothing_is_told_where_nobody_wants_it(
    function: AwsServer, monkeypatch: pytest.MonkeyPatch, measured: Lines
) -> None:
    monkeypatch.delenv("EVERPULL_METRICS")
    handler.handle({}, Context())
    assert measured() == []


def test_the_cronjob_tells_none(cronjob: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    job_entry.main([], os.environ)
    printed: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed
    assert not [line for line in printed if "_aws" in line]
