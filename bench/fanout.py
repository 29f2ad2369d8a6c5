"""The experiment: both programs in turn, over the same namespaces, API server and emulator, each run a cold process.

Each repetition takes both programs through three states: `new`, no Secret is there yet; `due`, all are there and past
half of the login's life; `fresh`, all have just been renewed. Who goes first alternates. What a run must have done is
checked after it, so that no figure stands for less than the work.
"""

import fcntl
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import botocore

from bench import counters, ground, process, pull_secrets, removal
from bench.aws_user import aws_user
from bench.errors import BenchError
from bench.figures import PROGRAMS, STATES, Program, Run, State
from bench.kube import Kube
from bench.pull_secrets import PullSecret
from bench.subjects import EVERPULL, PEER, Subject, Surroundings, everpull, peer, write_service_account
from local.cluster.certificates import Pki
from local.paths import Paths
from local.state import PlatformState
from local.tunnel.authority import Authority
from local.tunnel.proxy import Proxy, running

# A login lives 12 hours and is renewed at half of that.
_HOURS_UNTIL_DUE = 7.0
_MIB = 1024 * 1024
# Holds the service accounts' tokens while they are needed.
_ACCOUNTS = "accounts"

Say = Callable[[str], None]


def say(text: str) -> None:
    """Progress, beside the result on standard output."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Stage:
    """What stays the same from one size to the next."""

    folders: Paths
    state: PlatformState
    kube: Kube
    surroundings: Surroundings
    proxy: Proxy
    say: Say = say


def administrator(folders: Paths, state: PlatformState) -> Kube:
    """The platform's API server, as its administrator."""
    pki = Pki(folders.kube)
    return Kube(state.kube_api, pki.authority, pki.certificate("admin"), pki.key("admin"))


@contextmanager
def alone(folders: Paths) -> Iterator[None]:
    """Raises BenchError when another measurement runs on this platform: both would be in the same namespaces."""
    with (folders.run / "bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError("another measurement runs on this platform") from None
        yield


@contextmanager
def stage(folders: Paths, state: PlatformState, *, keep: bool = False) -> Iterator[Stage]:
    """The way to AWS, a user there, and a folder for credentials; with `keep`, the namespaces stay afterwards.

    Raises BenchError, kube.Refused.
    """
    kube = administrator(folders, state)
    host, _, port = state.kube_api.removeprefix("https://").partition(":")
    folder = folders.home / "bench"
    folder.mkdir(mode=0o700, exist_ok=True)
    endpoints = {f"{name}.{state.region}.amazonaws.com": state.aws_endpoint for name in ("api.ecr", "sts")}
    authority = Authority(folder / "authority")
    bundle = folder / "authorities.pem"
    # Reading the public authorities too is a part of what a client of AWS takes, in memory and in time.
    public = Path(botocore.__file__).parent / "cacert.pem"
    bundle.write_bytes(public.read_bytes() + b"\n" + authority.certificate.read_bytes())
    with alone(folders), running(endpoints.get, authority) as proxy, aws_user(state) as key:
        surroundings = Surroundings(
            folder,
            host,
            int(port or 443),
            proxy.url,
            bundle,
            state.region,
            state.registry_host,
            *key,
        )
        try:
            counters.install(kube)
            yield Stage(folders, state, kube, surroundings, proxy)
        finally:
            shutil.rmtree(folder / _ACCOUNTS, ignore_errors=True)
            counters.remove(kube)
            if not keep:
                say("removing the namespaces")
                removal.remove(kube)


def measure(here: Stage, namespaces: int, repetitions: int) -> list[Run]:
    """`repetitions` runs of each program from each state. Raises BenchError, kube.Refused."""
    here.say(f"{namespaces} namespaces: making what is missing")
    places = ground.prepare(here.kube, namespaces, (EVERPULL, PEER))
    accounts = here.surroundings.folder / _ACCOUNTS
    authority = ground.authority(here.kube)
    ours, theirs = (
        write_service_account(accounts / account.name, ground.token(here.kube, account.name), authority)
        for account in (EVERPULL, PEER)
    )
    subjects: dict[Program, Subject] = {
        "everpull": everpull(here.surroundings, places, ours),
        "peer": peer(here.surroundings, places, theirs, here.folders.bin),
    }
    names = [place.namespace for place in places]
    runs: list[Run] = []
    # The first round only fills the machine's caches with programs, and the API server's with the accounts' rights.
    for number in range(repetitions + 1):
        for state in STATES:
            for program in order(number):
                run = _run(here, subjects[program], program, state, names)
                if number:
                    runs.append(run)
                here.say(f"{namespaces} namespaces, {state}, {number or 'warm-up'}: {_line(run)}")
    return runs


def order(repetition: int) -> Sequence[Program]:
    """Who runs first takes turns."""
    return PROGRAMS if repetition % 2 else PROGRAMS[::-1]


def _run(here: Stage, subject: Subject, program: Program, state: State, names: Sequence[str]) -> Run:
    before = _bring_to(here, subject, state, names)
    requests, calls = counters.requests(here.kube), here.proxy.served.total()
    usage = process.run(subject, here.surroundings.folder)
    asked = counters.requests(here.kube) - requests
    fetched = here.proxy.served.total() - calls
    after = pull_secrets.read(here.kube, subject.secret)
    written = pull_secrets.changed(before, after)
    host = here.state.registry_host
    try:
        pull_secrets.check(after, names, host, pull_secrets.accepted_by(here.state.registry_endpoint, host))
        if state != "fresh" and written < len(names):
            raise BenchError(f"{written} of {len(names)} Secrets were written")
        if asked < max(written, 1):
            raise BenchError(f"the API server counted {asked} requests, for {written} Secrets that were written")
    except BenchError as error:
        raise BenchError(f"{subject.name}, {state}: {error}") from None
    return Run(
        program,
        state,
        {
            "wall": usage.wall,
            "cpu": usage.cpu,
            "memory": usage.memory / _MIB,
            "requests": asked,
            "aws_calls": fetched,
            "writes": written,
        },
    )


def _bring_to(here: Stage, subject: Subject, state: State, names: Sequence[str]) -> dict[str, PullSecret]:
    """Makes the subject's Secrets what `state` says; what there is then. The program's last run left them fresh.

    Whoever doesn't look at a login's age does the same work on one of any age, so only everpull's are made to look older.
    """
    kube, name = here.kube, subject.secret
    if state == "new":
        pull_secrets.delete(kube, name, names)
    elif state == "due" and subject.name == "everpull":
        pull_secrets.age(kube, name, _HOURS_UNTIL_DUE)
    return pull_secrets.read(kube, name)


def _line(run: Run) -> str:
    values = run.values
    return (
        f"{run.program} {values['wall']:.2f} s, CPU {values['cpu']:.2f} s, {values['memory']:.0f} MiB, "
        f"{values['requests']:.0f} requests, {values['aws_calls']:.0f} AWS calls, {values['writes']:.0f} writes"
    )
