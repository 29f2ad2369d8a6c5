"""What became of the images whose pull was tried when the stack was deployed."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pulumi

# Of an image that the report does not tell of.
_UNKNOWN = "unknown"


def images_verified(
    images: Sequence[str], first_run: pulumi.Output[str], report: Callable[[str], str], resource: pulumi.Resource
) -> dict[str, object]:
    """The output that tells of each image its `status`: pulls, refused, empty, unreachable or unknown. None without images.

    `report` gives, of the run at deploy time, the JSON that the refresher reports with (see lambda_src/refresher), empty where
    it can't be had. What does not pull is a warning on the resource. Not at preview, which runs nothing: what the last
    deployment found was said by then.
    """
    if not images:
        return {}
    return {"imagesVerified": first_run.apply(lambda ran: _told(images, report(ran), resource))}


def _told(images: Sequence[str], report: str, resource: pulumi.Resource) -> list[dict[str, str]]:
    found = {str(entry.get("image")): entry for entry in _entries(report)}
    if not pulumi.runtime.is_dry_run():
        untold = [image for image in images if image not in found] if report else []
        _say(untold, found, resource)
    return [{"image": image, "status": str(found.get(image, {}).get("status", _UNKNOWN))} for image in images]


def _say(untold: Sequence[str], found: Mapping[str, Mapping[str, Any]], resource: pulumi.Resource) -> None:
    for image, entry in found.items():
        status, detail = entry.get("status"), entry.get("detail", "no reason given")
        if status == "empty":
            pulumi.log.info(f"{image} holds no image that could be tried", resource)
        elif status == "unreachable":
            pulumi.log.warn(f"whether {image} can be pulled was not found out at deploy time: {detail}", resource)
        elif status != "pulls":
            pulumi.log.warn(
                f"{image} could not be pulled with the login at deploy time: {detail}. The login is in place all the same; "
                "scheduled runs try again, and fail as long as it is so",
                resource,
            )
    if untold:
        more = f" and {len(untold) - 1} more" if len(untold) > 1 else ""
        pulumi.log.warn(f"whether {untold[0]}{more} can be pulled was not told by the run at deploy time", resource)


def _entries(report: str) -> list[Mapping[str, Any]]:
    """What the report tells of images; nothing of one that is cut off or none."""
    try:
        content: object = json.loads(report)
    except ValueError:
        return []
    listed: object = cast(Mapping[str, object], content).get("images") if isinstance(content, dict) else None
    entries = cast(list[object], listed) if isinstance(listed, list) else []
    return [cast(Mapping[str, Any], entry) for entry in entries if isinstance(entry, dict)]
