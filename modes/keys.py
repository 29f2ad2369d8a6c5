"""The access key of the cluster's IAM user: whether there is room for another one, and how old it has become."""

from datetime import UTC, datetime

import pulumi

from components.access_keys import IamAccessKeys, check_room
from components.aws_reads import Access
from components.cluster_identity import AccessKeyArgs
from settings import ConfigurationError, Settings

from .findings import fault


def key_args(settings: Settings) -> AccessKeyArgs:
    """What a delivery is told of the key. Where the user has no room for it the key is refused, at preview too."""
    generation = settings.access_key.generation

    def refuse(user: str) -> None:
        found = check_room(user, generation, IamAccessKeys(Access(settings.region, profile=settings.aws_profile)))
        if found:
            raise ConfigurationError(settings.stack, [fault(found)])

    return {"access_key_generation": generation, "before_key": refuse}


def watch_age(settings: Settings, created: pulumi.Output[str] | None, resource: pulumi.Resource) -> None:
    """Warns once the key in use is older than the settings say. One that is still to be made has no age, nor has a role."""
    if created is not None and settings.access_key.max_age_days:
        # From the state: no right to look at AWS is needed, and it is the stack's own key.
        created.apply(lambda text: _tell(settings, text, resource))


def _tell(settings: Settings, created: str, resource: pulumi.Resource) -> None:
    days = (datetime.now(UTC) - datetime.fromisoformat(created)).days
    if days > settings.access_key.max_age_days:
        pulumi.log.warn(
            f"the cluster's access key is {days} days old, and everpull:accessKeyMaxAgeDays is "
            f"{settings.access_key.max_age_days}: pulumi config set everpull:accessKeyGeneration "
            f"{settings.access_key.generation + 1}, then pulumi up, moves the cluster to a new one",
            resource,
        )
