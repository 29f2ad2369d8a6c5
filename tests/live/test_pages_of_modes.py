"""The pages on modes, identities, rotation, alarms, environments and fleets are typed, block by block: what they set comes up.

As tests/live/test_pages.py, with a stack called `pages`, since others use AWS and the cluster too.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace
from lightkube.types import PatchType

from local.cluster.pod_identity import CLUSTER
from local.driver import aws, workloads
from local.state import PlatformState
from tests.live.reader import Reader, settled
from tests.live.surroundings import deployment, kind

README, IDENTITIES, ROTATION = "README.md", "docs/identities.md", "docs/rotation.md"
ENVIRONMENTS = "docs/environments.md"
NAME = "pages"
# What sentences say where a stack of mode `lambda` is up: the page, and how it begins.
SAID = (
    ("docs/alarms.md", "aws lambda invoke"),
    ("docs/alarms.md", "aws logs tail"),
    ("docs/attach.md", "kubectl --namespace team-a rollout"),
    ("docs/access-key.md", "pulumi preview"),
    ("docs/github.md", "pulumi preview --diff"),
    ("docs/access-key.md", "pulumi stack --show-ids"),
    ("docs/rotation.md", "pulumi stack output logGroup"),
    ("docs/security.md", "pulumi stack output refresherArn"),
)
FINALIZER = f"externalsecrets.external-secrets.io/ces-everpull-{NAME}"


@pytest.fixture(scope="module")
def image(platform: PlatformState, kube: Client) -> str:
    workloads.ensure_namespace(kube, f"{NAME}-a")
    return aws.seed_image(platform, f"{NAME}-a/app", "1.0", "hello from a page")


@pytest.fixture(scope="module")
def first(platform: PlatformState) -> Mapping[str, Any]:
    return {
        "aws:region": platform.region,
        "everpull:namespaces": [f"{NAME}-a"],
        "everpull:repositories": [f"{NAME}-a/*"],
    }


@pytest.fixture(scope="module")
def settler(
    platform: PlatformState, image: str, first: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    with settled(platform, tmp_path_factory.mktemp("reader"), NAME) as made:
        yield made


@pytest.fixture
def reader(settler: Reader, first: Mapping[str, Any]) -> Reader:
    """With a stack of mode `lambda` that is up."""
    settler.stands(first)
    return settler


@pytest.fixture
def imaged(reader: Reader) -> Reader:
    """The same, and the next stack has a CronJob's image that is within reach."""
    reader.configure({**reader.config, "everpull:image": reader.state.refresher_image})
    return reader


@pytest.fixture
def pulls(kube: Client, reader: Reader, image: str) -> Iterator[None]:
    """Looks after the test whether a pod pulls."""
    yield
    reader.pulls(kube, image, reader.pull_secret)


def test_rotation_is_switched_on_begun_and_mended(reader: Reader, pulls: None) -> None:
    secrets = aws.client(reader.state, "secretsmanager")
    reader.types(ROTATION, 1)
    arn = reader.output("loginSecretArn")
    assert secrets.describe_secret(SecretId=arn)["RotationEnabled"]
    before = current(secrets, arn)
    assert arn in reader.types(ROTATION, 2)
    workloads.wait_until(lambda: current(secrets, arn) != before, "the login was rotated")
    assert '"StatusCode": 200' in reader.types(ROTATION, 3)
    # As somebody leaves it who stops a rotation half-way.
    secrets.cancel_rotate_secret(SecretId=arn)
    pending = secrets.put_secret_value(SecretId=arn, SecretString="{}", VersionStages=["AWSPENDING"])["VersionId"]
    reader.types(ROTATION, 4, instead={"VERSION": pending})
    assert "AWSPENDING" not in secrets.describe_secret(SecretId=arn)["VersionIdsToStages"].get(pending, [])


def test_another_path_ends_what_was_fetched_before(reader: Reader, pulls: None) -> None:
    before = reader.output("refresherArn")
    reader.types("docs/security.md", 2)
    assert reader.output("refresherArn") != before


def current(secrets: Any, arn: str) -> str:
    return secrets.get_secret_value(SecretId=arn)["VersionId"]


