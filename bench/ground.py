"""The namespaces, service accounts and rights that both programs run with.

They all carry one label, so that what a killed measurement left behind is found, used again and removed (`removal`).
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError
from bench.kube import Kube, each

SYSTEM = "everpull-bench"
LABEL = ("app.kubernetes.io/part-of", "everpull-bench")
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_TOKEN_SECONDS = 6 * 3600
_CONFIGMAP = "kube-root-ca.crt"
_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Account:
    """A service account, and the rules that it gets by a Role of its name in every namespace."""

    name: str
    rules: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Place:
    """A namespace, with the uid of each account's Role in it."""

    namespace: str
    roles: dict[str, str]


def names(count: int) -> list[str]:
    """bench-0001 and so on."""
    return [f"bench-{number:04}" for number in range(1, count + 1)]


def is_ours(namespace: str) -> bool:
    """Whether a namespace of this name is a measurement's."""
    return namespace == SYSTEM or re.fullmatch(r"bench-[0-9]{4}", namespace) is not None


def prepare(kube: Kube, count: int, accounts: Sequence[Account]) -> list[Place]:
    """The first `count` namespaces with everybody's rights in them, made where they are missing.

    Raises BenchError, kube.Refused.
    """
    published = _published_authority(kube)
    _make_namespace(kube, SYSTEM, published)
    for account in accounts:
        kube.create(f"/api/v1/namespaces/{SYSTEM}/serviceaccounts", {"metadata": {"name": account.name}})
    places = each(lambda name: _place(kube, name, accounts, published), names(count))
    _wait(lambda: _allowed(kube, places[-1], accounts), _WAIT_SECONDS, "the API server knows the new rights")
    return places


def token(kube: Kube, account: str) -> str:
    """A token of the service account, as a pod has one. Raises kube.Refused."""
    asked = {"spec": {"expirationSeconds": _TOKEN_SECONDS}}
    answer = kube.post(f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{account}/token", asked)
    return answer["status"]["token"]


def authority(kube: Kube) -> str:
    """The API server's certificate authority, as pods get it. Raises kube.Refused."""
    return _published_authority(kube)["data"]["ca.crt"]


def _published_authority(kube: Kube) -> Any:
    """The ConfigMap that every namespace gets, from one that every cluster has."""
    return kube.get(f"/api/v1/namespaces/default/configmaps/{_CONFIGMAP}")


def _make_namespace(kube: Kube, name: str, published: Any) -> None:
    """Two controllers put a service account and the authority into every new namespace, 20 a second, and a measurement
    must not run beside them. So they find it done: they leave alone what is as they would make it.
    """
    made = kube.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": dict([LABEL])}})
    if made["metadata"].get("labels", {}).get(LABEL[0]) != LABEL[1]:
        raise BenchError(f"the namespace {name} belongs to somebody else")
    if made["metadata"].get("deletionTimestamp"):
        raise BenchError(f"the namespace {name} of an earlier measurement is being deleted; wait until it is gone")
    kube.create(f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    copied = {"name": _CONFIGMAP, "annotations": published["metadata"].get("annotations", {})}
    kube.create(f"/api/v1/namespaces/{name}/configmaps", {"metadata": copied, "data": published["data"]})


def _place(kube: Kube, name: str, accounts: Sequence[Account], published: Any) -> Place:
    _make_namespace(kube, name, published)
    roles: dict[str, str] = {}
    for account in accounts:
        metadata = {"name": account.name}
        role = kube.create(f"{_RBAC}/namespaces/{name}/roles", {"metadata": metadata, "rules": list(account.rules)})
        binding = {
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account.name},
            "subjects": [{"kind": "ServiceAccount", "name": account.name, "namespace": SYSTEM}],
        }
        kube.create(f"{_RBAC}/namespaces/{name}/rolebindings", binding)
        roles[account.name] = role["metadata"]["uid"]
    return Place(name, roles)


def _allowed(kube: Kube, place: Place, accounts: Sequence[Account]) -> bool:
    """Whether each account may do in `place` what its last rule says; RBAC is cached, a little behind what is stored."""
    for account in accounts:
        rule = account.rules[-1]
        asked = {
            "user": f"system:serviceaccount:{SYSTEM}:{account.name}",
            "resourceAttributes": {
                "namespace": place.namespace,
                "resource": rule["resources"][0],
                "verb": rule["verbs"][0],
                "name": rule.get("resourceNames", ["any"])[0],
            },
        }
        answer = kube.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": asked})
        if not answer["status"]["allowed"]:
            return False
    return True


def _wait(done: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise BenchError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.5)
