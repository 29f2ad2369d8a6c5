"""A service account of the real API server opens a role on the AWS side by its token; so does the real operator for it."""

import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

from local.cluster import issuer
from tests.local.service_accounts import OLD_ISSUER, Cluster, claims, cluster
from tests.local_aws.platform import allow, refused, wait_until

AUDIENCE = "sts.amazonaws.com"
TEAM = "team"
NO_KEY = "Couldn't retrieve verification key from your identity provider"


@dataclass(frozen=True)
class Upgraded:
    """A cluster that ran before with tokens of another issuer, one of which is kept."""

    cluster: Cluster
    done: str
    old_token: str
    keys_before: int


def anonymous(on: Cluster, path: str, token: str = "") -> urllib3.BaseHTTPResponse:
    """Ask the API server without a certificate."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    context = ssl.create_default_context(cafile=str(on.pki.authority))
    with urllib3.PoolManager(ssl_context=context, retries=False, timeout=10) as pool:
        return pool.request("GET", f"{on.state.kube_api}{path}", headers=headers)


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    with cluster(tmp_path_factory.mktemp("service-accounts") / "state") as on:
        on.supervisor.ensure(on.apiserver_of_before())
        on.create("/api/v1/namespaces", {"metadata": {"name": TEAM}})
        on.service_account(TEAM, "old")
        old_token = on.token(TEAM, "old")
        keys_before = anonymous(on, "/openid/v1/jwks").status
        done = on.supervisor.ensure(on.apiserver())
        issuer.ensure(on.api)
        on.supervisor.ensure(on.aws())
        yield Upgraded(on, done, old_token, keys_before)


@pytest.fixture(scope="module")
def on(upgraded: Upgraded) -> Cluster:
    return upgraded.cluster


@pytest.fixture(scope="module")
def provider(on: Cluster) -> str:
    """The ARN of the cluster's issuer in IAM."""
    made = on.client("iam").create_open_id_connect_provider(Url=on.state.issuer, ClientIDList=[AUDIENCE])
    return made["OpenIDConnectProviderArn"]


@pytest.fixture
def role(on: Cluster, provider: str) -> Callable[[str, str], str]:
    """Makes a role that trusts the service account of that name and may read all secrets; its ARN."""

    def make(name: str, trusted: str) -> str:
        prefix = on.state.issuer.removeprefix("https://")
        only = {f"{prefix}:sub": f"system:serviceaccount:{TEAM}:{trusted}", f"{prefix}:aud": AUDIENCE}
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": only},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam = on.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        rights = json.dumps(allow("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"))
        iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=rights)
        return arn

    return make


def assume(on: Cluster, arn: str, token: str) -> dict[str, Any]:
    sts = on.client("sts", ("nobody", "nothing", ""))
    return sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="pod", WebIdentityToken=token)


def test_tokens_are_of_the_platforms_issuer_and_by_default_for_the_api_server(on: Cluster) -> None:
    on.service_account(TEAM, "new")
    default = claims(on.token(TEAM, "new"))
    assert (default["iss"], default["aud"]) == (on.state.issuer, ["https://kubernetes.default.svc"])
    assert claims(on.token(TEAM, "new", AUDIENCE))["aud"] == [AUDIENCE]


def test_tokens_of_before_are_still_good_for_the_api_server(upgraded: Upgraded) -> None:
    assert upgraded.done == "restarted"
    assert claims(upgraded.old_token)["iss"] == OLD_ISSUER
    on = upgraded.cluster
    # It is known, and may do nothing; 401 would be that it isn't.
    refusal = anonymous(on, "/api/v1/secrets", upgraded.old_token)
    assert refusal.status == 403
    assert f"system:serviceaccount:{TEAM}:old" in refusal.json()["message"]
    assert anonymous(on, "/api/v1/secrets", upgraded.old_token[:-8]).status == 401


def test_the_keys_are_for_all_to_read_and_nothing_else_is(upgraded: Upgraded) -> None:
    on = upgraded.cluster
    assert upgraded.keys_before == 403
    assert anonymous(on, "/openid/v1/jwks").status == 200
    assert anonymous(on, "/.well-known/openid-configuration").json()["issuer"] == on.state.issuer
    assert anonymous(on, "/api/v1/namespaces").status == 403
    assert issuer.ensure(on.api) == "kept"


