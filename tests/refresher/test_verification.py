"""Images that are tried at the end of a run, by both entries: with which login, and what a refusal does."""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from refresher import __main__ as job_entry
from refresher import handler
from refresher.errors import DeniedError, ImagesRefusedError

from tests.refresher.api_server import ApiServer
from tests.refresher.aws_server import AwsServer, Call, Refusal
from tests.refresher.conftest import Lines
from tests.refresher.fakes import CANARY, FRANKFURT, VIRGINIA
from tests.refresher.registry_server import LAYER, Registry, Reply, denied
from tests.refresher.secrets import logins_in, targets_file
from tests.refresher.test_handler import Context

USER = "arn:aws:iam::123456789012:user/x"
REPOSITORY = "arn:aws:ecr:eu-central-1:123456789012:repository/app"
REFUSAL = denied(
    f"User: {USER} is not authorized to perform: ecr:BatchGetImage on resource: {REPOSITORY} because no resource-based policy"
    " allows the ecr:BatchGetImage action"
)
TOLD = (
    f"ecr:BatchGetImage was denied to {USER} on {REPOSITORY}: allow that principal ecr:BatchGetImage in the policy of"
    f" {REPOSITORY}"
)
APP, OTHER, ANY = f"{FRANKFURT}/app:1", f"{VIRGINIA}/other:2", f"{FRANKFURT}/any"
Images = Callable[..., None]


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> Images:
    """Makes the run try these images."""

    def want(*images: str) -> None:
        monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
        monkeypatch.setenv("EVERPULL_VERIFY_IMAGES", ",".join(images))

    return want


def refusing(registry: Registry, path: str, reply: Reply = REFUSAL) -> None:
    registry.script = lambda asked: reply if path in asked else None


def basic(region: str) -> str:
    return "Basic " + base64.b64encode(f"AWS:{CANARY}-{region}".encode()).decode()


def test_each_image_is_tried_with_the_login_that_was_just_written(
    function: AwsServer, registry: Registry, wanted: Images
) -> None:
    wanted(OTHER, APP, ANY)
    result = handler.handle({}, Context())
    assert result["images"] == [{"image": image, "status": "pulls"} for image in (OTHER, APP, ANY)]
    assert sorted(registry.asked) == sorted(
        [
            f"{FRANKFURT} /v2/any/tags/list?n=100",
            f"{FRANKFURT} /v2/any/manifests/1",
            f"{FRANKFURT} /v2/any/blobs/{LAYER}",
            f"{FRANKFURT} /v2/app/manifests/1",
            f"{FRANKFURT} /v2/app/blobs/{LAYER}",
            f"{VIRGINIA} /v2/other/manifests/2",
            f"{VIRGINIA} /v2/other/blobs/{LAYER}",
        ]
    )
    for asked, authorization in zip(registry.asked, registry.authorizations, strict=True):
        assert authorization == basic("eu-central-1" if asked.startswith(FRANKFURT) else "us-east-1")


def test_a_run_that_finds_all_fresh_tries_the_images_with_what_is_held(
    function: AwsServer, registry: Registry, wanted: Images, lines: Lines
) -> None:
    wanted(APP)
    handler.handle({}, Context())
    function.calls.clear()
    function.password = "another"
    lines()
    result = handler.handle({}, Context())
    assert (result["status"], result["images"]) == ("fresh", [{"image": APP, "status": "pulls"}])
    assert function.actions() == ["GetSecretValue"]
    assert set(registry.authorizations) == {basic("eu-central-1")}
    (line,) = lines()
    assert (line["level"], line["images"]) == ("INFO", result["images"])


def test_without_images_no_registry_is_asked(function: AwsServer, registry: Registry, wanted: Images) -> None:
    wanted()
    assert "images" not in handler.handle({}, Context())
    assert registry.asked == []


