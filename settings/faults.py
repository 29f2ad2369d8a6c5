"""Faults in a stack's configuration: collected, then shown in one message."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, said so that it can be mended without reading code.

    `key` is the full config key (`everpull:schedule`), `value` what the stack holds, as it may be shown (None when the
    key is not set), `problem` a clause, `allowed` what would be accepted, `example` a command or line to copy.
    """

    key: str
    value: str | None
    problem: str
    allowed: str
    example: str

    def __str__(self) -> str:
        shown = "is not set" if self.value is None else f"= {textwrap.shorten(self.value, 200, placeholder='...')}"
        return f"{self.key} {shown}\n     {self.problem}\n     allowed: {self.allowed}\n     example: {self.example}"


class ConfigurationError(pulumi.RunError):
    """Every fault of one stack. A RunError, because the engine prints its text without a traceback.

    Source: Pulumi Python SDK reference, `pulumi.RunError`.
    """

    def __init__(self, stack: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        listed = "\n".join(f"  {number}. {fault}" for number, fault in enumerate(faults, 1))
        super().__init__(f"the configuration of stack {stack} has {count}:\n{listed}")
