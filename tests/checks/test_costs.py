"""The arithmetic of what a stack asks of AWS, where it can be done by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from checks.costs import markdown, month
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


def test_the_table_has_what_is_asked_for_and_adds_up() -> None:
    rows = [
        line.split(" | ") for line in markdown(month(stack()), "lambda").splitlines() if "$" in line and "|" in line
    ]
    assert [row[0] for row in rows] == [
        "| Secrets Manager: secrets",
        "| Secrets Manager: calls",
        "| Lambda: runs, and their log",
        "| ECR: logins",
    ]
    assert sum(float(row[-1].strip(" |$")) for row in rows) == pytest.approx(month(stack()).usd, abs=0.02)


def test_what_costs_nothing_has_no_table() -> None:
    nodes = stack(mode="node-role", nodeRoles='["nodes"]')
    assert markdown(month(nodes), "node-role").startswith("About $0.00 a month in mode `node-role`")


def command(folder: Path, text: str | None) -> subprocess.CompletedProcess[str]:
    if text is not None:
        (folder / "Pulumi.dev.yaml").write_text(text)
    root = str(Path(__file__).resolve().parents[2])
    arguments = [sys.executable, "-m", "checks.costs", "--stack", "dev"]
    return subprocess.run(arguments, cwd=folder, env={"PYTHONPATH": root}, capture_output=True, text=True, check=False)


def test_a_stack_is_estimated_by_its_file_whatever_of_it_is_encrypted(tmp_path: Path) -> None:
    hidden = "kubernetes:kubeconfig:\n    secure: v1:abc\n"
    done = command(tmp_path, f"config:\n  aws:region: eu-central-1\n  everpull:namespaces: [a]\n  {hidden}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(
        "About $0.42 a month in mode `lambda`, for one cluster, by the list prices of us-east-1.\n"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "Pulumi.dev.yaml: No such file"),
        ("config: [canary", "Pulumi.dev.yaml: it is no YAML"),
        ("config: {everpull:mode: sidecar}", "everpull:mode = sidecar"),
        ("config: {'everpull:mode': {secure: canary}}", "everpull:mode"),
    ],
)
def test_what_is_no_stack_is_refused_and_nothing_secret_is_told(tmp_path: Path, text: str | None, told: str) -> None:
    done = command(tmp_path, text)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "canary" not in done.stderr