def test_a_refused_image_fails_the_run_after_the_write(
    function: AwsServer, registry: Registry, wanted: Images, lines: Lines
) -> None:
    wanted(APP, OTHER)
    refusing(registry, "/app/")
    with pytest.raises(ImagesRefusedError) as caught:
        handler.handle({}, Context())
    assert str(caught.value) == f"1 of 2 images can't be pulled: {APP}: {TOLD}"
    assert function.actions()[-1] == "PutSecretValue"
    of_image, last = lines()
    assert {key: of_image[key] for key in ("level", "event", "requestId", "image", "status", "detail")} == {
        "level": "ERROR",
        "event": "image",
        "requestId": "9c1e-request",
        "image": APP,
        "status": "refused",
        "detail": TOLD,
    }
    assert (last["errorType"], last["error"]) == ("ImagesRefusedError", str(caught.value))


def test_a_refused_image_may_be_allowed_to_be(
    function: AwsServer, registry: Registry, wanted: Images, lines: Lines
) -> None:
    wanted(APP, OTHER)
    refusing(registry, "/app/")
    result = handler.handle({"imagesMayFail": True}, Context())
    assert result["images"] == [
        {"image": APP, "status": "refused", "detail": TOLD},
        {"image": OTHER, "status": "pulls"},
    ]
    assert [(line["event"], line["level"]) for line in lines()] == [("image", "WARNING"), ("refresh", "INFO")]


@pytest.mark.parametrize(
    ("path", "reply", "status", "level"),
    [
        ("/app/", Reply(500), "unreachable", "WARNING"),
        ("/tags/", Reply(200, {"tags": []}), "empty", "INFO"),
    ],
)
def test_an_image_that_cannot_be_tried_is_told_and_no_failure(
    function: AwsServer,
    registry: Registry,
    wanted: Images,
    lines: Lines,
    path: str,
    reply: Reply,
    status: str,
    level: str,
) -> None:
    wanted(APP, ANY)
    refusing(registry, path, reply)
    images: Any = handler.handle({}, Context())["images"]
    (told,) = [verdict for verdict in images if verdict["status"] != "pulls"]
    assert told["status"] == status
    line, _ = lines()
    assert (line["event"], line["level"], line["status"]) == ("image", level, status)


def test_a_login_that_failed_is_the_error_and_the_images_are_tried_all_the_same(
    function: AwsServer, registry: Registry, wanted: Images, lines: Lines
) -> None:
    wanted(APP, OTHER)
    refusing(registry, "/app/")
    function.answers["GetAuthorizationToken"] = lambda call: (
        Refusal("AccessDeniedException") if call.region == "us-east-1" else function._GetAuthorizationToken(call)
    )
    with pytest.raises(DeniedError, match=f"there is no live login for {VIRGINIA}"):
        handler.handle({}, Context())
    *of_images, last = lines()
    assert {line["image"]: line["detail"] for line in of_images} == {
        APP: TOLD,
        OTHER: f"there is no login for {VIRGINIA}",
    }
    assert last["errorType"] == "DeniedError"


def test_when_nothing_is_held_nothing_is_tried(
    function: AwsServer, registry: Registry, wanted: Images, lines: Lines
) -> None:
    wanted(APP)
    function.answers["GetSecretValue"] = lambda call: Refusal("AccessDeniedException")
    with pytest.raises(DeniedError):
        handler.handle({}, Context())
    assert (registry.asked, len(lines())) == ([], 1)


def test_a_right_that_arrives_late_is_waited_for_and_the_rest_is_not_tried_again(
    function: AwsServer, registry: Registry, wanted: Images, no_sleep: list[float]
) -> None:
    wanted(APP, OTHER)
    left = [REFUSAL] * 3
    registry.script = lambda path: left.pop() if left and "/app/" in path else None
    images: Any = handler.handle({"awaitRightsSeconds": 90, "imagesMayFail": True}, Context())["images"]
    assert [verdict["status"] for verdict in images] == ["pulls", "pulls"]
    assert no_sleep == [1, 2, 4]
    assert [asked.split()[0] for asked in registry.asked].count(VIRGINIA) == 2
    assert function.actions().count("PutSecretValue") == 1


