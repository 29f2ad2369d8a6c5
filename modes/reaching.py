"""What the stack's logins open, and by whose rights: the settings, put into ARNs."""

from collections.abc import Sequence

from components.logins import LoginArgs
from components.policy import repository_arn
from settings import Registry, Settings
from settings.images import AUTO, resolved


def login_args(settings: Settings, partition: str) -> LoginArgs:
    """What every delivery is told of its logins. The settings must name every registry (see Settings.of_account)."""
    ours = [registry for registry in settings.registries if registry.account not in settings.reach.roles]
    return {
        "registries": settings.reach.hosts(settings.registries),
        "repository_arns": _arns(partition, ours, settings.repositories),
        "pull_through_arns": _arns(partition, ours, _cached(settings)),
        "assume_roles": list(settings.reach.roles.values()),
        "ecr_public": settings.reach.ecr_public,
        "verify_images": resolved(settings.reach.images, settings.registries, settings.repositories),
        "may_list": AUTO in settings.reach.images,
    }


def node_arns(settings: Settings, partition: str) -> tuple[list[str], list[str]]:
    """ARNs (patterns allowed) of the repositories that nodes may pull, and of those that caches fill.

    Those of every registry, for a node assumes no role.
    """
    registries = settings.registries
    return _arns(partition, registries, settings.repositories), _arns(partition, registries, _cached(settings))


def _cached(settings: Settings) -> list[str]:
    """Patterns of the repositories that pull-through caches fill."""
    return ["*" if prefix == "ROOT" else f"{prefix}/*" for prefix in settings.reach.caches]


def _arns(partition: str, registries: Sequence[Registry], names: Sequence[str]) -> list[str]:
    return [
        repository_arn(partition, registry.region, registry.account, name) for registry in registries for name in names
    ]
