"""The pull secret is used without touching a workload: by service accounts, and by an admission policy."""

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import (
    Container,
    ImageVolumeSource,
    LocalObjectReference,
    Volume,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Secret, ServiceAccount
from lightkube.types import PatchType

from kube.client import connect
from local.driver import workloads
from local.driver.stack import PulumiError
from local.state import PlatformState
from tests.live.attach_stack import AttachStack, attach_stack, make_account, remove, rewriting

LISTED, LABELLED, EXCLUDED, OUTSIDE = "attach-listed", "attach-labelled", "attach-excluded", "attach-outside"
ELSEWHERE = "registry.example/app:1"


@pytest.fixture(scope="module")
def pods(platform: PlatformState, kube: Client) -> Iterator[AttachStack]:
    """The policy, failing loudly, on a listed namespace and on those with a label."""
    for name in (LABELLED, EXCLUDED, OUTSIDE):
        workloads.ensure_namespace(kube, name)
    for name in (LABELLED, EXCLUDED):
        kube.patch(Namespace, name, {"metadata": {"labels": {"attach": "yes"}}}, patch_type=PatchType.MERGE)
    policy: dict[str, object] = {
        "policy_name": "everpull-attach-pods",
        "registries": [platform.registry_host],
        "namespaces": [LISTED],
        "namespace_selector": {"matchLabels": {"attach": "yes"}},
        "excluded_namespaces": [EXCLUDED],
        "failure_policy": "Fail",
    }
    with attach_stack(platform, kube, "attach-pods", [LISTED, LABELLED], pods=policy) as stack:
        stack.up()
        yield stack


@pytest.mark.parametrize("namespace", [LISTED, LABELLED])
def test_a_plain_deployment_pulls(pods: AttachStack, namespace: str) -> None:
    outcome = pods.deploys(namespace, "plain")
    assert outcome.pulled, outcome.message


@pytest.mark.parametrize("namespace", [EXCLUDED, OUTSIDE])
def test_a_pod_of_a_namespace_that_is_not_chosen_stays_as_it_is(pods: AttachStack, namespace: str) -> None:
    assert pods.secrets_of(namespace) == []


@pytest.mark.parametrize(
    "image", [ELSEWHERE, "app", "{host}.example/app:1", "registry.example/{host}/app:1", "x{host}/app:1"]
)
def test_a_pod_of_another_registry_stays_as_it_is(pods: AttachStack, image: str) -> None:
    assert pods.secrets_of(LISTED, image.format(host=pods.state.registry_host)) == []


def test_a_pods_own_pull_secrets_stay_before_ours(pods: AttachStack) -> None:
    own = [LocalObjectReference(name="theirs"), LocalObjectReference(name="more")]
    assert pods.secrets_of(LISTED, imagePullSecrets=own) == ["theirs", "more", pods.secret]
    assert pods.secrets_of(LISTED, ELSEWHERE, imagePullSecrets=own) == ["theirs", "more"]


def test_a_pod_that_names_ours_already_gets_it_once(pods: AttachStack) -> None:
    own = [LocalObjectReference(name=pods.secret), LocalObjectReference(name="theirs")]
    assert pods.secrets_of(LISTED, imagePullSecrets=own) == [pods.secret, "theirs"]


def test_a_pod_keeps_what_it_gets_from_its_service_account(pods: AttachStack, kube: Client) -> None:
    """ServiceAccount admission gives its list only to a pod without one, and it comes first."""
    make_account(kube, LISTED, "builder", "theirs", "more")
    assert pods.secrets_of(LISTED, serviceAccountName="builder") == ["theirs", "more", pods.secret]
    assert pods.secrets_of(LISTED, ELSEWHERE, serviceAccountName="builder") == ["theirs", "more"]
    own = [LocalObjectReference(name="own")]
    assert pods.secrets_of(LISTED, serviceAccountName="builder", imagePullSecrets=own) == ["own", pods.secret]


def test_one_image_of_ours_is_enough_wherever_it_is(pods: AttachStack) -> None:
    other = [Container(name="main", image=ELSEWHERE)]
    first = [Container(name="first", image=pods.image)]
    volume = [Volume(name="data", image=ImageVolumeSource(reference=pods.image)), Volume(name="empty")]
    assert pods.secrets_of(LISTED, containers=other, initContainers=first) == [pods.secret]
    assert pods.secrets_of(LISTED, containers=other, volumes=volume) == [pods.secret]
    assert pods.secrets_of(LISTED, containers=[*other, Container(name="two", image=pods.image)]) == [pods.secret]


def test_an_image_that_a_webhook_sends_to_our_registry_counts(pods: AttachStack, kube: Client) -> None:
    assert pods.secrets_of(LISTED, ELSEWHERE) == []
    with rewriting(kube, LISTED, "registry.example", pods.state.registry_host):
        workloads.wait_until(lambda: pods.secrets_of(LISTED, ELSEWHERE), "the webhook is known", 15)
        assert pods.secrets_of(LISTED, ELSEWHERE) == [pods.secret]
        assert pods.secrets_of(LISTED, "other.example/app:1") == []


def test_a_mirror_pod_may_not_name_secrets_and_gets_none(pods: AttachStack) -> None:
    node = {"nodeName": "any", "annotations": {"kubernetes.io/config.mirror": "hash"}}
    assert pods.secrets_of(LISTED, **node) == []


def test_a_pod_whose_service_account_allows_its_own_secrets_alone_is_refused(pods: AttachStack, kube: Client) -> None:
    """Which is why such accounts are looked for at preview."""
    strict = {"kubernetes.io/enforce-mountable-secrets": "true"}
    make_account(kube, LISTED, "strict", **strict)
    with pytest.raises(ApiError, match=f'name="{pods.secret}" is not allowed'):
        pods.secrets_of(LISTED, serviceAccountName="strict")
    make_account(kube, LISTED, "strict", pods.secret, **strict)
    assert pods.secrets_of(LISTED, serviceAccountName="strict") == [pods.secret]


def test_a_namespace_that_is_labelled_later_is_served_and_one_that_is_relabelled_is_not(
    pods: AttachStack, kube: Client
) -> None:
    def label(value: str | None) -> None:
        kube.patch(Namespace, OUTSIDE, {"metadata": {"labels": {"attach": value}}}, patch_type=PatchType.MERGE)

    label("yes")
    try:
        workloads.wait_until(lambda: pods.secrets_of(OUTSIDE) == [pods.secret], "the label counts", 10)
    finally:
        label(None)
    workloads.wait_until(lambda: pods.secrets_of(OUTSIDE) == [], "the label is gone", 10)


def test_up_again_and_refresh_change_nothing(pods: AttachStack) -> None:
    assert pods.stack.up().changes == {}
    assert pods.stack.refresh().changes == {}


def test_what_somebody_took_away_shows_as_drift_and_is_put_back(pods: AttachStack) -> None:
    api = "/apis/admissionregistration.k8s.io/v1"
    with connect(pods.state.kubeconfig, None, 15) as http:
        http.delete(f"{api}/mutatingadmissionpolicybindings/everpull-attach-pods.listed").raise_for_status()
        workloads.wait_until(lambda: pods.secrets_of(LISTED) == [], "pods stay as they are")
        http.delete(f"{api}/mutatingadmissionpolicies/everpull-attach-pods").raise_for_status()
    assert pods.stack.refresh().changes == {"pods-listed": "delete", "pods-policy": "delete"}
    assert pods.stack.up().changes == {"pods-listed": "create", "pods-policy": "create"}
    assert pods.secrets_of(LISTED) == [pods.secret]


def test_quotes_in_a_registrys_name_stay_inside_it(platform: PlatformState, kube: Client) -> None:
    """Settings let none through; the expression does not rely on it."""
    hostile = ['"].exists(p, true) || ["', "\\", "'\n\t\u2028😀", platform.registry_host]
    policy = {
        "policy_name": "everpull-attach-quotes",
        "registries": hostile[::-1],
        "namespaces": [OUTSIDE],
        "failure_policy": "Fail",
    }
    with attach_stack(platform, kube, "attach-quotes", [OUTSIDE], pods=policy) as stack:
        stack.up()
        assert stack.secrets_of(OUTSIDE) == [stack.secret]
        assert stack.secrets_of(OUTSIDE, ELSEWHERE) == []
        assert stack.secrets_of(OUTSIDE, "\\/app") == [stack.secret]
    workloads.wait_until(lambda: stack.secrets_of(OUTSIDE) == [], "the policy is gone for the API server too", 10)


ACCOUNTS, ALONE, GONE, NEW = "attach-accounts", "attach-alone", "attach-gone", "attach-new"


@pytest.fixture(scope="module")
def accounts(platform: PlatformState, kube: Client) -> Iterator[AttachStack]:
    """The pull secret on the service accounts `default` and `builder`; `builder` has other entries."""
    workloads.ensure_namespace(kube, ACCOUNTS)
    make_account(kube, ACCOUNTS, "builder", "theirs", "more")
    places = [f"{ACCOUNTS}/default", f"{ACCOUNTS}/builder"]
    with attach_stack(platform, kube, "attach-accounts", [ACCOUNTS], serviceAccounts=places) as stack:
        stack.up()
        yield stack
    assert stack.account(ACCOUNTS) == []
    assert stack.account(ACCOUNTS, "builder") == ["theirs", "more"]


@pytest.mark.parametrize("account", [None, "builder"])
def test_a_plain_deployment_pulls_by_its_service_account(accounts: AttachStack, account: str | None) -> None:
    outcome = accounts.deploys(ACCOUNTS, "plain", serviceAccountName=account)
    assert outcome.pulled, outcome.message


def test_a_service_account_that_is_not_listed_is_left_alone(accounts: AttachStack, kube: Client) -> None:
    make_account(kube, ACCOUNTS, "other")
    assert accounts.secrets_of(ACCOUNTS, serviceAccountName="other") == []
    outcome = accounts.deploys(ACCOUNTS, "refused", serviceAccountName="other")
    assert not outcome.pulled


def test_other_entries_of_a_service_account_stay(accounts: AttachStack) -> None:
    assert accounts.account(ACCOUNTS, "builder") == ["theirs", "more", accounts.secret]
    assert accounts.account(ACCOUNTS) == [accounts.secret]


def test_up_again_and_refresh_change_no_service_account(accounts: AttachStack) -> None:
    assert accounts.stack.up().changes == {}
    assert accounts.stack.refresh().changes == {}
    assert accounts.account(ACCOUNTS, "builder") == ["theirs", "more", accounts.secret]


def test_an_entry_that_somebody_took_out_shows_as_drift_and_is_put_back(accounts: AttachStack, kube: Client) -> None:
    name = f"accounts-{ACCOUNTS}/builder"
    make_account(kube, ACCOUNTS, "builder", "theirs", "more")
    assert accounts.stack.refresh().changes == {name: "delete"}
    assert accounts.stack.up().changes == {name: "create"}
    assert accounts.account(ACCOUNTS, "builder") == ["theirs", "more", accounts.secret]


def test_the_state_holds_the_provider_by_its_name(accounts: AttachStack) -> None:
    found = [line for line in accounts.stack.export().splitlines() if '"__provider": "' in line]
    assert len(found) == 4, "inputs and outputs of two entries"
    assert max(map(len, found)) < 250


@pytest.fixture
def alone(platform: PlatformState, kube: Client) -> Iterator[AttachStack]:
    """A stack for one test, which brings it up."""
    with attach_stack(platform, kube, "attach-alone", [ALONE]) as stack:
        yield stack


def test_an_entry_that_was_there_before_is_not_doubled_and_stays_after(alone: AttachStack, kube: Client) -> None:
    make_account(kube, ALONE, "builder", alone.secret, "theirs")
    make_account(kube, ALONE, "other", "theirs")
    alone.up(serviceAccounts=[f"{ALONE}/builder", f"{ALONE}/other"])
    assert alone.account(ALONE, "builder") == [alone.secret, "theirs"]
    alone.up(serviceAccounts=None)
    assert alone.account(ALONE, "builder") == [alone.secret, "theirs"]
    assert alone.account(ALONE, "other") == ["theirs"]


def test_an_entry_is_taken_back_before_its_pull_secret_goes(alone: AttachStack, kube: Client) -> None:
    alone.up(serviceAccounts=[f"{ALONE}/default"])
    order: list[str] = []
    seen = threading.Event()

    def watch() -> None:
        while not seen.is_set():
            if "entry" not in order and not alone.account(ALONE):
                order.append("entry")
            if "secret" not in order and not present(kube, ALONE, alone.secret):
                order.append("secret")

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        alone.stack.destroy()
    finally:
        workloads.wait_until(lambda: len(order) == 2, "both are seen to be gone", 10)
        seen.set()
        thread.join()
    assert order == ["entry", "secret"]


def present(kube: Client, namespace: str, secret: str) -> bool:
    return secret in {str(item.metadata.name) for item in kube.list(Secret, namespace=namespace) if item.metadata}


def test_another_pull_secret_is_there_before_the_old_one_goes(alone: AttachStack) -> None:
    alone.up(serviceAccounts=[f"{ALONE}/default"])
    changes = alone.up(pullSecretName="everpull-second").changes
    assert changes[f"accounts-{ALONE}/default"] in ("create-replacement", "replace", "delete-replaced")
    assert alone.account(ALONE) == ["everpull-second"]
    assert alone.secrets_of(ALONE) == ["everpull-second"]


def test_everybody_who_writes_at_the_same_time_keeps_what_they_wrote(alone: AttachStack, kube: Client) -> None:
    """Patches that hit a new version of the account are void and are planned anew."""
    writers = [Writer(alone.state, f"busy-{number}") for number in range(4)]
    for writer in writers:
        make_account(kube, ALONE, writer.account, "theirs-0")
        writer.start()
    try:
        alone.up(serviceAccounts=[f"{ALONE}/{writer.account}" for writer in writers])
        there = {writer.account: alone.account(ALONE, writer.account) for writer in writers}
        alone.up(serviceAccounts=None)
    finally:
        for writer in writers:
            writer.done.set()
            writer.join()
    for writer in writers:
        assert there[writer.account].count(alone.secret) == 1
        written = [f"theirs-{number}" for number in range(writer.written, -1, -1)]
        assert alone.account(ALONE, writer.account) == written
        kube.delete(ServiceAccount, writer.account, namespace=ALONE)


class Writer(threading.Thread):
    """Puts one entry after the other before those of a service account, without a pause."""

    def __init__(self, state: PlatformState, account: str) -> None:
        super().__init__()
        self.account, self.written, self.done = account, 0, threading.Event()
        self._state = state

    def run(self) -> None:
        with workloads.client(self._state) as kube:
            while not self.done.is_set() and self.written < 2000:
                value = {"name": f"theirs-{self.written + 1}"}
                patch: Any = [{"op": "add", "path": "/imagePullSecrets/0", "value": value}]
                kube.patch(ServiceAccount, self.account, patch, namespace=ALONE, patch_type=PatchType.JSON)
                self.written += 1


def test_the_service_account_of_a_namespace_that_is_made_along_is_served(alone: AttachStack, kube: Client) -> None:
    remove(kube, Namespace, NEW)
    alone.up(newNamespaces=[NEW], namespaces=[ALONE, NEW], serviceAccounts=[f"{NEW}/default"])
    assert alone.account(NEW) == [alone.secret]


def test_a_kubeconfig_of_the_stacks_own_is_used_and_stays_secret(platform: PlatformState, kube: Client) -> None:
    """As the Kubernetes provider's configuration, which the engine gives to this provider too."""
    content, key = with_its_files(Path(platform.kubeconfig))
    places = [f"{ALONE}/default"]
    nowhere = {"KUBECONFIG": "/nowhere"}
    with attach_stack(platform, kube, "attach-own", [ALONE], nowhere, serviceAccounts=places) as stack:
        stack.set_secret("kubernetes:kubeconfig", content)
        stack.stack.up()
        assert stack.account(ALONE) == [stack.secret]
        state = stack.stack.export()
        assert "pulumi:providers:pulumi-python" in state
        assert key in content
        assert key not in state
    assert stack.account(ALONE) == []


def with_its_files(kubeconfig: Path) -> tuple[str, str]:
    """The kubeconfig with the files that it names inside it, and the key as it is written there."""
    content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    (cluster,), (user,) = content["clusters"], content["users"]
    for part in (cluster["cluster"], user["user"]):
        for name in ("certificate-authority", "client-certificate", "client-key"):
            if name in part:
                part[f"{name}-data"] = base64.b64encode((kubeconfig.parent / part.pop(name)).read_bytes()).decode()
    return json.dumps(content), user["user"]["client-key-data"]


def test_what_is_gone_needs_not_be_taken_back(alone: AttachStack, kube: Client) -> None:
    workloads.ensure_namespace(kube, GONE)
    make_account(kube, ALONE, "gone")
    alone.up(serviceAccounts=[f"{ALONE}/gone", f"{GONE}/default"])
    kube.delete(ServiceAccount, "gone", namespace=ALONE)
    remove(kube, Namespace, GONE)
    alone.up(serviceAccounts=[f"{ALONE}/default"])
    assert alone.account(ALONE) == [alone.secret]


def test_a_service_account_that_does_not_exist_is_told_with_the_command_that_makes_it(
    alone: AttachStack, kube: Client
) -> None:
    remove(kube, ServiceAccount, "nobodys", ALONE)
    with pytest.raises(PulumiError, match=f"kubectl --namespace {ALONE} create serviceaccount nobodys"):
        alone.up(serviceAccounts=[f"{ALONE}/nobodys", f"{ALONE}/default"])
    assert alone.account(ALONE) == [alone.secret]
    kube.create(ServiceAccount(metadata=ObjectMeta(name="nobodys", namespace=ALONE)))
    alone.up()
    assert alone.account(ALONE, "nobodys") == [alone.secret]