def test_alarms_are_made(reader: Reader) -> None:
    said = reader.types("docs/alarms.md", 1)
    topic, dashboard = said.splitlines()[-2:]
    subscribed = aws.client(reader.state, "sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [each["Endpoint"] for each in subscribed] == ["oncall@example.com"]
    assert NAME in dashboard


def test_prometheus_is_told_what_to_look_for(reader: Reader, kube: Client) -> None:
    with kind(kube, "monitoring.coreos.com", "v1", "PrometheusRule") as rule:
        reader.types("docs/alarms.md", 2)
        reader.run("pulumi up --skip-preview")
        (made,) = kube.list(rule, namespace=reader.system_namespace)
        assert made.metadata.labels["release"] == "kube-prometheus-stack"
        reader.deployed = None
        reader.stands({key: value for key, value in reader.config.items() if "prometheus" not in key})
        assert not list(kube.list(rule, namespace=reader.system_namespace))


def test_another_identity_by_the_clusters_name(reader: Reader, issuer: str, pulls: None) -> None:
    reader.types(IDENTITIES, 1, instead={"everpull:eksCluster main": f"everpull:eksCluster {CLUSTER}"})
    assert ":role/" in reader.output("identityArn")


def test_another_identity_by_the_clusters_issuer(reader: Reader, issuer: str, pulls: None) -> None:
    reader.types(IDENTITIES, 2, instead={"https://oidc.example.com/cluster-a": issuer})
    assert ":role/" in reader.output("identityArn")


def test_an_issuer_that_iam_does_not_know(reader: Reader) -> None:
    keys = {"everpull:identity": "irsa", "everpull:oidcIssuer": "https://oidc.example.com/cluster-b"}
    reader.configure({**reader.config, **keys})
    reader.types(IDENTITIES, 3)
    # The cluster here has another issuer, so none is asked.
    assert "OpenIdConnectProvider" in reader.run("KUBECONFIG=/none pulumi preview")


def test_mode_generator(reader: Reader, pulls: None) -> None:
    reader.types(README, 4)
    reader.run("pulumi up")
    reader.deployed = None
    assert ":user/" in reader.output("refresherArn")


def test_pods_with_an_association(imaged: Reader, issuer: str, pulls: None) -> None:
    imaged.types(IDENTITIES, 4, instead={"everpull:eksCluster main": f"everpull:eksCluster {CLUSTER}"})
    assert ":role/" in imaged.output("identityArn")


@pytest.fixture
def theirs(kube: Client, settler: Reader) -> Iterator[None]:
    """Somebody's Deployment, without pods."""
    kube.create(deployment("theirs", settler.namespace, replicas=0))
    yield
    kube.delete(Deployment, "theirs", namespace=settler.namespace)


@pytest.mark.parametrize(("page", "beginning"), SAID)
def test_what_a_sentence_says(reader: Reader, theirs: None, page: str, beginning: str) -> None:
    assert reader.says(page, beginning).strip()


def test_a_namespace_is_let_go(reader: Reader, kube: Client) -> None:
    stuck = f"{NAME}-stuck"
    kube.create(Namespace(metadata=ObjectMeta(name=stuck, finalizers=[FINALIZER])))
    # The page's editor is a person.
    edit = {"STACK": NAME, "kubectl edit": f"EDITOR=\"sed -i '/ces-everpull-{NAME}/d'\" kubectl edit"}
    try:
        reader.types("docs/namespaces.md", 3, instead={**edit, "namespace team-a": f"namespace {stuck}"})
        assert not kube.get(Namespace, stuck).metadata.finalizers
    finally:
        kube.patch(Namespace, stuck, {"metadata": {"finalizers": None}}, patch_type=PatchType.MERGE)
        kube.delete(Namespace, stuck)


def test_a_deleted_secret_is_restored(reader: Reader, pulls: None) -> None:
    reader.stands({**reader.config, "everpull:recoveryDays": 7})
    arn, secrets = reader.output("loginSecretArn"), aws.client(reader.state, "secretsmanager")
    secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    reader.types(ENVIRONMENTS, 2, instead={"ARN": arn})
    assert reader.output("loginSecretArn") == arn
    assert "DeletedDate" not in secrets.describe_secret(SecretId=arn)


def test_a_protected_stack_is_destroyed(reader: Reader) -> None:
    reader.stands({**reader.config, "everpull:protect": True})
    with pytest.raises(AssertionError, match="protect"):
        reader.run("pulumi destroy")
    reader.types(ENVIRONMENTS, 1)
    assert json.loads(reader.run("pulumi stack output --json")) == {}


def test_a_fleet(settler: Reader, kube: Client, image: str) -> None:
    """Its stacks are called as on the page."""
    try:
        settler.types("docs/fleet.md", 1, instead={"123456789012": settler.state.account})
        settler.pulls(kube, image, "everpull-cluster-a")
    finally:
        for stack in ("cluster-a", "aws"):
            settler.run(f"pulumi destroy --stack {stack} --skip-preview")
        settler.run(f"pulumi stack select {NAME}")
