"""Link `operator`: the External Secrets Operator (ESO), its stores, and the hub that the namespaces copy."""

from datetime import datetime

from cluster.operator import ESO_API, operator_faults
from cluster.reader import part
from components.aws_reads import Denied, Unanswered
from components.pull_secret_sync import HUB_READER

from .cluster import (
    DATA_KEY,
    Object,
    decoded,
    external_secret_path,
    hosts_in,
    logins_in,
    moment,
    not_ready,
    role_path,
    same_logins,
    secret_path,
)
from .credentials import store_of
from .link import Findings, Link, examine
from .stored_login import StoredLogin
from .view import View
from .words import span

NAME = "operator"


def look(view: View) -> Link:
    """Whether ESO serves what is needed, its stores are ready, and the hub holds the current login."""
    return examine(
        NAME,
        lambda found: _served(view, found),
        lambda found: _store(view, found),
        lambda found: _hub_sync(view, found),
        lambda found: _hub_secret(view, found),
        lambda found: _cluster_store(view, found),
        lambda found: _reader(view, found),
    )


def _served(view: View, found: Findings) -> None:
    for fault in operator_faults(view.settings, view.cluster):
        found.broken(f"{fault.key} {fault.value or ''} {fault.problem}", fault.example)


def _store(view: View, found: Findings) -> None:
    namespace, _ = view.place("hub")
    name, store = store_of(view)
    if not name:
        return
    if store is None:
        found.broken(f"the SecretStore {namespace}/{name} does not exist", view.up)
    elif reason := not_ready(store):
        found.broken(
            f"the SecretStore {namespace}/{name} is not ready: {reason}",
            view.kubectl(f"describe secretstore {name}", namespace),
        )


def _hub_sync(view: View, found: Findings) -> None:
    namespace, name = view.place("hub")
    sync = view.cluster.document(external_secret_path(namespace, name))
    if sync is None:
        found.broken(f"the hub's ExternalSecret {namespace}/{name} does not exist", view.up)
        return
    look_at = view.kubectl(f"describe externalsecret {name}", namespace)
    if reason := not_ready(sync):
        found.broken(f"the hub's ExternalSecret {namespace}/{name} is not ready: {reason}", look_at)
        return
    synced = moment(sync, "status", "refreshTime")
    if synced is None:
        return
    ago = view.now - synced
    if ago > 2 * view.sync_interval:
        found.broken(
            f"ESO has not read the login for {span(ago)}, and should every {span(view.sync_interval)}: does it run?",
            view.kubectl("get pods --all-namespaces --selector app.kubernetes.io/name=external-secrets"),
        )
    else:
        found.see(f"hub read {span(ago)} ago")


def _hub_secret(view: View, found: Findings) -> None:
    namespace, name = view.place("hub")
    secret = view.cluster.document(secret_path(namespace, name))
    if secret is None:
        found.broken(f"the hub Secret {namespace}/{name} does not exist", view.renew)
        return
    missing = [host for host in view.texts("registries") if host not in hosts_in(secret)]
    if missing:
        found.broken(f"the hub Secret {namespace}/{name} holds no login for {missing[0]}", view.renew)
        return
    if view.mode == "generator":
        _behind_logins(view, secret, found)
        return
    try:
        login = view.login
    except (Denied, Unanswered):
        # Said by the link that it belongs to.
        return
    if login is None or login.flaw or same_logins(decoded(secret, DATA_KEY), login.docker_config):
        return
    if view.now - (login.refreshed_at or view.now) > 2 * view.sync_interval:
        _is_behind(view, login, f"the hub Secret {namespace}/{name} holds an earlier login than the secret", found)
    else:
        found.see("the hub is about to read the new login")


def _behind_logins(view: View, secret: Object, found: Findings) -> None:
    """Of each login the hub must hold what lies in its own Secret, but for one that was just fetched."""
    held = logins_in(decoded(secret, DATA_KEY))
    namespace, name = view.place("hub")
    for login in view.generated:
        fetched = login.fetched
        late = fetched is not None and view.now - fetched > 2 * view.sync_interval
        if all(held.get(host) == entry for host, entry in logins_in(login.docker_config).items()):
            continue
        if late:
            found.breaking(
                f"the hub Secret {namespace}/{name} holds an earlier login {login.login} than the Secret {login.name}",
                view.renew,
            )
        else:
            found.see(f"the hub is about to read the new login {login.login}")


def _is_behind(view: View, login: StoredLogin, sentence: str, found: Findings) -> None:
    dies = earlier_login_dies(login)
    if dies is not None and dies <= view.now:
        found.broken(f"{sentence}, and that may be dead by now", view.renew)
    else:
        found.breaking(f"{sentence}, which may die within {span(dies - view.now) if dies else 'hours'}", view.renew)


def earlier_login_dies(login: StoredLogin) -> datetime | None:
    """By when the login before this one must be expected to be dead: it was fetched half a life earlier, unless somebody
    renewed by hand."""
    if login.refreshed_at is None or login.expires_at is None:
        return None
    return login.refreshed_at + (login.expires_at - login.refreshed_at) / 2


def _cluster_store(view: View, found: Findings) -> None:
    name = view.text("clusterStore")
    store = view.cluster.document(f"{ESO_API}/clustersecretstores/{name}")
    if store is None:
        found.broken(f"the ClusterSecretStore {name} does not exist", view.up)
    elif reason := not_ready(store):
        found.broken(
            f"the ClusterSecretStore {name} is not ready: {reason}", view.kubectl(f"describe clustersecretstore {name}")
        )
    else:
        provider = part(part(part(store, "spec"), "provider"), "kubernetes")
        found.see(f"stores ready, hub in {provider.get('remoteNamespace', view.text('systemNamespace'))}")


def _reader(view: View, found: Findings) -> None:
    """What the namespaces' reading of the hub takes."""
    namespace, hub = view.place("hub")
    needed = {
        f"service account {namespace}/{HUB_READER}": f"/api/v1/namespaces/{namespace}/serviceaccounts/{HUB_READER}",
        f"Role {namespace}/{hub}": role_path("roles", hub, namespace),
        f"RoleBinding {namespace}/{hub}": role_path("rolebindings", hub, namespace),
    }
    for what, path in needed.items():
        if view.cluster.metadata(path) is None:
            found.broken(f"the {what}, by which namespaces read the hub, does not exist", view.up)
