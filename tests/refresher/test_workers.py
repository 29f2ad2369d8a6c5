"""Threads that work off what they are given: how many at once, in which order, and what becomes of a failure."""

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refresher.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(3, 10)
    yield made
    made.close()


@given(st.lists(st.integers()))
def test_everything_is_done_once(items: list[int]) -> None:
    workers = Workers(3, 10)
    assert sorted(workers.each(lambda item: item * 2, items)) == sorted(item * 2 for item in items)
    workers.close()


def test_no_more_is_done_at_once_than_there_are_threads(workers: Workers) -> None:
    at_once, most = 0, 0
    lock = threading.Lock()

    def work(_item: int) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.005)
        with lock:
            at_once -= 1

    list(workers.each(work, range(30)))
    assert most == 3


def test_work_is_begun_while_more_of_it_is_still_being_given(workers: Workers) -> None:
    begun = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert begun.wait(10)
        yield 2

    assert sorted(workers.each(lambda item: begun.set() or item, items())) == [1, 2]


def test_results_come_as_they_are_done(workers: Workers) -> None:
    first = threading.Event()

    def work(item: str) -> str:
        if item == "slow":
            assert first.wait(10)
        return item

    results = workers.each(work, ["slow", "quick"])
    assert next(results) == "quick"
    first.set()
    assert next(results) == "slow"


def test_they_are_never_far_ahead_of_whoever_takes_the_results(workers: Workers) -> None:
    given: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            given.append(number)
            yield number

    for taken, _ in enumerate(workers.each(str, items())):
        assert len(given) <= taken + 10
    assert len(given) == 50


def test_two_lots_of_work_share_the_threads_and_not_the_results(workers: Workers) -> None:
    first, second = workers.each(str, [1, 2]), workers.each(repr, ["a"])
    assert next(second) == "'a'"
    assert sorted(first) == ["1", "2"]


def test_what_the_work_raises_is_raised_where_the_results_are_asked_for(workers: Workers) -> None:
    results = workers.each(lambda item: 1 // item, [0])
    with pytest.raises(ZeroDivisionError):
        list(results)
    assert list(workers.each(str, [1])) == ["1"]


def test_what_was_not_begun_when_they_are_closed_is_not_done() -> None:
    workers = Workers(1, 10)
    begun, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        begun.set()
        assert go_on.wait(10)
        done.append(item)

    results = workers.each(work, range(5))
    threading.Thread(target=lambda: next(results)).start()
    assert begun.wait(10)
    closing = threading.Thread(target=workers.close)
    closing.start()
    while not workers._closed.is_set():
        time.sleep(0.001)
    go_on.set()
    closing.join(10)
    assert done == [0]


def test_without_work_there_are_no_threads() -> None:
    before = threading.active_count()
    Workers(3, 10).close()
    assert threading.active_count() == before
