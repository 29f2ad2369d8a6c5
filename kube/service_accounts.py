"""One entry in the `imagePullSecrets` of a service account, in a list that others write too.

To server-side apply that list is atomic (Kubernetes API reference, ServiceAccount), so whoever applies it owns all of it.
Hence a JSON patch that changes one entry, and that holds only for the version of the object it was planned on.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httpx2

from .changes import NotDone, NotNow, Operation, accepted, change
from .client import answering

# Made by a controller a moment after its namespace (Kubernetes docs, Service Accounts); others are made by people.
_MADE_LATER = "default"
_PATIENCE_SECONDS = 30.0

Account = Mapping[str, object]


@dataclass(frozen=True)
class Entry:
    """The name of a pull secret in the list of a service account of its namespace."""

    namespace: str
    account: str
    secret: str

    @property
    def mark(self) -> str:
        """The annotation of the service account that says that the entry was put there by everpull.

        It is written in the same patch as the entry. So an entry that a person made before is known for theirs, and one of ours
        for ours, even if the state that remembers it is lost.
        """
        return f"everpull/{self.secret}"


def holds(account: Account, entry: Entry) -> bool:
    """Whether the entry is there, whoever made it."""
    return entry.secret in _listed(account)


def attaching(account: Account, entry: Entry) -> list[Operation]:
    """The patch that puts the entry there behind the others; empty when it is there."""
    if holds(account, entry):
        return []
    item = {"name": entry.secret}
    marks = _annotations(account)
    return [
        _unchanged(account),
        _add("/imagePullSecrets/-", item) if _listed(account) else _add("/imagePullSecrets", [item]),
        _add(_path(entry), "attached") if marks else _add("/metadata/annotations", {entry.mark: "attached"}),
    ]


def detaching(account: Account, entry: Entry) -> list[Operation]:
    """The patch that takes the entry away if everpull made it; else empty."""
    if entry.mark not in _annotations(account):
        return []
    # From the end, because each removal moves what is behind it.
    ours = [index for index, name in enumerate(_listed(account)) if name == entry.secret]
    return [
        _unchanged(account),
        *({"op": "remove", "path": f"/imagePullSecrets/{index}"} for index in reversed(ours)),
        {"op": "remove", "path": _path(entry)},
    ]


class ServiceAccounts:
    """The service accounts of a cluster. Everything raises NotDone, and Unreachable where there is no answer at all."""

    def __init__(self, http: httpx2.Client, patience: float = _PATIENCE_SECONDS) -> None:
        """`patience` is how many seconds a change is tried, and the account `default` is waited for."""
        self._http = http
        self._patience = patience

    def holds(self, entry: Entry) -> bool:
        """Whether the entry is there; False too where there is no such service account or namespace."""
        found = self._get(_resource(entry))
        return found is not None and holds(found, entry)

    def attach(self, entry: Entry) -> None:
        """Puts the entry there. The service account `default` may still be to come."""
        if not self._change(entry, attaching, awaited=entry.account == _MADE_LATER):
            where = f"--namespace {entry.namespace}"
            raise NotDone(
                f"there is no service account {entry.account} in namespace {entry.namespace}: "
                f"kubectl {where} create serviceaccount {entry.account}"
            )

    def detach(self, entry: Entry) -> None:
        """Takes the entry away if everpull put it there; nothing where the service account or its namespace is gone."""
        self._change(entry, detaching, awaited=False)

    def _change(self, entry: Entry, plan: Callable[[Account, Entry], Sequence[Operation]], *, awaited: bool) -> bool:
        """Whether the service account is there, and then as planned."""
        end = time.monotonic() + self._patience
        while True:
            late = time.monotonic() > end
            try:
                found = self._get(_resource(entry))
                if found is not None:
                    operations = plan(found, entry)
                    if operations:
                        change(self._http, _resource(entry), operations)
                    return True
                if late or not awaited:
                    return False
            except NotNow:
                if late:
                    raise
            time.sleep(random.uniform(0.05, 0.4))  # noqa: S311 - so that two writers don't meet again

    def _get(self, path: str) -> Account | None:
        with answering(path):
            response = self._http.get(path)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return cast(Account, accepted(response).json())


def _resource(entry: Entry) -> str:
    return f"/api/v1/namespaces/{entry.namespace}/serviceaccounts/{entry.account}"


def _listed(account: Account) -> list[str]:
    items = cast(Sequence[Mapping[str, object]], account.get("imagePullSecrets") or ())
    return [str(item.get("name", "")) for item in items]


def _annotations(account: Account) -> Mapping[str, object]:
    return cast(Mapping[str, object], _metadata(account).get("annotations") or {})


def _metadata(account: Account) -> Mapping[str, object]:
    return cast(Mapping[str, object], account["metadata"])


def _unchanged(account: Account) -> Operation:
    """Fails the patch when somebody has changed anything since; so an index can't hit another's entry."""
    return {"op": "test", "path": "/metadata/resourceVersion", "value": _metadata(account)["resourceVersion"]}


def _add(path: str, value: object) -> Operation:
    return {"op": "add", "path": path, "value": value}


def _path(entry: Entry) -> str:
    # RFC 6901, section 3: a slash inside a name is written ~1.
    return f"/metadata/annotations/{entry.mark.replace('~', '~0').replace('/', '~1')}"
