"""Images whose pull the refresher tries at the end of each run: which, and what is wrong with a list of them."""

import re
from collections.abc import Iterable, Sequence

from lambda_src.refresher.images import REPOSITORY
from lambda_src.refresher.registries import Registry

from .reader import Reader
from .refused import Refused
from .schema import ECR_PUBLIC, PROJECT
from .values import is_registry, strings

AUTO = "auto"
_ALLOWED = "HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST, or auto alone"
# distribution/reference, the grammar of image names.
_IMAGE = re.compile(
    rf"(?P<host>[^/@]+)/{REPOSITORY}(?P<tag>:\w[\w.-]{{0,127}})?(?P<digest>@sha256:[0-9a-f]{{64}})?", re.ASCII
)


def images(raw: str) -> tuple[str, ...]:
    """Images, each with a tag or a digest; or AUTO alone, for one of each repository."""
    names = strings(raw)
    if AUTO in names and len(names) > 1:
        raise Refused("names auto beside images", "auto alone, or images alone")
    for name in names:
        if name != AUTO:
            _check(name)
    return names


def _check(name: str) -> None:
    match = _IMAGE.fullmatch(name)
    if not match:
        raise Refused(f"{name!r} is not the name of an image in a registry", _ALLOWED)
    if not match["tag"] and not match["digest"]:
        raise Refused(f"{name!r} names neither tag nor digest", _ALLOWED)
    if match["tag"] and match["digest"]:
        raise Refused(f"{name!r} names a tag beside the digest, which alone decides what is pulled", _ALLOWED)
    if match["host"] != ECR_PUBLIC and not is_registry(match["host"]):
        raise Refused(f"{name!r} is in no ECR registry", f"{_ALLOWED}; ACCOUNT.dkr.ecr.REGION.amazonaws.com is a HOST")


def resolved(names: Sequence[str], registries: Sequence[Registry], repositories: Sequence[str]) -> list[str]:
    """The images to try, as the refresher takes them: HOST/REPOSITORY stands for any one image of it."""
    if AUTO not in names:
        return list(names)
    return [f"{registry.host}/{name}" for registry in registries for name in repositories]


def host(image: str) -> str:
    """The registry host of an image."""
    return image.partition("/")[0]


def refuse_patterns(reader: Reader, names: Iterable[str], repositories: Iterable[str]) -> None:
    """Notes repositories that `auto` could take no image of."""
    pattern = next((name for name in repositories if name.endswith("*")), None)
    if AUTO in names and pattern is not None and reader.sound("verifyImages", "repositories"):
        reader.refuse(
            "verifyImages",
            f"takes one image of each repository by auto, and {pattern} in {PROJECT}:repositories names none",
            f"repositories that are all named in full in {PROJECT}:repositories, or images here",
        )
