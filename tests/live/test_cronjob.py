"""Mode `cronjob`: the CronJob's own pod on the real node, under the rendered rights and security context."""

import json
from collections.abc import Iterator

import pytest
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.authorization_v1 import ResourceAttributes, SubjectAccessReviewSpec
from lightkube.models.core_v1 import PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.authorization_v1 import SubjectAccessReview
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.core_v1 import Namespace, Pod, Secret
from lightkube.types import PatchType

from local.driver import aws, workloads
from local.state import PlatformState
from tests.live.cronjob_deployment import CronJobDeployment, deploy_cronjob


@pytest.fixture(scope="module")
def cron(platform: PlatformState, kube: Client) -> Iterator[CronJobDeployment]:
    with deploy_cronjob(platform, kube, "cron", ["cron-a", "cron-b"]) as deployment:
        yield deployment


def test_up_ends_with_pods_that_pull_in_every_namespace(cron: CronJobDeployment) -> None:
    for namespace in cron.namespaces:
        outcome = cron.pull(namespace)
        assert outcome.pulled, outcome.message


def test_up_again_changes_nothing_and_a_refresh_finds_no_drift(cron: CronJobDeployment) -> None:
    assert cron.stack.up().changes == {}
    assert cron.stack.refresh().changes == {}


def test_up_again_after_a_renewal_changes_nothing(cron: CronJobDeployment) -> None:
    before = cron.docker_config("cron-a")
    assert cron.run("--force").succeeded
    assert cron.docker_config("cron-a") != before
    assert cron.stack.up().changes == {}


def test_a_fresh_login_is_left_alone_without_asking_aws(cron: CronJobDeployment) -> None:
    before = [cron.version(namespace) for namespace in cron.namespaces]
    calls = aws.calls_of(cron.state, cron.outputs["identityArn"])
    run = cron.run()
    assert run.succeeded, run.log
    assert run.report["status"] == "fresh"
    assert [cron.version(namespace) for namespace in cron.namespaces] == before
    assert aws.calls_of(cron.state, cron.outputs["identityArn"]) == calls


def test_a_forced_run_asks_aws_once_for_all_namespaces(cron: CronJobDeployment) -> None:
    before = [cron.version(namespace) for namespace in cron.namespaces]
    calls = aws.calls_of(cron.state, cron.outputs["identityArn"])
    run = cron.run("--force")
    assert run.report["status"] == "refreshed"
    assert aws.calls_of(cron.state, cron.outputs["identityArn"]) - calls == {"ecr:GetAuthorizationToken": 1}
    assert not set(before) & {cron.version(namespace) for namespace in cron.namespaces}
    assert cron.pull().pulled


@pytest.mark.alone
def test_the_controller_starts_it_on_schedule(cron: CronJobDeployment) -> None:
    """The controller itself makes the Job; only the hour is shortened to the minute."""
    namespace, name = cron.outputs["cronJob"].split("/")
    (hourly,) = {cron.cron_job().spec.schedule}
    aws.admin(cron.state, "config", {"token_ttl_seconds": 100})
    assert cron.run("--force").succeeded
    aws.admin(cron.state, "config", {"token_ttl_seconds": 12 * 3600})
    before = cron.docker_config("cron-a")

    def schedule(expression: str) -> None:
        cron.kube.patch(
            CronJob, name, {"spec": {"schedule": expression}}, namespace=namespace, patch_type=PatchType.MERGE
        )

    def by_controller() -> list[str]:
        jobs = cron.kube.list(Job, namespace=namespace)
        return [
            job.metadata.name
            for job in jobs
            if any(owner.kind == "CronJob" and owner.name == name for owner in job.metadata.ownerReferences or [])
        ]

    schedule("* * * * *")
    try:
        (job, *_) = workloads.wait_until(by_controller, "the controller starts a Job", 90)
        run = cron.ended(job)
        assert run.succeeded, run.log
        workloads.wait_until(lambda: cron.docker_config("cron-a") != before, "the login is renewed", 90)
    finally:
        schedule(hourly)
    assert cron.pull().pulled
    assert cron.stack.refresh().changes == {}


