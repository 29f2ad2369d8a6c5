"""A few threads that work off what they are given.

ThreadPoolExecutor does that too, and keeps a future with a lock for every piece of work. In a run over 500 namespaces that
alone took a tenth of the processor time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _Raised:
    error: BaseException


class Workers:
    """So many threads, begun when they are first needed. Must be closed.

    They are never more than `ahead` pieces of work ahead of whoever takes the results, so that results don't pile up.
    """

    def __init__(self, number: int, ahead: int) -> None:
        self._number = number
        self._ahead = ahead
        self._threads: list[Thread] = []
        self._work: SimpleQueue[tuple[Callable[[Any], object], object, SimpleQueue[object]] | None] = SimpleQueue()
        self._closed = Event()

    def each(self, function: Callable[[T], R], over: Iterable[T]) -> Iterator[R]:
        """`function` of each, as they are done. They are begun in their order, each as soon as `over` gives it.

        Raises what `function` raised, once it comes to that.
        """
        if not self._threads:
            self._threads = [Thread(target=self._run, daemon=True) for _ in range(self._number)]
            for thread in self._threads:
                thread.start()
        done: SimpleQueue[object] = SimpleQueue()
        rest, given, taken = iter(over), 0, 0
        while True:
            for item in islice(rest, self._ahead - (given - taken)):
                self._work.put((function, item, done))
                given += 1
            if taken == given:
                return
            result = done.get()
            taken += 1
            if isinstance(result, _Raised):
                raise result.error
            yield cast(R, result)

    def close(self) -> None:
        """Ends the threads, once what they have begun is done. What they have not begun is not done."""
        self._closed.set()
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            if self._closed.is_set():
                continue
            function, item, done = work
            try:
                done.put(function(item))
            except BaseException as error:  # noqa: BLE001 (it is raised where the results are asked for)
                done.put(_Raised(error))
