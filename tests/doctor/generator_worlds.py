"""Deployed stacks of mode `generator` in which every link holds."""

from datetime import datetime, timedelta
from typing import Any

from lambda_src.refresher.core import Login, timestamp
from tests.doctor.fakes import NOW, FakeAws, FakeCluster, b64
from tests.doctor.worlds import (
    ESO,
    HOST,
    KEY,
    LABELS,
    PULL,
    RBAC,
    REPOSITORIES,
    SYSTEM,
    USER_ARN,
    World,
    config,
    docker_secret,
    login,
    namespace_documents,
    ready,
    statement,
    user_answers,
)

GENERATORS = "/apis/generators.external-secrets.io/v1alpha1"
FAR = HOST.replace("eu-central-1", "us-east-1")
# What mode `generator` calls the hub, and what fetches the logins: which registry each opens.
HUB = "login-1234567890-generator"
FETCH = "fetch-1234567890-generator"
FETCHED = {f"{FETCH}-eu-central-1": HOST, f"{FETCH}-us-east-1": FAR}


def generator_world(**more: object) -> World:
    """Mode `generator` with two listed namespaces and two regions. `more` are `everpull:` keys."""
    outputs = {
        "registries": [HOST, FAR],
        "namespaces": ["team-a", "team-b"],
        "pullSecretName": "everpull-dev",
        "systemNamespace": SYSTEM,
        "pullSecrets": ["team-a/everpull-dev", "team-b/everpull-dev"],
        "namespaceSelector": "",
        "clusterStore": "everpull-dev",
        "hub": f"{SYSTEM}/{HUB}",
        "identityArn": USER_ARN,
        "refresherArn": USER_ARN,
    }
    pulls = [statement(PULL, place) for place in (REPOSITORIES, REPOSITORIES.replace("eu-central-1", "us-east-1"))]
    answers = {
        **user_answers([statement(["ecr:GetAuthorizationToken"], "*"), *pulls]),
        "ecr describe_repositories": {"repositories": [{"repositoryName": "team-a/app"}]},
    }
    synced = ready(refreshTime=timestamp(NOW - timedelta(minutes=2)))
    fetched = timestamp(NOW - timedelta(minutes=30))
    objects, syncs = f"/api/v1/namespaces/{SYSTEM}", f"{ESO}/namespaces/{SYSTEM}/externalsecrets"
    key = {"secretRef": {"accessKeyIDSecretRef": {"name": "login-fetcher-aws-credentials", "key": "access-key-id"}}}
    logins = {name: fetched_login(host) for name, host in FETCHED.items()}
    documents: dict[str, Any] = {
        **namespace_documents(),
        "/apis/external-secrets.io": {"versions": [{"version": "v1"}]},
        ESO: {"resources": [{"kind": kind} for kind in ("ClusterSecretStore", "ExternalSecret", "SecretStore")]},
        GENERATORS: {"resources": [{"kind": "ECRAuthorizationToken"}]},
        f"{ESO}/namespaces/{SYSTEM}/secretstores/login-generator": {"status": ready()},
        f"{syncs}/{HUB}": {
            "spec": {
                "secretStoreRef": {"kind": "SecretStore", "name": "login-generator"},
                "data": [{"secretKey": f"login{at}", "remoteRef": {"key": name}} for at, name in enumerate(logins)],
            },
            "status": synced,
        },
        f"{objects}/secrets/{HUB}": docker_secret(*logins.values()),
        f"{objects}/secrets/login-fetcher-aws-credentials": {"data": {"access-key-id": b64(KEY)}},
        f"{ESO}/clustersecretstores/everpull-dev": {"status": ready()},
        f"{objects}/serviceaccounts/hub-reader": {"metadata": {}},
        f"{objects}/serviceaccounts/logins-reader": {"metadata": {}},
    }
    for kind in ("roles", "rolebindings"):
        for name in (HUB, FETCH):
            documents[f"{RBAC}/namespaces/{SYSTEM}/{kind}/{name}"] = {"metadata": {}}
    for name, one in logins.items():
        marks = {"name": name, "annotations": {"everpull/login": name.removeprefix(f"{FETCH}-")}, "labels": LABELS}
        documents[f"{syncs}/{name}"] = {"metadata": marks, "status": ready(refreshTime=fetched)}
        documents[f"{GENERATORS}/namespaces/{SYSTEM}/ecrauthorizationtokens/{name}"] = {"spec": {"auth": key}}
        documents[f"{objects}/secrets/{name}"] = docker_secret(one)
    documents[syncs] = {"items": [documents[f"{syncs}/{name}"] for name in logins]}
    for name in ("team-a", "team-b"):
        documents[f"{ESO}/namespaces/{name}/externalsecrets/everpull-dev"] = {"status": synced}
        documents[f"/api/v1/namespaces/{name}/secrets/everpull-dev"] = docker_secret(*logins.values())
    keys = config(mode="generator", registries=[HOST, FAR], **more)
    return World(keys, outputs, FakeAws(answers), FakeCluster(documents))


def fetched_login(host: str, fetched: datetime | None = None) -> Login:
    return login(host=host, fetched=fetched or NOW - timedelta(minutes=30))
