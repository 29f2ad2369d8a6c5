"""What the engine takes for made, because its state says so, and somebody deleted since.

It does not look at the cluster unless it is told to (`pulumi up --refresh`), so it would leave a namespace without its pull
secret and say that nothing is to do.
"""

from collections.abc import Callable, Sequence

import pulumi

from settings import Settings

from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable
from .takeover import RBAC
from .whose import named, places


async def namespaces_there(settings: Settings, namespaces: Sequence[str]) -> None:
    """Raises pulumi.RunError where one of the namespaces, which the stack was to make, does not exist."""

    def look(reader: ClusterReader) -> list[str]:
        return [name for name in namespaces if reader.metadata(f"/api/v1/namespaces/{name}") is None]

    if namespaces:
        _refuse(settings, look, "the state says that everpull made {}, which somebody deleted")


async def roles_there(settings: Settings) -> None:
    """Raises pulumi.RunError where a listed namespace has not the Role by which the CronJob may write its pull secret."""

    def look(reader: ClusterReader) -> list[str]:
        found = named(reader, RBAC, "roles", settings.role, settings.namespaces)
        return [name for name in settings.namespaces if name not in found]

    if settings.namespaces:
        _refuse(settings, look, f"the state says that there is a Role {settings.role} in {{}}, which somebody deleted")


def _refuse(settings: Settings, look: Callable[[ClusterReader], list[str]], problem: str) -> None:
    """Not at preview. A cluster that can't be asked is a warning."""
    if pulumi.runtime.is_dry_run():
        return
    try:
        gone = look(HttpClusterReader.of(settings.cluster))
    except (Unreachable, Forbidden) as reason:
        pulumi.log.warn(f"whether everything is there that the state says was not checked: {reason}")
        return
    if gone:
        raise pulumi.RunError(f"{problem.format(places(gone))}: pulumi up --refresh makes it again")
