"""Renewing in mode `generator`: each login, then what ESO carries. One that is refused stops no other."""

import json

from .cluster import hosts_in, logins_in, not_ready, secret_path
from .events import cause
from .generated import GeneratedLogin, read_generated
from .hands import Hands
from .renewal import Renewal
from .stored_login import LIFE
from .syncing import Lacks, carry, synced
from .view import View
from .words import at, listed

_SECONDS = 60.0


def renew(view: View, hands: Hands, renewal: Renewal) -> None:
    """Renews now, to the last namespace, and tells of each step. Raises Unreachable, Forbidden."""
    hub = view.place("hub")
    found = {(hub[0], login.name): login for login in view.generated}
    if not found:
        renewal.broke(f"nothing in the cluster fetches a login: {view.up}")
    # Each holds one of before, so ESO has to say that it has synced.
    late = synced(view.cluster, hands, renewal, list(found), _SECONDS, _holds_one(view), is_proof=False)
    now = read_generated(view.cluster, view.settings, hub)
    refused = [login.name for login in now if login.sync and not_ready(login.sync)]
    for place, reason in late.items():
        why = cause(view.cluster, *place, reason) if place[1] in refused else reason
        renewal.broke(f"the login {found[place].login} was not fetched: {why}{_left(view, found[place])}")
    for login in now:
        if (hub[0], login.name) not in late and login.secret:
            renewal.done(f"the login {login.login} was fetched, for {listed(sorted(hosts_in(login.secret)))}")
    entries = {host: entry for login in now for host, entry in logins_in(login.docker_config).items()}
    carry(view, hands, renewal, json.dumps({"auths": entries}) if entries else None)


def _holds_one(view: View) -> Lacks:
    """The Secret of a login is called as its ExternalSecret."""

    def look(place: tuple[str, str]) -> str | None:
        secret = view.cluster.document(secret_path(*place))
        return None if secret and hosts_in(secret) else "the Secret holds no login"

    return look


def _left(view: View, login: GeneratedLogin) -> str:
    """What there is of the login of before."""
    if login.secret is None or login.fetched is None:
        return ""
    dies = login.fetched + LIFE
    return f"; the last one {'lives until' if dies > view.now else 'died at'} {at(dies)}"
