"""What there is to say of everything that a stack makes, whatever that is: its tags, and whether it is protected."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .reader import Reader
from .refused import Refused
from .schema import PROJECT
from .values import boolean, strings

# Tagging AWS Resources and Tag Editor User Guide, Tag naming limits and requirements: what every service takes.
_TEXT = re.compile(r"[A-Za-z0-9 _.:/=+@-]*")
_KEY_CHARACTERS, _VALUE_CHARACTERS = 128, 256
_MOST = 50


@dataclass(frozen=True)
class Care:
    """`tags` are those of everything in AWS that takes tags, besides everpull's own. `protect` says that the engine is to
    refuse to delete what can't be made again as it was."""

    tags: Mapping[str, str]
    protect: bool


def read(reader: Reader) -> Care:
    """What the configuration says of it; faults are noted in the reader."""
    return Care(reader.value("tags", tags), reader.value("protect", boolean))


def tags(raw: str) -> dict[str, str]:
    """Tags, each KEY=VALUE and each key once."""
    found: dict[str, str] = {}
    for item in strings(raw):
        key, equals, value = item.partition("=")
        if (
            not equals
            or not 1 <= len(key) <= _KEY_CHARACTERS
            or len(value) > _VALUE_CHARACTERS
            or not _TEXT.fullmatch(item)
        ):
            raise Refused(
                f"{item!r} is not a tag that every AWS service takes",
                f"KEY=VALUE, of letters, digits, spaces and _.:/+@-; keys of at most {_KEY_CHARACTERS} and values of at most "
                f"{_VALUE_CHARACTERS} characters",
            )
        if key.lower().startswith(("aws:", f"{PROJECT}:")):
            raise Refused(f"names {key}, which is not yours to set", f"keys that do not begin with aws: or {PROJECT}:")
        if key in found:
            raise Refused(f"gives {key} two values", "each key once")
        found[key] = value
    # One of them is everpull's own, and two on an OpenID Connect provider.
    if len(found) > _MOST - 2:
        raise Refused(f"lists {len(found)} tags", f"at most {_MOST - 2}")
    return found
