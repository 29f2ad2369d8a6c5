"""The CronJob's entry, on scripted servers: what it asks of both, its report, its exit status, and how it starts."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import refresher
from refresher import __main__ as entry

from tests.refresher.api_server import ApiServer, Reply, labelled, status
from tests.refresher.aws_server import AwsServer, Call, Refusal
from tests.refresher.conftest import Lines
from tests.refresher.fakes import CANARY, FRANKFURT, VIRGINIA
from tests.refresher.secrets import CLUSTER_OWNER, logins_in, ours, targets_file

SOURCE = Path(refresher.__file__).parent.parent
# Container logs that become a termination message (Kubernetes docs, Determine the Reason for Pod Failure).
TERMINATION_BYTES = 2048


def run(*arguments: str) -> int:
    return entry.main(arguments, os.environ)


def denied(principal: str = "arn:aws:iam::123456789012:user/refresher") -> Refusal:
    text = f"User: {principal} is not authorized to perform: ecr:GetAuthorizationToken on resource: *"
    return Refusal("AccessDeniedException", text)


def test_a_first_run_is_a_read_and_a_write_a_namespace_and_one_token(cronjob: ApiServer, aws: AwsServer) -> None:
    assert run() == 0
    assert sorted(cronjob.made()) == sorted(["GET team-a", "GET team-b"] * 2 + ["PATCH team-a", "PATCH team-b"])
    assert aws.actions() == ["GetAuthorizationToken"]
    assert logins_in(cronjob.secrets["team-b"]) == {FRANKFURT: f"AWS:{CANARY}-eu-central-1"}


def test_a_run_with_nothing_due_writes_nothing_and_does_not_ask_aws(cronjob: ApiServer, aws: AwsServer) -> None:
    run()
    cronjob.calls.clear()
    aws.calls.clear()
    assert run() == 0
    assert (sorted(cronjob.made()), aws.calls) == (["GET team-a", "GET team-b"], [])


def test_force_renews_what_is_fresh(cronjob: ApiServer, aws: AwsServer) -> None:
    run()
    assert run("--force") == 0
    assert cronjob.made().count("PATCH team-a") == 2
    assert aws.actions().count("GetAuthorizationToken") == 2


def test_several_regions_are_one_token_each(
    cronjob: ApiServer, aws: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA},{VIRGINIA.replace('1234', '9999')}")
    assert run() == 0
    assert [call.region for call in aws.calls] == ["eu-central-1", "us-east-1"]


def test_the_last_line_is_the_report(cronjob: ApiServer, aws: AwsServer, lines: Lines) -> None:
    run("--reason", "schedule")
    (line,) = lines()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(line.pop("timestamp"))).total_seconds()) < 60
    assert 43190 <= line.pop("secondsLeft") <= 43200
    assert line == {
        "level": "INFO",
        "event": "refresh",
        "reason": "schedule",
        "status": "refreshed",
        "expiresAt": datetime.fromtimestamp(aws.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "served": 2,
        "unchanged": 0,
        "failed": 0,
        "leftOut": 0,
        "removed": 0,
    }
    run()
    (line,) = lines()
    assert (line["status"], line["served"], line["unchanged"]) == ("fresh", 0, 2)


def test_a_namespace_that_fails_has_a_line_of_its_own_and_the_others_are_served(
    cronjob: ApiServer, lines: Lines
) -> None:
    cronjob.hold(ours(type="Opaque"))
    assert run() == 1
    of_one, report = lines()
    assert (of_one["level"], of_one["event"], of_one["namespace"]) == ("ERROR", "namespace", "team-a")
    assert (of_one["status"], of_one["errorType"]) == ("failed", "SecretRefusedError")
    assert "delete it, and the next run makes it anew" in of_one["error"]
    assert (report["level"], report["status"], report["served"], report["failed"]) == ("ERROR", "incomplete", 1, 1)
    assert report["failures"] == [{"reason": of_one["error"], "namespaces": ["team-a"], "count": 1}]
    assert "team-b" in cronjob.secrets


def test_what_was_taken_over_is_a_warning_and_no_failure(
    cronjob: ApiServer, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    cronjob.hold(ours(labels={}))
    Path(os.environ["EVERPULL_TARGETS"]).write_text(targets_file("team-a", adopt=True))
    assert run() == 0
    of_one, report = lines()
    assert (of_one["level"], of_one["namespace"]) == ("WARNING", "team-a")
    assert of_one["note"] == "a Secret that was not everpull's, which everpull:adopt allows"
    assert report["status"] == "refreshed"


def test_hundreds_of_failures_do_not_fill_the_log(cronjob: ApiServer, lines: Lines) -> None:
    names = [f"team-{number}" for number in range(150)]
    Path(os.environ["EVERPULL_TARGETS"]).write_text(targets_file(*names))
    for name in names:
        cronjob.hold(ours(name, type="Opaque"))
    assert run() == 1
    *rest, report = lines()
    assert (len(rest), report["failed"], report["failures"][0]["count"]) == (100, 150, 150)


def test_a_denied_token_fails_the_run_and_leaves_the_last_good_logins(
    cronjob: ApiServer, aws: AwsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    held = json.dumps(cronjob.secrets)
    aws.answers["GetAuthorizationToken"] = lambda call: denied()
    capsys.readouterr()
    assert run("--force") == 1
    of_login, line = capsys.readouterr().out.splitlines()
    assert json.loads(of_login)["registries"] == [FRANKFURT]
    assert len(line.encode()) <= TERMINATION_BYTES
    report = json.loads(line)
    assert report["error"].startswith(
        "ecr:GetAuthorizationToken was denied to arn:aws:iam::123456789012:user/refresher on * in eu-central-1: allow"
        " ecr:GetAuthorizationToken in that principal's policy"
    )
    assert report["error"].endswith(f"; the last login for {FRANKFURT} lives until {report['expiresAt']}")
    assert (report["status"], report["errorType"], report["failed"]) == ("failed", "DeniedError", 2)
    assert report["secondsLeft"] > 40000
    assert json.dumps(cronjob.secrets) == held


def test_the_last_line_is_short_even_if_everything_fails_at_length(
    cronjob: ApiServer, aws: AwsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    regions = [
        f"{where}-{number}" for where in ("eu-central", "us-east", "ap-south", "sa-east") for number in range(1, 9)
    ]
    hosts = [FRANKFURT.replace("eu-central-1", region) for region in regions]
    monkeypatch.setenv("EVERPULL_REGISTRIES", ",".join(hosts))
    aws.answers["GetAuthorizationToken"] = lambda call: denied(
        f"arn:aws:sts::123456789012:assumed-role/{'r' * 64}/{'s' * 64}"
    )
    assert run("--reason", "\N{GRINNING FACE}" * 200) == 1
    line = capsys.readouterr().out.splitlines()[-1]
    assert len(line.encode()) <= TERMINATION_BYTES
    assert json.loads(line)["error"].startswith(
        "32 of 32 logins were not to be had: ecr:GetAuthorizationToken was denied to arn:"
    )


def test_a_region_that_fails_has_a_line_of_its_own_and_the_others_logins_are_served(
    cronjob: ApiServer, aws: AwsServer, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
    aws.answers["GetAuthorizationToken"] = lambda call: (
        denied() if call.region == "us-east-1" else aws._GetAuthorizationToken(call)
    )
    assert run() == 1
    assert [call.region for call in aws.calls] == ["eu-central-1", "us-east-1"]
    assert all(set(logins_in(secret)) == {FRANKFURT} for secret in cronjob.secrets.values())
    of_login, report = lines()
    assert (of_login["level"], of_login["event"], of_login["errorType"]) == ("ERROR", "login", "DeniedError")
    assert of_login["registries"] == [VIRGINIA]
    assert of_login["error"].endswith(f"; there is no live login for {VIRGINIA}")
    assert (report["status"], report["served"], report["failed"]) == ("incomplete", 2, 0)
    assert (report["errorType"], report["error"]) == ("DeniedError", of_login["error"])


def test_rights_that_arrive_late_are_waited_for_without_reading_again(
    cronjob: ApiServer, aws: AwsServer, no_sleep: list[float], lines: Lines
) -> None:
    left = [denied()] * 3

    def answer(call: Call) -> Any:
        return left.pop() if left else aws._GetAuthorizationToken(call)

    aws.answers["GetAuthorizationToken"] = answer
    assert run("--force", "--await-rights", "90") == 0
    assert no_sleep == [1, 2, 4]
    assert cronjob.made().count("GET team-a") == 2
    assert [line["event"] for line in lines()] == ["waiting for rights"] * 3 + ["refresh"]


def test_all_regions_together_are_waited_for_as_long_as_was_said(
    cronjob: ApiServer, aws: AwsServer, no_sleep: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERPULL_REGISTRIES", f"{FRANKFURT},{VIRGINIA}")
    aws.answers["GetAuthorizationToken"] = lambda call: denied()
    assert run("--await-rights", "60") == 1
    assert sum(no_sleep) == pytest.approx(60)


def test_without_patience_a_denial_is_not_waited_for(cronjob: ApiServer, aws: AwsServer, no_sleep: list[float]) -> None:
    aws.answers["GetAuthorizationToken"] = lambda call: denied()
    assert run() == 1
    assert no_sleep == []


def test_a_namespace_that_was_not_there_at_deploy_time_is_named_and_fails_nothing(
    cronjob: ApiServer, lines: Lines
) -> None:
    Path(os.environ["EVERPULL_TARGETS"]).write_text(targets_file("team-a", missing=["team-x"]))
    assert run() == 0
    of_one, report = lines()
    assert (of_one["level"], of_one["namespace"], of_one["status"]) == ("WARNING", "team-x", "left out")
    assert "make it, and `pulumi up` serves it" in of_one["note"]
    assert (report["status"], report["served"], report["leftOut"]) == ("refreshed", 1, 1)
    assert report["leftOutNamespaces"] == ["team-x"]


def test_a_selection_is_served_and_what_left_it_is_taken_back(cronjob: ApiServer, lines: Lines) -> None:
    owner = {"apiVersion": CLUSTER_OWNER.api_version, "kind": "ClusterRole", "name": "x", "uid": CLUSTER_OWNER.uid}
    selector = {"labelSelector": "team=a", "excluded": [], "owner": owner}
    Path(os.environ["EVERPULL_TARGETS"]).write_text(targets_file(selector=selector))
    cronjob.namespaces = labelled("team-a", "team-b")
    assert run() == 0
    del cronjob.namespaces["team-b"]
    assert run() == 0
    assert (set(cronjob.secrets), lines()[-1]["removed"]) == ({"team-a"}, 1)


def test_an_environment_that_cannot_be_understood_is_another_exit_status(
    cronjob: ApiServer, aws: AwsServer, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, changes in (
        (["--unknown"], {}),
        ([], {"EVERPULL_TARGETS": "/nowhere"}),
        ([], {"EVERPULL_SERVICE_ACCOUNT": "/nowhere"}),
        ([], {"HTTPS_PROXY": "socks5://proxy.example", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}),
    ):
        with monkeypatch.context() as patch:
            for name, value in changes.items():
                patch.setenv(name, value)
            assert run(*arguments) == 2
        (line,) = lines()
        assert (line["level"], line["status"], line["errorType"]) == ("ERROR", "failed", "ConfigurationError")
    assert cronjob.calls == aws.calls == []


def test_a_fault_of_the_refresher_is_named_by_type_and_place_only(
    cronjob: ApiServer, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr(entry, "refresh", broken)
    assert run() == 1
    (line,) = lines()
    assert line["error"].startswith("a fault in the refresher itself: KeyError at test_main.py:")


def test_an_api_server_that_is_down_fails_the_run(cronjob: ApiServer, aws: AwsServer, lines: Lines) -> None:
    cronjob.script = lambda call: Reply(200, cut=0)
    assert run() == 1
    *_, report = lines()
    assert (report["status"], report["failed"], aws.calls) == ("failed", 2, [])
    assert report["failures"][0]["reason"].startswith("the API server can't be reached: ")


def test_an_api_server_that_does_not_know_the_account_fails_the_run(cronjob: ApiServer, lines: Lines) -> None:
    cronjob.script = lambda call: status(401, "Unauthorized")
    assert run() == 1
    assert "does not accept the service account's token" in lines()[-1]["failures"][0]["reason"]


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A process as the CronJob starts it, and what it had imported by the end."""
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "refresher", *arguments],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_process_reports_and_imports_the_aws_libraries_only_when_it_needs_them(cronjob: ApiServer) -> None:
    due, fresh, refused = started(), started(), started("--unknown")
    assert [process.returncode for process in (due, fresh, refused)] == [0, 0, 2]
    assert [json.loads(process.stdout)["status"] for process in (due, fresh, refused)] == [
        "refreshed",
        "fresh",
        "failed",
    ]
    assert "botocore" in due.stderr
    for process in (fresh, refused):
        for library in ("boto3", "botocore", "urllib3", "http.client"):
            assert f" {library}\n" not in process.stderr
