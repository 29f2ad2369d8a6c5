"""Link `logins`: what ESO fetches from ECR itself, in mode `generator`."""

from datetime import timedelta

from cluster.operator import ESO_API, generator_faults
from components.generated_logins import KIND, READER

from .cluster import hosts_in, not_ready, role_path
from .events import cause
from .generated import GeneratedLogin
from .link import Findings, Link, examine
from .stored_login import LIFE
from .view import View
from .words import at, counted, listed, span

NAME = "logins"
# Beyond the interval, for ESO to begin and to be done with it.
_GRACE = timedelta(minutes=10)


def look(view: View) -> Link:
    """Whether ESO knows such generators, each login is there and renewed in time, and the hub may read it."""
    return examine(
        NAME,
        lambda found: _served(view, found),
        lambda found: _logins(view, found),
        lambda found: _reader(view, found),
    )


def _served(view: View, found: Findings) -> None:
    for fault in generator_faults(view.settings, view.cluster):
        found.broken(f"{fault.key} {fault.value or ''} {fault.problem}", fault.example)


def _can_be(view: View) -> bool:
    """Whether there is an operator with generators: without one nothing else is there either."""
    is_there = view.cluster.document(ESO_API) is not None
    return is_there and not any(generator_faults(view.settings, view.cluster))


def _logins(view: View, found: Findings) -> None:
    if not _can_be(view):
        found.see("no operator fetches them")
        return
    logins = view.generated
    if not logins:
        found.broken("there is nothing in the cluster that fetches a login", view.up)
        return
    for login in logins:
        _login(view, login, found)
    opened = {host for login in logins if login.secret for host in hosts_in(login.secret)}
    # A login that is not there has been told of.
    if all(login.secret for login in logins):
        missing = [host for host in view.texts("registries") if host not in opened]
        if missing:
            found.broken(f"the Secrets with the logins hold none for {listed(missing)}", view.renew)
    oldest = min((login.fetched for login in logins if login.fetched), default=None)
    if oldest:
        found.see(f"{counted(len(logins), 'login')}, the oldest fetched {span(view.now - oldest)} ago")


def _login(view: View, login: GeneratedLogin, found: Findings) -> None:
    namespace, _ = view.place("hub")
    place, name = f"{namespace}/{login.name}", login.login
    if login.sync is None:
        found.broken(f"the ExternalSecret {place}, which fetches a login, does not exist", view.up)
        return
    if login.generator is None:
        found.broken(f"the {KIND} {place}, which the login {name} comes from, does not exist", view.up)
    if login.secret is None:
        found.broken(f"the Secret {place} with the login {name} does not exist", view.renew)
    elif not hosts_in(login.secret):
        found.broken(f"the Secret {place} holds no login of everpull's", view.renew)
    _renewal(view, login, found)


def _renewal(view: View, login: GeneratedLogin, found: Findings) -> None:
    namespace, _ = view.place("hub")
    describe = view.kubectl(f"describe externalsecret {login.name}", namespace)
    reason, fetched = not_ready(login.sync or {}), login.fetched
    if reason:
        reason = cause(view.cluster, namespace, login.name, reason)
    dies = fetched + LIFE if fetched else None
    if dies is not None and dies <= view.now:
        found.broken(
            f"the login {login.login} died at {at(dies)}, {span(view.now - dies)} ago, and was not renewed"
            + (f": {reason}" if reason else ""),
            describe if reason else view.renew,
        )
    elif reason:
        until = f"; the last one lives until {at(dies)}" if dies else ""
        found.broken(f"the login {login.login} is not renewed: {reason}{until}", describe)
    elif fetched is not None and view.now - fetched > view.period + _GRACE:
        found.breaking(
            f"the login {login.login} was fetched {span(view.now - fetched)} ago, and should be every {span(view.period)}: "
            "does ESO run?",
            view.kubectl("get pods --all-namespaces --selector app.kubernetes.io/name=external-secrets"),
        )


def _reader(view: View, found: Findings) -> None:
    """What the hub's reading of the logins takes."""
    if not _can_be(view):
        return
    namespace, _ = view.place("hub")
    roles = dict.fromkeys(login.reader_role for login in view.generated if login.reader_role)
    needed = {f"service account {namespace}/{READER}": f"/api/v1/namespaces/{namespace}/serviceaccounts/{READER}"}
    for role in roles:
        needed[f"Role {namespace}/{role}"] = role_path("roles", role, namespace)
        needed[f"RoleBinding {namespace}/{role}"] = role_path("rolebindings", role, namespace)
    for what, path in needed.items():
        if view.cluster.metadata(path) is None:
            found.broken(f"the {what}, by which the hub reads the logins, does not exist", view.up)
