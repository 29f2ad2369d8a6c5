"""Renewing in mode `lambda`: the function, the hub, each namespace. What is broken on the way stops nothing that can go on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cluster.reader import Forbidden, Unreachable, part
from components.aws_reads import Denied, Missing, Unanswered
from kube.changes import NotDone
from lambda_src.refresher.shapes import mapping, sequence

from .cluster import DATA_KEY, Cluster, decoded, external_secret_path, hosts_in, not_ready, same_logins, secret_path
from .fan_out import namespaces_of
from .hands import Hands
from .renewal import Renewal
from .stored_login import read_login
from .view import View

HUB_SECONDS = 60.0
NAMESPACES_SECONDS = 120.0
_POLL_SECONDS = 0.5
# As long an ExternalSecret that is not ready is waited for: ESO tries again what failed, later and later.
_NOT_READY_SECONDS = 10.0
_EVENT = {"reason": "make renew", "force": True, "imagesMayFail": True}


@dataclass
class _Sync:
    """An ExternalSecret that was told to sync, and what it had synced before, where that matters."""

    namespace: str
    name: str
    before: tuple[object, object] | None


def renew(view: View, hands: Hands, renewal: Renewal) -> None:
    """Renews now, to the last namespace, and tells of each step."""
    _invoke(view, hands, renewal)
    wanted = _wanted(view, renewal)
    namespace, hub = view.place("hub")
    lacks = _holds(view, hub, wanted)
    late = _synced(view.cluster, hands, renewal, [(namespace, hub)], HUB_SECONDS, lacks, wanted is not None)
    for reason in late.values():
        renewal.broke(f"the hub {namespace}/{hub} was not synced: {reason}")
    if not late:
        renewal.done(f"the hub {namespace}/{hub} holds the login")
    if late or wanted is None:
        # What namespaces can get is what the hub holds, be it the login of before.
        wanted = _config(view.cluster, namespace, hub)
    _namespaces(view, hands, renewal, wanted)


def _invoke(view: View, hands: Hands, renewal: Renewal) -> None:
    name = view.text("functionName")
    try:
        answer = hands.invoke(name, _EVENT)
    except Missing:
        renewal.broke(f"the function {name} does not exist: {view.up}")
    except NotDone as reason:
        renewal.broke(f"the function failed: {reason}")
    except Denied as action:
        renewal.broke(f"the function was not run, because you have no right to {action}")
    except Unanswered as reason:
        renewal.broke(f"the function was not run: {reason}")
    else:
        renewal.done(f"the function answered {answer.get('status')}, the login lives until {answer.get('expiresAt')}")
        for image in map(mapping, sequence(answer.get("images"))):
            if image.get("status") == "refused":
                renewal.broke(f"{image.get('image')} can't be pulled: {image.get('detail', 'no reason given')}")


def _wanted(view: View, renewal: Renewal) -> str | None:
    """The docker config that namespaces are to hold; None where the caller may not read it."""
    try:
        login = read_login(view.aws, view.text("loginSecretArn"))
    except (Denied, Unanswered) as reason:
        renewal.done(f"the secret was not read ({reason}), so what ESO says is relied on")
        return None
    if login is None or login.flaw:
        renewal.broke(f"the secret holds no login{f' ({login.flaw})' if login else ''}")
        return None
    if login.expires_at and login.expires_at <= view.now:
        renewal.broke("the login in the secret is dead")
    return login.docker_config


def _namespaces(view: View, hands: Hands, renewal: Renewal, wanted: str | None) -> None:
    secret_name = view.text("pullSecretName")
    chosen, unserved = namespaces_of(view)
    places = [(one.name, view.settings.labelled_sync if one.by_label else secret_name) for one in chosen]
    lacks = _holds(view, secret_name, wanted)
    late = _synced(view.cluster, hands, renewal, places, NAMESPACES_SECONDS, lacks, wanted is not None)
    for namespace, _ in places:
        if namespace not in late:
            renewal.serve(namespace)
    for namespace, reason in {**late, **unserved}.items():
        renewal.miss(namespace, reason)


def _holds(view: View, secret: str, wanted: str | None) -> Callable[[str], str | None]:
    """Why the Secret in a namespace is not as wanted; None if it is. Where it is not known what is, any login will do."""

    def look(namespace: str) -> str | None:
        found = view.cluster.document(secret_path(namespace, secret))
        if found is None:
            return "there is no Secret"
        if not set(view.texts("registries")) <= hosts_in(found):
            return "the Secret does not hold a login for every registry"
        if wanted is not None and not same_logins(decoded(found, DATA_KEY), wanted):
            return "the Secret holds another login"
        return None

    return look


def _synced(
    cluster: Cluster,
    hands: Hands,
    renewal: Renewal,
    places: Sequence[tuple[str, str]],
    patience: float,
    lacks: Callable[[str], str | None],
    is_proof: bool,
) -> Mapping[str, str]:
    """Has the ExternalSecrets (namespace and name) synced. Gives the namespaces that were not in time, and why.

    What a namespace holds proves that it was synced, if `is_proof`; else what ESO says has to change as well.
    """
    late: dict[str, str] = {}
    waiting: list[_Sync] = []
    for namespace, name in places:
        path = external_secret_path(namespace, name)
        try:
            found = cluster.document(path)
            if found is None:
                late[namespace] = f"its ExternalSecret {name} does not exist"
                continue
            before = None if is_proof else _state(found)
            hands.force_sync(path)
        except (NotDone, Unreachable, Forbidden) as reason:
            late[namespace] = f"could not be told to sync: {reason}"
        else:
            waiting.append(_Sync(namespace, name, before))
    began = renewal.passing.monotonic()
    while waiting:
        since = renewal.passing.monotonic() - began
        reasons = {sync.namespace: _why_late(cluster, sync, lacks) for sync in waiting}
        for sync in list(waiting):
            reason = reasons[sync.namespace]
            is_stuck = reason is not None and reason[1] and since >= _NOT_READY_SECONDS
            if reason is not None and (is_stuck or since >= patience):
                late[sync.namespace] = reason[0]
            elif reason is not None:
                continue
            waiting.remove(sync)
        if waiting:
            renewal.passing.sleep(_POLL_SECONDS)
    return late


def _why_late(cluster: Cluster, sync: _Sync, lacks: Callable[[str], str | None]) -> tuple[str, bool] | None:
    """Why it has not synced, and whether it is ESO that says so; None once it has."""
    try:
        found = cluster.document(external_secret_path(sync.namespace, sync.name))
        if found is None:
            return f"its ExternalSecret {sync.name} does not exist", True
        if reason := not_ready(found):
            return reason, True
        lacking = lacks(sync.namespace)
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
