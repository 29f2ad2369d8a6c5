"""The four steps in which Secrets Manager rotates a secret, on the same core as every other run.

Secrets Manager calls the function with a step and the id that the new version has (its token), one step after the other, and
with all of them again if one fails (AWS Secrets Manager User Guide, Rotation by Lambda function). So each step may come again,
late, out of order, or after one that was killed. It looks at what is there and nothing else, and a version that its registries
refuse becomes current by none of them.

A rotation is over when no version is pending, or the current one is (API reference, RotateSecret). Anything else holds up the
next one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from .core import Held, Login, is_young, kept
from .errors import LoginRefusedError, NotRenewedError, RefreshError, RotationError
from .images import Image, LoginVerdict, Verdict, refused
from .ports import LoginSink, LoginSource, P
from .refresh import refresh
from .registries import Group
from .shortfall import Shortfall, unavailable

# The labels by which Secrets Manager tells versions apart (User Guide, Secret versions).
CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"

Status = Literal["created", "kept", "nothing to set", "tested", "finished", "superseded", "current already"]


@dataclass(frozen=True)
class Stages:
    """What the secret is like: whether it is rotated at all, and the labels of each version that has any."""

    arn: str
    is_rotated: bool
    labels: Mapping[str, frozenset[str]]

    @property
    def current(self) -> str | None:
        """The current version."""
        return next((version for version, labels in self.labels.items() if CURRENT in labels), None)

    @property
    def left_behind(self) -> tuple[str, ...]:
        """Pending versions that nobody will finish: those of a rotation that was cancelled."""
        if self.is_rotated:
            return ()
        return tuple(v for v, labels in self.labels.items() if PENDING in labels and CURRENT not in labels)


class Versions(Protocol):
    """The versions of the secret. Everything raises RefreshError."""

    def stages(self) -> Stages:
        """What the secret is like."""
        ...

    def held(self, version: str) -> Held | None:
        """What the version holds, None if it has no value."""
        ...

    def make_current(self, version: str, instead_of: str | None) -> None:
        """Makes the version the current one, if `instead_of` (None: no version) is that still."""
        ...

    def withdraw(self, version: str) -> None:
        """Takes it back that the version is pending, which it must be."""
        ...


class Trial(Protocol):
    """Tries logins at their registries."""

    def logins(self, logins: Sequence[Login]) -> Sequence[LoginVerdict]:
        """What each registry makes of its login."""
        ...

    def images(self, images: Sequence[Image], logins: Sequence[Login]) -> Sequence[Verdict]:
        """What becomes of each image with these logins."""
        ...


@dataclass(frozen=True)
class Taken:
    """What a step came to.

    `expires_at` is when the first login of the version dies. `replaced` tells of content that had to make way. `lacking` says
    which logins are missing in it or are the last ones still; `verdicts` are of the images that were tried.
    """

    status: Status
    expires_at: datetime | None = None
    replaced: str | None = None
    lacking: RefreshError | None = None
    verdicts: Sequence[Verdict] = field(default_factory=tuple[Verdict, ...])


class TriedLogins:
    """A LoginSource of logins that a registry of theirs takes.

    One that all of them refuse counts as not to be had. So it holds up no other, and the last one stays.
    """

    def __init__(self, logins: LoginSource, trial: Trial) -> None:
        self._logins = logins
        self._trial = trial

    def login(self, group: Group) -> Login:
        login = self._logins.login(group)
        if _status(login, self._trial.logins([login])) == "refused":
            raise LoginRefusedError(f"the login that {group} gave is refused by its registry")
        return login


class Rotation:
    """The steps for one secret. `pending` gives the sink that writes the pending version of a token.

    `groups` must not be empty. `images` are tried besides the registries themselves.
    """

    def __init__(
        self,
        versions: Versions,
        source: LoginSource,
        pending: Callable[[str], LoginSink[P]],
        trial: Trial,
        groups: Sequence[Group],
        images: Sequence[Image],
        clock: Callable[[], datetime],
    ) -> None:
        self._versions = versions
        self._source = TriedLogins(source, trial)
        self._pending = pending
        self._trial = trial
        self._groups = groups
        self._images = images
        self._clock = clock

    def take(self, step: str, token: str, secret: str) -> Taken:
        """Takes one of STEPS for the version `token` of the secret with that ARN. Raises RefreshError.

        Images that are refused are no error of it, unless the version could pull less than the current one.
        """
        stages = self._versions.stages()
        if secret != stages.arn:
            raise RotationError(f"the function does not keep {secret}, but {stages.arn}")
        if not stages.is_rotated:
            raise RotationError("rotation is not switched on for the secret")
        labels = stages.labels.get(token, frozenset[str]())
        if CURRENT in labels:
            if step == "finishSecret":
                self._tidy(stages, token)
            return Taken("current already")
        if PENDING not in labels:
            raise RotationError(f"version {token} is not pending; the rotation that made it is over")
        return STEPS[step](self, token, stages)

    def create(self, token: str, stages: Stages) -> Taken:
        """Fetches every login, fresh or not: a rotation without a new version is none. What is there already is kept."""
        held = self._versions.held(token)
        if held is None:
            (outcome,) = refresh(
                self._source, self._pending(token), self._groups, force=True, clock=self._clock
            ).outcomes
            if outcome.status != "failed":
                return Taken("created", outcome.expires_at, outcome.note, outcome.failure)
            # A second call of the same step may have been the first to write; a version can't be written twice.
            held = self._versions.held(token)
            if held is None and outcome.failure:
                raise outcome.failure
        found = held or Held()
        if not self._is_superseded(found, self._current(stages)):
            self._refuse_old(found, token)
        return Taken("kept", found.expires_at)

    def set(self, _token: str, _stages: Stages) -> Taken:
        """Nothing: a login counts where it is used as soon as it is given out."""
        return Taken("nothing to set")

    def test(self, token: str, stages: Stages) -> Taken:
        """Tries the version at its registries."""
        held, current = self._made(token), self._current(stages)
        if self._is_superseded(held, current):
            return Taken("superseded", held.expires_at)
        return Taken("tested", held.expires_at, verdicts=self._tried(held, current))

    def finish(self, token: str, stages: Stages) -> Taken:
        """Makes the version the current one, tried once more: nothing says that it has been.

        Not if what is current was fetched later, by a run in between. Then that run has renewed the logins.
        """
        held, current = self._made(token), self._current(stages)
        if self._is_superseded(held, current):
            self._versions.withdraw(token)
            return Taken("superseded", held.expires_at)
        self._refuse_old(held, token)
        verdicts = self._tried(held, current)
        lacking = self._lacking(held, current)
        self._versions.make_current(token, stages.current)
        self._tidy(self._versions.stages(), token)
        return Taken("finished", held.expires_at, lacking=lacking, verdicts=verdicts)

    def _made(self, token: str) -> Held:
        held = self._versions.held(token)
        if held is None:
            raise RotationError(f"version {token} has no value; createSecret has not made it")
        return held

    def _current(self, stages: Stages) -> Held:
        return (stages.current and self._versions.held(stages.current)) or Held()

    def _tidy(self, stages: Stages, token: str) -> None:
        """Else the label would stay behind on this version when another one becomes current, and hold up every rotation."""
        if PENDING in stages.labels.get(token, frozenset[str]()):
            self._versions.withdraw(token)

    def _is_superseded(self, held: Held, current: Held) -> bool:
        """Whether what is current has a live login that was fetched later than that of `held`, or that `held` is without."""
        for group in self._groups:
            for there in kept(current, group.hosts, self._clock()):
                for host in there.registries:
                    here = _login_for(held, host)
                    if here is None or _is_later(there, here):
                        return True
        return False

    def _refuse_old(self, held: Held, token: str) -> None:
        """Once it is current the next rotation would come too late for it.

        Under this token there can be no other value. Without the label the next rotation makes a new version.
        """
        if not any(is_young(login, self._clock()) for login in held.logins):
            self._versions.withdraw(token)
            raise RotationError(
                f"version {token} has waited until its logins were too old, and is not pending any more"
            )

    def _tried(self, held: Held, current: Held) -> Sequence[Verdict]:
        """What became of the images. Raises RefreshError if the version must not become current."""
        found = self._trial.logins(held.logins)
        for login in held.logins:
            verdicts = [verdict for verdict in found if verdict.host in login.registries]
            # One that is current already can't be made worse.
            if _status(login, verdicts) == "refused" and _is_new(login, current):
                raise LoginRefusedError(_told(verdicts))
        if not any(verdict.status == "taken" for verdict in found):
            raise RotationError(f"no registry takes any login of the version: {_told(found) or 'it holds none'}")
        return self._pulled(held, current)

    def _pulled(self, held: Held, current: Held) -> Sequence[Verdict]:
        verdicts = self._trial.images(self._images, held.logins) if self._images else ()
        failing = [verdict.image for verdict in verdicts if verdict.status == "refused"]
        if failing and current.logins:
            # A tag that was deleted is refused to both, and must not keep the login from all other images.
            before = self._trial.images(failing, current.logins)
            pulled = {verdict.image for verdict in before if verdict.status == "pulls"}
            if worse := refused([verdict for verdict in verdicts if verdict.image in pulled]):
                raise worse
        return verdicts

    def _lacking(self, held: Held, current: Held) -> RefreshError | None:
        """What is to be told of logins that are not new in the version. Why is in the report of createSecret."""
        shortfalls: list[Shortfall] = []
        for group in self._groups:
            logins = kept(held, group.hosts, self._clock())
            hosts = {host for login in logins for host in login.registries}
            if hosts.issuperset(group.hosts) and all(_is_new(login, current) for login in logins):
                continue
            shortfall = Shortfall(group, NotRenewedError(f"{group} gave no login that could be used"))
            shortfall.note(logins)
            shortfalls.append(shortfall)
        return unavailable(shortfalls, len(self._groups))


STEPS: Mapping[str, Callable[[Rotation, str, Stages], Taken]] = {
    "createSecret": Rotation.create,
    "setSecret": Rotation.set,
    "testSecret": Rotation.test,
    "finishSecret": Rotation.finish,
}


def _status(login: Login, verdicts: Sequence[LoginVerdict]) -> Literal["taken", "refused", "unknown"]:
    """What the login's own registries make of it together: one that takes it is enough, since it is one login for all."""
    found = {verdict.status for verdict in verdicts if verdict.host in login.registries}
    return "taken" if "taken" in found else "refused" if "refused" in found else "unknown"


def _told(verdicts: Sequence[LoginVerdict]) -> str:
    return "; ".join(sorted(verdict.detail for verdict in verdicts if verdict.detail))


def _login_for(held: Held, host: str) -> Login | None:
    return next((login for login in held.logins if host in login.registries), None)


def _is_new(login: Login, current: Held) -> bool:
    """Whether it is not what is current for any of its registries."""
    for host in login.registries:
        there = _login_for(current, host)
        same = there is not None and (there.username, there.password) == (login.username, login.password)
        if there is not None and same and not _is_later(login, there):
            return False
    return True


def _is_later(one: Login, other: Login) -> bool:
    if one.refreshed_at is None:
        return False
    return other.refreshed_at is None or one.refreshed_at > other.refreshed_at
