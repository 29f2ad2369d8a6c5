"""What a run that was killed made and could not take note of any more.

The engine would make it again, and the Kubernetes provider refuses to make what exists. That is rare for what is made in a
moment, but what holds logins and Jobs are waited for, and in all that time the state does not have them yet.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pulumi

from settings import Settings

from .followers import reads
from .hand_over import remove
from .operator import ESO_API
from .reader import ClusterReader, Forbidden, HttpClusterReader, Unreachable, connect_to, items, part
from .whose import is_ours, labelled

Clear = Callable[[str], Awaitable[None]]
"""Makes room for what is about to be made, by its `NAMESPACE/NAME`."""


def cleared(settings: Settings, annotation: str) -> Clear:
    """Takes away an ExternalSecret of the system namespace that the state does not have: a hub, or what fetches a login for it.

    Not one that another reads. Nor one that is not the newest of its sort: the state has it under another one's name, as one to
    be deleted in the end, and that would then be the new one, which is called the same. The `annotation` tells sorts apart.
    """

    async def clear(place: str) -> None:
        namespace, name = place.split("/")
        path = f"{ESO_API}/namespaces/{namespace}/externalsecrets/{name}"
        await _clear(settings, path, lambda reader, made: _is_known(settings, reader, name, annotation, made))

    return clear


def jobs_cleared(settings: Settings) -> Clear:
    """Takes a Job away that the state does not have: it is run again."""

    async def clear(place: str) -> None:
        namespace, name = place.split("/")
        await _clear(settings, f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}", lambda _reader, _made: False)

    return clear


async def _clear(settings: Settings, path: str, stays: Callable[[ClusterReader, str], bool]) -> None:
    """`stays` is asked with when the object was made. What can't be looked at or does not go is for the provider to say."""
    with suppress(Unreachable, Forbidden), connect_to(settings.cluster) as http:
        reader = HttpClusterReader(http)
        metadata = reader.metadata(path)
        if metadata is None or not is_ours(metadata, settings) or stays(reader, str(metadata["creationTimestamp"])):
            return
        pulumi.log.info(f"{path} was left behind by a run that was cut off, and is made anew")
        # With its pods, or its Secret, so that these are not taken for those of the next one.
        await remove(http, reader, {path: metadata["uid"]}, "Foreground")


def _is_known(settings: Settings, reader: ClusterReader, name: str, annotation: str, made: str) -> bool:
    """Whether something reads it, or another one of its sort was made after it."""
    listed = items(reader.document(f"{ESO_API}/externalsecrets?{labelled(settings)}"), "items")
    all_of_them = [part(found, "metadata") for found in listed]
    ours = [found for found in all_of_them if found["namespace"] == settings.system_namespace]
    sorts = {str(found["name"]): part(found, "annotations").get(annotation) for found in ours}
    others = [found for found in ours if found["name"] != name and sorts[str(found["name"])] == sorts.get(name)]
    # Times are all of one form (Kubernetes API conventions, Units), so their texts can be compared.
    return any(reads(found, name) for found in listed) or any(
        str(other["creationTimestamp"]) >= made for other in others
    )
