"""Rules by which a Prometheus in the cluster tells of pull secrets that are not renewed, from ESO's metrics.

Names and labels of the metrics: ESO docs, API, Metrics; `externalsecret_status_condition` is 1 for what an ExternalSecret's
condition is and 0 for the opposite. They have labels `name` and `namespace` of the ExternalSecret, but a Prometheus that does
not honour labels of targets, as is usual, calls the second `exported_namespace` (Prometheus docs, Configuration, honor_labels).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

RULE_API = "monitoring.coreos.com/v1"
RULE_KIND = "PrometheusRule"

_CONDITION = "externalsecret_status_condition"
_ERRORS = "externalsecret_sync_calls_error"
# A sync that failed is tried again soon, and the last login lives for hours.
_PATIENCE = "30m"
_LONGER = "1h"
_PLACE = "{{ $labels.name }} in {{ or $labels.exported_namespace $labels.namespace }}"


class PrometheusRulesArgs(TypedDict):
    """Arguments of PrometheusRules."""

    name: str
    """Name of the PrometheusRule, and of its group, which is unique in the cluster."""

    namespace: str
    """The system namespace, where the hub is and the rule comes to be."""

    external_secrets: Sequence[str]
    """Names of the ExternalSecrets in the other namespaces. If other stacks have ones of these names, each tells of all."""

    labels: Mapping[str, str]
    """Labels of the object, with those by which Prometheus chooses rules."""


class PrometheusRules(pulumi.ComponentResource):
    """A PrometheusRule, which the Prometheus Operator hands to each Prometheus that chooses it."""

    def __init__(self, name: str, args: PrometheusRulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:PrometheusRules", name, None, opts)
        CustomResource(
            f"{name}-rule",
            api_version=RULE_API,
            kind=RULE_KIND,
            metadata={"name": args["name"], "namespace": args["namespace"], "labels": dict(args["labels"])},
            spec={"groups": [{"name": args["name"], "rules": _rules(args["namespace"], args["external_secrets"])}]},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def _rules(namespace: str, external_secrets: Sequence[str]) -> list[dict[str, object]]:
    in_system = [f'exported_namespace="{namespace}"', f'exported_namespace="",namespace="{namespace}"']
    # No backslash, which would have to be written twice here and is read by two grammars.
    names = "|".join(name.replace(".", "[.]") for name in external_secrets)
    by_name = [f'name=~"{names}"']
    known = 'condition="Ready"'
    failed = f'{known},status="False"'
    return [
        _rule(
            "EverpullHubNotSynced",
            f"({_any(_CONDITION, in_system, failed)}) == 1",
            *(_PATIENCE, "critical"),
            f"{_PLACE}, which all pull secrets are copied from, is not read from AWS",
        ),
        _rule(
            "EverpullPullSecretNotSynced",
            f"({_any(_CONDITION, by_name, failed)}) == 1",
            *(_PATIENCE, "warning"),
            f"the pull secret by {_PLACE} is not renewed",
        ),
        _rule(
            "EverpullSyncErrors",
            f"({_any(_ERRORS, [*in_system, *by_name], '', _in_an_hour)}) > 3",
            *(_LONGER, "warning"),
            f"{_PLACE} fails again and again",
        ),
        _rule(
            "EverpullNotWatched",
            f"absent({_any(_CONDITION, in_system, known)})",
            *(_LONGER, "warning"),
            f"nothing is known of the hub in {namespace}: ESO is down, or Prometheus does not ask it",
        ),
    ]


def _rule(alert: str, expression: str, patience: str, severity: str, summary: str) -> dict[str, object]:
    return {
        "alert": alert,
        "expr": expression,
        "for": patience,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "description": f"docs/alarms.md of everpull: {alert}"},
    }


def _any(metric: str, places: Sequence[str], matchers: str, wrap: Callable[[str], str] = str) -> str:
    """What the metric says of any of the places."""
    return " or ".join(wrap(f"{metric}{{{','.join(filter(None, (matchers, place)))}}}") for place in places)


def _in_an_hour(selector: str) -> str:
    return f"increase({selector}[1h])"
