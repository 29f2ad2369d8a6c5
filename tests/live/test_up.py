"""What `pulumi up` ends with, and what a second one, a refresh and a change do."""

import pytest
from lightkube import Client

from local.driver import aws, workloads
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy


def test_up_ends_with_pods_that_pull_in_every_namespace(deployed: Deployment) -> None:
    for namespace in deployed.namespaces:
        outcome = deployed.pull(namespace)
        assert outcome.pulled, outcome.message


def test_a_pod_without_the_pull_secret_is_refused(deployed: Deployment) -> None:
    outcome = workloads.pull(deployed.kube, deployed.namespaces[0], "refused", deployed.image, None)
    assert not outcome.pulled
    assert "401" in outcome.message


def test_a_pull_of_a_repository_that_is_not_configured_is_denied(deployed: Deployment) -> None:
    foreign = aws.seed_image(deployed.state, "somebody-elses/app", "1", "not for everybody")
    outcome = deployed.pull(image=foreign)
    assert not outcome.pulled
    assert "403" in outcome.message


def test_up_again_changes_nothing(deployed: Deployment) -> None:
    assert deployed.stack.up().changes == {}


def test_up_again_after_a_renewal_changes_nothing(deployed: Deployment) -> None:
    before = deployed.login()["refreshedAt"], deployed.login()["password"]
    assert deployed.refresh_login(force=True)["status"] == "refreshed"
    assert (deployed.login()["refreshedAt"], deployed.login()["password"]) != before
    assert deployed.stack.up().changes == {}


def test_refresh_finds_no_drift(deployed: Deployment) -> None:
    assert deployed.stack.refresh().changes == {}


def test_a_changed_schedule_changes_only_the_schedule(deployed: Deployment) -> None:
    deployed.stack.configure({**deployed.config, "everpull:schedule": "rate(2 hours)"})
    try:
        assert deployed.stack.up().changes == {f"everpull-{deployed.stack.name}-refresh-schedule": "update"}
        rule = aws.client(deployed.state, "events").describe_rule(Name=deployed.outputs["scheduleRule"])
        assert rule["ScheduleExpression"] == "rate(2 hours)"
    finally:
        deployed.stack.configure(deployed.config)
        deployed.stack.up()


def test_a_schedule_that_somebody_disabled_shows_as_drift_and_is_put_back(deployed: Deployment) -> None:
    events = aws.client(deployed.state, "events")
    events.disable_rule(Name=deployed.outputs["scheduleRule"])
    assert deployed.stack.refresh().changes == {f"everpull-{deployed.stack.name}-refresh-schedule": "update"}
    assert deployed.stack.up().changes == {f"everpull-{deployed.stack.name}-refresh-schedule": "update"}
    assert events.describe_rule(Name=deployed.outputs["scheduleRule"])["State"] == "ENABLED"


def test_another_namespace_is_added_and_taken_away_without_touching_the_others(
    deployed: Deployment, kube: Client
) -> None:
    workloads.ensure_namespace(kube, "live-c")
    deployed.stack.configure({**deployed.config, "everpull:namespaces": [*deployed.namespaces, "live-c"]})
    try:
        changes = deployed.stack.up().changes
        assert changes == {
            f"everpull-{deployed.stack.name}-sync-cluster-store": "update",
            f"everpull-{deployed.stack.name}-sync-pull-secret-live-c": "create",
        }
        assert deployed.pull("live-c").pulled
    finally:
        deployed.stack.configure(deployed.config)
        deployed.stack.up()
    workloads.wait_until(lambda: deployed.pull_secret("live-c") is None, "the pull secret leaves live-c")


def test_an_added_registry_is_in_every_pull_secret_when_up_returns(deployed: Deployment) -> None:
    second = f"{deployed.state.account}.dkr.ecr.eu-west-1.amazonaws.com"
    first = deployed.state.registry_host
    deployed.stack.configure({**deployed.config, "everpull:registries": [first, second]})
    try:
        deployed.stack.up()
        for namespace in deployed.namespaces:
            assert set(deployed.docker_config(namespace)["auths"]) == {first, second}
        assert deployed.pull().pulled
    finally:
        deployed.stack.configure(deployed.config)
        deployed.stack.up()
    for namespace in deployed.namespaces:
        assert set(deployed.docker_config(namespace)["auths"]) == {first}


@pytest.mark.alone
def test_rights_that_arrive_late_do_not_fail_the_deployment(platform: PlatformState, kube: Client) -> None:
    aws.admin(platform, "config", {"iam_delay_seconds": 20})
    with deploy(platform, kube, "late", namespaces=["late-a"]) as late:
        assert late.holds_current_login("late-a")
        assert late.pull().pulled
