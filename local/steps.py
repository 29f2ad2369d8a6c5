"""Runs steps that depend on each other, side by side where they don't, and shows how it goes."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TextIO

# A terminal that stays quiet looks stuck.
_REMINDER_SECONDS = 20.0


class StepsFailedError(Exception):
    """At least one step failed; the text holds every failure."""


@dataclass(frozen=True)
class Step:
    """`run` does the work and gives a word on what was done; `after` names the steps that must be done before."""

    name: str
    run: Callable[[], str]
    after: tuple[str, ...] = ()


class Progress:
    """Lines with elapsed time, for people."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        elapsed = int(time.monotonic() - self._began)
        with self._lock:
            print(f"[{elapsed // 60:2d}:{elapsed % 60:02d}] {text}", file=self._out, flush=True)


def run(steps: Sequence[Step], progress: Progress) -> dict[str, float]:
    """Run all steps, each as soon as those it comes after are done; gives the seconds each took.

    When one fails, what is under way is finished, what depends on the failed is not begun, everything else is.

    Raises:
        StepsFailedError: with each failed step and its reason.
        ValueError: a step comes after one that is not there, or after itself by way of others.
    """
    waiting = {step.name: step for step in steps}
    for step in steps:
        if unknown := set(step.after) - set(waiting):
            raise ValueError(f"step {step.name} comes after unknown {', '.join(sorted(unknown))}")
    took: dict[str, float] = {}
    failures: dict[str, BaseException] = {}
    blocked: set[str] = set()
    active: dict[Future[str], tuple[Step, float]] = {}
    with ThreadPoolExecutor(max_workers=max(len(steps), 1)) as pool:
        reminder = time.monotonic() + _REMINDER_SECONDS
        while waiting or active:
            for step in list(waiting.values()):
                if any(name in failures or name in blocked for name in step.after):
                    blocked.add(step.name)
                    del waiting[step.name]
                elif all(name in took for name in step.after):
                    del waiting[step.name]
                    active[pool.submit(step.run)] = (step, time.monotonic())
            if not active:
                if waiting and not any(set(step.after) & blocked for step in waiting.values()):
                    raise ValueError(f"steps wait for each other: {', '.join(sorted(waiting))}")
                continue
            done, _ = wait(active, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                step, began = active.pop(future)
                seconds = time.monotonic() - began
                if (error := future.exception()) is not None:
                    failures[step.name] = error
                    progress.say(f"{step.name}: failed after {seconds:.1f} s")
                else:
                    took[step.name] = seconds
                    if (word := future.result()) != "kept":
                        progress.say(f"{step.name}: {word} ({seconds:.1f} s)")
            if time.monotonic() > reminder and active:
                reminder = time.monotonic() + _REMINDER_SECONDS
                names = [f"{step.name} ({time.monotonic() - began:.0f} s)" for step, began in active.values()]
                progress.say(f"still at it: {', '.join(names)}")
    if failures:
        texts = [f"{name}: {error}" for name, error in failures.items()]
        if blocked:
            texts.append(f"not begun because of that: {', '.join(sorted(blocked))}")
        raise StepsFailedError("\n".join(texts)) from next(iter(failures.values()))
    return took
