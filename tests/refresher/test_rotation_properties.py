"""Rotations in any order: steps repeated, stale, killed half-way, between ordinary runs, failures and days that pass."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from refresher.core import instant, is_young
from refresher.document import held_in
from refresher.errors import AwsCallError, RefreshError
from refresher.rotation import CURRENT, PENDING, STEPS

from tests.refresher.conftest import SECRET_ID
from tests.refresher.fakes import FRANKFURT, LIFE, VIRGINIA, groups
from tests.refresher.versions import FakeSecret, Killed, World

FOREIGN = {"theirs": ["kept"]}
REGIONS = ("eu-central-1", "us-east-1")
HOURS = st.sampled_from([0, 0, 1, 2, 4, 7, 13])
SELDOM = st.sampled_from([True, False, False, False])


def passwords(secret: FakeSecret) -> set[str]:
    """Of the current version's logins."""
    return {login.password for login in held_in(json.loads(secret.current or "{}")).logins}


class Rotations(RuleBasedStateMachine):
    """What Secrets Manager may ask of the function, and what may happen in between."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(groups(FRANKFURT, VIRGINIA))
        self.tokens: list[str] = []
        self.values: dict[str, str] = {}
        self.newest: dict[str, Any] = {}

    @initialize(is_seeded=st.booleans())
    def seed(self, is_seeded: bool) -> None:
        if is_seeded:
            self.world.secret.put_secret_value(
                SecretId=SECRET_ID, ClientRequestToken="seed", SecretString=json.dumps(FOREIGN)
            )
            self.world.run()
        self.is_seeded = is_seeded

    @rule()
    def begin(self) -> None:
        """As Secrets Manager begins one: not while another is not complete."""
        secret = self.world.secret
        pending = secret.version(PENDING)
        if secret.is_rotated and (pending is None or CURRENT in secret.labels[pending]):
            self.tokens.append(f"token-{len(self.tokens)}")
            secret.begin(self.tokens[-1])

    @rule(steps=st.integers(1, 4))
    def proceed(self, steps: int) -> None:
        """As Secrets Manager does: the first so many steps for the version that is pending."""
        if pending := self.world.secret.version(PENDING):
            for step in list(STEPS)[:steps]:
                self.take_one(step, pending)

    @rule(done=st.integers(1, 3), hours=HOURS, between=st.sampled_from(["run", "refusal", "nothing"]))
    def be_interrupted(self, done: int, hours: int, between: str) -> None:
        """A rotation stops somewhere and is taken up again, after something else."""
        self.begin()
        self.proceed(done)
        self.wait(hours)
        if between == "run":
            self.run_as_usual(force=True)
        elif between == "refusal":
            self.refuse_pending()
        self.logins_never_get_older()
        self.proceed(len(STEPS))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), step=st.sampled_from(list(STEPS)), calls=st.none() | st.integers(0, 8), lost=st.booleans())
    def take(self, data: st.DataObject, step: str, calls: int | None, lost: bool) -> None:
        """Any step of any rotation there ever was; perhaps it is killed at its so manieth call."""
        secret = self.world.secret
        token = data.draw(st.sampled_from([*self.tokens[-2:], *self.tokens]))
        secret.calls_left, secret.answer_is_lost = calls, lost
        self.take_one(step, token)

    def take_one(self, step: str, token: str) -> None:
        secret, trial = self.world.secret, self.world.trial
        before, logins, was_empty = secret.version(CURRENT), passwords(secret), not secret.values
        try:
            self.world.take(step, token)
        except (RefreshError, Killed):
            pass
        finally:
            secret.calls_left = None
        # Of a secret without any version AWS makes the first one current itself.
        if secret.version(CURRENT) != before and not was_empty:
            assert step == "finishSecret"
            assert not (passwords(secret) - logins) & trial.refused
            assert passwords(secret) - logins
            held = held_in(json.loads(str(secret.current)))
            assert any(is_young(login, self.world.clock.now) for login in held.logins)

    @rule(token=st.just("never-seen"), step=st.sampled_from(list(STEPS)))
    def take_unknown(self, token: str, step: str) -> None:
        before = {name: set(labels) for name, labels in self.world.secret.labels.items()}
        with suppress(RefreshError):
            self.world.take(step, token)
            raise AssertionError("it was taken")
        assert self.world.secret.labels == before

    @rule(force=st.booleans())
    def run_as_usual(self, force: bool) -> None:
        self.world.run(force=force)

    @rule(hours=HOURS)
    def wait(self, hours: int) -> None:
        self.world.passes(timedelta(hours=hours, seconds=1))

    @rule(region=st.sampled_from(REGIONS), fails=SELDOM)
    def ecr(self, region: str, fails: bool) -> None:
        failures = {name: failure for name, failure in self.world.source.failures.items() if name != region}
        self.world.source.failures = {**failures, region: AwsCallError("down")} if fails else failures

    @rule(host=st.sampled_from([FRANKFURT, VIRGINIA]), is_down=SELDOM)
    def registry(self, host: str, is_down: bool) -> None:
        self.world.trial.down = self.world.trial.down - {host} | ({host} if is_down else set())

    @rule()
    def refuse_pending(self) -> None:
        pending = self.world.secret.version(PENDING)
        value = self.world.secret.values.get(pending or "")
        if value:
            self.world.trial.refused |= {login.password for login in held_in(json.loads(value)).logins}

    @rule(off=SELDOM)
    def switch(self, off: bool) -> None:
        """Off as CancelRotateSecret does it: labels stay as they are."""
        self.world.secret.is_rotated = not off

    @invariant()
    def versions_never_change(self) -> None:
        for version, value in self.values.items():
            assert self.world.secret.values[version] == value
        self.values = dict(self.world.secret.values)

    @invariant()
    def logins_never_get_older(self) -> None:
        """As long as one lives there is none in its place that was fetched before."""
        document = json.loads(self.world.secret.current or "{}")
        there = {host: entry for entry in document.get("logins", ()) for host in entry["registries"]}
        for host, (fetched, expires) in self.newest.items():
            if expires > self.world.clock.now:
                assert instant(there[host]["refreshedAt"]) >= fetched
        self.newest = {
            host: (instant(entry["refreshedAt"]), instant(entry["expiresAt"])) for host, entry in there.items()
        }

    @invariant()
    def keys_of_others_stay(self) -> None:
        if self.world.secret.current and self.is_seeded:
            assert json.loads(self.world.secret.current)["theirs"] == FOREIGN["theirs"]

    def teardown(self) -> None:
        """Once nothing fails any more, what Secrets Manager does by itself ends in a current version with new logins."""
        world, secret = self.world, self.world.secret
        world.source.failures, world.trial.down, world.trial.refused = {}, set(), set()
        if not secret.is_rotated:
            # As a deployment does before it switches rotation on (see `handler`).
            stages = {name: set(labels) for name, labels in secret.labels.items()}
            for version, labels in stages.items():
                if PENDING in labels and CURRENT not in labels:
                    secret.update_secret_version_stage(
                        SecretId=SECRET_ID, VersionStage=PENDING, RemoveFromVersionId=version
                    )
            secret.is_rotated = True
        pending = secret.version(PENDING)
        if pending is not None and CURRENT not in secret.labels[pending]:
            with suppress(RefreshError):
                world.rotate(pending)
        world.passes(timedelta(hours=4))
        world.rotate("last")
        assert secret.version(PENDING) is None
        assert secret.version(CURRENT) == "last"
        entries = json.loads(str(secret.current))["logins"]
        assert all(instant(entry["expiresAt"]) == world.clock.now + LIFE for entry in entries)


TestRotations = Rotations.TestCase
