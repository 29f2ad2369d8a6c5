"""What was asked of the API server and of AWS, counted by those who were asked, so that both programs are counted alike."""

import re
from collections import Counter
from collections.abc import Mapping

from bench.kube import Kube
from local.driver import aws
from local.state import PlatformState

_REQUESTS = re.compile(r"^apiserver_request_total\{(?P<labels>.*)\} (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# What a program that keeps pull secrets has to do with. The rest of a cluster is never still.
_RESOURCES = frozenset({"secrets", "namespaces"})
_TOKEN = "ecr:GetAuthorizationToken"  # noqa: S105 - the name of an action


def api_requests(kube: Kube) -> Counter[str]:
    """Finished requests by `VERB resource`, refused ones too, since the API server started. Raises kube.Refused."""
    return parse_requests(kube.text("/metrics"))


def parse_requests(text: str) -> Counter[str]:
    """The same, out of metrics in Prometheus' text format. Watches don't count: they are never finished."""
    found: Counter[str] = Counter()
    for line in _REQUESTS.finditer(text):
        labels = dict(_LABEL.findall(line["labels"]))
        if labels["resource"] in _RESOURCES and labels["verb"] != "WATCH":
            found[f"{labels['verb']} {labels['resource']}"] += int(float(line["value"]))
    return found


def token_calls(state: PlatformState) -> int:
    """GetAuthorizationToken calls, refused ones too, since the emulator started."""
    by_action: Mapping[str, int] = aws.admin(state, "calls")["by_action"]
    return by_action.get(_TOKEN, 0)
