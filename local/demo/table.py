"""A plain table for a terminal."""

import shutil
import textwrap
from collections.abc import Sequence


def render(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Columns as wide as their contents; the last is wrapped into what is left of `width` (the terminal's)."""
    width = width or max(80, shutil.get_terminal_size((120, 24)).columns)
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head) - 1)]
    last = max(20, width - sum(widths) - 2 * len(widths))
    lines: list[str] = []
    for row in [head, ["-" * size for size in widths] + ["-" * len(head[-1])], *rows]:
        for number, part in enumerate(textwrap.wrap(row[-1], last, break_on_hyphens=False) or [""]):
            cells = row[:-1] if number == 0 else [""] * len(widths)
            lines.append(
                "  ".join([*(cell.ljust(size) for cell, size in zip(cells, widths, strict=True)), part]).rstrip()
            )
    return "\n".join(lines) + "\n"
