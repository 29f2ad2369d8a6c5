"""Steps in order, side by side, and with failures."""

import io
import threading

import pytest

from local.steps import Progress, Step, StepsFailedError, run


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def test_a_step_runs_after_those_it_comes_after(out: io.StringIO) -> None:
    order: list[str] = []

    def note(name: str) -> str:
        order.append(name)
        return "done"

    steps = [
        Step("three", lambda: note("three"), ("two",)),
        Step("two", lambda: note("two"), ("one",)),
        Step("one", lambda: note("one")),
    ]
    assert set(run(steps, Progress(out))) == {"one", "two", "three"}
    assert order == ["one", "two", "three"]


def test_independent_steps_run_side_by_side(out: io.StringIO) -> None:
    # Each waits for the other: one after the other they would break the barrier.
    barrier = threading.Barrier(2, timeout=20)

    def meet() -> str:
        barrier.wait()
        return "met"

    run([Step("left", meet), Step("right", meet)], Progress(out))


def test_a_failure_names_what_was_not_begun_and_the_rest_still_runs(out: io.StringIO) -> None:
    ran: list[str] = []

    def fail() -> str:
        raise RuntimeError("the disk is full")

    def note() -> str:
        ran.append("independent")
        return "done"

    steps = [
        Step("broken", fail),
        Step("after", lambda: "never", ("broken",)),
        Step("after that", lambda: "never", ("after",)),
        Step("independent", note),
    ]
    with pytest.raises(StepsFailedError) as caught:
        run(steps, Progress(out))
    assert "broken: the disk is full" in str(caught.value)
    assert "not begun because of that: after, after that" in str(caught.value)
    assert ran == ["independent"]


def test_all_failures_are_told_at_once(out: io.StringIO) -> None:
    def fail(text: str) -> str:
        raise RuntimeError(text)

    with pytest.raises(StepsFailedError, match=r"(?s)first reason.*second reason"):
        run([Step("a", lambda: fail("first reason")), Step("b", lambda: fail("second reason"))], Progress(out))


def test_a_step_that_did_nothing_is_not_mentioned(out: io.StringIO) -> None:
    run([Step("quiet", lambda: "kept"), Step("loud", lambda: "built")], Progress(out))
    assert "quiet" not in out.getvalue()
    assert "loud: built" in out.getvalue()


def test_steps_that_wait_for_each_other_are_refused(out: io.StringIO) -> None:
    steps = [Step("egg", lambda: "", ("hen",)), Step("hen", lambda: "", ("egg",))]
    with pytest.raises(ValueError, match="wait for each other: egg, hen"):
        run(steps, Progress(out))


def test_a_step_after_an_unknown_one_is_refused(out: io.StringIO) -> None:
    with pytest.raises(ValueError, match="unknown nothing"):
        run([Step("egg", lambda: "", ("nothing",))], Progress(out))
