"""The config keys and the one table of which mode goes with which options.

Pulumi.yaml repeats keys, types and defaults for the engine, with the descriptions; a test holds the two together.
Refusals, the tables of the documentation and tests are made from what stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lambda_src.refresher.registries import PUBLIC

PROJECT = "everpull"


# As the AWS provider spells it for a function without reserved concurrency.
UNRESERVED = -1

# The AWS Lambda base image of Python: public, for amd64 and arm64, and with the boto3 that the refresher needs.
DEFAULT_IMAGE = (
    "public.ecr.aws/lambda/python:3.13@sha256:e29b87b66ee86899ac3f1e7ae19f7d761ac4504d58432810f917531f9b92687f"
)


# The one registry of ECR Public, and the partition that has it (Amazon ECR Public endpoints and quotas).
ECR_PUBLIC = PUBLIC.host
ECR_PUBLIC_PARTITION = "aws"


@dataclass(frozen=True)
class Key:
    """One `everpull:` key: its type as Pulumi.yaml spells it, its default and an example.

    Every key has a default, because the engine takes one without for required. An empty text means that it is computed.
    """

    type: str
    default: object
    example: object


KEYS: dict[str, Key] = {
    "mode": Key("string", "lambda", "lambda"),
    "scope": Key("string", "all", "aws"),
    "awsStack": Key("string", "", "aws"),
    "identity": Key("string", "access-key", "access-key"),
    "accessKeyGeneration": Key("integer", 1, 2),
    "accessKeyMaxAgeDays": Key("integer", 0, 90),
    "eksCluster": Key("string", "", "main"),
    "oidcIssuer": Key("string", "", "https://oidc.example.com/cluster-a"),
    "createOidcProvider": Key("boolean", False, True),
    "iamPath": Key("string", "/", "/everpull/"),
    "permissionsBoundary": Key("string", "", "arn:aws:iam::123456789012:policy/boundary"),
    "tags": Key("array", [], ["team=a"]),
    "protect": Key("boolean", False, True),
    "registries": Key("array", [], ["123456789012.dkr.ecr.eu-central-1.amazonaws.com"]),
    "repositories": Key("array", ["*"], ["team-a/*"]),
    "pullThroughCaches": Key("array", [], ["docker-hub"]),
    "assumeRoles": Key("array", [], ["arn:aws:iam::222222222222:role/ecr-pull"]),
    "ecrPublic": Key("boolean", False, True),
    "verifyImages": Key("array", [], ["123456789012.dkr.ecr.eu-central-1.amazonaws.com/team-a/app:1.0"]),
    "namespaces": Key("array", ["default"], ["team-a"]),
    "createNamespaces": Key("boolean", False, True),
    "namespaceSelector": Key("string", "", "team=a"),
    "excludedNamespaces": Key("array", [], ["kube-system"]),
    "pullSecretName": Key("string", "", "ecr-pull"),
    "adopt": Key("boolean", False, True),
    "systemNamespace": Key("string", "", "everpull-system"),
    "attach": Key("string", "none", "pods"),
    "serviceAccounts": Key("array", ["default"], ["default", "team-a/builder"]),
    "nodeRoles": Key("array", [], ["main-nodes"]),
    "nodeClusters": Key("array", [], ["main"]),
    "sharedRepositories": Key("array", [], ["222222222222.dkr.ecr.eu-central-1.amazonaws.com/team-a/app"]),
    "sharedWith": Key("array", [], ["123456789012"]),
    "ownerRoles": Key("array", [], ["arn:aws:iam::222222222222:role/everpull-writer"]),
    "trigger": Key("string", "schedule", "rotation"),
    "schedule": Key("string", "", "rate(1 hour)"),
    "syncInterval": Key("string", "15m", "15m"),
    "renewInterval": Key("string", "1h", "1h"),
    "fanOutInterval": Key("string", "5m", "5m"),
    "logRetentionDays": Key("integer", 30, 30),
    "reservedConcurrency": Key("integer", UNRESERVED, 1),
    "alarms": Key("boolean", False, True),
    "alarmTopic": Key("string", "", "arn:aws:sns:eu-central-1:123456789012:on-call"),
    "alarmEmail": Key("string", "", "oncall@example.com"),
    "alarmHours": Key("string", "", "2"),
    "prometheusRules": Key("boolean", False, True),
    "prometheusRuleLabels": Key("array", [], ["release=prometheus"]),
    "recoveryDays": Key("integer", 0, 7),
    "kmsKey": Key("string", "", "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
    "image": Key("string", "", DEFAULT_IMAGE),
    "imagePullPolicy": Key("string", "IfNotPresent", "IfNotPresent"),
    "nodeSelector": Key("array", [], ["kubernetes.io/os=linux"]),
    "tolerations": Key("array", [], ["dedicated=system:NoSchedule"]),
}

# What has a meaning in every mode: what may be pulled, the nodes that pull by themselves, and repositories that are shared.
_EVERYWHERE = (
    *("registries", "repositories", "pullThroughCaches", "nodeRoles", "nodeClusters"),
    *("sharedRepositories", "sharedWith", "ownerRoles"),
)
# What every mode needs that puts a pull secret into namespaces.
_PULL_SECRETS = (
    *("identity", "iamPath", "permissionsBoundary", "tags", "protect"),
    *_EVERYWHERE,
    *("assumeRoles", "ecrPublic"),
    *("namespaces", "createNamespaces", "namespaceSelector", "excludedNamespaces"),
    *("pullSecretName", "adopt", "systemNamespace"),
    *("attach", "serviceAccounts"),
)
# Who is told when the function does not renew any more.
_ALARMS = ("alarms", "alarmTopic", "alarmEmail", "alarmHours")
# What ESO's metrics can be asked for.
_RULES = ("prometheusRules", "prometheusRuleLabels")
# What our refresher adds: it runs on a schedule, and tries images.
_REFRESHER = ("verifyImages", "schedule")


@dataclass(frozen=True)
class Mode:
    """A row of the validity table: what it is for, the identities it works with (none: the cluster proves nothing), the keys
    that it knows with each of them, and why it can't work with others."""

    choose_when: str
    identities: tuple[str, ...]
    keys: tuple[str, ...]
    unfit: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Identity:
    """What an identity is for, and the keys that mean something with it alone."""

    choose_when: str
    keys: tuple[str, ...]


