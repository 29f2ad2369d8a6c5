"""What `python -m bench reach` measured, as a table for people."""

from collections.abc import Mapping
from typing import Any

from bench.reach import INTERVAL_SECONDS, WINDOW_SECONDS
from bench.report import table

_HEADS = ("namespaces", "chosen", "first `pulumi up`", "filled in", "all renewed after", "AWS calls")


def markdown(document: Mapping[str, Any]) -> str:
    """Everything between the markers of bench/README.md, out of reach.json."""
    facts = "".join(f"- {name}: {value}\n" for name, value in document["facts"].items())
    rows = [
        [
            str(stack["namespaces"]),
            stack["way"],
            f"{stack['up']:.0f} s",
            f"{stack['filled']:.0f} s",
            f"{stack['renewed']:.0f} s",
            ", ".join(f"{count} {action}" for action, count in sorted(stack["aws_calls"].items())),
        ]
        for stack in document["stacks"]
    ]
    return (
        f"{facts}- both intervals at {INTERVAL_SECONDS} s, AWS calls over {WINDOW_SECONDS} s that begin with a refresh\n\n"
        f"{table(_HEADS, rows)}"
    )
