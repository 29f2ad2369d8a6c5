"""What the API server's metrics say about the requests of a measurement."""

from bench.counters import parse

METRICS = """\
# TYPE apiserver_flowcontrol_dispatched_requests_total counter
apiserver_flowcontrol_dispatched_requests_total{flow_schema="everpull-bench",priority_level="workload-low"} 1.2e+03
apiserver_flowcontrol_dispatched_requests_total{flow_schema="everpull-bench-2",priority_level="workload-low"} 50
apiserver_flowcontrol_dispatched_requests_total{flow_schema="service-accounts",priority_level="workload-low"} 92028
apiserver_flowcontrol_rejected_requests_total{flow_schema="everpull-bench",priority_level="workload-low",reason="queue-full"} 3
apiserver_flowcontrol_current_executing_requests{flow_schema="everpull-bench",priority_level="workload-low"} 8
"""


def test_requests_of_the_measurement_are_counted_served_or_turned_away_and_nobody_elses() -> None:
    assert parse(METRICS) == 1203


def test_before_the_first_request_there_is_none() -> None:
    assert parse("") == 0
