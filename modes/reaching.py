"""What the stack's logins open, and by whose rights: the settings, put into ARNs."""

from collections.abc import Sequence

from components.logins import LoginArgs
from components.policy import repository_arn
from settings import Registry, Settings
from settings.schema import ECR_PUBLIC


def login_args(settings: Settings, partition: str) -> LoginArgs:
    """What every delivery is told of its logins. The settings must name every registry (see Settings.of_account)."""
    ours = [registry for registry in settings.registries if registry.account not in settings.reach.roles]
    public = [ECR_PUBLIC] if settings.reach.ecr_public else []
    return {
        # ECR Public last: the first is the main one.
        "registries": [*(registry.host for registry in settings.registries), *public],
        "repository_arns": _arns(partition, ours, settings.repositories),
        "assume_roles": list(settings.reach.roles.values()),
        "ecr_public": settings.reach.ecr_public,
    }


def node_arns(settings: Settings, partition: str) -> list[str]:
    """ARNs (patterns allowed) of the repositories that nodes may pull: in every registry, for a node assumes no role."""
    return _arns(partition, settings.registries, settings.repositories)


def _arns(partition: str, registries: Sequence[Registry], names: Sequence[str]) -> list[str]:
    return [
        repository_arn(partition, registry.region, registry.account, name) for registry in registries for name in names
    ]
