"""Deployed stacks in which every link holds, for tests to break."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from doctor.link import Link
from doctor.view import View
from doctor.walk import walk
from lambda_src.refresher.core import Login, Renewal, docker_config, timestamp
from lambda_src.refresher.document import merge_document
from lambda_src.refresher.pull_secret import manifest
from lambda_src.refresher.targets import Owner
from settings import parse
from tests.doctor.fakes import NOW, FakeAws, FakeCluster, FakeRegistries, b64

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
CANARY = "canary-password"
SECRET_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:login-abc"
USER_ARN = "arn:aws:iam::123456789012:user/everpull-dev-cluster-user-1"
ROLE_ARN = "arn:aws:iam::123456789012:role/everpull-dev-refresh-role-1"
RULE_ARN = "arn:aws:events:eu-central-1:123456789012:rule/everpull-dev-rule"
FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:everpull-dev-function"
REPOSITORIES = "arn:aws:ecr:eu-central-1:123456789012:repository/team-a/*"
PULL = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
LABELS = {"app.kubernetes.io/name": "everpull", "app.kubernetes.io/instance": "dev"}
KEY = "AKIAEXAMPLE"
SYSTEM = "everpull-dev"
HUB = "login-1234567890"
ESO = "/apis/external-secrets.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
JOBS = f"/apis/batch/v1/namespaces/{SYSTEM}/jobs"
CRON_JOB = f"/apis/batch/v1/namespaces/{SYSTEM}/cronjobs/refresher"


@dataclass
class World:
    """All that the doctor may look at. Tests change it in place."""

    config: dict[str, str]
    outputs: dict[str, Any]
    aws: Any = field(default_factory=FakeAws)
    cluster: FakeCluster = field(default_factory=FakeCluster)
    registries: Any = field(default_factory=FakeRegistries)
    now: datetime = NOW

    @property
    def view(self) -> View:
        settings = parse(self.config, "dev")
        return View("dev", settings, self.outputs, self.aws, self.cluster, self.registries, self.now)

    def walk(self) -> list[Link]:
        return walk(self.view)

    def link(self, name: str) -> Link:
        return next(link for link in self.walk() if link.name == name)

    @property
    def documents(self) -> dict[str, Any]:
        return self.cluster.documents

    @property
    def answers(self) -> dict[str, Any]:
        return self.aws.answers

    def secret(self, namespace: str, name: str = "everpull-dev") -> dict[str, Any]:
        return self.documents[f"/api/v1/namespaces/{namespace}/secrets/{name}"]

    def sync(self, namespace: str, name: str = "everpull-dev") -> dict[str, Any]:
        return self.documents[f"{ESO}/namespaces/{namespace}/externalsecrets/{name}"]


def login(*, fetched: datetime | None = None, life: timedelta = timedelta(hours=12), host: str = HOST) -> Login:
    fetched = fetched or NOW - timedelta(hours=2)
    return Login((host,), "AWS", f"{CANARY}-{timestamp(fetched)}", fetched + life, fetched)


def config(**more: object) -> dict[str, str]:
    keys = {"namespaces": ["team-a", "team-b"], "repositories": ["team-a/*"], **more}
    texts = {f"everpull:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}
    return {"aws:region": "eu-central-1", **texts}


def statement(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": [resource]}


def ready(**status: object) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": "True"}], **status}


def not_ready(message: str) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": "False", "message": message}]}


def docker_secret(*logins: Login) -> dict[str, Any]:
    data = {".dockerconfigjson": b64(docker_config(logins))}
    return {"metadata": {"labels": LABELS}, "type": "kubernetes.io/dockerconfigjson", "data": data}


def stored(*logins: Login) -> dict[str, Any]:
    return {"SecretString": json.dumps(merge_document({}, Renewal(logins)))}


def log_line(ago: timedelta, **fields: object) -> dict[str, Any]:
    told = {"timestamp": timestamp(NOW - ago), "level": "INFO", "event": "refresh", "status": "fresh", **fields}
    return {"message": json.dumps(told)}


def user_answers(rights: list[dict[str, Any]]) -> dict[str, Any]:
    created = NOW - timedelta(days=30)
    return {
        "iam list_access_keys": {
            "AccessKeyMetadata": [{"AccessKeyId": KEY, "Status": "Active", "CreateDate": created}],
        },
        "iam list_user_policies": {"PolicyNames": ["rights"]},
        "iam get_user_policy": {"PolicyDocument": {"Statement": rights}},
    }


def namespace_documents() -> dict[str, Any]:
    return {f"/api/v1/namespaces/{name}": {"metadata": {}} for name in ("team-a", "team-b", SYSTEM)}


def lambda_world(**more: object) -> World:
    """Mode `lambda` with two listed namespaces. `more` are `everpull:` keys."""
    outputs = {
        "registries": [HOST],
        "namespaces": ["team-a", "team-b"],
        "pullSecretName": "everpull-dev",
        "systemNamespace": SYSTEM,
        "pullSecrets": ["team-a/everpull-dev", "team-b/everpull-dev"],
        "namespaceSelector": "",
        "clusterStore": "everpull-dev",
        "hub": f"{SYSTEM}/{HUB}",
        "loginSecretArn": SECRET_ARN,
        "identityArn": USER_ARN,
        "refresherArn": ROLE_ARN,
        "functionName": "everpull-dev-function",
        "scheduleRule": "everpull-dev-rule",
        "logGroup": "everpull-dev-log",
        "deadLetterQueue": "https://sqs.eu-central-1.amazonaws.com/123456789012/everpull-dev-dead",
    }
    where = "eu-central-1:123456789012"
    answers = {
        **user_answers([statement(["secretsmanager:GetSecretValue"], SECRET_ARN)]),
        "iam list_role_policies": {"PolicyNames": ["rights"]},
        "iam get_role_policy": {
            "PolicyDocument": {
                "Statement": [
                    statement(["ecr:GetAuthorizationToken"], "*"),
                    statement(PULL, REPOSITORIES),
                    statement(["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"], SECRET_ARN),
                    statement(
                        ["logs:CreateLogStream", "logs:PutLogEvents"],
                        f"arn:aws:logs:{where}:log-group:everpull-dev-log:*",
                    ),
                    statement(["sqs:SendMessage"], f"arn:aws:sqs:{where}:everpull-dev-dead"),
                ]
            }
        },
        "secretsmanager describe_secret": {"VersionIdsToStages": {"v2": ["AWSCURRENT"], "v1": ["AWSPREVIOUS"]}},
        "secretsmanager get_secret_value": stored(login()),
        "lambda get_function_configuration": {
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Role": ROLE_ARN,
            "Environment": {"Variables": {"EVERPULL_SECRET_ID": SECRET_ARN, "EVERPULL_REGISTRIES": HOST}},
            "LoggingConfig": {"LogGroup": "everpull-dev-log"},
        },
        "lambda get_function_concurrency": {},
        "lambda get_policy": {
            "Policy": json.dumps(
                {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "lambda:InvokeFunction",
                            "Condition": {"ArnLike": {"AWS:SourceArn": RULE_ARN}},
                        }
                    ]
                }
            )
        },
        "events describe_rule": {"State": "ENABLED", "Arn": RULE_ARN, "ScheduleExpression": "rate(1 hour)"},
        "events list_targets_by_rule": {"Targets": [{"Id": "1", "Arn": FUNCTION_ARN}]},
        "logs filter_log_events": {"events": [log_line(timedelta(minutes=20))]},
        "sqs get_queue_attributes": {"Attributes": {"ApproximateNumberOfMessages": "0"}},
        "ecr describe_repositories": {
            "repositories": [{"repositoryName": "team-a/app"}, {"repositoryName": "team-z/app"}]
        },
    }
    synced = timestamp(NOW - timedelta(minutes=2))
    documents: dict[str, Any] = {
        **namespace_documents(),
        "/apis/external-secrets.io": {"versions": [{"version": "v1"}]},
        ESO: {"resources": [{"kind": kind} for kind in ("ClusterSecretStore", "ExternalSecret", "SecretStore")]},
        f"{ESO}/namespaces/{SYSTEM}/secretstores/login": {
            "spec": {
                "provider": {
                    "aws": {"auth": {"secretRef": {"accessKeyIDSecretRef": {"name": "aws-credentials", "key": "x"}}}}
                }
            },
            "status": ready(),
        },
        f"{ESO}/namespaces/{SYSTEM}/externalsecrets/{HUB}": {
            "spec": {"secretStoreRef": {"kind": "SecretStore", "name": "login"}},
            "status": ready(refreshTime=synced),
        },
        f"/api/v1/namespaces/{SYSTEM}/secrets/{HUB}": docker_secret(login()),
        f"/api/v1/namespaces/{SYSTEM}/secrets/aws-credentials": {"data": {"access-key-id": b64(KEY)}},
        f"{ESO}/clustersecretstores/everpull-dev": {"status": ready()},
        f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/hub-reader": {"metadata": {}},
        f"{RBAC}/namespaces/{SYSTEM}/roles/{HUB}": {"metadata": {}},
        f"{RBAC}/namespaces/{SYSTEM}/rolebindings/{HUB}": {"metadata": {}},
    }
    for name in ("team-a", "team-b"):
        documents[f"{ESO}/namespaces/{name}/externalsecrets/everpull-dev"] = {"status": ready(refreshTime=synced)}
        documents[f"/api/v1/namespaces/{name}/secrets/everpull-dev"] = docker_secret(login())
    return World(config(**more), outputs, FakeAws(answers), FakeCluster(documents))


def pull_secret(namespace: str, one: Login, uid: str | None = None, kind: str = "Role") -> dict[str, Any]:
    """As the CronJob writes it."""
    owner = Owner("rbac.authorization.k8s.io/v1", kind, "everpull-dev", uid or f"uid-{namespace}")
    return manifest(namespace, "everpull-dev", LABELS, owner, Renewal((one,)), None)


def job(name: str, ago: timedelta, ended: str | None = "Complete") -> dict[str, Any]:
    status = (
        {"conditions": [{"type": ended, "status": "True", "message": "reached the backoff limit"}]} if ended else {}
    )
    return {
        "metadata": {"name": name, "creationTimestamp": timestamp(NOW - ago)},
        "spec": {"template": {"metadata": {"labels": LABELS}}},
        "status": status,
    }


def cronjob_world(**more: object) -> World:
    """Mode `cronjob` with two listed namespaces. `more` are `everpull:` keys."""
    outputs = {
        "registries": [HOST],
        "namespaces": ["team-a", "team-b"],
        "pullSecretName": "everpull-dev",
        "systemNamespace": SYSTEM,
        "pullSecrets": ["team-a/everpull-dev", "team-b/everpull-dev"],
        "namespaceSelector": "",
        "identityArn": USER_ARN,
        "refresherArn": USER_ARN,
        "cronJob": f"{SYSTEM}/refresher",
        "firstRun": f"{SYSTEM}/refresher-first-run-1",
    }
    answers = {
        **user_answers([statement(["ecr:GetAuthorizationToken"], "*"), statement(PULL, REPOSITORIES)]),
        "ecr describe_repositories": {"repositories": [{"repositoryName": "team-a/app"}]},
    }
    reference = {"name": "refresher-aws-credentials", "key": "access-key-id"}
    pod = {
        "serviceAccountName": "refresher",
        "containers": [{"env": [{"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": reference}}]}],
        "volumes": [{"configMap": {"name": "refresher-code-1"}}, {"configMap": {"name": "refresher-targets-1"}}],
    }
    objects = f"/api/v1/namespaces/{SYSTEM}"
    documents: dict[str, Any] = {
        **namespace_documents(),
        CRON_JOB: {
            "metadata": {"name": "refresher", "uid": "u-1", "creationTimestamp": timestamp(NOW - timedelta(days=3))},
            "spec": {
                "schedule": "17 * * * *",
                "suspend": False,
                "jobTemplate": {"spec": {"template": {"metadata": {"labels": LABELS}, "spec": pod}}},
            },
            "status": {
                "lastScheduleTime": timestamp(NOW - timedelta(minutes=43)),
                "lastSuccessfulTime": timestamp(NOW - timedelta(minutes=42)),
            },
        },
        JOBS: {"items": [job("refresher-1", timedelta(minutes=43))]},
        f"{objects}/serviceaccounts/refresher": {"metadata": {}},
        f"{objects}/configmaps/refresher-code-1": {"metadata": {}},
        f"{objects}/configmaps/refresher-targets-1": {"metadata": {}},
        f"{objects}/secrets/refresher-aws-credentials": {"metadata": {}, "data": {"access-key-id": b64(KEY)}},
    }
    for name in ("team-a", "team-b"):
        documents[f"{RBAC}/namespaces/{name}/roles/everpull-dev"] = {"metadata": {"uid": f"uid-{name}"}}
        documents[f"{RBAC}/namespaces/{name}/rolebindings/everpull-dev"] = {"metadata": {}}
        documents[f"/api/v1/namespaces/{name}/secrets/everpull-dev"] = pull_secret(name, login())
    return World(config(mode="cronjob", **more), outputs, FakeAws(answers), FakeCluster(documents))


def node_role_world() -> World:
    """Mode `node-role` with one role."""
    answers = {
        "iam list_role_policies": {"PolicyNames": ["nodes"]},
        "iam get_role_policy": {
            "PolicyDocument": {
                "Statement": [statement(["ecr:GetAuthorizationToken"], "*"), statement(PULL, REPOSITORIES)]
            }
        },
    }
    keys = config(mode="node-role", nodeRoles=["nodes"])
    del keys["everpull:namespaces"]
    return World(keys, {"registries": [HOST], "nodeRoles": ["nodes"]}, FakeAws(answers))


def with_keys(world: World, **keys: object) -> None:
    """Other configuration."""
    world.config = {**world.config, **config(**keys)}


def without(document: Mapping[str, Any], *actions: str) -> dict[str, Any]:
    """The answer with a policy, less those actions."""
    kept = [
        {**one, "Action": [action for action in one["Action"] if action not in actions]}
        for one in document["PolicyDocument"]["Statement"]
    ]
    return {"PolicyDocument": {"Statement": kept}}