def test_a_service_account_opens_the_role_that_trusts_it_by_its_token(
    on: Cluster, role: Callable[[str, str], str]
) -> None:
    arn = role("first", "first")
    on.service_account(TEAM, "first")
    answer = assume(on, arn, on.token(TEAM, "first", AUDIENCE))
    assert answer["SubjectFromWebIdentityToken"] == f"system:serviceaccount:{TEAM}:first"
    got = answer["Credentials"]
    key = (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    assert on.client("sts", key).get_caller_identity()["Arn"].endswith(":assumed-role/first/pod")

    with refused("InvalidIdentityToken", "Incorrect token audience"):
        assume(on, arn, on.token(TEAM, "first"))
    with refused("InvalidIdentityToken", "Token audience contains more than one audience"):
        assume(on, arn, on.token(TEAM, "first", AUDIENCE, "vault"))
    on.service_account(TEAM, "second")
    with refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        assume(on, arn, on.token(TEAM, "second", AUDIENCE))


def test_the_platforms_cluster_is_found_by_eks_with_its_issuer(on: Cluster) -> None:
    iam, eks = on.client("iam"), on.client("eks")
    trust = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName="cluster", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    eks.create_cluster(name="everpull-local", roleArn=arn, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    found = eks.describe_cluster(name="everpull-local")["cluster"]
    assert found["identity"]["oidc"]["issuer"] == on.state.issuer


def store(on: Cluster, name: str, role: str, **reference: Any) -> None:
    """A SecretStore by a service account of that name, and an ExternalSecret that reads the secret `login` by it."""
    on.service_account(TEAM, name, role)
    provider = {
        "service": "SecretsManager",
        "region": on.state.region,
        "auth": {"jwt": {"serviceAccountRef": {"name": name, **reference}}},
    }
    path = f"/apis/external-secrets.io/v1/namespaces/{TEAM}"
    on.create(
        f"{path}/secretstores",
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "SecretStore",
            "metadata": {"name": name},
            "spec": {"provider": {"aws": provider}},
        },
    )
    on.create(
        f"{path}/externalsecrets",
        {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {"name": name},
            "spec": {
                "secretStoreRef": {"name": name, "kind": "SecretStore"},
                "data": [{"secretKey": "login", "remoteRef": {"key": "login"}}],
            },
        },
    )


def ready(on: Cluster, kind: str, name: str) -> str:
    """The status of its condition Ready; empty as long as there is none."""
    found = on.api.get(f"/apis/external-secrets.io/v1/namespaces/{TEAM}/{kind}/{name}")
    conditions = found.get("status", {}).get("conditions", [])
    return next((condition["status"] for condition in conditions if condition["type"] == "Ready"), "")


def events(on: Cluster, name: str) -> str:
    found = on.api.get(f"/api/v1/namespaces/{TEAM}/events")["items"]
    return " ".join(event["message"] for event in found if event["involvedObject"]["name"] == name)


def test_the_operator_reads_as_the_service_account_that_a_store_names(
    on: Cluster, role: Callable[[str, str], str]
) -> None:
    """With its chart's own rights (it may make tokens) and the variables of its Deployment (where AWS is)."""
    on.client("secretsmanager").create_secret(Name="login", SecretString="good")
    on.start_operator()
    arn = role("reader", "reader")
    store(on, "reader", arn)
    wait_until("the secret is there", lambda: ready(on, "externalsecrets", "reader") == "True", 60)
    secret = on.api.get(f"/api/v1/namespaces/{TEAM}/secrets/reader")
    assert secret["data"] == {"login": "Z29vZA=="}
    with urllib3.PoolManager() as pool:
        counted = pool.request("GET", f"{on.state.aws_endpoint}/_everpull/calls").json()["by_caller"]
    assert counted[arn].keys() == {"sts:AssumeRoleWithWebIdentity", "secretsmanager:GetSecretValue"}

    # One that the role doesn't trust; one for a second audience, which AWS takes no token for.
    store(on, "stranger", arn)
    store(on, "wide", role("wide", "wide"), audiences=["vault"])
    for name, said in (("stranger", "Not authorized to perform sts:AssumeRole"), ("wide", "InvalidIdentityToken")):
        wait_until(f"{name} is told why", lambda n=name, t=said: t in events(on, n), 60)
        assert ready(on, "externalsecrets", name) == "False"
        assert on.api.get(f"/api/v1/namespaces/{TEAM}/secrets/{name}") is None


def test_keys_of_an_api_server_that_nobody_vouches_for_or_that_is_down_open_nothing(
    on: Cluster, role: Callable[[str, str], str]
) -> None:
    arn = role("last", "last")
    on.service_account(TEAM, "last")
    token = on.token(TEAM, "last", AUDIENCE)
    on.supervisor.ensure(on.aws(on.pki.certificate("kubelet")))
    try:
        with refused("InvalidIdentityToken", NO_KEY):
            assume(on, arn, token)
    finally:
        on.supervisor.ensure(on.aws())
    assume(on, arn, token)
    on.supervisor.stop("kube-apiserver", seconds=5)
    try:
        with refused("InvalidIdentityToken", NO_KEY):
            assume(on, arn, token)
    finally:
        on.supervisor.ensure(on.apiserver())
