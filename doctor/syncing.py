"""Renewing where ESO carries the login: its ExternalSecrets are told to sync, and waited for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cluster.reader import Forbidden, Unreachable, part
from kube.changes import NotDone

from .cluster import DATA_KEY, Cluster, decoded, external_secret_path, hosts_in, not_ready, same_logins, secret_path
from .fan_out import namespaces_of
from .hands import Hands
from .renewal import Renewal
from .view import View

HUB_SECONDS = 60.0
NAMESPACES_SECONDS = 120.0
_POLL_SECONDS = 0.5
# As long an ExternalSecret that is not ready is waited for: ESO tries again what failed, later and later.
_NOT_READY_SECONDS = 10.0

Place = tuple[str, str]
"""Namespace and name of an ExternalSecret."""

Lacks = Callable[[Place], str | None]
"""Why what an ExternalSecret keeps is not as wanted; None if it is. Raises Unreachable, Forbidden."""


@dataclass
class _Sync:
    """An ExternalSecret that was told to sync, and what it had synced before, where that matters."""

    place: Place
    before: tuple[object, object] | None


def carry(view: View, hands: Hands, renewal: Renewal, wanted: str | None) -> None:
    """Brings the docker config to the hub and from there to the last namespace, and tells of each step.

    None is for one that is not known: then what ESO says is relied on.
    """
    namespace, name = hub = view.place("hub")
    late = synced(view.cluster, hands, renewal, [hub], HUB_SECONDS, _holds(view, name, wanted), wanted is not None)
    for reason in late.values():
        renewal.broke(f"the hub {namespace}/{name} was not synced: {reason}")
    if not late:
        renewal.done(f"the hub {namespace}/{name} holds the login")
    if late or wanted is None:
        # What namespaces can get is what the hub holds, be it the login of before.
        wanted = _config(view.cluster, namespace, name)
    _namespaces(view, hands, renewal, wanted)


def _namespaces(view: View, hands: Hands, renewal: Renewal, wanted: str | None) -> None:
    secret_name = view.text("pullSecretName")
    chosen, unserved = namespaces_of(view)
    places = [(one.name, view.settings.labelled_sync if one.by_label else secret_name) for one in chosen]
    lacks = _holds(view, secret_name, wanted)
    waited = synced(view.cluster, hands, renewal, places, NAMESPACES_SECONDS, lacks, wanted is not None)
    late = {namespace: reason for (namespace, _), reason in waited.items()}
    for namespace, _ in places:
        if namespace not in late:
            renewal.serve(namespace)
    for namespace, reason in {**late, **unserved}.items():
        renewal.miss(namespace, reason)


def _holds(view: View, secret: str, wanted: str | None) -> Lacks:
    """Looks at the Secret of that name beside each. Where it is not known what is wanted, any login will do."""

    def look(place: Place) -> str | None:
        found = view.cluster.document(secret_path(place[0], secret))
        if found is None:
            return "there is no Secret"
        if not set(view.texts("registries")) <= hosts_in(found):
            return "the Secret does not hold a login for every registry"
        if wanted is not None and not same_logins(decoded(found, DATA_KEY), wanted):
            return "the Secret holds another login"
        return None

    return look


def synced(
    cluster: Cluster,
    hands: Hands,
    renewal: Renewal,
    places: Sequence[Place],
    patience: float,
    lacks: Lacks,
    is_proof: bool,
) -> Mapping[Place, str]:
    """Has the ExternalSecrets synced, all at once. Gives those that were not within `patience` seconds, and why.

    That nothing is lacking proves that one was, if `is_proof`; else what ESO says has to change as well.
    """
    late: dict[Place, str] = {}
    waiting: list[_Sync] = []
    for place in places:
        path = external_secret_path(*place)
        try:
            found = cluster.document(path)
            if found is None:
                late[place] = f"its ExternalSecret {place[1]} does not exist"
                continue
            before = None if is_proof else _state(found)
            hands.force_sync(path)
        except (NotDone, Unreachable, Forbidden) as reason:
            late[place] = f"could not be told to sync: {reason}"
        else:
            waiting.append(_Sync(place, before))
    began = renewal.passing.monotonic()
    while waiting:
        since = renewal.passing.monotonic() - began
        reasons = {sync.place: _why_late(cluster, sync, lacks) for sync in waiting}
        for sync in list(waiting):
            reason = reasons[sync.place]
            is_stuck = reason is not None and reason[1] and since >= _NOT_READY_SECONDS
            if reason is not None and (is_stuck or since >= patience):
                late[sync.place] = reason[0]
            elif reason is not None:
                continue
            waiting.remove(sync)
        if waiting:
            renewal.passing.sleep(_POLL_SECONDS)
    return late


def _why_late(cluster: Cluster, sync: _Sync, lacks: Lacks) -> tuple[str, bool] | None:
    """Why it has not synced, and whether it is ESO that says so; None once it has."""
    try:
        found = cluster.document(external_secret_path(*sync.place))
        if found is None:
            return f"its ExternalSecret {sync.place[1]} does not exist", True
        if reason := not_ready(found):
            return reason, True
        lacking = lacks(sync.place)
        if lacking is not None:
            return lacking, False
        return ("ESO has not synced it", False) if _state(found) == sync.before else None
    except (Unreachable, Forbidden) as reason:
        return f"could not be looked at: {reason}", True


def _state(external_secret: Mapping[str, object]) -> tuple[object, object]:
    """Changes with each sync of another annotation (ESO API reference, ExternalSecretStatus)."""
    status = part(external_secret, "status")
    return status.get("syncedResourceVersion"), status.get("refreshTime")


def _config(cluster: Cluster, namespace: str, name: str) -> str | None:
    try:
        found = cluster.document(secret_path(namespace, name))
    except (Unreachable, Forbidden):
        return None
    return decoded(found, DATA_KEY) if found else None
