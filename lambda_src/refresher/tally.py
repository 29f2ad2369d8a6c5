"""Which login to try images with, where many places need not hold the same one. Pure."""

from collections import Counter
from collections.abc import Iterable

from .core import Login


class Tally:
    """Counts the logins of places.

    What most places hold is what most pods pull with, and whoever may edit the Secret of one namespace does not decide it.
    """

    def __init__(self) -> None:
        self._by_host: dict[str, Counter[tuple[str, str]]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_host)

    def note(self, logins: Iterable[Login]) -> None:
        """Counts what one place holds."""
        for login in logins:
            for host in login.registries:
                self._by_host.setdefault(host, Counter())[login.username, login.password] += 1

    def pair(self, host: str) -> tuple[str, str] | None:
        """User name and password that most places hold for the host, None if none does."""
        counted = self._by_host.get(host)
        return counted.most_common(1)[0][0] if counted else None
