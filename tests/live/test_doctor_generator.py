"""Faults that are injected into stacks of mode `generator`: the doctor names the right link for each."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from lightkube import Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import Secret, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import RoleBinding
from lightkube.types import PatchType

from local.demo.chain import CLUSTER_STORE, EXTERNAL_SECRET, SECRET_STORE
from local.driver import aws
from local.driver.workloads import wait_until
from local.state import PlatformState
from tests.live.doctoring import command, diagnose, exists, inactive_key, mend, removed, repository_denies, without
from tests.live.generator_deployment import GeneratorDeployment, deploy_generator
from tests.live.lender import ACCOUNT, Lender, lender

STACK = "doctg"
A, B = NAMESPACES = ("doctg-a", "doctg-b")
GENERATOR = create_namespaced_resource(
    "generators.external-secrets.io", "v1alpha1", "ECRAuthorizationToken", "ecrauthorizationtokens"
)
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
FETCHER = "login-fetcher"
Fault = Callable[[GeneratorDeployment], AbstractContextManager[None]]
Place = tuple[str, str | None]


@pytest.fixture(scope="module")
def lent(platform: PlatformState) -> Iterator[Lender]:
    with lender(platform, STACK) as made:
        yield made


@pytest.fixture(scope="module")
def sick(platform: PlatformState, kube: Client, lent: Lender) -> Iterator[GeneratorDeployment]:
    """With two logins: its own, and one of another account by a lent role."""
    keys = {"registries": [platform.registry_host, lent.host], "assumeRoles": [lent.role]}
    with deploy_generator(platform, kube, STACK, NAMESPACES, **keys) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def keyless(platform: PlatformState, kube: Client, issuer: str) -> Iterator[GeneratorDeployment]:
    more = {"identity": "irsa", "oidcIssuer": issuer}
    with deploy_generator(platform, kube, "doctgi", ["doctgi-a"], **more) as deployment:
        yield deployment


def own(it: GeneratorDeployment) -> str:
    """What the login of its own account is called."""
    return it.state.region


def of_lender(it: GeneratorDeployment) -> str:
    return f"{it.state.region}-{ACCOUNT}"


def system(it: GeneratorDeployment) -> str:
    return it.outputs["systemNamespace"]


def hub(it: GeneratorDeployment) -> Place:
    namespace, name = it.outputs["hub"].split("/")
    return name, namespace


def store(it: GeneratorDeployment) -> Place:
    name, namespace = hub(it)
    return it.kube.get(EXTERNAL_SECRET, name, namespace=namespace)["spec"]["secretStoreRef"]["name"], namespace


def fetching(it: GeneratorDeployment) -> Place:
    """What fetches its own login; the generator and the Secret are called the same."""
    return it.logins[own(it)], system(it)


def anew(kind: Any, place: Callable[[GeneratorDeployment], Place]) -> Fault:
    """An object that is gone until `pulumi up --refresh` makes it again."""

    @contextmanager
    def injected(it: GeneratorDeployment) -> Iterator[None]:
        name, namespace = place(it)
        it.kube.delete(kind, name, **({"namespace": namespace} if namespace else {}))
        if kind is EXTERNAL_SECRET:
            # Its Secret goes with it, and a new one must not be taken for the old one's.
            wait_until(lambda: not exists(it.kube, Secret, name, namespace), f"Secret {name} is gone")
        try:
            yield
        finally:
            mend(it)
            it.sync()

    return injected


def without_binding(role: Callable[[GeneratorDeployment], str]) -> Fault:
    return lambda it: removed(it.kube, RoleBinding, role(it), system(it))


def reading_logins(it: GeneratorDeployment) -> str:
    """Name of the Role, and of its binding, by which the hub reads the logins."""
    return it.logins[own(it)].removesuffix(f"-{own(it)}")


@contextmanager
def refused(it: GeneratorDeployment, lent: Lender) -> Iterator[None]:
    """The lender takes back the right to fetch a login."""
    lent.may(log_in=False)
    try:
        yield
    finally:
        lent.may()
        it.force(of_lender(it))
        wait_until(lambda: not it.why_not_ready(of_lender(it)), "the lent login is fetched again")
        it.sync()


# What is broken, and of the link that must be named first: name, state, a part of the sentence.
FAULTS: dict[str, tuple[Fault, str, str]] = {
    "the key is inactive": (inactive_key, "identity", "is inactive"),
    "the user may fetch no login": (
        lambda it: without(it, "identityArn", "FetchLogin"),
        "identity",
        "is not allowed ecr:GetAuthorizationToken",
    ),
    "the user may not pull": (lambda it: without(it, "identityArn", "PullWithIt"), "identity", "is not allowed ecr:"),
    "the user may not have the lent role": (
        lambda it: without(it, "identityArn", "AssumeRoles"),
        "identity",
        "is not allowed sts:AssumeRole",
    ),
    "the credentials are gone": (
        lambda it: removed(it.kube, Secret, f"{FETCHER}-aws-credentials", system(it)),
        "identity",
        "do not exist",
    ),
    "a generator is gone": (anew(GENERATOR, fetching), "logins", "the ECRAuthorizationToken"),
    "what fetches a login is gone": (
        anew(EXTERNAL_SECRET, fetching),
        "logins",
        "which fetches a login, does not exist",
    ),
    "the logins may not be read": (without_binding(reading_logins), "logins", "by which the hub reads the logins"),
    "what reads the logins is gone": (
        lambda it: removed(it.kube, ServiceAccount, "logins-reader", system(it)),
        "logins",
        "logins-reader, by which the hub reads the logins",
    ),
    "the store is gone": (anew(SECRET_STORE, store), "operator", "SecretStore"),
    "the hub's ExternalSecret is gone": (anew(EXTERNAL_SECRET, hub), "operator", "the hub's ExternalSecret"),
    "the hub may not be read": (
        without_binding(lambda it: hub(it)[0]),
        "operator",
        "by which namespaces read the hub",
    ),
    "the cluster store is gone": (
        anew(CLUSTER_STORE, lambda it: (it.outputs["clusterStore"], None)),
        "operator",
        "the ClusterSecretStore",
    ),
    "a namespace's ExternalSecret is gone": (
        anew(EXTERNAL_SECRET, lambda it: (it.outputs["pullSecretName"], B)),
        "fan-out",
        f"namespace {B}: has no ExternalSecret",
    ),
    "the repository refuses": (repository_denies, "registries", "ecr:BatchGetImage was denied"),
}


def test_a_stack_that_is_up_is_well(sick: GeneratorDeployment) -> None:
    found = diagnose(sick)
    assert (found.status, found.first) == (0, {}), found.text
    assert [link["name"] for link in found.links][:4] == ["identity", "logins", "operator", "fan-out"]


def check(it: GeneratorDeployment, fault: AbstractContextManager[None], name: str, sentence: str) -> None:
    with fault:
        found = diagnose(it)
    assert (found.first.get("name"), found.first.get("state"), found.status) == (name, "broken", 1), found.text
    assert sentence in found.first["detail"], found.text
    assert found.first["fix"]


@pytest.mark.parametrize(("fault", "name", "sentence"), FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(sick: GeneratorDeployment, fault: Fault, name: str, sentence: str) -> None:
    check(sick, fault(sick), name, sentence)


def test_a_login_that_is_refused_is_named_with_what_eso_says(sick: GeneratorDeployment, lent: Lender) -> None:
    @contextmanager
    def seen_by_eso() -> Iterator[None]:
        with refused(sick, lent):
            sick.force(of_lender(sick))
            wait_until(lambda: sick.why_not_ready(of_lender(sick)), "the lent login is refused")
            yield

    check(sick, seen_by_eso(), "logins", f"the login {of_lender(sick)} is not renewed: ")


def test_after_all_of_that_it_is_well_again(sick: GeneratorDeployment) -> None:
    sick.sync()
    found = diagnose(sick)
    assert found.status == 0, found.text


def passwords(it: GeneratorDeployment, namespace: str) -> dict[str, str]:
    """What opens each registry."""
    return {host: entry["auth"] for host, entry in it.docker_config(namespace)["auths"].items()}


def test_renewing_fetches_every_login_and_serves_the_last_namespace(sick: GeneratorDeployment, lent: Lender) -> None:
    before = passwords(sick, B)
    done = command(sick, "doctor.renew")
    assert done.returncode == 0, done.stdout + done.stderr
    for login in (own(sick), of_lender(sick)):
        assert f"ok      the login {login} was fetched" in done.stdout
    assert "served 2 of 2 namespaces" in done.stdout
    for namespace in NAMESPACES:
        after = passwords(sick, namespace)
        assert after.keys() == before.keys() == {sick.state.registry_host, lent.host}
        assert all(after[host] != before[host] for host in after)
        assert not any(password in done.stdout + done.stderr for password in after.values())
        assert sick.pull(namespace).pulled
        assert sick.pull(namespace, lent.image).pulled


def test_renewing_goes_on_where_one_login_is_refused(sick: GeneratorDeployment, lent: Lender) -> None:
    """The lender's last one is still brought to the namespaces."""
    before = passwords(sick, B)
    with refused(sick, lent):
        done = command(sick, "doctor.renew")
        after = passwords(sick, B)
    assert done.returncode == 1, done.stdout
    assert f"FAILED  the login {of_lender(sick)} was not fetched: " in done.stdout
    assert "the last one lives until" in done.stdout
    assert f"ok      the login {own(sick)} was fetched" in done.stdout
    assert "served 2 of 2 namespaces" in done.stdout
    assert after[lent.host] == before[lent.host]
    assert after[sick.state.registry_host] != before[sick.state.registry_host]
    assert sick.pull(B, lent.image).pulled


