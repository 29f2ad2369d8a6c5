"""The chain, link by link, in the order in which a login travels."""

from collections.abc import Callable, Mapping, Sequence

from . import (
    attachments,
    clocks,
    cron_job,
    fan_out,
    function,
    identity,
    node_roles,
    operator,
    registries,
    rotation,
    secret,
)
from .link import Link
from .view import View

Look = Callable[[View], Link]

# Name to what looks at it, and the outputs (one of them is enough) of stacks that have such a link; none means all stacks.
LINKS: Mapping[str, tuple[Look, Sequence[str]]] = {
    identity.NAME: (identity.look, ["identityArn"]),
    secret.NAME: (secret.look, ["loginSecretArn"]),
    function.NAME: (function.look, ["functionName"]),
    rotation.NAME: (rotation.look, ["functionName"]),
    cron_job.NAME: (cron_job.look, ["cronJob"]),
    operator.NAME: (operator.look, ["hub"]),
    fan_out.NAME: (fan_out.look, ["pullSecrets"]),
    attachments.NAME: (attachments.look, ["pullSecrets"]),
    registries.NAME: (registries.look, ["pullSecrets"]),
    node_roles.NAME: (node_roles.look, ["nodeRoles"]),
    clocks.NAME: (clocks.look, []),
}


def walk(view: View) -> list[Link]:
    """Every link that the stack has, also those behind one that is broken."""
    return [
        look(view) for look, outputs in LINKS.values() if not outputs or any(name in view.outputs for name in outputs)
    ]
