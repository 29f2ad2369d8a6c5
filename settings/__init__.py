"""The stack's settings: read once, checked as a whole, frozen.

`load()` is the only reader of stack configuration in the program. A faulty configuration raises one ConfigurationError that
lists every fault.
"""

import difflib
import json
import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pulumi

from lambda_src.refresher.registries import Registry

from . import schema, values
from .faults import ConfigurationError, Fault

__all__ = ["ClusterAccess", "ConfigurationError", "Fault", "LambdaSettings", "Settings", "load", "parse"]

T = TypeVar("T")


@dataclass(frozen=True)
class ClusterAccess:
    """How the Kubernetes provider reaches the cluster: its own `kubernetes:` keys, None where they are not set."""

    kubeconfig: str | None
    context: str | None


@dataclass(frozen=True)
class LambdaSettings:
    """What only mode `lambda` needs. Intervals are in seconds."""

    system_namespace: str
    schedule: str
    sync_interval: int
    fan_out_interval: int
    log_retention_days: int
    reserved_concurrency: int


@dataclass(frozen=True)
class Settings:
    """A whole stack. `registries` is empty when the deploying account's own registry is meant."""

    stack: str
    region: str
    mode: str
    identity: str
    registries: tuple[Registry, ...]
    repositories: tuple[str, ...]
    namespaces: tuple[str, ...]
    pull_secret_name: str
    delivery: LambdaSettings
    cluster: ClusterAccess

    @property
    def owner(self) -> str:
        """Name of what must be unique in the cluster, and the default of what should be."""
        return f"{schema.PROJECT}-{_slug(self.stack)}"

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every Kubernetes object of this stack; what lacks them was made by something else."""
        return {"app.kubernetes.io/name": schema.PROJECT, "app.kubernetes.io/instance": _slug(self.stack)}


def load() -> Settings:
    """The settings of the stack that the engine is running. Raises ConfigurationError."""
    return parse(
        pulumi.runtime.get_config_env(),
        pulumi.get_stack(),
        secret_keys=pulumi.runtime.get_config_secret_keys_env(),
    )


def parse(config: Mapping[str, str], stack: str, secret_keys: Sequence[str] = ()) -> Settings:
    """Settings from raw config (`namespace:key` to text, lists as JSON). Raises ConfigurationError.

    Values of `secret_keys` are never shown in a fault.
    """
    reader = _Reader(config, secret_keys)
    reader.refuse_unknown_keys()
    mode = reader.one_of("mode", tuple(schema.MODES))
    identity = reader.one_of("identity", schema.MODES[mode].identities)
    owner = f"{schema.PROJECT}-{_slug(stack)}"
    settings = Settings(
        stack=stack,
        region=reader.region(),
        mode=mode,
        identity=identity,
        registries=reader.value("registries", values.registries),
        repositories=reader.value("repositories", values.repositories),
        namespaces=reader.value("namespaces", values.namespaces),
        pull_secret_name=reader.value("pullSecretName", values.secret_name, computed=owner),
        delivery=LambdaSettings(
            system_namespace=reader.value("systemNamespace", values.namespace, computed=owner),
            schedule=reader.value("schedule", values.rate),
            sync_interval=reader.value("syncInterval", values.duration_seconds),
            fan_out_interval=reader.value("fanOutInterval", values.duration_seconds),
            log_retention_days=reader.value("logRetentionDays", values.log_retention_days),
            reserved_concurrency=reader.value("reservedConcurrency", values.reserved_concurrency),
        ),
        cluster=ClusterAccess(kubeconfig=config.get("kubernetes:kubeconfig"), context=config.get("kubernetes:context")),
    )
    _refuse_a_gap(reader, settings.delivery)
    _refuse_a_shared_system_namespace(reader, settings)
    if reader.faults:
        raise ConfigurationError(stack, reader.faults)
    return settings


def _refuse_a_gap(reader: "_Reader", chosen: LambdaSettings) -> None:
    """Between the renewal threshold and expiry, one tick and both syncs must fit, with the grace to spare."""
    if not reader.sound("schedule", "syncInterval", "fanOutInterval"):
        return
    seconds = {
        "schedule": values.rate_minutes(chosen.schedule) * 60,
        "syncInterval": chosen.sync_interval,
        "fanOutInterval": chosen.fan_out_interval,
    }
    worst = math.ceil(sum(seconds.values()) / 60)
    room = schema.RENEW_AT_MINUTES_LEFT - schema.GRACE_MINUTES
    if worst > room:
        reader.refuse(
            max(seconds, key=lambda key: seconds[key]),
            f"with schedule {chosen.schedule}, syncInterval {reader.text('syncInterval')} and fanOutInterval "
            f"{reader.text('fanOutInterval')} a renewed login can take {worst} minutes to reach the pods, and {room} are safe",
            f"together at most {room} minutes (half of a login's 12 hours, less an hour of grace)",
        )


def _refuse_a_shared_system_namespace(reader: "_Reader", settings: Settings) -> None:
    if settings.delivery.system_namespace in settings.namespaces and reader.sound("namespaces", "systemNamespace"):
        reader.refuse(
            "systemNamespace",
            "is also in everpull:namespaces, but whoever may run pods there could mount the AWS credentials it holds",
            "a namespace of its own, which everpull makes",
        )


def _slug(stack: str) -> str:
    """The stack's name as part of a Kubernetes name, with `everpull-` within the 63 characters of a label."""
    return re.sub("[^a-z0-9]+", "-", stack.lower()).strip("-")[:54].strip("-")