IDENTITIES: dict[str, Identity] = {
    "access-key": Identity(
        choose_when="AWS can't ask the cluster's issuer for its keys, or you may not write roles: an access key lies in the "
        "cluster",
        keys=("accessKeyGeneration", "accessKeyMaxAgeDays"),
    ),
    "irsa": Identity(
        choose_when="the cluster is EKS, or has an issuer that AWS can ask: a role trusts one service account, and there is no "
        "key to leak",
        keys=("eksCluster", "oidcIssuer", "createOidcProvider"),
    ),
    "pod-identity": Identity(
        choose_when="the cluster is EKS and its nodes run the Pod Identity Agent: the same, without an OIDC provider in IAM",
        keys=("eksCluster",),
    ),
}

# ESO AWS provider docs, Authentication: an association is made for the service account of ESO itself.
_UNFIT_FOR_ESO = {
    "pod-identity": "ESO's stores and generators name a service account, and an EKS Pod Identity association would have to be "
    "ESO's own, open to every store in the cluster"
}

MODES: dict[str, Mode] = {
    "lambda": Mode(
        choose_when="one account renews for many clusters, and the clusters hold no ECR right at all",
        identities=("access-key", "irsa"),
        keys=(
            *_PULL_SECRETS,
            *_REFRESHER,
            *("scope", "awsStack"),
            *("trigger", "syncInterval", "fanOutInterval", "logRetentionDays", "reservedConcurrency"),
            *_ALARMS,
            *_RULES,
            *("recoveryDays", "kmsKey"),
        ),
        unfit=_UNFIT_FOR_ESO,
    ),
    "cronjob": Mode(
        choose_when="the cluster has no operator, or one without cluster-wide stores; it may fetch logins itself",
        identities=("access-key", "irsa", "pod-identity"),
        keys=(*_PULL_SECRETS, *_REFRESHER, "image", "imagePullPolicy", "nodeSelector", "tolerations"),
    ),
    "generator": Mode(
        choose_when="ESO is there and each cluster may fetch logins itself: nothing of everpull runs, in AWS or in the cluster",
        identities=("access-key", "irsa"),
        keys=(*_PULL_SECRETS, "renewInterval", "fanOutInterval", *_RULES),
        unfit=_UNFIT_FOR_ESO,
    ),
    "node-role": Mode(
        choose_when="the pods run on EKS nodes, whose own role may pull; nothing is put into the cluster",
        identities=(),
        keys=_EVERYWHERE,
    ),
}


