"""IAM's eventual consistency: authorisation sees IAM as it was `delay` seconds ago.

IAM's own API answers from the live tables, as it does on AWS; whatever decides about a request (credentials, policies,
trust) reads from the state that has already spread. So a new key is unknown, a new policy isn't seen, a removed one
still counts, until the delay is over. Root has no state in IAM and is not affected.
"""

import copy
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from local.aws.emulator import Emulator, around, replace

_TABLES = (
    "_users",
    "_roles",
    "_policies",
    "_groups",
    "_access_keys",
    "_oidc_providers",
    "_user_inline_policies",
    "_group_inline_policies",
)
# The evaluator's ways in; everything that they call reads the older state with them.
_DECIDING = (
    "enforce",
    "authenticate",
    "check_credentials",
    "resolve_principal",
    "resolve_credential",
    "validate_role_arn",
)

_deciding: ContextVar[bool] = ContextVar("deciding", default=False)

Tables = dict[str, dict[Any, Any]]


@contextmanager
def deciding() -> Iterator[None]:
    """Within this block IAM is read as authorisation sees it."""
    token = _deciding.set(True)
    try:
        yield
    finally:
        _deciding.reset(token)


class IamView:
    """Keeps what authorisation may still see. Costs nothing while the delay is 0."""

    def __init__(self, emulator: Emulator) -> None:
        self._delay = 0.0
        # Oldest first; the first one is what had spread when the delay was set.
        self._history: list[tuple[float, Tables]] = []
        self._live: Tables = {}
        # Functions' threads ask too.
        self._lock = threading.Lock()
        iam = emulator.iam
        for name in _TABLES:
            replace(iam, name, self._two_faced(emulator, name, getattr(iam, name)))
        for name in _DECIDING:
            around(emulator.evaluator, name, _reading_spread_state)
        # sts imported its own reference to this one.
        around(emulator.sts, "resolve_credential", _reading_spread_state)

    def _two_faced(self, emulator: Emulator, name: str, table: Any) -> Any:
        """A table of the same kind whose content depends on who looks."""
        view, kind = self, emulator.responses.AccountScopedDict
        if type(table) is not kind:
            raise RuntimeError(f"ministack keeps iam.{name} as {type(table)}: local/aws expects {kind}")

        class TwoFaced(kind):
            @property
            def _data(self) -> dict[Any, Any]:
                return view.spread(name) if _deciding.get() else view._live[name]

            @_data.setter
            def _data(self, content: dict[Any, Any]) -> None:
                view._live[name] = content

            def __deepcopy__(self, memo: dict[int, Any]) -> Any:
                plain = kind()
                plain._data = copy.deepcopy(view._live[name], memo)
                return plain

        made = TwoFaced()
        made._data = table._data
        return made

    @property
    def delay(self) -> float:
        """Seconds until a change to IAM counts."""
        return self._delay

    def set_delay(self, seconds: float) -> None:
        """Change the delay; what is there now has spread already."""
        with self._lock:
            self._delay = seconds
            self._history = [(0.0, copy.deepcopy(self._live))] if seconds else []

    def changed(self) -> None:
        """IAM was written to: remember its state from now on."""
        with self._lock:
            if self._delay:
                self._history.append((time.time(), copy.deepcopy(self._live)))

    def spread(self, name: str) -> dict[Any, Any]:
        """The table as everyone who decides sees it now."""
        with self._lock:
            if not self._delay:
                return self._live[name]
            horizon = time.time() - self._delay
            while len(self._history) > 1 and self._history[1][0] <= horizon:
                self._history.pop(0)
            return self._history[0][1][name]


def _reading_spread_state(decide: Any) -> Any:
    def decided(*arguments: Any, **named: Any) -> Any:
        with deciding():
            return decide(*arguments, **named)

    return decided
