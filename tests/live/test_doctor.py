"""Faults that are injected into a stack of mode `lambda`: the doctor names the right link for each."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lightkube import Client
from lightkube.resources.core_v1 import Namespace, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import RoleBinding
from lightkube.types import PatchType

from lambda_src.refresher.core import timestamp
from local.demo.chain import CLUSTER_STORE, EXTERNAL_SECRET, SECRET_STORE
from local.driver import aws, workloads
from local.state import PlatformState
from tests.live.deployment import Deployment, deploy
from tests.live.doctoring import (
    command,
    diagnose,
    exists,
    inactive_key,
    mend,
    other_keys,
    removed,
    repository_denies,
    without,
)
from tests.live.test_rights import user_with

A, B, C = NAMESPACES = ("doctl-a", "doctl-b", "doctl-c")
Fault = Callable[[Deployment], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def sick(platform: PlatformState, kube: Client) -> Iterator[Deployment]:
    with deploy(platform, kube, "doctl", NAMESPACES, attach="service-accounts") as deployment:
        yield deployment


def client(it: Deployment, service: str) -> Any:
    return aws.client(it.state, service)


@contextmanager
def disabled_rule(it: Deployment) -> Iterator[None]:
    client(it, "events").disable_rule(Name=it.outputs["scheduleRule"])
    yield
    client(it, "events").enable_rule(Name=it.outputs["scheduleRule"])


@contextmanager
def no_target(it: Deployment) -> Iterator[None]:
    events, rule = client(it, "events"), it.outputs["scheduleRule"]
    targets = events.list_targets_by_rule(Rule=rule)["Targets"]
    events.remove_targets(Rule=rule, Ids=[target["Id"] for target in targets])
    yield
    events.put_targets(Rule=rule, Targets=targets)


@contextmanager
def stopped_function(it: Deployment) -> Iterator[None]:
    name = it.outputs["functionName"]
    client(it, "lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    yield
    client(it, "lambda").delete_function_concurrency(FunctionName=name)


@contextmanager
def another_environment(it: Deployment) -> Iterator[None]:
    functions, name = client(it, "lambda"), it.outputs["functionName"]
    environment = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    broken = {key: value for key, value in environment.items() if key != "EVERPULL_SECRET_ID"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    yield
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": environment})


@contextmanager
def failed_run(it: Deployment) -> Iterator[None]:
    with without(it, "refresherArn", "FetchLogin"), pytest.raises(AssertionError):
        it.refresh_login(force=True)
    yield
    it.refresh_login(force=True)


@contextmanager
def dead_letter(it: Deployment) -> Iterator[None]:
    client(it, "sqs").send_message(QueueUrl=it.outputs["deadLetterQueue"], MessageBody="{}")
    yield
    client(it, "sqs").purge_queue(QueueUrl=it.outputs["deadLetterQueue"])


@contextmanager
def content(it: Deployment, text: str) -> Iterator[None]:
    client(it, "secretsmanager").put_secret_value(SecretId=it.outputs["loginSecretArn"], SecretString=text)
    yield
    it.refresh_login(force=True)
    it.sync()


def living(left: timedelta) -> Fault:
    """A login that says that it has so long to live."""

    def inject(it: Deployment) -> AbstractContextManager[None]:
        ends = datetime.now(UTC) + left
        times = {"expiresAt": timestamp(ends), "refreshedAt": timestamp(ends - timedelta(hours=12))}
        return content(it, json.dumps({**it.login(), **times}))

    return inject


@contextmanager
def deletion(it: Deployment) -> Iterator[None]:
    secrets, arn = client(it, "secretsmanager"), it.outputs["loginSecretArn"]
    secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    yield
    secrets.restore_secret(SecretId=arn)


@contextmanager
def detached(it: Deployment) -> Iterator[None]:
    account = it.kube.get(ServiceAccount, "default", namespace=A)
    listed = [{"name": item.name} for item in account.imagePullSecrets or []]
    for secrets in ([], listed):
        patch = {"imagePullSecrets": secrets}
        it.kube.patch(ServiceAccount, "default", patch, namespace=A, patch_type=PatchType.MERGE)
        if not secrets:
            yield


def no_binding(it: Deployment) -> AbstractContextManager[None]:
    system, hub = it.outputs["hub"].split("/")
    return removed(it.kube, RoleBinding, hub, system)


def missing_image(it: Deployment) -> AbstractContextManager[None]:
    return other_keys(it, {"verifyImages": [it.image.rpartition(":")[0] + ":no-such-tag"]})


def mended(inject: Callable[[Deployment], object]) -> Fault:
    """What only `pulumi up --refresh` makes anew."""

    @contextmanager
    def injected(it: Deployment) -> Iterator[None]:
        inject(it)
        try:
            yield
        finally:
            mend(it)
            # A log that is new tells of no run as yet.
            it.refresh_login(force=True)
            it.sync()

    return injected


def delete_object(kind: Any, place: Callable[[Deployment], tuple[str, str | None]]) -> Callable[[Deployment], None]:
    def delete(it: Deployment) -> None:
        name, namespace = place(it)
        where = {"namespace": namespace} if namespace else {}
        it.kube.delete(kind, name, **where)

    return delete


def hub(it: Deployment) -> tuple[str, str]:
    system, name = it.outputs["hub"].split("/")
    return name, system


@contextmanager
def no_namespace(it: Deployment) -> Iterator[None]:
    it.kube.delete(Namespace, C)
    workloads.wait_until(lambda: not exists(it.kube, Namespace, C), f"{C} is gone", 120)
    try:
        yield
    finally:
        workloads.ensure_namespace(it.kube, C)
        mend(it)


# What is broken, and of the link that must be named first: name, state, a part of the sentence.
FAULTS: dict[str, tuple[Fault, str, str, str]] = {
    "the key is inactive": (inactive_key, "identity", "broken", "is inactive"),
    "the user's policy is gone": (
        lambda it: without(it, "identityArn", "ReadLogin"),
        "identity",
        "broken",
        "is not allowed secretsmanager:GetSecretValue",
    ),
    "the secret is being deleted": (deletion, "secret", "broken", "is being deleted"),
    "the secret is malformed": (lambda it: content(it, "{"), "secret", "broken", "not JSON"),
    "the login has died": (living(-timedelta(minutes=1)), "secret", "broken", "the login died"),
    "the login dies soon": (living(timedelta(minutes=30)), "secret", "breaking", "before the next run"),
    "the function may not run": (stopped_function, "function", "broken", "reserved concurrency is 0"),
    "the function's environment": (another_environment, "function", "broken", "does not name the stack's secret"),
    "the function may fetch no login": (
        lambda it: without(it, "refresherArn", "FetchLogin"),
        "function",
        "broken",
        "is not allowed ecr:GetAuthorizationToken",
    ),
    "the function may not write its log": (
        lambda it: without(it, "refresherArn", "WriteLog"),
        "function",
        "broken",
        "logs:PutLogEvents",
    ),
    "the last run failed": (failed_run, "function", "broken", "ecr:GetAuthorizationToken"),
    "the rule is disabled": (disabled_rule, "function", "breaking", "is disabled"),
    "the rule has no target": (no_target, "function", "breaking", "for its target"),
    "a dead letter": (dead_letter, "function", "warning", "dead-letter queue holds 1"),
    "the hub may not be read": (no_binding, "operator", "broken", "by which namespaces read the hub"),
    "a service account lost it": (detached, "attachments", "broken", f"{A}/default does not list"),
    "the repository refuses": (repository_denies, "registries", "broken", "ecr:BatchGetImage was denied"),
    "an image is missing": (missing_image, "registries", "broken", "unknown image"),
    "a namespace is gone": (no_namespace, "fan-out", "broken", f"namespace {C}: was served"),
    "the function is gone": (
        mended(lambda it: client(it, "lambda").delete_function(FunctionName=it.outputs["functionName"])),
        "function",
        "broken",
        "does not exist",
    ),
    "the log is gone": (
        mended(lambda it: client(it, "logs").delete_log_group(logGroupName=it.outputs["logGroup"])),
        "function",
        "warning",
        "log group",
    ),
    "the store is gone": (
        mended(delete_object(SECRET_STORE, lambda it: ("login", hub(it)[1]))),
        "operator",
        "broken",
        "SecretStore",
    ),
    "the hub's ExternalSecret is gone": (
        mended(delete_object(EXTERNAL_SECRET, hub)),
        "operator",
        "broken",
        "the hub's ExternalSecret",
    ),
    "the cluster store is gone": (
        mended(delete_object(CLUSTER_STORE, lambda it: (it.outputs["clusterStore"], None))),
        "operator",
        "broken",
        "the ClusterSecretStore",
    ),
    "a namespace's ExternalSecret is gone": (
        mended(delete_object(EXTERNAL_SECRET, lambda it: (it.outputs["pullSecretName"], B))),
        "fan-out",
        "broken",
        f"namespace {B}: has no ExternalSecret",
    ),
    "the secret is gone": (
        mended(
            lambda it: client(it, "secretsmanager").delete_secret(
                SecretId=it.outputs["loginSecretArn"], ForceDeleteWithoutRecovery=True
            )
        ),
        "secret",
        "broken",
        "does not exist",
    ),
}
STATUS = {"broken": 1, "breaking": 2, "warning": 0}


def test_a_stack_that_is_up_is_well(sick: Deployment) -> None:
    found = diagnose(sick)
    assert (found.status, found.first) == (0, {}), found.text
    names = [link["name"] for link in found.links]
    assert names[:5] == ["identity", "secret", "function", "rotation", "operator"]
    assert sick.login()["password"] not in found.text


@pytest.mark.parametrize(("fault", "name", "state", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(sick: Deployment, fault: Fault, name: str, state: str, sentence: str) -> None:
    with fault(sick):
        found = diagnose(sick)
    assert (found.first.get("name"), found.first.get("state"), found.status) == (name, state, STATUS[state]), found.text
    assert sentence in found.first["detail"]
    assert found.first["fix"]


def test_after_all_of_that_it_is_well_again(sick: Deployment) -> None:
    sick.refresh_login(force=True)
    sick.sync()
    found = diagnose(sick)
    assert found.status == 0, found.text


def test_who_may_not_look_is_told_so(platform: PlatformState, sick: Deployment) -> None:
    with user_with(platform, "doctl-nobody", None) as nobody:
        found = diagnose(sick, **nobody)
    assert found.status == 3, found.text
    assert found.links[0]["state"] == "unknown"


def test_renewing_serves_the_last_namespace(sick: Deployment) -> None:
    before = sick.login()["password"]
    done = command(sick, "doctor.renew")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "served 3 of 3 namespaces" in done.stdout
    assert sick.login()["password"] != before
    for namespace in NAMESPACES:
        assert sick.holds_current_login(namespace)
        assert sick.pull(namespace).pulled


def test_renewing_goes_on_where_the_function_fails(sick: Deployment) -> None:
    """The login of before is brought to the namespaces all the same."""
    with without(sick, "refresherArn", "FetchLogin"):
        done = command(sick, "doctor.renew")
    assert done.returncode == 1, done.stdout
    assert "FAILED  the function failed" in done.stdout
    assert "ecr:GetAuthorizationToken" in done.stdout
    assert "served 3 of 3 namespaces" in done.stdout
    sick.refresh_login(force=True)