# What says how the login is kept, and what says who has it in one cluster.
_OF_AWS = (
    *_EVERYWHERE,
    *("assumeRoles", "ecrPublic"),
    *_REFRESHER,
    *("trigger", "logRetentionDays", "reservedConcurrency", "recoveryDays", "kmsKey"),
    *_ALARMS,
)
_OF_CLUSTER = (
    *("identity", *(key for row in IDENTITIES.values() for key in row.keys)),
    *("namespaces", "createNamespaces", "namespaceSelector", "excludedNamespaces"),
    *("pullSecretName", "adopt", "systemNamespace"),
    *("attach", "serviceAccounts"),
    *("syncInterval", "fanOutInterval"),
    *_RULES,
)


@dataclass(frozen=True)
class Scope:
    """Which half of mode `lambda` a stack has, when to choose that, and the keys that mean nothing there."""

    choose_when: str
    without: tuple[str, ...]


SCOPES: dict[str, Scope] = {
    "all": Scope(
        choose_when="the account renews for one cluster, or for its first one: the stack has the login and the pull secrets",
        without=("awsStack",),
    ),
    "aws": Scope(
        choose_when="one account renews for many clusters: the stack has the login, and looks at no cluster",
        without=("awsStack", *_OF_CLUSTER),
    ),
    "cluster": Scope(
        choose_when="another stack has the login: the stack has one cluster's identity and its pull secrets",
        without=_OF_AWS,
    ),
}


def scopes_with(key: str) -> tuple[str, ...]:
    """The scopes in which the key means something, in the table's order."""
    return tuple(name for name, scope in SCOPES.items() if key not in scope.without)


def identities_with(key: str, mode: str) -> tuple[str, ...]:
    """The mode's identities that know the key, in the table's order. None for what has nothing to do with identities."""
    return tuple(name for name in MODES[mode].identities if key in IDENTITIES[name].keys)


def modes_with(key: str) -> tuple[str, ...]:
    """The modes that know the key, with one of their identities at least, in the table's order."""
    return tuple(
        name for name, mode in MODES.items() if key == "mode" or key in mode.keys or identities_with(key, name)
    )


# An ECR authorization token lives 12 hours (Amazon ECR API Reference, GetAuthorizationToken); the refresher renews at
# half of that, and an hour is kept for a run that is skipped or fails.
LOGIN_LIFE_MINUTES = 12 * 60
RENEW_AT_MINUTES_LEFT = LOGIN_LIFE_MINUTES // 2
GRACE_MINUTES = 60

# What runs the refresher in mode `lambda`, and how often it does unless the stack says.
TRIGGERS = ("schedule", "rotation")
SCHEDULE = "rate(1 hour)"
ROTATION_SCHEDULE = "rate(4 hours)"
# Secrets Manager rotates every 4 hours at the most often, at any time of a window that is an hour at the shortest
# (Secrets Manager User Guide, Rotation schedules).
FEWEST_ROTATION_HOURS = 4
ROTATION_WINDOW_MINUTES = 60

# So much later an alarm on missing data may be raised: CloudWatch looks back at some periods more (CloudWatch User Guide,
# Configuring how CloudWatch alarms treat missing data).
ALARM_LATE_HOURS = 2
# After so many hours of silence an alarm is raised, unless the stack says, or two runs lie that far apart.
ALARM_HOURS = 3

# After it a run of the CronJob is ended, however far it is: the image's download is part of it, on a new node.
RUN_DEADLINE_MINUTES = 10

# The values CloudWatch Logs accepts (CloudWatch Logs API Reference, PutRetentionPolicy).
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

# How pods come to use the pull secret.
ATTACH = ("none", "service-accounts", "pods")

# Kubernetes docs, Configuration, Images; and Taints and Tolerations.
IMAGE_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")

# All of a ConfigMap's data (Kubernetes docs, ConfigMaps).
CONFIG_MAP_BYTES = 1024 * 1024
