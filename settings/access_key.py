"""The cluster's access key: which one it is, and how old it may become."""

from dataclasses import dataclass

from .reader import Reader
from .refused import Refused
from .values import integer


@dataclass(frozen=True)
class AccessKeySettings:
    """`generation` numbers the key: another number is another key. A key in use that is older than `max_age_days` is warned of;
    0 means that none is."""

    generation: int
    max_age_days: int


def read(reader: Reader) -> AccessKeySettings:
    """What the configuration says of the key; faults are noted in the reader."""
    return AccessKeySettings(
        reader.value("accessKeyGeneration", generation), reader.value("accessKeyMaxAgeDays", max_age_days)
    )


def generation(raw: str) -> int:
    """The number of a key, from 1 on."""
    number = integer(raw)
    if number < 1:
        raise Refused("is the number of no key: the first one is 1", "1 or more")
    return number


def max_age_days(raw: str) -> int:
    """Days, or 0 for no limit."""
    days = integer(raw)
    if days < 0:
        raise Refused("is no age", "days, or 0 for no limit")
    return days
