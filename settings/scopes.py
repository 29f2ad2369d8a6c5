"""Which half of mode `lambda` the stack has: `everpull:scope`, and the stack that has the other one."""

import re
from dataclasses import dataclass

from . import schema
from .reader import Reader
from .refused import Refused

# Pulumi docs, Stack references: STACK, ORGANIZATION/STACK or ORGANIZATION/PROJECT/STACK.
_STACK = re.compile(r"(?:[\w.-]+/){0,2}[\w.-]{1,100}", re.ASCII)


@dataclass(frozen=True)
class Scope:
    """`name` is one of schema.SCOPES. `aws_stack` names the stack that keeps the login; empty unless that is another one."""

    name: str
    aws_stack: str


def read(reader: Reader, mode: str, stack: str) -> Scope:
    """What the configuration of the `stack` says of it; faults are noted in the reader. Modes without halves are whole."""
    if "scope" not in schema.MODES[mode].keys:
        return Scope("all", "")
    name = reader.one_of("scope", tuple(schema.SCOPES))
    if name != "cluster" or not reader.sound("scope"):
        return Scope(name, "")
    if not reader.text("awsStack"):
        reader.refuse(
            "awsStack",
            "names no stack, and with scope cluster it is another stack that keeps the login",
            "the name of a stack of scope aws or all, or ORGANIZATION/PROJECT/STACK",
        )
    return Scope(name, reader.value("awsStack", lambda raw: _other(raw, stack)))


def _other(name: str, stack: str) -> str:
    if not _STACK.fullmatch(name):
        raise Refused(f"{name!r} cannot name a stack", "STACK, ORGANIZATION/STACK or ORGANIZATION/PROJECT/STACK")
    if name == stack:
        raise Refused("is this stack itself, which keeps no login", "another stack, of scope aws or all")
    return name
