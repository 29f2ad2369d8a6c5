from typing import Any

import pulumi
import pytest

from cluster.surroundings import Surroundings
from components.system_namespace import SystemNamespace
from modes import deliver
from settings import parse, schema
from tests.components.recording import record
from tests.modes.test_modes import args, delivered
from tests.settings.bad_configurations import GOOD

ON = {"everpull:prometheusRules": "true", "everpull:prometheusRuleLabels": '["release=prometheus"]'}


def test_without_rules_none_is_made() -> None:
    recorder, _ = delivered({})
    assert recorder.all(":PrometheusRule") == []


@pytest.mark.parametrize("mode", schema.modes_with("prometheusRules"))
def test_what_rules_are_told_arrives(mode: str) -> None:
    recorder, _ = delivered(
        {
            "everpull:mode": mode,
            **ON,
            "everpull:pullSecretName": "ecr-pull",
            "everpull:systemNamespace": "everpull-system",
        }
    )
    rule = recorder.one(":PrometheusRule").inputs
    assert rule["metadata"] == {
        "name": "everpull-dev",
        "namespace": "everpull-system",
        "labels": {
            "release": "prometheus",
            "app.kubernetes.io/name": "everpull",
            "app.kubernetes.io/instance": "dev",
        },
    }
    assert 'name=~"ecr-pull"' in str(rule["spec"])
    assert 'exported_namespace="everpull-system"' in str(rule["spec"])


def test_namespaces_that_are_chosen_by_label_are_watched_too() -> None:
    recorder, _ = delivered({**ON, "everpull:namespaceSelector": "team=a"})
    assert 'name=~"everpull-dev|everpull-dev[.]labelled"' in str(recorder.one(":PrometheusRule").inputs["spec"])


def test_rules_are_made_once_their_namespace_is_there() -> None:
    recorder = record()
    settings = parse({**GOOD, **ON}, "dev")

    @pulumi.runtime.test
    def build() -> Any:
        system = SystemNamespace(settings.owner, {"namespace": settings.system_namespace, "labels": settings.labels})
        made = deliver(settings, Surroundings(), args(settings), pulumi.ResourceOptions(depends_on=[system]))
        return pulumi.Output.all(**{key: value for key, value in made.items() if key != "pullSecrets"})

    build()
    assert "everpull-dev-system" in recorder.waits_for("everpull-dev-rules-rule")
