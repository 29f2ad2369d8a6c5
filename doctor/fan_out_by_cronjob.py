"""One namespace's pull secret where the CronJob writes it, and its right to write it again."""

from collections.abc import Iterator
from datetime import datetime

from lambda_src.refresher.core import Held, first_to_die
from lambda_src.refresher.ownership import refusal
from lambda_src.refresher.pull_secret import EDITED, held_in
from lambda_src.refresher.targets import Owner

from .cluster import Object, hosts_in, role_path, secret_path
from .fan_out_from_hub import Check, NamespaceFault
from .view import View
from .words import at, span

_NO_LOGIN = "no login of ours"


def checker(view: View) -> Check:
    """A Check."""
    name, role = view.text("pullSecretName"), view.settings.role
    labels = view.settings.labels

    def check(namespace: str, by_label: bool) -> Iterator[NamespaceFault]:
        kinds = ("ClusterRole", "ClusterRoleBinding") if by_label else ("Role", "RoleBinding")
        where = None if by_label else namespace
        right = view.cluster.metadata(role_path(f"{kinds[0].lower()}s", role, where))
        bound = view.cluster.metadata(role_path(f"{kinds[1].lower()}s", role, where))
        for kind, there in zip(kinds, (right, bound), strict=True):
            if there is None:
                yield NamespaceFault(
                    "broken",
                    f"the {kind} {role}, by which the CronJob may write the pull secret, does not exist",
                    view.up,
                )
        secret = view.cluster.document(secret_path(namespace, name))
        if secret is None:
            yield NamespaceFault("broken", "has no pull secret", view.renew)
        elif refused := refusal(secret, labels, adopt=view.settings.adopt):
            yield NamespaceFault("broken", f"the CronJob leaves the pull secret alone: {refused}", view.renew)
        else:
            owner = Owner("rbac.authorization.k8s.io/v1", kinds[0], role, str((right or {}).get("uid", "")))
            yield from _content(view, secret, owner)

    return check


def refreshed_at(view: View, namespace: str) -> datetime | None:
    """When the login in the namespace was fetched; None where there is none of everpull's. Raises Unreachable, Forbidden."""
    secret = view.cluster.document(secret_path(namespace, view.text("pullSecretName")))
    if secret is None:
        return None
    # Whoever owns it: only what it holds is asked for.
    return _fetched(held_in(secret, view.settings.labels, Owner("", "", "", "")))


def _fetched(held: Held) -> datetime | None:
    first = first_to_die(held.logins)
    return first.refreshed_at if first else None


def _content(view: View, secret: Object, owner: Owner) -> Iterator[NamespaceFault]:
    held = held_in(secret, view.settings.labels, owner)
    missing = [host for host in view.texts("registries") if host not in hosts_in(secret)]
    if missing:
        yield NamespaceFault("broken", f"the pull secret holds no login for {missing[0]}", view.renew)
    elif held.flaw in (EDITED, _NO_LOGIN):
        yield NamespaceFault("broken", f"the pull secret holds {held.flaw}", view.renew)
    elif held.flaw:
        yield NamespaceFault("warning", f"the pull secret has {held.flaw}", view.renew)
    expires = held.expires_at
    if expires is None:
        return
    if expires <= view.now:
        yield NamespaceFault("broken", f"the login died at {at(expires)}", view.renew)
    elif expires < view.followed_by(expires, _fetched(held)):
        yield NamespaceFault(
            "breaking",
            f"the login dies at {at(expires)}, in {span(expires - view.now)}, which is before the next run is over",
            view.renew,
        )
