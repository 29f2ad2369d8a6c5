"""What only one mode needs, one class a mode."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import alarms, pods, rules, schedules, schema, values
from .alarms import AlarmSettings, Pace
from .pods import Toleration
from .reach import Problem
from .reader import Reader, command
from .refused import Refused
from .rules import RuleSettings


@dataclass(frozen=True)
class LambdaSettings:
    """What only mode `lambda` needs. Intervals and the schedule's `period` are in seconds. No alarms or rules are None.

    `trigger` is one of schema.TRIGGERS, `schedule` the rate expression of either. `kms_key` is an ARN, empty for AWS's own
    keys.
    """

    trigger: str
    schedule: str
    sync_interval: int
    fan_out_interval: int
    log_retention_days: int
    reserved_concurrency: int
    period: int
    alarms: AlarmSettings | None
    rules: RuleSettings | None
    recovery_days: int
    kms_key: str


@dataclass(frozen=True)
class CronJobSettings:
    """What only mode `cronjob` needs.

    `schedule` is a cron expression in UTC; `period` (between two of its firings) and `run_deadline` are in seconds.
    """

    schedule: str
    period: int
    run_deadline: int
    image: str
    image_pull_policy: str
    node_selector: tuple[tuple[str, str], ...]
    tolerations: tuple[Toleration, ...]


@dataclass(frozen=True)
class GeneratorSettings:
    """What only mode `generator` needs. Intervals are in seconds. No rules are None."""

    renew_interval: int
    fan_out_interval: int
    rules: RuleSettings | None


@dataclass(frozen=True)
class NodeRoleSettings:
    """Mode `node-role` needs nothing that only it needs. Nothing is delivered."""


Delivery = LambdaSettings | CronJobSettings | GeneratorSettings | NodeRoleSettings


def read_lambda(reader: Reader, _owner: str) -> LambdaSettings:
    """The settings of mode `lambda`; faults are noted in the reader."""
    trigger = reader.one_of("trigger", schema.TRIGGERS)
    rotates = trigger == "rotation"
    rate = _rotation(reader) if rotates else reader.value("schedule", schedules.rate, computed=schema.SCHEDULE)
    minutes = schedules.rate_minutes(rate)
    settings = LambdaSettings(
        trigger=trigger,
        schedule=rate,
        sync_interval=reader.value("syncInterval", values.duration_seconds),
        fan_out_interval=reader.value("fanOutInterval", values.duration_seconds),
        log_retention_days=reader.value("logRetentionDays", values.log_retention_days),
        reserved_concurrency=reader.value("reservedConcurrency", values.reserved_concurrency),
        period=minutes * 60,
        alarms=alarms.read(reader, _rotation_pace(minutes) if rotates else Pace(minutes, schema.RENEW_AT_MINUTES_LEFT)),
        rules=rules.read(reader),
        recovery_days=reader.value("recoveryDays", values.recovery_days),
        kms_key=reader.value("kmsKey", lambda raw: values.kms_key(raw) if raw else ""),
    )
    _refuse_a_key_elsewhere(reader, settings.kms_key)
    if reader.text("scope") == "cluster":
        # What runs the refresher is said elsewhere (see too_late).
        return settings
    delays = {
        "schedule": settings.period,
        "syncInterval": settings.sync_interval,
        "fanOutInterval": settings.fan_out_interval,
    }
    words = (
        f"with schedule {settings.schedule}, syncInterval {reader.text('syncInterval')} and fanOutInterval "
        f"{reader.text('fanOutInterval')}"
    )
    _refuse(reader, delays, _old_login(delays, words) if rotates else _gap(delays, words))
    return settings


def read_cronjob(reader: Reader, owner: str) -> CronJobSettings:
    """The settings of mode `cronjob`; faults are noted in the reader. `owner` decides at which minute it runs."""
    rate = reader.value("schedule", schedules.rate_of_cron, computed=schema.SCHEDULE)
    settings = CronJobSettings(
        schedule=schedules.cron(rate, owner),
        period=schedules.rate_minutes(rate) * 60,
        run_deadline=schema.RUN_DEADLINE_MINUTES * 60,
        image=reader.value("image", pods.image, computed=schema.DEFAULT_IMAGE),
        image_pull_policy=reader.value("imagePullPolicy", pods.image_pull_policy),
        node_selector=reader.value("nodeSelector", pods.node_selector),
        tolerations=reader.value("tolerations", pods.tolerations),
    )
    delays = {"schedule": settings.period}
    words = f"with schedule {rate} and up to {schema.RUN_DEADLINE_MINUTES} minutes for a run"
    _refuse(reader, delays, _gap(delays, words, settings.run_deadline))
    return settings


def read_generator(reader: Reader, _owner: str) -> GeneratorSettings:
    """The settings of mode `generator`; faults are noted in the reader.

    A new login is read twice in the cluster, by the hub and by each namespace, both as often as `fanOutInterval` says.
    """
    settings = GeneratorSettings(
        renew_interval=reader.value("renewInterval", _at_half_life),
        fan_out_interval=reader.value("fanOutInterval", values.duration_seconds),
        rules=rules.read(reader),
    )
    delays = {"fanOutInterval": 2 * settings.fan_out_interval}
    _refuse(
        reader,
        delays,
        _gap(delays, f"with fanOutInterval {reader.text('fanOutInterval')}, by which the hub reads too,"),
    )
    return settings


def _at_half_life(raw: str) -> int:
    seconds = values.duration_seconds(raw)
    most = schema.LOGIN_LIFE_MINUTES - schema.RENEW_AT_MINUTES_LEFT
    if seconds > most * 60:
        raise Refused(
            "is longer than half of a login's 12 hours, so an operator that is down for the other half leaves dead logins",
            f"at most {most // 60}h",
        )
    return seconds


def read_node_role(_reader: Reader, _owner: str) -> NodeRoleSettings:
    """The settings of mode `node-role`."""
    return NodeRoleSettings()


# A reader for each row of the validity table.
READERS: dict[str, Callable[[Reader, str], Delivery]] = {
    "lambda": read_lambda,
    "cronjob": read_cronjob,
    "generator": read_generator,
    "node-role": read_node_role,
}


def _refuse_a_key_elsewhere(reader: Reader, key: str) -> None:
    """Each of the services takes keys of its own region only."""
    if not key or not reader.sound("aws:region", "kmsKey"):
        return
    region, there = reader.region(), key.split(":")[3]
    if there != region:
        reader.refuse(
            "kmsKey",
            f"is a key of region {there}, and what it is for is in aws:region {region}",
            f"a key of {region}, such as a replica of a multi-Region key",
            f"aws kms list-keys --region {region}",
        )


def _rotation(reader: Reader) -> str:
    usual = schema.ROTATION_SCHEDULE
    return reader.value("schedule", schedules.rate_of_rotation, computed=usual, example=usual)


def _rotation_pace(minutes: int) -> Pace:
    """A rotation begins at any time of its window, and renews each time."""
    return Pace(minutes + schema.ROTATION_WINDOW_MINUTES, schema.LOGIN_LIFE_MINUTES)


def partitions(settings: Delivery) -> dict[str, dict[str, str]]:
    """For each key, the partition by what it means."""
    key = settings.kms_key if isinstance(settings, LambdaSettings) else ""
    return {"kmsKey": {key: key.split(":")[1]} if key else {}}


def too_late(settings: LambdaSettings, stack: str, trigger: str, schedule: str) -> Problem | None:
    """What lets logins die in pods where another `stack` runs the refresher, by that trigger and as often as that.

    Raises Refused for a schedule that is none.
    """
    delays = {"syncInterval": settings.sync_interval, "fanOutInterval": settings.fan_out_interval}
    period = schedules.rate_minutes(schedules.rate(schedule)) * 60
    words = (
        f"with schedule {schedule} of stack {stack}, {settings.sync_interval} s of syncInterval and "
        f"{settings.fan_out_interval} s of fanOutInterval"
    )
    return (_old_login if trigger == "rotation" else _gap)(delays, words, period)


def _refuse(reader: Reader, delays: Mapping[str, int], found: Problem | None) -> None:
    if found and reader.sound(*delays):
        usual = schema.ROTATION_SCHEDULE if found.key == "schedule" and reader.text("trigger") == "rotation" else None
        reader.refuse(found.key, found.problem, found.allowed, usual and command(found.key, usual))


def _gap(delays: Mapping[str, int], words: str, more: int = 0) -> Problem | None:
    """Between the renewal threshold and expiry all delays must fit, with the grace to spare.

    `delays` are seconds by the key that sets them, `more` is seconds that no key of the stack sets.
    """
    worst = math.ceil((sum(delays.values()) + more) / 60)
    room = schema.RENEW_AT_MINUTES_LEFT - schema.GRACE_MINUTES
    if worst <= room:
        return None
    return _longest(
        delays,
        f"{words} a renewed login can take {worst} minutes to reach the pods, and {room} are safe",
        f"together at most {room} minutes (half of a login's 12 hours, less an hour of grace)",
    )


def _old_login(delays: Mapping[str, int], words: str, more: int = 0) -> Problem | None:
    """Each rotation renews, fresh or not, so a login need not be half gone first: it must live from one rotation to the next
    and on until the pods have that one's, with the grace to spare.

    Two rotations are a rate apart, and a window if the first comes at the beginning of its own and the second at the end:
    rate + window + syncInterval + fanOutInterval + grace <= 12 hours. `delays` and `more` are as for _gap.
    """
    age = math.ceil((sum(delays.values()) + more) / 60) + schema.ROTATION_WINDOW_MINUTES
    room = schema.LOGIN_LIFE_MINUTES - schema.GRACE_MINUTES
    if age <= room:
        return None
    return _longest(
        delays,
        f"{words} a login can be {age} minutes old before the pods have the next one, since a rotation may begin an hour "
        f"late, and {room} are safe",
        f"together at most {room - schema.ROTATION_WINDOW_MINUTES} minutes (a login's 12 hours, less that hour and one of "
        "grace)",
    )


def _longest(delays: Mapping[str, int], problem: str, allowed: str) -> Problem:
    key = max(delays, key=lambda key: delays[key])
    return Problem(key, f"{delays[key]}s", problem, allowed)
