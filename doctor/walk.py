"""The chain, link by link, in the order in which a login travels."""

from collections.abc import Callable, Mapping

from . import (
    attachments,
    clocks,
    cron_job,
    fan_out,
    function,
    identity,
    logins,
    node_roles,
    operator,
    registries,
    rotation,
    secret,
)
from .link import Link
from .view import View

Look = Callable[[View], Link]


def _with(output: str) -> Callable[[View], bool]:
    return lambda view: output in view.outputs


# Name to what looks at it, and which stacks have such a link.
LINKS: Mapping[str, tuple[Look, Callable[[View], bool]]] = {
    identity.NAME: (identity.look, _with("identityArn")),
    secret.NAME: (secret.look, _with("loginSecretArn")),
    function.NAME: (function.look, _with("functionName")),
    rotation.NAME: (rotation.look, _with("functionName")),
    cron_job.NAME: (cron_job.look, _with("cronJob")),
    logins.NAME: (logins.look, lambda view: view.mode == "generator"),
    operator.NAME: (operator.look, _with("hub")),
    fan_out.NAME: (fan_out.look, _with("pullSecrets")),
    attachments.NAME: (attachments.look, _with("pullSecrets")),
    registries.NAME: (registries.look, _with("pullSecrets")),
    node_roles.NAME: (node_roles.look, _with("nodeRoles")),
    clocks.NAME: (clocks.look, lambda _: True),
}


def walk(view: View) -> list[Link]:
    """Every link that the stack has, also those behind one that is broken."""
    return [look(view) for look, has in LINKS.values() if has(view)]
