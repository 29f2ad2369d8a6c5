"""Rules by which a Prometheus in the cluster tells of pull secrets that are not renewed."""

from dataclasses import dataclass

from . import schema
from .reader import Reader, command
from .refused import Refused
from .selectors import label_key, label_value
from .values import boolean, strings

# By these everpull knows its own objects: see Settings.labels.
_OURS = ("app.kubernetes.io/name", "app.kubernetes.io/instance")


@dataclass(frozen=True)
class RuleSettings:
    """`labels` are those by which the cluster's Prometheus chooses rules."""

    labels: tuple[tuple[str, str], ...]


def read(reader: Reader) -> RuleSettings | None:
    """What the configuration says of rules, None for no rules; faults are noted in the reader."""
    wanted = reader.value("prometheusRules", boolean)
    found = reader.value("prometheusRuleLabels", labels)
    if wanted:
        return RuleSettings(found)
    if reader.is_set("prometheusRuleLabels") and reader.sound("prometheusRules", "prometheusRuleLabels"):
        reader.refuse(
            "prometheusRuleLabels",
            f"means nothing without {schema.PROJECT}:prometheusRules, so it would have no effect",
            f"only with {schema.PROJECT}:prometheusRules true",
            command("prometheusRules"),
        )
    return None


def labels(raw: str) -> tuple[tuple[str, str], ...]:
    """Labels, each `key=value` and each key once."""
    found: dict[str, str] = {}
    for item in strings(raw):
        key, equals, value = item.partition("=")
        if not equals:
            raise Refused(f"{item!r} names no value", "key=value")
        if label_key(key) in found:
            raise Refused(f"gives {key} two values", "each key once")
        if key in _OURS:
            raise Refused(f"names {key}, by which everpull knows its own objects", "other labels")
        found[key] = label_value(value)
    return tuple(found.items())
