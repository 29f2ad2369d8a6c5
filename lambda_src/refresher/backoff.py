"""When a request to the Kubernetes API server is made again, and how long that waits. Pure, but for chance.

As the API conventions ask (Kubernetes API conventions, HTTP Status codes): 429 and 503 wait as long as Retry-After says, other
faults of the server and of the network wait longer each time, and all that failed together don't come back together.
Every request that is made here may be repeated: reads, server-side applies, and deletes of one uid.
"""

from collections.abc import Callable
from dataclasses import dataclass

# Too many requests; the server failed; something in between could not get through to it.
RETRIED = frozenset({429, 500, 502, 503, 504})
ATTEMPTS = 4
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Backoff:
    """`chance` gives numbers from 0 to 1."""

    chance: Callable[[], float]

    def wait(self, attempt: int, retry_after: str | None = None) -> float | None:
        """Seconds to wait after that attempt (from 1) has failed, None if it was the last one.

        `retry_after` is the header of that name; it has seconds (a date is not known of any API server).
        """
        if attempt >= ATTEMPTS:
            return None
        if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
            # Not at the very second at which all others return, and not for hours.
            return min(int(retry_after[:6]), LONGEST_WAIT_SECONDS) + FIRST_WAIT_SECONDS * self.chance()
        return min(FIRST_WAIT_SECONDS * 2 ** (attempt - 1), LONGEST_WAIT_SECONDS) * (1 - self.chance() / 2)
