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
_SETTLING_SECONDS = 900.0


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

    Returns when the cluster has done what it does to new namespaces. Raises BenchError, kube.Refused.
    """
    _make_namespace(kube, SYSTEM)
    for account in accounts:
        kube.create(f"/api/v1/namespaces/{SYSTEM}/serviceaccounts", {"metadata": {"name": account.name}})
    _wait(lambda: _find_authority(kube) is not None, _SETTLING_SECONDS, f"{SYSTEM} has a {_CONFIGMAP}")
    authority = _find_authority(kube)
    places = each(lambda name: _place(kube, name, accounts, authority), names(count))
    _wait(lambda: _settled(kube, count), _SETTLING_SECONDS, "the cluster has settled into the new namespaces")
    _wait(lambda: _allowed(kube, places[-1], accounts), _SETTLING_SECONDS, "the API server knows the new rights")
    return places


def token(kube: Kube, account: str) -> str:
    """A token of the service account, as a pod has one. Raises kube.Refused."""
    asked = {"spec": {"expirationSeconds": _TOKEN_SECONDS}}
    answer = kube.post(f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{account}/token", asked)
    return answer["status"]["token"]


def authority(kube: Kube) -> str:
    """The API server's certificate authority, as pods get it. Raises kube.Refused."""
    return kube.get(f"/api/v1/namespaces/{SYSTEM}/configmaps/{_CONFIGMAP}")["data"]["ca.crt"]


def _make_namespace(kube: Kube, name: str) -> None:
    made = kube.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": dict([LABEL])}})
    if made["metadata"].get("labels", {}).get(LABEL[0]) != LABEL[1]:
        raise BenchError(f"the namespace {name} belongs to somebody else")
    if made["metadata"].get("deletionTimestamp"):
        raise BenchError(f"the namespace {name} of an earlier measurement is being deleted; wait until it is gone")


def _find_authority(kube: Kube) -> Any | None:
    return kube.find(f"/api/v1/namespaces/{SYSTEM}/configmaps/{_CONFIGMAP}")


def _place(kube: Kube, name: str, accounts: Sequence[Account], authority: Any) -> Place:
    """Two controllers put a service account and the authority into every new namespace, 20 a second, and a measurement
    must not run beside them. So they find it done: they leave alone what is as they would make it.
    """
    _make_namespace(kube, name)
    kube.create(f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    copied = {"name": _CONFIGMAP, "annotations": authority["metadata"].get("annotations", {})}
    kube.create(f"/api/v1/namespaces/{name}/configmaps", {"metadata": copied, "data": authority["data"]})
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


def _settled(kube: Kube, count: int) -> bool:
    wanted = {SYSTEM, *names(count)}
    for kind, name in (("serviceaccounts", "default"), ("configmaps", _CONFIGMAP)):
        found = kube.get(f"/api/v1/{kind}?fieldSelector=metadata.name={name}")["items"]
        if wanted - {item["metadata"]["namespace"] for item in found}:
            return False
    return True


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
