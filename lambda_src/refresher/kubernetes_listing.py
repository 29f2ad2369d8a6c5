"""Lists of the Kubernetes API, page by page."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from .errors import ApiCallError
from .kubernetes_errors import Asked, failure
from .kubernetes_http import KubernetesHttp
from .shapes import Object, mapping, sequence

# Pull secrets are some kilobytes each; a page of them stays well below a megabyte.
PAGE = 200
_STARTS = 3


def items(
    http: KubernetesHttp, path: str, query: Mapping[str, str], asked: Asked, accept: str = "application/json"
) -> Iterator[Object]:
    """Every object of the list, some of them twice if a page came too late. Raises RefreshError.

    A list is one snapshot, kept by the API server for some minutes; once it is gone, the next page is answered 410 and the
    list has to be begun again (Kubernetes API concepts, Retrieving large results sets in chunks).
    """
    starts, token = 1, ""
    while True:
        page = {**query, "limit": str(PAGE), **({"continue": token} if token else {})}
        answer = http.request("GET", f"{path}?{urlencode(page)}", accept=accept)
        if answer.status == 410 and token and starts < _STARTS:
            starts, token = starts + 1, ""
            continue
        if answer.status != 200:
            raise failure(asked, answer.status, answer.body)
        if not str(answer.body.get("kind", "")).endswith("List"):
            raise ApiCallError(f"the API server's answer when asked to {asked} is no list")
        yield from map(mapping, sequence(answer.body.get("items")))
        following = mapping(answer.body.get("metadata")).get("continue")
        if not isinstance(following, str) or not following:
            return
        token = following