class _Reader:
    """Takes values out of raw config and collects what is wrong with them.

    A faulty value is read as its key's example, so that the checks behind it still run; `parse` raises before any use.
    """

    def __init__(self, config: Mapping[str, str], secret_keys: Sequence[str]) -> None:
        self._config = config
        self._secret_keys = frozenset(secret_keys)
        self.faults: list[Fault] = []
        self._faulty: set[str] = set()

    def sound(self, *keys: str) -> bool:
        return self._faulty.isdisjoint(keys)

    def value(self, key: str, check: Callable[[str], T], computed: str | None = None) -> T:
        text = self.text(key) or computed or ""
        try:
            return check(text)
        except values.Refused as refused:
            self.refuse(key, refused.problem, refused.allowed)
            return check(_as_text(schema.KEYS[key].example))

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        text = self.text(key)
        if text in allowed:
            return text
        near = difflib.get_close_matches(text, allowed, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        self.refuse(key, f"is not one that everpull knows{guess}", ", ".join(allowed))
        return allowed[0]

    def region(self) -> str:
        """The AWS provider's own key. Required, so that a stack never lands where a shell happens to point."""
        key, example = "aws:region", "eu-central-1"
        text = self._config.get(key)
        try:
            if text is None:
                raise values.Refused(
                    "decides where the secret and the function live", "a region code, such as eu-central-1"
                )
            return values.region(text)
        except values.Refused as refused:
            self._add(key, refused.problem, refused.allowed, f"pulumi config set {key} {example}")
            return example

    def refuse(self, key: str, problem: str, allowed: str) -> None:
        self._faulty.add(key)
        self._add(f"{schema.PROJECT}:{key}", problem, allowed, _command(key))

    def refuse_unknown_keys(self) -> None:
        for full in sorted(self._config):
            project, _, key = full.partition(":")
            if project != schema.PROJECT or key in schema.KEYS:
                continue
            near = difflib.get_close_matches(key, schema.KEYS, n=1, cutoff=0.5)
            allowed = f"{schema.PROJECT}:{near[0]}" if near else ", ".join(sorted(schema.KEYS))
            self._add(full, "is not a key of everpull", allowed, f"pulumi config rm {full}")

    def text(self, key: str) -> str:
        """The key's value as the engine hands it over, or its default."""
        return self._config.get(f"{schema.PROJECT}:{key}", _as_text(schema.KEYS[key].default))

    def _add(self, full: str, problem: str, allowed: str, example: str) -> None:
        value = "[secret]" if full in self._secret_keys else self._config.get(full)
        self.faults.append(Fault(full, value, problem, allowed, example))


def _as_text(value: object) -> str:
    """A value as the engine would hand it over: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _command(key: str) -> str:
    """The command that sets the key to its example."""
    example = schema.KEYS[key].example
    full = f"{schema.PROJECT}:{key}"
    if isinstance(example, list):
        return f"pulumi config set --path '{full}[0]' '{example[0]}'"
    return f"pulumi config set {full} {shlex.quote(_as_text(example))}"