@contextmanager
def trusting_another(it: GeneratorDeployment) -> Iterator[None]:
    iam, role = aws.client(it.state, "iam"), it.outputs["identityArn"].rpartition("/")[2]
    trust = json.dumps(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust.replace(f":{FETCHER}", f":{FETCHER}-2"))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust)


@contextmanager
def unnamed_role(it: GeneratorDeployment) -> Iterator[None]:
    for value in (None, it.outputs["identityArn"]):
        patch = {"metadata": {"annotations": {ROLE_ANNOTATION: value}}}
        it.kube.patch(ServiceAccount, FETCHER, patch, namespace=system(it), patch_type=PatchType.MERGE)
        if value is None:
            yield


OF_ROLES: dict[str, tuple[Fault, str]] = {
    "the role trusts another service account": (trusting_another, "does not trust system:serviceaccount:"),
    "the service account names no role": (unnamed_role, f"{FETCHER} does not name the role"),
    "the service account is gone": (
        lambda it: removed(it.kube, ServiceAccount, FETCHER, system(it)),
        f"{FETCHER} does not exist",
    ),
    "the role may fetch no login": (
        lambda it: without(it, "identityArn", "FetchLogin"),
        "is not allowed ecr:GetAuthorizationToken",
    ),
}


def test_a_stack_without_a_key_is_well_and_can_be_renewed(keyless: GeneratorDeployment) -> None:
    found = diagnose(keyless)
    assert (found.status, found.first) == (0, {}), found.text
    done = command(keyless, "doctor.renew")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "served 1 of 1 namespace" in done.stdout


@pytest.mark.parametrize(("fault", "sentence"), OF_ROLES.values(), ids=OF_ROLES.keys())
def test_what_keeps_the_cluster_from_its_role_is_named(
    keyless: GeneratorDeployment, fault: Fault, sentence: str
) -> None:
    check(keyless, fault(keyless), "identity", sentence)
