"""The rules for the cluster's Prometheus, in the modes that deliver through ESO."""

import pulumi

from components.prometheus_rules import PrometheusRules
from settings import GeneratorSettings, LambdaSettings, Settings


def make_rules(settings: Settings, chosen: LambdaSettings | GeneratorSettings, opts: pulumi.ResourceOptions) -> None:
    """Makes them, if the settings want any. `opts` say that the system namespace is there."""
    if chosen.rules is None:
        return
    PrometheusRules(
        f"{settings.owner}-rules",
        {
            "name": settings.owner,
            "namespace": settings.system_namespace,
            "external_secrets": [settings.pull_secret_name, *([settings.labelled_sync] if settings.selector else [])],
            "labels": {**dict(chosen.rules.labels), **settings.labels},
        },
        opts,
    )
