"""The arithmetic of what a stack asks of AWS, where it can be done by hand."""

import json

import pytest

from checks.costs import month
from settings import Settings, parse

HOSTS = [f"123456789012.dkr.ecr.{region}.amazonaws.com" for region in ("eu-central-1", "us-east-1")]


def stack(*hosts: str, **more: str) -> Settings:
    config = {"aws:region": "eu-central-1", "everpull:registries": json.dumps(hosts or HOSTS[:1])}
    return parse({**config, **{f"everpull:{key}": value for key, value in more.items()}}, "dev")


def test_the_function_runs_by_its_schedule_and_renews_once_half_of_the_life_is_gone() -> None:
    hourly = month(stack())
    assert (hourly.runs, round(hourly.tokens)) == (730, 122)
    slow = month(stack(schedule="rate(4 hours)"))
    # After four hours more than half is left, so each login is eight hours old when it is renewed.
    assert (slow.runs, slow.tokens) == (182.5, 91.25)


def test_clusters_read_the_one_secret_and_fetch_nothing() -> None:
    one, many = month(stack()), month(stack(), 100)
    assert (one.runs, one.tokens, one.secrets) == (many.runs, many.tokens, many.secrets)
    assert many.secret_calls - one.secret_calls == pytest.approx(99 * 4 * 730)
    assert one.usd == pytest.approx(0.40 + 4 * 730 * 0.05 / 10_000, abs=0.02)


@pytest.mark.parametrize(("more", "each"), [({"mode": "cronjob"}, 730 / 6), ({"mode": "generator"}, 730)])
def test_without_the_function_each_cluster_fetches_its_own_logins_for_nothing(
    more: dict[str, str], each: float
) -> None:
    for clusters in (1, 10):
        found = month(stack(*HOSTS, ecrPublic="true", **more), clusters)
        assert found.tokens == pytest.approx(3 * clusters * each)
        assert found.usd == 0


def test_each_rotation_renews_in_four_runs() -> None:
    rotated = month(stack(trigger="rotation"))
    assert (rotated.runs, rotated.tokens) == (730, 182.5)


def test_alarms_cost_a_dollar_once_the_free_ones_are_used_up() -> None:
    assert month(stack(alarms="true")).usd - month(stack()).usd == pytest.approx(1.00)


def test_nodes_that_pull_by_themselves_are_nothing_of_ours() -> None:
    assert month(stack(mode="node-role", nodeRoles='["nodes"]')).calls == 0
