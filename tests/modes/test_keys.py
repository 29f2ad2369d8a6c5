"""The access key as the settings say: refused where there is no room for it, warned of when it is old."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pulumi
import pytest

from cluster.earlier_identity import Runs
from cluster.surroundings import Surroundings
from components.aws_reads import Access, Finding
from modes import by_cronjob, deliver, keys
from settings import ConfigurationError, Settings, parse
from tests.components.recording import Recorder, record
from tests.modes.test_modes import args
from tests.settings.bad_configurations import GOOD

MODES = pytest.mark.parametrize("mode", ["lambda", "cronjob"])
DELIVERY = {"lambda": "everpull:index:LambdaDelivery", "cronjob": "everpull:index:CronJobDelivery"}


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was warned of, with the type of the resource that it was said of."""
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(
        pulumi.log, "warn", lambda text, resource=None: said.append((text, getattr(resource, "_type", "")))
    )
    return said


def settings(**more: str) -> Settings:
    return parse({**GOOD, **{f"everpull:{key}": value for key, value in more.items()}}, "dev")


def delivered(chosen: Settings) -> Recorder:
    recorder = record()

    @pulumi.runtime.test
    def build() -> Any:
        return pulumi.Output.all(**deliver(chosen, Surroundings(), args(chosen), pulumi.ResourceOptions()))

    build()
    return recorder


@MODES
def test_the_generation_arrives_and_the_engine_asks_before_it_makes_the_key(mode: str) -> None:
    recorder = delivered(settings(mode=mode, accessKeyGeneration="7"))
    assert recorder.one(":AccessKey").name == "everpull-dev-cluster-key-7"
    hooks = recorder.request("everpull-dev-cluster-key-7").hooks
    assert list(hooks.before_create) == ["everpull-dev-cluster-key-before"]


WAITED_FOR = {
    "lambda": ["everpull-dev-sync-hub"],
    "cronjob": ["everpull-dev-refresh-first-run", "everpull-dev-refresh-hand-over"],
}


@MODES
def test_the_engine_asks_before_it_makes_what_a_killed_run_may_have_left(mode: str) -> None:
    """What is waited for, so that a run is likely to be killed while the state does not have it."""
    recorder = delivered(settings(mode=mode))
    for name in WAITED_FOR[mode]:
        assert list(recorder.request(name).hooks.before_create) == [f"{name}-before"]


def look(monkeypatch: pytest.MonkeyPatch, found: Finding | None) -> list[Any]:
    asked: list[Any] = []

    def check(user: str, generation: int, looked_at: Any) -> Finding | None:
        asked.append((user, generation, looked_at._access))
        return found

    monkeypatch.setattr(keys, "check_room", check)
    return asked


def test_the_users_keys_are_looked_at_as_who_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = look(monkeypatch, None)
    chosen = parse({**GOOD, "aws:profile": "deploys", "everpull:accessKeyGeneration": "3"}, "dev")
    before = keys.key_args(chosen).get("before_key")
    assert before
    before("somebody")
    assert asked == [("somebody", 3, Access("eu-central-1", "deploys"))]


def test_a_key_without_room_is_a_fault_of_its_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    look(monkeypatch, Finding("generation", "3", "asks for a third key", "two", "aws iam delete-access-key"))
    before = keys.key_args(settings(accessKeyGeneration="3")).get("before_key")
    assert before
    with pytest.raises(ConfigurationError) as caught:
        before("somebody")
    assert str(caught.value) == (
        "the configuration of stack dev has 1 fault:\n"
        "  1. everpull:accessKeyGeneration = 3\n"
        "     asks for a third key\n"
        "     allowed: two\n"
        "     example: aws iam delete-access-key"
    )


@pytest.fixture
def made_days_ago(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the age of the key that the state holds."""
    answer = Recorder.new_resource

    def set_age(days: float) -> None:
        created = f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"

        def answering(self: Recorder, asked: Any) -> tuple[str, dict[str, Any]]:
            made, outputs = answer(self, asked)
            return made, {**outputs, "createDate": created} if asked.typ.endswith(":AccessKey") else outputs

        monkeypatch.setattr(Recorder, "new_resource", answering)

    return set_age


@MODES
@pytest.mark.parametrize("preview", [True, False])
def test_a_key_that_is_older_than_its_limit_is_warned_of_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, warnings: list[tuple[str, str]], made_days_ago: Any, mode: str, preview: bool
) -> None:
    made_days_ago(91.5)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    delivered(settings(mode=mode, accessKeyMaxAgeDays="90", accessKeyGeneration="4"))
    text = (
        "the cluster's access key is 91 days old, and everpull:accessKeyMaxAgeDays is 90: pulumi config set "
        "everpull:accessKeyGeneration 5, then pulumi up, moves the cluster to a new one"
    )
    assert [entry for entry in warnings if "access key is" in entry[0]] == [(text, DELIVERY[mode])]


@pytest.mark.parametrize(("days", "limit"), [(90.5, "90"), (89.0, "90"), (5000.0, "0")])
def test_a_younger_key_and_one_without_a_limit_are_not(
    warnings: list[tuple[str, str]], made_days_ago: Any, days: float, limit: str
) -> None:
    made_days_ago(days)
    delivered(settings(accessKeyMaxAgeDays=limit))
    assert not [text for text, _ in warnings if "access key is" in text]


def test_the_cron_job_is_exported_once_no_run_needs_an_earlier_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    recorder = record()

    async def let_go(_: Settings, runs: Runs, patience: float) -> None:
        changed = [item.name for item in recorder.all(":CronJob")]
        asked.append((runs, patience, changed))

    monkeypatch.setattr(by_cronjob, "when_let_go", let_go)
    chosen = settings(mode="cronjob", accessKeyGeneration="2")
    outputs: dict[str, Any] = {}

    @pulumi.runtime.test
    def build() -> Any:
        made = deliver(chosen, Surroundings(), args(chosen), pulumi.ResourceOptions())
        return pulumi.Output.all(cronJob=made["cronJob"]).apply(outputs.update)

    build()
    assert outputs == {"cronJob": "everpull-dev/refresher"}
    ((runs, patience, changed),) = asked
    assert (runs.cron_job, patience, changed) == ("everpull-dev/refresher", 600, ["everpull-dev-refresh-cron-job"])
    first_run = recorder.one(":Job", "-first-run").inputs
    assert first_run["metadata"]["name"].startswith(f"{runs.at_deploy_time}-")
    (container,) = first_run["spec"]["template"]["spec"]["containers"]
    assert [item["name"] for item in container["env"] if item["name"] in runs.variables] == ["AWS_ACCESS_KEY_ID"]