def test_a_right_that_does_not_arrive_is_told_when_patience_ends(
    function: AwsServer, registry: Registry, wanted: Images, no_sleep: list[float]
) -> None:
    wanted(APP)
    refusing(registry, "/app/")
    result = handler.handle({"awaitRightsSeconds": 90, "imagesMayFail": True}, Context())
    assert result["images"] == [{"image": APP, "status": "refused", "detail": TOLD}]
    assert sum(no_sleep) == pytest.approx(90)


def test_patience_is_the_same_for_logins_and_images(
    function: AwsServer, registry: Registry, wanted: Images, no_sleep: list[float]
) -> None:
    wanted(APP)
    refusing(registry, "/app/")
    left = [Refusal("AccessDeniedException")] * 3
    function.answers["GetAuthorizationToken"] = lambda call: (
        left.pop() if left else function._GetAuthorizationToken(call)
    )
    handler.handle({"awaitRightsSeconds": 30, "imagesMayFail": True}, Context())
    assert sum(no_sleep) == pytest.approx(30)


def test_what_is_tried_is_what_was_written_at_last(
    function: AwsServer, registry: Registry, wanted: Images, no_sleep: list[float]
) -> None:
    wanted(APP)
    left = [Refusal("AccessDeniedException")]

    def put(call: Call) -> Any:
        if left:
            function.password = f"{CANARY}-second"
            return left.pop()
        return function._PutSecretValue(call)

    function.answers["PutSecretValue"] = put
    handler.handle({"awaitRightsSeconds": 90}, Context())
    assert json.loads(str(function.secret))["password"] == f"{CANARY}-second-eu-central-1"
    assert set(registry.authorizations) == {basic("second-eu-central-1")}


def test_an_image_that_is_not_there_is_not_waited_for(
    function: AwsServer, registry: Registry, wanted: Images, no_sleep: list[float]
) -> None:
    wanted(APP)
    refusing(registry, "/app/", Reply(404))
    handler.handle({"awaitRightsSeconds": 90, "imagesMayFail": True}, Context())
    assert no_sleep == []


def test_a_function_with_hardly_any_time_does_not_begin(
    function: AwsServer, registry: Registry, wanted: Images, no_sleep: list[float]
) -> None:
    wanted(APP)
    images: Any = handler.handle({}, Context(seconds=10))["images"]
    assert images == [{"image": APP, "status": "unreachable", "detail": f"{FRANKFURT}: there was no time left to ask"}]
    assert registry.asked == []


@pytest.fixture
def message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The container's termination message, with something in it."""
    path = tmp_path / "termination-log"
    path.write_text("x" * 5000)
    monkeypatch.setattr(job_entry, "_MESSAGE", path)
    return path


def run(*arguments: str) -> int:
    return job_entry.main(arguments, os.environ)


def test_a_cronjob_tries_each_image_once_for_all_namespaces(
    cronjob: ApiServer, aws: AwsServer, registry: Registry, wanted: Images, lines: Lines, message: Path
) -> None:
    wanted(APP, OTHER)
    assert run() == 0
    assert len(registry.asked) == 4
    assert set(registry.authorizations) == {basic("eu-central-1"), basic("us-east-1")}
    (report,) = lines()
    assert report["images"] == [{"image": APP, "status": "pulls"}, {"image": OTHER, "status": "pulls"}]
    left = json.loads(message.read_text())
    assert left == {key: value for key, value in report.items() if key not in ("timestamp", "level", "event")}
    assert run() == 0
    assert (lines()[-1]["status"], len(registry.asked)) == ("fresh", 8)


def test_a_cronjob_fails_for_a_refused_image_once_all_namespaces_are_served(
    cronjob: ApiServer, aws: AwsServer, registry: Registry, wanted: Images, lines: Lines, message: Path
) -> None:
    wanted(APP, OTHER)
    refusing(registry, "/app/")
    assert run() == 1
    assert len(cronjob.secrets) == 2
    of_image, report = lines()
    assert (of_image["level"], of_image["image"], of_image["detail"]) == ("ERROR", APP, TOLD)
    assert (report["level"], report["status"], report["served"]) == ("ERROR", "refreshed", 2)
    assert (report["errorType"], report["error"]) == (
        "ImagesRefusedError",
        f"1 of 2 images can't be pulled: {APP}: {TOLD}",
    )
    assert report["images"][0] == {"image": APP, "status": "refused", "detail": TOLD}
    assert json.loads(message.read_text())["images"] == report["images"]


