"""Ticks against the half-life threshold, and rotations in their windows: how little life a login can ever have left."""

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from refresher.core import instant
from refresher.errors import AwsCallError
from refresher.refresh import refresh
from refresher.rotation import CURRENT, PENDING, STEPS
from refresher.secrets_manager import SecretsManagerDocument

from tests.refresher.fakes import FRANKFURT, LIFE, Clock, FakeSecretsManager, FakeSource, groups
from tests.refresher.versions import World

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
# Times in a document are whole seconds.
ROUNDING = timedelta(seconds=1)


def least_left(waits: list[timedelta], life: timedelta, failing: frozenset[int] = frozenset()) -> timedelta:
    """The least life that the document's login ever has left, when ticks come after these waits and some of them fail."""
    clock = Clock()
    source, secret = FakeSource(clock, life), FakeSecretsManager()
    sink = SecretsManagerDocument(secret, "secret", "eu-central-1")
    broken = FakeSource(clock, life, {"eu-central-1": AwsCallError("down")})
    least = life
    for number, wait in enumerate([timedelta(0), *waits]):
        clock.now += wait
        if number:
            expires_at = instant(json.loads(str(secret.text))["expiresAt"])
            assert expires_at is not None
            least = min(least, expires_at - clock.now)
        chosen = broken if number in failing else source
        report = refresh(chosen, sink, groups(FRANKFURT), force=False, clock=clock)
        assert report.unavailable is None or number in failing
    return least


jitter = st.timedeltas(-MINUTE, MINUTE)
# The wait between ticks with a minute of jitter at both of its ends, in units of an hour.
hourly = st.builds(lambda early, late: HOUR + late - early, jitter, jitter)


@given(waits=st.lists(hourly, max_size=60))
def test_hourly_ticks_never_let_a_login_fall_below_half_its_life_less_one_tick(waits: list[timedelta]) -> None:
    assert least_left(waits, LIFE) >= LIFE / 2 - HOUR - 2 * MINUTE - ROUNDING


@given(waits=st.lists(hourly, min_size=1, max_size=60), data=st.data())
def test_each_failed_tick_in_a_row_costs_one_hour_not_a_gap(waits: list[timedelta], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(waits)))
    row = data.draw(st.integers(1, 3))
    failing = frozenset(range(first, first + row))
    assert least_left(waits, LIFE, failing) >= LIFE / 2 - (1 + row) * (HOUR + 2 * MINUTE) - ROUNDING


@given(waits=st.lists(hourly, min_size=1, max_size=60), data=st.data())
def test_a_redeploy_in_mid_cycle_that_starts_the_hour_anew_costs_at_most_one_hour(
    waits: list[timedelta], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(waits) - 1))
    # The rule is replaced within this wait: its first tick comes a whole wait after that.
    waits[at] += data.draw(st.timedeltas(timedelta(0), HOUR))
    assert least_left(waits, LIFE) >= LIFE / 2 - 2 * HOUR - 2 * MINUTE - ROUNDING


@given(
    waits=st.lists(hourly, max_size=60),
    seconds=st.integers(60, 24 * 3600).map(lambda seconds: timedelta(seconds=seconds)),
)
def test_the_margin_scales_with_the_life_of_a_login(waits: list[timedelta], seconds: timedelta) -> None:
    scale = seconds / LIFE
    scaled = [wait * scale for wait in waits]
    assert least_left(scaled, seconds) >= seconds / 2 - (HOUR + 2 * MINUTE) * scale - ROUNDING


def test_ticks_every_half_life_are_the_trap() -> None:
    # The first comes a second early and skips; the next comes when the login has just died.
    assert least_left([LIFE / 2 - 2 * ROUNDING, LIFE / 2 + 2 * ROUNDING], LIFE) <= timedelta(0)


def least_left_between_rotations(offsets: list[timedelta], failing: int, steps: int) -> timedelta:
    """The least life that the current login has when a window opens every four hours and a rotation begins so late in it.

    Of one rotation only the first `steps` are taken, and the next one takes it up again.
    """
    world = World(groups(FRANKFURT))
    world.run()
    least, begun = LIFE, world.clock.now
    for number, offset in enumerate(offsets, 1):
        world.clock.now = begun + number * 4 * HOUR + offset
        expires_at = instant(json.loads(str(world.secret.current))["expiresAt"])
        assert expires_at is not None
        least = min(least, expires_at - world.clock.now)
        pending = world.secret.version(PENDING)
        token = pending if pending and CURRENT not in world.secret.labels[pending] else f"token-{number}"
        world.secret.begin(token)
        for step in list(STEPS)[: steps if number == failing else len(STEPS)]:
            world.take(step, token)
    return least


@given(
    offsets=st.lists(st.timedeltas(timedelta(0), HOUR), min_size=1, max_size=30),
    failing=st.integers(1, 30),
    steps=st.integers(0, 3),
)
def test_one_rotation_of_many_that_fails_costs_two_periods_and_a_window_of_a_logins_life(
    offsets: list[timedelta], failing: int, steps: int
) -> None:
    assert least_left_between_rotations(offsets, failing, steps) >= LIFE - (2 * 4 * HOUR + HOUR) - ROUNDING
