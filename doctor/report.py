"""What the doctor says of the chain, and its exit status."""

import json
from collections.abc import Sequence

from .link import STATES, Link

EXIT_OK, EXIT_BROKEN, EXIT_BREAKING, EXIT_UNKNOWN = 0, 1, 2, 3
_STATUS = {"broken": EXIT_BROKEN, "breaking": EXIT_BREAKING, "unknown": EXIT_UNKNOWN}
_SAID = {
    "broken": "is broken",
    "breaking": "will break before the next refresh",
    "unknown": "could not be looked at",
    "warning": "holds, with a warning",
}


def first_fault(links: Sequence[Link]) -> Link | None:
    """The first of the worst links, in the order of the chain; None if all is well."""
    for state in STATES[:-1]:
        for link in links:
            if link.state == state:
                return link
    return None


def exit_status(links: Sequence[Link]) -> int:
    """0 if everything holds, 1 if a link is broken, 2 if one will break before the next refresh, 3 if one was not seen."""
    worst = first_fault(links)
    return _STATUS.get(worst.state, EXIT_OK) if worst else EXIT_OK


def as_text(stack: str, links: Sequence[Link]) -> str:
    """The first broken link, then a line for each, and under it a sentence and the next command for each fault."""
    worst = first_fault(links)
    head = f"stack {stack}: every link holds"
    if worst:
        head = f"stack {stack}: {worst.name} {_SAID[worst.state]}: {worst.faults[0].sentence}"
    width = max((len(link.name) for link in links), default=0)
    lines = [head]
    for link in links:
        about = link.faults[0].sentence if link.faults else link.seen
        lines.append(f"{link.name:<{width}}  {link.state:<8}  {about}")
        for number, fault in enumerate(link.faults):
            if number:
                lines.append(f"{'':<{width}}  {fault.state:<8}  {fault.sentence}")
            lines.append(f"{'':<{width}}  {'':<8}  -> {fault.fix}")
    return "\n".join(lines)


def as_json(links: Sequence[Link]) -> str:
    """A list of links in the order of the chain, each with `name`, `state`, `detail` and `fix`.

    The last two have a line for each fault, the worst first; without one, `fix` is empty and `detail` is what was seen.
    """
    return json.dumps(
        [{"name": link.name, "state": link.state, "detail": link.detail, "fix": link.fix} for link in links], indent=2
    )
