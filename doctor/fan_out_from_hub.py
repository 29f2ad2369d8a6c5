"""One namespace's pull secret where ESO copies it from the hub."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from components.aws_reads import Denied, Unanswered

from .cluster import DATA_KEY, decoded, external_secret_path, hosts_in, moment, not_ready, same_logins, secret_path
from .link import State
from .operator import earlier_login_dies
from .stored_login import LIFE
from .view import View
from .words import span


@dataclass(frozen=True)
class NamespaceFault:
    """What is wrong in a namespace, without its name. The word NAMESPACE in the fix stands for that."""

    state: State
    sentence: str
    fix: str


Check = Callable[[str, bool], Iterator[NamespaceFault]]
"""The faults of a namespace by its name and whether it is chosen by label. Raises Unreachable, Forbidden."""


def checker(view: View) -> Check:
    """A Check. Reads the hub once."""
    hub = view.cluster.document(secret_path(*view.place("hub")))
    current = decoded(hub, DATA_KEY) if hub else None
    secret_name = view.text("pullSecretName")

    def check(namespace: str, by_label: bool) -> Iterator[NamespaceFault]:
        name = view.settings.labelled_sync if by_label else secret_name
        describe = view.kubectl(f"describe externalsecret {name}", "NAMESPACE")
        sync = view.cluster.document(external_secret_path(namespace, name))
        secret = view.cluster.document(secret_path(namespace, secret_name))
        reason = not_ready(sync) if sync else None
        if sync is None:
            yield NamespaceFault("broken", f"has no ExternalSecret {name}", view.up)
        elif secret is None:
            yield NamespaceFault("broken", f"has no pull secret{f': {reason}' if reason else ''}", describe)
        if secret is None:
            return
        missing = [host for host in view.texts("registries") if host not in hosts_in(secret)]
        if missing:
            yield NamespaceFault("broken", f"the pull secret holds no login for {missing[0]}", view.renew)
        elif current is not None and not same_logins(decoded(secret, DATA_KEY), current):
            synced = moment(sync, "status", "refreshTime") if sync else None
            yield from _earlier_generated(view, synced) if view.mode == "generator" else _earlier(view)
        if reason:
            yield NamespaceFault("breaking", f"ESO cannot bring the next login: {reason}", describe)
        elif sync is not None:
            synced = moment(sync, "status", "refreshTime")
            if synced is not None and view.now - synced > 2 * view.fan_out_interval:
                yield NamespaceFault(
                    "breaking", f"ESO has not copied the hub for {span(view.now - synced)}: does it run?", describe
                )

    return check


def _earlier(view: View) -> Iterator[NamespaceFault]:
    try:
        login = view.login
    except (Denied, Unanswered):
        login = None
    if login is None or login.refreshed_at is None:
        yield NamespaceFault("breaking", "the pull secret holds another login than the hub", view.renew)
        return
    if view.now - login.refreshed_at <= 2 * (view.sync_interval + view.fan_out_interval):
        # Under way: each reads in its own time.
        return
    dies = earlier_login_dies(login)
    if dies is not None and dies <= view.now:
        yield NamespaceFault("broken", "the pull secret holds an earlier login, which may be dead by now", view.renew)
    else:
        yield NamespaceFault("breaking", "the pull secret holds an earlier login", view.renew)


def _earlier_generated(view: View, synced: datetime | None) -> Iterator[NamespaceFault]:
    """`synced` is when the namespace copied the hub; what it holds was fetched before."""
    newest = max((login.fetched for login in view.generated if login.fetched), default=None)
    if newest is not None and view.now - newest <= 2 * (view.sync_interval + view.fan_out_interval):
        # Under way, as above.
        return
    if synced is not None and synced + LIFE <= view.now:
        yield NamespaceFault("broken", "the pull secret holds an earlier login, which is dead by now", view.renew)
    else:
        yield NamespaceFault("breaking", "the pull secret holds an earlier login", view.renew)
