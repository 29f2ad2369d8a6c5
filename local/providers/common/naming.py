"""Auto-naming as the bridged providers do it: logical name, a separator, hex digits.

The digits come from the engine's seed alone, so that a preview and its `up` agree.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

_DIGITS = 7


@dataclass(frozen=True)
class Autonaming:
    """What the stack's `pulumi:autonaming` setting says for one resource: use `proposed` or refuse to invent a name."""

    mode: Literal["propose", "enforce", "disable"]
    proposed: str = ""


def auto_name(
    logical: str,
    seed: bytes,
    *,
    max_length: int,
    separator: str = "-",
    suffix: str = "",
    lower: bool = False,
    policy: Autonaming | None = None,
) -> str:
    """A physical name such as `queue-3f9a01c`: the same for the same seed, so that preview and up agree.

    Raises ValueError when it can't fit `max_length` or when auto-naming is switched off."""
    if policy is not None and policy.mode == "disable":
        raise ValueError("automatic naming is disabled by pulumi:autonaming, so the name must be given")
    if policy is not None and policy.proposed:
        name = policy.proposed + suffix
    else:
        name = f"{logical}{separator}{hashlib.sha256(seed).hexdigest()[:_DIGITS]}{suffix}"
    name = name.lower() if lower else name
    if len(name) > max_length:
        raise ValueError(f"the automatic name {name!r} is longer than the {max_length} characters that are allowed")
    return name
