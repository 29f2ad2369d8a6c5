"""Mode `lambda`: faults in the cluster and at the registries, and what can't be looked at."""

from datetime import timedelta

import pytest

from components.aws_reads import Denied, Unanswered
from lambda_src.refresher.core import timestamp
from lambda_src.refresher.images import LoginVerdict
from tests.doctor import worlds
from tests.doctor.breaking import HOUR, RENEW, UP, Row, answers, both, check, gone, status
from tests.doctor.fakes import NOW, Gone
from tests.doctor.worlds import ESO, HOST, HUB, RBAC, SYSTEM, lambda_world

STORE = f"{ESO}/namespaces/{SYSTEM}/secretstores/login"
SYNC = f"{ESO}/namespaces/{SYSTEM}/externalsecrets/{HUB}"
CLUSTER_STORE = f"{ESO}/clustersecretstores/everpull-dev"
HUB_SECRET = f"/api/v1/namespaces/{SYSTEM}/secrets/{HUB}"
TEAM_SYNC = f"{ESO}/namespaces/team-b/externalsecrets/everpull-dev"
TEAM_SECRET = "/api/v1/namespaces/team-b/secrets/everpull-dev"
OLD = {"fetched": NOW - timedelta(hours=3)}

FAULTS: dict[str, Row] = {
    "ESO is gone": (
        lambda world: [world.documents.pop(path) for path in list(world.documents) if "external-secrets.io" in path],
        "operator",
        "broken",
        "the cluster has none",
        "helm upgrade --install",
    ),
    "ESO is old": (
        lambda world: world.documents.update({"/apis/external-secrets.io": {"versions": [{"version": "v1beta1"}]}}),
        "operator",
        "broken",
        "serves only v1beta1",
        "helm upgrade --install",
    ),
    "the store is gone": (gone(STORE), "operator", "broken", f"SecretStore {SYSTEM}/login does not exist", UP),
    "the store is not ready": (
        status(STORE, **worlds.not_ready("InvalidClientTokenId")),
        "operator",
        "broken",
        "InvalidClientTokenId",
        "describe secretstore login",
    ),
    "the hub's ExternalSecret is gone": (gone(SYNC), "operator", "broken", "hub's ExternalSecret", UP),
    "the hub's ExternalSecret is not ready": (
        status(SYNC, **worlds.not_ready("AccessDeniedException")),
        "operator",
        "broken",
        "AccessDeniedException",
        f"describe externalsecret {HUB}",
    ),
    "ESO stands still": (
        status(SYNC, **worlds.ready(refreshTime=timestamp(NOW - HOUR))),
        "operator",
        "broken",
        "has not read the login for 1 h",
        "get pods",
    ),
    "the hub Secret is gone": (gone(HUB_SECRET), "operator", "broken", "hub Secret", RENEW),
    "the hub Secret is empty": (
        lambda world: world.documents[HUB_SECRET].update(data={}),
        "operator",
        "broken",
        f"holds no login for {HOST}",
        RENEW,
    ),
    "the hub Secret is behind": (
        answers(secretsmanager__get_secret_value=worlds.stored(worlds.login(**OLD))),
        "operator",
        "breaking",
        "holds an earlier login",
        RENEW,
    ),
    "the cluster store is gone": (gone(CLUSTER_STORE), "operator", "broken", "ClusterSecretStore everpull-dev", UP),
    "the cluster store is not ready": (
        status(CLUSTER_STORE, **worlds.not_ready("forbidden")),
        "operator",
        "broken",
        "not ready: forbidden",
        "describe clustersecretstore",
    ),
    "the hub may not be read": (
        gone(f"{RBAC}/namespaces/{SYSTEM}/rolebindings/{HUB}"),
        "operator",
        "broken",
        "RoleBinding everpull-dev/login-1234567890",
        UP,
    ),
    "a namespace is gone": (
        gone("/api/v1/namespaces/team-b"),
        "fan-out",
        "broken",
        "namespace team-b: was served, and does not exist",
        "kubectl create namespace team-b && pulumi up --stack dev --refresh",
    ),
    "a namespace never was": (
        both(gone("/api/v1/namespaces/team-b"), lambda world: world.outputs.update(missingNamespaces=["team-b"])),
        "fan-out",
        "warning",
        "is listed, and does not exist",
        "kubectl create namespace team-b",
    ),
    "a namespace came later": (
        lambda world: world.outputs.update(missingNamespaces=["team-b"]),
        "fan-out",
        "broken",
        "was made after the last up",
        "pulumi up --stack dev",
    ),
    "a namespace's ExternalSecret is gone": (
        gone(TEAM_SYNC),
        "fan-out",
        "broken",
        "team-b: has no ExternalSecret everpull-dev",
        UP,
    ),
    "a namespace's pull secret is gone": (
        both(gone(TEAM_SECRET), status(TEAM_SYNC, **worlds.not_ready("another owner"))),
        "fan-out",
        "broken",
        "team-b: has no pull secret: another owner",
        "kubectl --namespace team-b describe externalsecret everpull-dev",
    ),
    "a namespace's pull secret is edited": (
        lambda world: world.documents[TEAM_SECRET].update(data={".dockerconfigjson": "e30="}),
        "fan-out",
        "broken",
        f"team-b: the pull secret holds no login for {HOST}",
        RENEW,
    ),
    "a namespace's pull secret is behind": (
        lambda world: world.documents.update({TEAM_SECRET: worlds.docker_secret(worlds.login(**OLD))}),
        "fan-out",
        "breaking",
        "team-b: the pull secret holds an earlier login",
        RENEW,
    ),
    "a namespace's ExternalSecret is not ready": (
        status(TEAM_SYNC, **worlds.not_ready("no store")),
        "fan-out",
        "breaking",
        "ESO cannot bring the next login: no store",
        "describe externalsecret everpull-dev",
    ),
    "a namespace is not synced": (
        status(TEAM_SYNC, **worlds.ready(refreshTime=timestamp(NOW - HOUR))),
        "fan-out",
        "breaking",
        "has not copied the hub for 1 h",
        "describe externalsecret everpull-dev",
    ),
    "a service account lost it": (
        lambda world: (
            world.outputs.update(attachedTo=["team-a/default"]),
            world.documents.update({"/api/v1/namespaces/team-a/serviceaccounts/default": {"metadata": {}}}),
        ),
        "attachments",
        "broken",
        "team-a/default does not list the pull secret",
        UP,
    ),
    "a service account is gone": (
        lambda world: world.outputs.update(attachedTo=["team-a/builder"]),
        "attachments",
        "broken",
        "team-a/builder does not exist",
        UP,
    ),
    "a registry refuses the login": (
        lambda world: world.registries.logins.update(
            {HOST: LoginVerdict(HOST, "refused", f"{HOST} does not accept the login; whoever fetched it may be gone")}
        ),
        "registries",
        "broken",
        "does not accept the login",
        RENEW,
    ),
    "a registry does not answer": (
        lambda world: world.registries.logins.update({HOST: LoginVerdict(HOST, "unknown", f"{HOST}: out of reach")}),
        "registries",
        "unknown",
        "out of reach",
        "curl",
    ),
    "a repository's policy denies": (
        lambda world: world.registries.pulls.update(
            {f"{HOST}/team-a/app:1": ("refused", "ecr:BatchGetImage was denied on team-a/app")}
        ),
        "registries",
        "broken",
        "ecr:BatchGetImage was denied",
        "get-repository-policy --repository-name team-a/app",
    ),
    "an image is gone": (
        lambda world: (
            worlds.with_keys(world, verifyImages=[f"{HOST}/team-a/app:2"]),
            world.registries.pulls.update(
                {f"{HOST}/team-a/app:2": ("refused", "unknown image: the repository has no such tag or digest")}
            ),
        ),
        "registries",
        "broken",
        "team-a/app:2: unknown image",
        "ecr list-images --repository-name team-a/app",
    ),
    "a repository is gone": (
        lambda world: (
            worlds.with_keys(world, repositories=["team-a/app"]),
            world.registries.tags.update({"team-a/app": Gone}),
            world.answers["iam get_role_policy"]["PolicyDocument"]["Statement"][1].update(Resource="*"),
        ),
        "registries",
        "broken",
        "has no repository team-a/app",
        "create-repository",
    ),
    "the clock is off": (
        lambda world: setattr(world.aws, "ahead", timedelta(minutes=6)),
        "clocks",
        "broken",
        "AWS's clock is 6 min ahead",
        "timedatectl",
    ),
    "the cluster's clock is off a little": (
        lambda world: setattr(world.cluster, "ahead", -timedelta(seconds=90)),
        "clocks",
        "warning",
        "behind this machine's",
        "timedatectl",
    ),
    "the caller may not look at the user": (
        answers(iam__list_access_keys=Denied("iam:ListAccessKeys")),
        "identity",
        "unknown",
        "you have no right to iam:ListAccessKeys",
        "allow iam:ListAccessKeys",
    ),
    "AWS does not answer": (
        lambda world: world.aws.answers.update(dict.fromkeys(world.answers, Unanswered("EndpointConnectionError"))),
        "identity",
        "unknown",
        "AWS did not answer",
        "aws sts get-caller-identity",
    ),
    "the cluster does not answer": (
        lambda world: setattr(world.cluster, "is_gone", True),
        "identity",
        "unknown",
        "the cluster did not answer",
        "kubectl cluster-info",
    ),
    "the caller may not read Secrets": (
        lambda world: world.cluster.forbidden.add(TEAM_SECRET),
        "fan-out",
        "unknown",
        f"you may not read {TEAM_SECRET}",
        "kubectl auth whoami",
    ),
}


@pytest.mark.parametrize("row", FAULTS.values(), ids=FAULTS.keys())
def test_the_broken_link_is_named(row: Row) -> None:
    check(lambda_world(), row)
