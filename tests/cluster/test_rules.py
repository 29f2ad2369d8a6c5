import pytest

from settings import schema
from tests.cluster.test_preflight import cluster, configured, told

API = "/apis/monitoring.coreos.com/v1"
ON = {"everpull:prometheusRules": "true"}
FAULT = (
    "everpull:prometheusRules: needs PrometheusRule in monitoring.coreos.com/v1, which the Prometheus Operator brings, and the "
    "cluster does not serve it"
)


@pytest.mark.parametrize("served", [None, (), ("ServiceMonitor",)])
def test_a_cluster_that_knows_no_such_rules_is_refused(served: tuple[str, ...] | None) -> None:
    reader = cluster()
    if served is not None:
        reader.objects[API] = {"resources": [{"kind": kind} for kind in served]}
    for mode in schema.modes_with("prometheusRules"):
        assert told(configured(**{**ON, "everpull:mode": mode}), reader) == [FAULT]


def test_a_cluster_that_knows_them_is_not() -> None:
    reader = cluster()
    reader.objects[API] = {"resources": [{"kind": "ServiceMonitor"}, {"kind": "PrometheusRule"}]}
    assert told(configured(**ON), reader) == []


def test_nobody_asks_where_no_rules_are_wanted() -> None:
    reader = cluster()
    assert told(configured(), reader) == []
    assert API not in reader.asked