def test_a_cronjob_may_be_told_to_go_on(
    cronjob: ApiServer, registry: Registry, wanted: Images, lines: Lines, message: Path
) -> None:
    wanted(APP)
    refusing(registry, "/app/")
    assert run("--images-may-fail") == 0
    of_image, report = lines()
    assert (of_image["level"], report["level"], "error" in report) == ("WARNING", "INFO", False)
    assert json.loads(message.read_text())["images"] == [{"image": APP, "status": "refused", "detail": TOLD}]


def test_a_cronjobs_login_that_failed_comes_first(
    cronjob: ApiServer, aws: AwsServer, registry: Registry, wanted: Images, lines: Lines
) -> None:
    wanted(APP)
    refusing(registry, "/app/")
    aws.answers["GetAuthorizationToken"] = lambda call: (
        Refusal("AccessDeniedException") if call.region == "us-east-1" else aws._GetAuthorizationToken(call)
    )
    assert run() == 1
    report = lines()[-1]
    assert (report["errorType"], report["images"][0]["status"]) == ("DeniedError", "refused")


def test_a_cronjob_waits_for_a_right_to_pull(
    cronjob: ApiServer, registry: Registry, wanted: Images, no_sleep: list[float]
) -> None:
    wanted(APP)
    left = [REFUSAL] * 3
    registry.script = lambda path: left.pop() if left else None
    assert run("--await-rights", "90") == 0
    assert no_sleep == [1, 2, 4]


def test_a_cronjobs_patience_is_the_same_for_logins_and_images(
    cronjob: ApiServer, aws: AwsServer, registry: Registry, wanted: Images, no_sleep: list[float]
) -> None:
    wanted(APP)
    refusing(registry, "/app/")
    left = [Refusal("AccessDeniedException")] * 3
    aws.answers["GetAuthorizationToken"] = lambda call: left.pop() if left else aws._GetAuthorizationToken(call)
    assert run("--await-rights", "30") == 1
    assert sum(no_sleep) == pytest.approx(30)


def test_what_one_namespace_says_of_its_own_login_is_not_what_is_tried(
    cronjob: ApiServer, aws: AwsServer, registry: Registry, wanted: Images
) -> None:
    wanted(APP)
    Path(os.environ["EVERPULL_TARGETS"]).write_text(targets_file("team-a", "team-b", "team-c"))
    run()
    aws.password = "forged"
    Path(os.environ["EVERPULL_TARGETS"]).write_text(targets_file("team-a"))
    run("--force")
    assert logins_in(cronjob.secrets["team-a"])[FRANKFURT] == "AWS:forged-eu-central-1"
    registry.authorizations.clear()
    Path(os.environ["EVERPULL_TARGETS"]).write_text(targets_file("team-a", "team-b", "team-c"))
    run()
    assert set(registry.authorizations) == {basic("eu-central-1")}


@pytest.mark.parametrize("arguments", [["--unknown"], []], ids=["not understood", "failed"])
def test_the_message_of_a_run_that_failed_is_its_report(
    cronjob: ApiServer, aws: AwsServer, lines: Lines, message: Path, arguments: list[str]
) -> None:
    aws.answers["GetAuthorizationToken"] = lambda call: Refusal("AccessDeniedException")
    assert run(*arguments) > 0
    report = lines()[-1]
    left = json.loads(message.read_text())
    assert (left["status"], left["errorType"], left["error"]) == ("failed", report["errorType"], report["error"])


def test_where_there_is_no_message_to_leave_none_is_made(
    cronjob: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_entry, "_MESSAGE", tmp_path / "none")
    assert run() == 0
    assert not (tmp_path / "none").exists()
