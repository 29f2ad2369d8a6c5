"""Faults that are injected into a stack of mode `cronjob`: the doctor names the right link for each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from lightkube import Client
from lightkube.models.batch_v1 import JobSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.core_v1 import ConfigMap, Secret, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import RoleBinding
from lightkube.types import PatchType

from lambda_src.refresher.core import timestamp
from local.state import PlatformState
from tests.live.cronjob_deployment import CronJobDeployment, deploy_cronjob
from tests.live.doctoring import (
    command,
    diagnose,
    inactive_key,
    mend,
    removed,
    repository_denies,
    without,
)

A, B = NAMESPACES = ("doctc-a", "doctc-b")
Fault = Callable[[CronJobDeployment], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def sick(platform: PlatformState, kube: Client) -> Iterator[CronJobDeployment]:
    with deploy_cronjob(platform, kube, "doctc", NAMESPACES) as deployment:
        yield deployment


@contextmanager
def suspended(it: CronJobDeployment) -> Iterator[None]:
    for value in (True, False):
        patch = {"spec": {"suspend": value}}
        it.kube.patch(CronJob, "refresher", patch, namespace=it.system_namespace, patch_type=PatchType.MERGE)
        if value:
            yield


@contextmanager
def by_next_run(inject: Callable[[], object], it: CronJobDeployment) -> Iterator[None]:
    """What the next run puts right."""
    inject()
    yield
    run = it.run("--force")
    assert run.succeeded, run.log


def secret_name(it: CronJobDeployment) -> str:
    return it.outputs["pullSecretName"]


def edited(it: CronJobDeployment) -> AbstractContextManager[None]:
    patch = {"data": {".dockerconfigjson": "e30="}}
    return by_next_run(lambda: it.kube.patch(Secret, secret_name(it), patch, namespace=A), it)


def deleted(it: CronJobDeployment) -> AbstractContextManager[None]:
    return by_next_run(lambda: it.kube.delete(Secret, secret_name(it), namespace=A), it)


def dead(it: CronJobDeployment) -> AbstractContextManager[None]:
    """A pull secret that says that its login is dead."""
    ended = timestamp(datetime.now(UTC) - timedelta(minutes=1))
    patch = {"metadata": {"annotations": {"everpull/expires-at": ended}}}
    return by_next_run(lambda: it.kube.patch(Secret, secret_name(it), patch, namespace=A), it)


@contextmanager
def somebody_elses(it: CronJobDeployment) -> Iterator[None]:
    it.kube.delete(Secret, secret_name(it), namespace=A)
    it.kube.create(Secret(metadata=ObjectMeta(name=secret_name(it), namespace=A), stringData={"theirs": "kept"}))
    yield
    it.kube.delete(Secret, secret_name(it), namespace=A)
    assert it.run().succeeded


@contextmanager
def failed_run(it: CronJobDeployment) -> Iterator[None]:
    """A Job whose pod's report is there to be read."""
    spec: JobSpec = it.cron_job().spec.jobTemplate.spec
    spec.template.spec.containers[0].args = ["--force"]
    spec.backoffLimit = 0
    it.kube.create(Job(metadata=ObjectMeta(name="doctc-fails", namespace=it.system_namespace), spec=spec))
    try:
        with without(it, "identityArn", "FetchLogin"):
            assert not it.ended("doctc-fails").succeeded
        yield
    finally:
        it.kube.delete(Job, "doctc-fails", namespace=it.system_namespace)


def config_map(it: CronJobDeployment, begins: str) -> str:
    listed = it.kube.list(ConfigMap, namespace=it.system_namespace)
    return next(str(found.metadata.name) for found in listed if str(found.metadata.name).startswith(begins))


@contextmanager
def gone(it: CronJobDeployment) -> Iterator[None]:
    it.kube.delete(CronJob, "refresher", namespace=it.system_namespace)
    yield
    mend(it)


# What is broken, and of the link that must be named first: name, state, a part of the sentence.
FAULTS: dict[str, tuple[Fault, str, str, str]] = {
    "the key is inactive": (inactive_key, "identity", "broken", "is inactive"),
    "the user may fetch no login": (
        lambda it: without(it, "identityArn", "FetchLogin"),
        "identity",
        "broken",
        "is not allowed ecr:GetAuthorizationToken",
    ),
    "the credentials are gone": (
        lambda it: removed(it.kube, Secret, "refresher-aws-credentials", it.system_namespace),
        "identity",
        "broken",
        "do not exist",
    ),
    "the CronJob is suspended": (suspended, "cron-job", "breaking", "is suspended"),
    "its service account is gone": (
        lambda it: removed(it.kube, ServiceAccount, "refresher", it.system_namespace),
        "cron-job",
        "broken",
        "service account",
    ),
    "its code is gone": (
        lambda it: removed(it.kube, ConfigMap, config_map(it, "refresher-code"), it.system_namespace),
        "cron-job",
        "broken",
        "refresher-code",
    ),
    "the last run failed": (failed_run, "cron-job", "broken", "ecr:GetAuthorizationToken"),
    "a pull secret is edited": (edited, "fan-out", "broken", f"namespace {A}: "),
    "a pull secret is deleted": (deleted, "fan-out", "broken", f"namespace {A}: has no pull secret"),
    "a pull secret is somebody else's": (somebody_elses, "fan-out", "broken", f"namespace {A}: the CronJob leaves"),
    "a login has died": (dead, "fan-out", "broken", f"namespace {A}: the login died"),
    "a role binding is gone": (
        lambda it: removed(it.kube, RoleBinding, it.outputs["pullSecretName"], B),
        "fan-out",
        "broken",
        f"namespace {B}: the RoleBinding",
    ),
    "the repository refuses": (repository_denies, "registries", "broken", "ecr:BatchGetImage was denied"),
    "the CronJob is gone": (gone, "cron-job", "broken", "does not exist"),
}
STATUS = {"broken": 1, "breaking": 2}


def test_a_stack_that_is_up_is_well(sick: CronJobDeployment) -> None:
    found = diagnose(sick)
    assert (found.status, found.first) == (0, {}), found.text
    assert [link["name"] for link in found.links][:3] == ["identity", "cron-job", "fan-out"]


@pytest.mark.parametrize(("fault", "name", "state", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(sick: CronJobDeployment, fault: Fault, name: str, state: str, sentence: str) -> None:
    with fault(sick):
        found = diagnose(sick)
    assert (found.first.get("name"), found.first.get("state"), found.status) == (name, state, STATUS[state]), found.text
    assert sentence in found.first["detail"]
    assert found.first["fix"]


def test_renewing_serves_every_namespace_although_the_cron_job_is_suspended(sick: CronJobDeployment) -> None:
    before = [sick.version(namespace) for namespace in NAMESPACES]
    with suspended(sick):
        done = command(sick, "doctor.renew")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "served 2 of 2 namespaces" in done.stdout
    assert not set(before) & {sick.version(namespace) for namespace in NAMESPACES}
    assert sick.pull(A).pulled


def test_renewing_serves_the_others_where_one_namespace_cannot_be_written(sick: CronJobDeployment) -> None:
    with removed(sick.kube, RoleBinding, sick.outputs["pullSecretName"], B):
        done = command(sick, "doctor.renew")
    assert done.returncode == 1, done.stdout
    assert f"served  {A}" in done.stdout
    assert f"FAILED  {B}: " in done.stdout
    assert "served 1 of 2 namespaces" in done.stdout
