"""What the API server's metrics say about requests for Secrets and namespaces."""

from bench.counters import parse_requests

LABELS = 'component="apiserver",dry_run="",group=""'
METRICS = f"""\
# HELP apiserver_request_total [STABLE] Counter of apiserver requests broken out for each verb.
# TYPE apiserver_request_total counter
apiserver_request_total{{code="201",{LABELS},resource="secrets",scope="resource",verb="POST",version="v1"}} 7
apiserver_request_total{{code="403",{LABELS},resource="secrets",scope="resource",verb="POST",version="v1"}} 2
apiserver_request_total{{code="200",{LABELS},resource="secrets",scope="resource",verb="APPLY",version="v1"}} 1.2e+03
apiserver_request_total{{code="0",{LABELS},resource="secrets",scope="cluster",verb="WATCH",version="v1"}} 40
apiserver_request_total{{code="200",{LABELS},resource="namespaces",scope="cluster",verb="LIST",version="v1"}} 3
apiserver_request_total{{code="200",{LABELS},resource="leases",scope="resource",verb="PUT",version="v1"}} 900
apiserver_request_duration_seconds_count{{dry_run="",resource="secrets",verb="GET"}} 55
"""


def test_requests_are_summed_over_their_answers_and_watches_and_other_kinds_left_out() -> None:
    assert parse_requests(METRICS) == {"POST secrets": 9, "APPLY secrets": 1200, "LIST namespaces": 3}


def test_a_difference_holds_only_what_was_asked_in_between() -> None:
    later = METRICS.replace("} 7\n", "} 12\n")
    assert parse_requests(later) - parse_requests(METRICS) == {"POST secrets": 5}
