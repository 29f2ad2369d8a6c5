from pathlib import Path
from typing import Any

import pulumi

from components.prometheus_rules import PrometheusRules, PrometheusRulesArgs
from tests.components.recording import Registered, record

DOCS = Path(__file__).parents[2] / "docs" / "alarms.md"
HUB = ('exported_namespace="everpull-dev"', 'exported_namespace="",namespace="everpull-dev"')


def built(*names: str) -> Registered:
    recorder = record()
    args: PrometheusRulesArgs = {
        "name": "everpull-dev",
        "namespace": "everpull-dev",
        "external_secrets": names or ("ecr-pull",),
        "labels": {"release": "prometheus"},
    }

    @pulumi.runtime.test
    def build() -> Any:
        made = PrometheusRules("rules", args)
        return made.urn

    build()
    return recorder.one(":PrometheusRule")


def rules(*names: str) -> dict[str, dict[str, Any]]:
    (group,) = built(*names).inputs["spec"]["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_the_rule_lies_in_the_system_namespace_with_the_labels_it_is_chosen_by() -> None:
    rule = built()
    assert rule.type == "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
    assert rule.inputs["metadata"] == {
        "name": "everpull-dev",
        "namespace": "everpull-dev",
        "labels": {"release": "prometheus"},
    }


def test_the_hub_is_looked_for_by_either_name_that_prometheus_gives_its_namespace() -> None:
    condition, failed = "externalsecret_status_condition", 'condition="Ready",status="False"'
    found = rules()
    assert found["EverpullHubNotSynced"]["expr"] == (
        f"({condition}{{{failed},{HUB[0]}}} or {condition}{{{failed},{HUB[1]}}}) == 1"
    )
    ready = 'condition="Ready"'
    assert found["EverpullNotWatched"]["expr"] == (
        f"absent({condition}{{{ready},{HUB[0]}}} or {condition}{{{ready},{HUB[1]}}})"
    )


def test_pull_secrets_are_looked_for_by_name_wherever_they_are() -> None:
    assert rules("ecr-pull", "ecr-pull.labelled")["EverpullPullSecretNotSynced"]["expr"] == (
        '(externalsecret_status_condition{condition="Ready",status="False",name=~"ecr-pull|ecr-pull[.]labelled"}) == 1'
    )


def test_errors_are_counted_of_all_of_them() -> None:
    errors = "externalsecret_sync_calls_error"
    assert rules()["EverpullSyncErrors"]["expr"] == (
        f"(increase({errors}{{{HUB[0]}}}[1h]) or increase({errors}{{{HUB[1]}}}[1h])"
        f' or increase({errors}{{name=~"ecr-pull"}}[1h])) > 3'
    )


def test_every_rule_waits_says_how_bad_it_is_and_where_to_read_on() -> None:
    for alert, rule in rules().items():
        assert rule["for"] in ("30m", "1h")
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["description"] == f"docs/alarms.md of everpull: {alert}"
        assert f"\n| `{alert}` | " in DOCS.read_text(encoding="utf-8")
