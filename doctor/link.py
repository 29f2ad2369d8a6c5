"""What is known of a link of the chain."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from cluster.reader import Forbidden, Unreachable
from components.aws_reads import Denied, Missing, Unanswered

State = Literal["ok", "warning", "breaking", "broken", "unknown"]
# The worst first. What will break counts for more than what could not be seen, because something can be done about it.
STATES: tuple[State, ...] = ("broken", "breaking", "unknown", "warning", "ok")

# An answer of another shape than documented must keep no other link from being looked at.
_ODD = (LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a link: a plain sentence, and the next command.

    `broken` is so now, `breaking` will be before the login is renewed, `unknown` could not be looked at, and a `warning` keeps
    no pod from pulling.
    """

    state: State
    sentence: str
    fix: str


@dataclass(frozen=True)
class Link:
    """One link of the chain: its faults, the worst first, and what else was `seen` of it."""

    name: str
    faults: tuple[Fault, ...] = ()
    seen: str = ""

    @property
    def state(self) -> State:
        """That of its worst fault."""
        return self.faults[0].state if self.faults else "ok"

    @property
    def detail(self) -> str:
        """The sentences on its faults, one a line; else what was seen."""
        return "\n".join(fault.sentence for fault in self.faults) or self.seen

    @property
    def fix(self) -> str:
        """The commands for its faults, one a line; empty where there is none."""
        return "\n".join(dict.fromkeys(fault.fix for fault in self.faults))


@dataclass
class Findings:
    """What is being found out of one link."""

    faults: list[Fault] = field(default_factory=list[Fault])
    seen: list[str] = field(default_factory=list[str])

    def broken(self, sentence: str, fix: str) -> None:
        """Pods, or the next part of the chain, do not get what they need."""
        self._add("broken", sentence, fix)

    def breaking(self, sentence: str, fix: str) -> None:
        """It holds as yet, and will not until the login is renewed."""
        self._add("breaking", sentence, fix)

    def unknown(self, sentence: str, fix: str) -> None:
        """It could not be looked at."""
        self._add("unknown", sentence, fix)

    def warning(self, sentence: str, fix: str) -> None:
        """It holds, and should be looked at."""
        self._add("warning", sentence, fix)

    def see(self, sentence: str) -> None:
        """Something that is as it should be."""
        self.seen.append(sentence)

    def link(self, name: str) -> Link:
        """The link."""
        faults = sorted(self.faults, key=lambda fault: STATES.index(fault.state))
        return Link(name, tuple(faults), "; ".join(self.seen))

    def _add(self, state: State, sentence: str, fix: str) -> None:
        found = Fault(state, sentence, fix)
        if found not in self.faults:
            self.faults.append(found)


def examine(name: str, *checks: Callable[[Findings], None]) -> Link:
    """The link that the checks find, each of which notes what it finds. What one may not see keeps no other from looking."""
    found = Findings()
    for check in checks:
        try:
            check(found)
        except Denied as action:
            found.unknown(
                f"not looked at, because you have no right to {action}", f"allow {action} (docs/iam/doctor.json)"
            )
        except Unanswered as reason:
            found.unknown(f"not looked at, because AWS did not answer ({reason})", "aws sts get-caller-identity")
        except Forbidden as path:
            found.unknown(
                f"not looked at, because you may not read {path}", f"kubectl auth whoami; kubectl get --raw '{path}'"
            )
        except Missing as reason:
            found.unknown(f"not looked at whole, because something went meanwhile ({reason})", "look again")
        except _ODD as error:
            found.unknown(
                f"not looked at whole, because an answer was not understood ({type(error).__name__})", "look again"
            )
        except Unreachable as reason:
            found.unknown(f"not looked at, because the cluster did not answer ({reason})", "kubectl cluster-info")
    return found.link(name)
