"""Images and logins that are tried, and what became of each. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .errors import ImagesRefusedError

# The grammar of the OCI Distribution Specification, Pulling manifests; ECR takes no other digest than SHA-256.
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
REPOSITORY = rf"{_PART}(?:/{_PART})*"
_IMAGE = re.compile(
    rf"(?P<host>[a-z0-9.-]+)/(?P<repository>{REPOSITORY})(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)

Status = Literal["pulls", "refused", "empty", "unreachable"]
# The worst first.
STATUSES: tuple[Status, ...] = ("refused", "unreachable", "empty", "pulls")


@dataclass(frozen=True)
class Image:
    """`text` as it was given; `reference` is a tag or a digest, None for whichever image the repository has."""

    text: str
    host: str
    repository: str
    reference: str | None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Verdict:
    """What became of an image, and why, unless it `pulls`.

    A refusal `may_heal` if it is for want of a right, which may be on its way.
    """

    image: Image
    status: Status
    detail: str | None = None
    may_heal: bool = False

    @property
    def fields(self) -> dict[str, object]:
        """As a report has it."""
        fields: dict[str, object] = {"image": str(self.image), "status": self.status}
        return {**fields, "detail": self.detail} if self.detail else fields


@dataclass(frozen=True)
class LoginVerdict:
    """Whether a registry (its host) takes a login, or gave no answer that tells; why not."""

    host: str
    status: Literal["taken", "refused", "unknown"]
    detail: str | None = None


def refused(verdicts: Sequence[Verdict]) -> ImagesRefusedError | None:
    """The error that those verdicts are, None if no image was refused."""
    told = [verdict for verdict in verdicts if verdict.status == "refused"]
    if not told:
        return None
    texts = [f"{verdict.image}: {verdict.detail}" for verdict in told]
    return ImagesRefusedError(texts, len(verdicts), rights_missing=any(verdict.may_heal for verdict in told))


def parse_image(text: str) -> Image:
    """The image that the text names: HOST/REPOSITORY, with :TAG, @DIGEST (which wins over a tag) or neither.

    Raises ValueError saying what is wrong with it.
    """
    found = _IMAGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not HOST/REPOSITORY, HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST")
    return Image(text, found["host"], found["repository"], found["digest"] or found["tag"])
