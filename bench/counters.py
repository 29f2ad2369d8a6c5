"""What was asked of the API server, counted by itself, so that both programs are counted alike and nobody else with them.

Its fair queuing (Kubernetes docs, API Priority and Fairness) counts requests by the FlowSchema that they match. One of ours
matches the service accounts of a measurement and nobody else, and treats them as the one for all service accounts would.
"""

import re
from collections.abc import Mapping
from typing import Any

from bench.ground import SYSTEM
from bench.kube import Kube

_SCHEMAS = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
_SCHEMA = "everpull-bench"
_COUNTERS = ("apiserver_flowcontrol_dispatched_requests_total", "apiserver_flowcontrol_rejected_requests_total")
_COUNTED = re.compile(rf"^(?:{'|'.join(_COUNTERS)})\{{(?P<labels>.*)\}} (?P<value>\S+)$", re.MULTILINE)
# What Kubernetes' own schema for all service accounts says.
_TREATMENT: Mapping[str, Any] = {
    "priorityLevelConfiguration": {"name": "workload-low"},
    "distinguisherMethod": {"type": "ByUser"},
}


def install(kube: Kube) -> None:
    """Has the API server count a measurement's requests from now on. Raises kube.Refused."""
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
    rule = {
        "subjects": [{"kind": "Group", "group": {"name": f"system:serviceaccounts:{SYSTEM}"}}],
        "resourceRules": [everything],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    # Just before the schema for all service accounts, 9000.
    spec = {**_TREATMENT, "matchingPrecedence": 8999, "rules": [rule]}
    kube.create(_SCHEMAS, {"metadata": {"name": _SCHEMA}, "spec": spec})


def remove(kube: Kube) -> None:
    """Raises kube.Refused."""
    kube.delete(f"{_SCHEMAS}/{_SCHEMA}")


def requests(kube: Kube) -> int:
    """How many there were of any kind since the API server started, refused ones too. Raises kube.Refused."""
    return parse(kube.text("/metrics"))


def parse(metrics: str) -> int:
    """The same, out of metrics in Prometheus' text format."""
    ours = f'flow_schema="{_SCHEMA}"'
    return sum(int(float(line["value"])) for line in _COUNTED.finditer(metrics) if ours in line["labels"].split(","))
