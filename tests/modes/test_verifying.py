"""Images whose pull was tried at deploy time: exported with what became of them, and warned of where they don't pull."""

import json
from typing import Any

import pulumi
import pytest

from cluster.surroundings import Surroundings
from modes import by_cronjob, deliver
from modes.reaching import login_args
from settings import parse
from tests.components.recording import Recorder, record
from tests.modes.test_modes import args
from tests.settings.bad_configurations import GOOD

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
GOOD_IMAGE, BAD_IMAGE, SLOW_IMAGE, EMPTY = f"{HOST}/a:1", f"{HOST}/b:1", f"{HOST}/c:1", f"{HOST}/d"
IMAGES = [GOOD_IMAGE, BAD_IMAGE, SLOW_IMAGE, EMPTY]
FOUND = [
    {"image": GOOD_IMAGE, "status": "pulls"},
    {"image": BAD_IMAGE, "status": "refused", "detail": "403 on its manifest"},
    {"image": SLOW_IMAGE, "status": "unreachable", "detail": "no answer in 10 s"},
    {"image": EMPTY, "status": "empty"},
]
REPORT = json.dumps({"status": "refreshed", "images": FOUND})
REFUSED = (
    f"{BAD_IMAGE} could not be pulled with the login at deploy time: 403 on its manifest. The login is in place all the same; "
    "scheduled runs try again, and fail as long as it is so"
)
UNREACHABLE = f"whether {SLOW_IMAGE} can be pulled was not found out at deploy time: no answer in 10 s"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Level, text and the type of what it was said of."""
    heard: list[tuple[str, str, str]] = []
    for level in ("warn", "info"):

        def hear(text: str, resource: Any = None, level: str = level) -> None:
            heard.append((level, text, getattr(resource, "_type", "")))

        monkeypatch.setattr(pulumi.log, level, hear)
    return heard


def images_verified(monkeypatch: pytest.MonkeyPatch, mode: str, report: str, **keys: Any) -> Any:
    """The output of a stack whose refresher reported that, or None where it has no such output."""
    answer = Recorder.new_resource

    def answering(self: Recorder, asked: Any) -> tuple[str, dict[str, Any]]:
        made, outputs = answer(self, asked)
        return made, ({**outputs, "result": report} if "invocation" in asked.typ else outputs)

    monkeypatch.setattr(Recorder, "new_resource", answering)
    monkeypatch.setattr(by_cronjob, "report_of", lambda access, job, container: report)
    record()
    config = {f"everpull:{key}": json.dumps(value) for key, value in keys.items()}
    settings = parse({**GOOD, "everpull:mode": mode, **config}, "dev").of_account("123456789012", "amazonaws.com")
    outputs: dict[str, Any] = {}

    @pulumi.runtime.test
    def build() -> Any:
        made = deliver(
            settings, Surroundings(), {**args(settings), **login_args(settings, "aws")}, pulumi.ResourceOptions()
        )
        return pulumi.Output.all(**{k: v for k, v in made.items() if k == "imagesVerified"}).apply(outputs.update)

    build()
    return outputs.get("imagesVerified")


MODES = pytest.mark.parametrize("mode", ["lambda", "cronjob"])
TYPES = {"lambda": "everpull:index:LambdaDelivery", "cronjob": "everpull:index:CronJobDelivery"}


@MODES
def test_each_image_is_exported_with_its_status_and_warned_of_where_it_does_not_pull(
    monkeypatch: pytest.MonkeyPatch, said: list[tuple[str, str, str]], mode: str
) -> None:
    config = {"repositories": ["a", "b", "c", "d"], "verifyImages": IMAGES[:3]}
    exported = images_verified(monkeypatch, mode, REPORT, **config)
    assert exported == [{"image": entry["image"], "status": entry["status"]} for entry in FOUND[:3]]
    told = [entry for entry in said if entry[2] == TYPES[mode]]
    assert told == [
        ("warn", REFUSED, TYPES[mode]),
        ("warn", UNREACHABLE, TYPES[mode]),
        ("info", f"{EMPTY} holds no image that could be tried", TYPES[mode]),
    ]


@MODES
def test_auto_stands_for_every_repository_of_every_registry(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    report = json.dumps({"images": [{"image": f"{HOST}/{name}", "status": "pulls"} for name in ("a", "b")]})
    exported = images_verified(monkeypatch, mode, report, repositories=["a", "b"], verifyImages=["auto"])
    assert exported == [{"image": f"{HOST}/{name}", "status": "pulls"} for name in ("a", "b")]


@MODES
def test_without_images_there_is_no_such_output(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    assert images_verified(monkeypatch, mode, REPORT) is None


@MODES
def test_a_preview_says_nothing_of_what_the_last_deployment_found(
    monkeypatch: pytest.MonkeyPatch, said: list[tuple[str, str, str]], mode: str
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    exported = images_verified(monkeypatch, mode, REPORT, verifyImages=[BAD_IMAGE])
    assert exported == [{"image": BAD_IMAGE, "status": "refused"}]
    assert [text for _, text, _ in said if BAD_IMAGE in text] == []


@MODES
@pytest.mark.parametrize(
    "report", ["{", "[]", "null", "{}", '{"images": {}}', '{"images": [1]}', REPORT[:-9], json.dumps({"images": []})]
)
def test_a_report_that_does_not_tell_is_a_warning_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, said: list[tuple[str, str, str]], mode: str, report: str
) -> None:
    exported = images_verified(monkeypatch, mode, report, verifyImages=[GOOD_IMAGE, BAD_IMAGE])
    assert exported == [{"image": image, "status": "unknown"} for image in (GOOD_IMAGE, BAD_IMAGE)]
    untold = f"whether {GOOD_IMAGE} and 1 more can be pulled was not told by the run at deploy time"
    assert ("warn", untold, TYPES[mode]) in said


@MODES
def test_a_report_that_could_not_be_had_was_warned_of_by_who_looked(
    monkeypatch: pytest.MonkeyPatch, said: list[tuple[str, str, str]], mode: str
) -> None:
    assert images_verified(monkeypatch, mode, "", verifyImages=[BAD_IMAGE]) == [
        {"image": BAD_IMAGE, "status": "unknown"}
    ]
    assert [text for _, text, _ in said if BAD_IMAGE in text] == []