def test_a_denied_token_leaves_the_last_login_and_fails_the_job_with_the_missing_right(
    cron: CronJobDeployment,
) -> None:
    iam = aws.client(cron.state, "iam")
    user = cron.outputs["identityArn"].rsplit("/", 1)[1]
    (policy,) = iam.list_user_policies(UserName=user)["PolicyNames"]
    document = iam.get_user_policy(UserName=user, PolicyName=policy)["PolicyDocument"]
    without = {**document, "Statement": [item for item in document["Statement"] if item["Sid"] != "FetchLogin"]}
    before = [cron.version(namespace) for namespace in cron.namespaces]
    iam.put_user_policy(UserName=user, PolicyName=policy, PolicyDocument=json.dumps(without))
    try:
        run = cron.run("--force")
    finally:
        iam.put_user_policy(UserName=user, PolicyName=policy, PolicyDocument=json.dumps(document))
    assert not run.succeeded
    assert "ecr:GetAuthorizationToken" in run.said
    assert user in run.said
    assert [cron.version(namespace) for namespace in cron.namespaces] == before
    assert cron.pull().pulled


@pytest.mark.parametrize("edit", ["data", "deletion"])
def test_what_somebody_breaks_the_next_run_repairs(cron: CronJobDeployment, edit: str) -> None:
    name = cron.outputs["pullSecretName"]
    untouched = cron.version("cron-b")
    if edit == "data":
        cron.kube.patch(Secret, name, {"data": {".dockerconfigjson": "e30="}}, namespace="cron-a")
    else:
        cron.kube.delete(Secret, name, namespace="cron-a")
    run = cron.run()
    assert run.succeeded, run.log
    assert cron.pull("cron-a").pulled
    assert cron.version("cron-b") == untouched


def test_one_namespaces_failure_is_told_and_does_not_stop_the_others(cron: CronJobDeployment) -> None:
    """Somebody replaces the pull secret by one of their own, of another type."""
    name = cron.outputs["pullSecretName"]
    cron.kube.delete(Secret, name, namespace="cron-a")
    cron.kube.create(
        Secret(metadata=ObjectMeta(name=name, namespace="cron-a"), type="Opaque", stringData={"theirs": "kept"})
    )
    try:
        before = cron.version("cron-b")
        run = cron.run("--force")
        assert not run.succeeded
        assert "cron-a" in run.said
        assert "theirs" in (cron.pull_secret("cron-a").data or {})
        assert cron.version("cron-b") != before
    finally:
        cron.kube.delete(Secret, name, namespace="cron-a")
    assert cron.run().succeeded
    assert cron.pull("cron-a").pulled


def test_its_service_account_may_touch_no_other_secret(cron: CronJobDeployment) -> None:
    account = cron.cron_job().spec.jobTemplate.spec.template.spec.serviceAccountName
    user = f"system:serviceaccount:{cron.system_namespace}:{account}"
    name = cron.outputs["pullSecretName"]

    def may(verb: str, namespace: str, secret: str) -> bool:
        asked = ResourceAttributes(namespace=namespace, verb=verb, resource="secrets", version="v1", name=secret)
        groups = ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{cron.system_namespace}"]
        spec = SubjectAccessReviewSpec(user=user, groups=groups, resourceAttributes=asked)
        return cron.kube.create(SubjectAccessReview(spec=spec)).status.allowed

    for verb in ("get", "create", "patch"):
        assert may(verb, "cron-a", name)
        assert not may(verb, "cron-a", "another")
        assert not may(verb, "default", name)
        assert not may(verb, cron.system_namespace, "refresher-aws-credentials")
    for verb in ("list", "watch", "update", "delete", "deletecollection"):
        assert not may(verb, "cron-a", name)


def test_the_pod_meets_the_restricted_pod_security_standard(cron: CronJobDeployment, kube: Client) -> None:
    """Judged by the API server's own admission, in a namespace that enforces it."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kube.apply(Namespace(metadata=ObjectMeta(name="cron-restricted", labels=labels)), field_manager="tests")
    spec: PodSpec = cron.cron_job().spec.jobTemplate.spec.template.spec
    spec.serviceAccountName = "default"

    def admitted() -> None:
        pod = Pod(metadata=ObjectMeta(name="judged", namespace="cron-restricted"), spec=spec)
        kube.apply(pod, field_manager="tests", dry_run=True)

    admitted()
    spec.containers[0].securityContext.allowPrivilegeEscalation = True
    with pytest.raises(ApiError, match="restricted"):
        admitted()
