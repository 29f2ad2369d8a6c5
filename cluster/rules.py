"""What `everpull:prometheusRules` needs of the cluster."""

from collections.abc import Iterator

from settings import Fault, GeneratorSettings, LambdaSettings, Settings

from .reader import ClusterReader, items

# As components.prometheus_rules makes it.
_API = "/apis/monitoring.coreos.com/v1"
_KIND = "PrometheusRule"


def rule_faults(settings: Settings, reader: ClusterReader) -> Iterator[Fault]:
    """A cluster that does not know such rules, so that it has no Prometheus Operator."""
    delivery = settings.delivery
    if not isinstance(delivery, LambdaSettings | GeneratorSettings) or delivery.rules is None:
        return
    if _KIND not in {str(kind["kind"]) for kind in items(reader.document(_API), "resources")}:
        yield Fault(
            "everpull:prometheusRules",
            "true",
            f"needs {_KIND} in monitoring.coreos.com/v1, which the Prometheus Operator brings, and the cluster does not "
            "serve it",
            "a cluster with the Prometheus Operator, or false",
            "pulumi config rm everpull:prometheusRules",
        )
