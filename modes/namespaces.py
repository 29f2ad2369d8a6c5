"""The listed namespaces, the same in every mode that puts something into them."""

from collections.abc import Sequence

import pulumi

from cluster.surroundings import Surroundings
from cluster.there import namespaces_there
from components.listed_namespaces import ListedNamespaces
from settings import Settings


def make_namespaces(settings: Settings, around: Surroundings) -> list[pulumi.Resource]:
    """Sees to it that the listed namespaces are there, if the stack says so. Gives what is to wait for that.

    The program fails, before anything is deleted, where one that is absent was not made, because the state says that it was.
    """
    if not settings.create_namespaces:
        return []
    made = ListedNamespaces(f"{settings.owner}-namespaces", {"namespaces": settings.namespaces})

    async def there(namespaces: Sequence[str]) -> None:
        await namespaces_there(settings, [name for name in namespaces if name in around.absent])

    made.namespaces.apply(there)
    return [made]
