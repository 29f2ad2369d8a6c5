"""A login's life, scaled down: its expiry, EventBridge's ticks, the renewal threshold, a redeploy in mid-cycle."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from lightkube import Client

from local.driver import aws
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy

pytestmark = pytest.mark.alone

# Twelve hours and the schedule's hour become these.
LIFE_SECONDS = 120
SPEED = 12 * 3600 // LIFE_SECONDS
TICK_SECONDS = 3600 // SPEED


@pytest.fixture(scope="module")
def short_lived(platform: PlatformState, kube: Client) -> Iterator[Deployment]:
    """A stack with the default schedule that ESO syncs as often as the settings allow."""
    with deploy(
        platform, kube, "short", namespaces=["short-a"], syncInterval="10s", fanOutInterval="10s"
    ) as deployment:
        yield deployment


@pytest.fixture(autouse=True)
def short_lives(platform: PlatformState, as_on_aws: None) -> None:
    aws.admin(platform, "config", {"token_ttl_seconds": LIFE_SECONDS})


@pytest.fixture
def no_schedule(short_lived: Deployment) -> Iterator[None]:
    events = aws.client(short_lived.state, "events")
    events.disable_rule(Name=short_lived.outputs["scheduleRule"])
    yield
    events.enable_rule(Name=short_lived.outputs["scheduleRule"])


def seconds_left(deployment: Deployment) -> float:
    return (datetime.fromisoformat(deployment.login()["expiresAt"]) - datetime.now(UTC)).total_seconds()


def sleep_until_left(deployment: Deployment, seconds: float) -> None:
    """Sleeps until the login has so long to live: the passing of time is the thing under test."""
    time.sleep(max(0.0, seconds_left(deployment) - seconds))


def test_hourly_ticks_renew_the_login_before_any_pod_could_miss_it(short_lived: Deployment) -> None:
    """EventBridge and logins run faster by one factor; ESO cannot, so its shortest interval stands for an hour's."""
    aws.admin(short_lived.state, "config", {"schedule_speed": SPEED})
    assert short_lived.refresh_login(force=True)["status"] == "refreshed"
    short_lived.sync()
    renewals = {short_lived.login()["refreshedAt"]}
    least_left = float(LIFE_SECONDS)

    def renewed_twice() -> bool:
        nonlocal least_left
        renewals.add(short_lived.login()["refreshedAt"])
        least_left = min(least_left, seconds_left(short_lived))
        return len(renewals) == 3

    wait_until(renewed_twice, "EventBridge renews the login twice", 2.5 * LIFE_SECONDS)
    # Half a life, less one tick and the run itself.
    assert least_left > LIFE_SECONDS / 2 - TICK_SECONDS - 5
    wait_until(lambda: short_lived.holds_current_login("short-a"), "the namespace follows")
    assert short_lived.pull().pulled


@pytest.mark.usefixtures("no_schedule")
def test_an_expired_login_is_refused_and_a_refresh_repairs_it(short_lived: Deployment) -> None:
    aws.admin(short_lived.state, "config", {"token_ttl_seconds": 20})
    short_lived.refresh_login(force=True)
    short_lived.sync()
    assert short_lived.pull().pulled
    sleep_until_left(short_lived, -1)
    expired = short_lived.pull()
    assert not expired.pulled
    assert "401" in expired.message
    aws.admin(short_lived.state, "config", {"token_ttl_seconds": LIFE_SECONDS})
    assert short_lived.refresh_login()["status"] == "refreshed"
    short_lived.sync()
    assert short_lived.pull().pulled


@pytest.mark.usefixtures("no_schedule")
def test_a_tick_just_before_the_threshold_skips_and_the_next_one_renews_in_time(short_lived: Deployment) -> None:
    short_lived.refresh_login(force=True)
    half = LIFE_SECONDS / 2
    sleep_until_left(short_lived, half + 5)
    assert short_lived.refresh_login()["status"] == "fresh"
    sleep_until_left(short_lived, half - 1)
    assert short_lived.refresh_login()["status"] == "refreshed"
    # The pods' login is still the old one, and alive, while the new one is on its way.
    assert short_lived.pull().pulled
    short_lived.sync()
    assert short_lived.pull().pulled


@pytest.mark.usefixtures("no_schedule")
def test_a_redeploy_in_mid_cycle_leaves_no_gap(short_lived: Deployment) -> None:
    short_lived.refresh_login(force=True)
    short_lived.sync()
    second = f"{short_lived.state.account}.dkr.ecr.eu-west-1.amazonaws.com"
    registries = [short_lived.state.registry_host, second]
    sleep_until_left(short_lived, LIFE_SECONDS / 2 + 10)
    short_lived.stack.configure({**short_lived.config, "everpull:registries": registries})
    try:
        short_lived.stack.up()
        assert seconds_left(short_lived) > LIFE_SECONDS / 2
        assert short_lived.pull().pulled
    finally:
        short_lived.stack.configure(short_lived.config)
        short_lived.stack.up()
    assert short_lived.pull().pulled
