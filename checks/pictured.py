"""What the picture of each mode shows, and where: hand-laid, and held to what the mode registers by `checks.pictures`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from checks.drawing import Arrow, Frame


@dataclass(frozen=True)
class Part:
    """A box: resources of the stack by their names less the owner, or none for what something else makes at run time."""

    column: float
    row: float
    title: str
    note: Sequence[str]
    made: Sequence[str] = ()


@dataclass(frozen=True)
class Scene:
    """The picture of a mode. `framed` are resources that a frame stands for. Arrows go from who acts to what is acted on."""

    title: str
    config: Mapping[str, str]
    size: tuple[float, float]
    frames: Sequence[Frame]
    parts: Mapping[str, Part]
    arrows: Sequence[Arrow]
    framed: Sequence[str] = ()
    node_roles: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict[str, str])
    """What `{NAME}` in texts stands for: an attribute of the mode's settings, seconds or text."""


_LISTED = {"everpull:namespaces": '["team-a"]'}
_ECR = ("Amazon ECR", ("the registries",))
_PODS = ("Pods", ("kubelet pulls for them",))
_PULL_SECRET = ("Pull secret", ("a Secret that ESO makes",))
_USER = ("IAM user", ("or a role, by identity",), ("cluster-user", "cluster-rights", "cluster-key"))
_KEY = ("Credentials Secret", ("the access key",), ("cluster-credentials",))

# Where the cluster fetches logins itself.
_FETCHED_INSIDE = (
    Frame("aws", "AWS account", (0, 0), (0, 2)),
    Frame("cluster", "Kubernetes cluster", (1, 0), (3, 3), margin=30, head=10),
    Frame("namespace", "everpull's namespace", (1, 0), (2, 3), margin=14),
    Frame("namespace", "each served namespace", (3, 0), (3, 2), margin=14),
)
_PULLS = Arrow(
    ("pods", "top"), ("ecr", "top"), "pull images", way=((3.3446, -0.58), (0.3446, -0.58)), part=2, shift=(0, 20)
)
# What ESO carries, from the hub on.
_CARRYING = (
    Arrow(("hub sync", "bottom"), ("hub", "top"), "writes"),
    Arrow(("reader", "top"), ("hub", "bottom"), "may get"),
    Arrow(("store", "left"), ("reader", "right"), "acts as"),
    Arrow(("sync", "bottom"), ("store", "top"), "copies,\nevery {fan_out}"),
    Arrow(("sync", "top"), ("pull secret", "bottom"), "writes"),
    Arrow(("pods", "bottom"), ("pull secret", "top"), "name it"),
)


def _carried(hub: str, mark: str = "") -> dict[str, Part]:
    """The boxes of that. `hub` says what its Secret holds, `mark` ends the names of what each source has of its own."""
    reader = ("sync-hub-reader", f"sync-hub-reader-role{mark}", f"sync-hub-reader-binding{mark}")
    return {
        "hub sync": Part(2, 1, "Hub's sync", ("ESO carries it out",), (f"sync-store{mark}", f"sync-hub{mark}")),
        "hub": Part(2, 2, "Hub Secret", (hub, "a Secret that ESO makes")),
        "reader": Part(2, 3, "hub-reader", ("may get the hub alone",), reader),
        "pods": Part(3, 0, *_PODS),
        "pull secret": Part(3, 1, *_PULL_SECRET),
        "sync": Part(3, 2, "Namespace's sync", ("ESO carries it out",), ("sync-pull-secret-team-a",)),
        "store": Part(3, 3, "Cluster store", ("open to served namespaces",), ("sync-cluster-store",)),
    }


LAMBDA = Scene(
    "Mode lambda",
    {**_LISTED, "everpull:mode": "lambda"},
    (4, 4),
    (
        Frame("aws", "AWS account", (0, 0), (1, 3)),
        Frame("cluster", "Kubernetes cluster", (2, 0), (3, 3), margin=30, head=10),
        Frame("namespace", "everpull's namespace", (2, 0), (2, 3), margin=14),
        Frame("namespace", "each served namespace", (3, 0), (3, 2), margin=14),
    ),
    {
        "user": Part(1, 0, *_USER),
        "secret": Part(1, 1, "Secrets Manager", ("the login, in one secret",), ("login-secret",)),
        "function": Part(
            1,
            2,
            "Refresher",
            ("renews at half-life",),
            ("refresh-function", "refresh-first-run", "refresh-role", "refresh-rights", "refresh-log"),
        ),
        "ecr": Part(1, 3, *_ECR),
        "queue": Part(0, 1, "Dead-letter queue", ("runs that failed for good",), ("refresh-dead-letters",)),
        "rule": Part(
            0,
            2,
            "Schedule",
            ("{schedule}",),
            ("refresh-schedule", "refresh-target", "refresh-schedule-may-invoke", "refresh-schedule-may-bury"),
        ),
        "credentials": Part(2, 0, *_KEY),
        **_carried("the docker config;"),
    },
    (
        Arrow(("rule", "right"), ("function", "left"), "runs"),
        Arrow(("function", "left.2"), ("queue", "right"), "on\nfailure"),
        Arrow(("function", "bottom"), ("ecr", "top"), "fetches a login"),
        Arrow(("function", "top"), ("secret", "bottom"), "writes the login"),
        Arrow(("user", "bottom"), ("secret", "top"), "may read"),
        Arrow(("credentials", "left"), ("user", "right"), "proves\nto be"),
        Arrow(("hub sync", "top"), ("credentials", "bottom"), "uses"),
        Arrow(("hub sync", "left"), ("secret", "right"), "reads every\n{sync}"),
        *_CARRYING,
        Arrow(
            ("pods", "top"),
            ("ecr", "left"),
            "pull images",
            way=((3.3446, -0.58), (-0.115, -0.58), (-0.115, 3.3433)),
            part=3,
            shift=(20, 0),
        ),
    ),
    framed=("system",),
    told={"schedule": "schedule", "sync": "sync_interval", "fan_out": "fan_out_interval"},
)

CRONJOB = Scene(
    "Mode cronjob",
    {**_LISTED, "everpull:mode": "cronjob"},
    (4, 4),
    _FETCHED_INSIDE,
    {
        "ecr": Part(0, 1, *_ECR),
        "user": Part(0, 2, *_USER),
        "first": Part(
            1, 0, "Jobs at deploy", ("first run, and hand-over",), ("refresh-first-run", "refresh-hand-over")
        ),
        "pod": Part(1, 1, "Refresher", ("a pod that Jobs make;", "renews at half-life")),
        "credentials": Part(1, 2, *_KEY),
        "cron": Part(2, 0, "CronJob", ("every {period}",), ("refresh-cron-job",)),
        "account": Part(2, 2, "refresher", ("whom the pod runs as",), ("refresh-rights-account",)),
        "code": Part(2, 3, "Code and targets", ("mounted into the pod",), ("refresh-code", "refresh-targets")),
        "pods": Part(3, 0, *_PODS),
        "pull secret": Part(3, 1, "Pull secret", ("a Secret that the refresher", "makes")),
        "role": Part(
            3,
            2,
            "Right to write it",
            ("that one Secret alone",),
            ("refresh-rights-role-team-a", "refresh-rights-binding-team-a"),
        ),
    },
    (
        Arrow(("first", "bottom"), ("pod", "top"), "run once"),
        Arrow(("cron", "bottom"), ("pod", "right.2"), "runs", shift=(40, 0), part=1),
        Arrow(("pod", "left"), ("ecr", "right"), "fetches\nlogins"),
        Arrow(("pod", "bottom"), ("credentials", "top"), "uses"),
        Arrow(("credentials", "left"), ("user", "right"), "proves\nto be"),
        Arrow(("pod", "right.5"), ("pull secret", "left.5"), "writes, where it is past half of its life"),
        Arrow(("pod", "right.7"), ("account", "left"), "as", turn=0.68, part=1, shift=(0, 6)),
        Arrow(("pod", "right.88"), ("code", "left"), "reads", turn=0.3, part=1, shift=(0, 60)),
        Arrow(("account", "right"), ("role", "left"), "has"),
        Arrow(("role", "top"), ("pull secret", "bottom"), "owns"),
        Arrow(("pods", "bottom"), ("pull secret", "top"), "name it"),
        _PULLS,
    ),
    framed=("system",),
    told={"period": "period"},
)

GENERATOR = Scene(
    "Mode generator",
    {**_LISTED, "everpull:mode": "generator"},
    (4, 4),
    _FETCHED_INSIDE,
    {
        "ecr": Part(0, 1, *_ECR),
        "user": Part(0, 2, *_USER),
        "logins": Part(1, 0, "Login Secrets", ("one for each region and", "lent role; ESO makes them")),
        "fetch": Part(
            1,
            1,
            "Fetching",
            ("by ESO, one for each login",),
            ("logins-token-generator-eu-central-1", "logins-fetch-generator-eu-central-1"),
        ),
        "credentials": Part(1, 2, *_KEY),
        "logins reader": Part(
            2,
            0,
            "logins-reader",
            ("may get these alone",),
            (
                "logins-logins-reader",
                "logins-logins-reader-role-generator",
                "logins-logins-reader-binding-generator",
            ),
        ),
        **_carried("all logins together;", "-generator"),
    },
    (
        Arrow(("fetch", "left"), ("ecr", "right"), "fetches\nevery {renew}"),
        Arrow(("fetch", "top"), ("logins", "bottom"), "writes"),
        Arrow(("fetch", "bottom"), ("credentials", "top"), "uses"),
        Arrow(("credentials", "left"), ("user", "right"), "proves\nto be"),
        Arrow(("hub sync", "top"), ("logins reader", "bottom"), "reads as,\nevery {fan_out}"),
        Arrow(("logins reader", "left"), ("logins", "right"), "may\nget"),
        *_CARRYING,
        _PULLS,
    ),
    framed=("system",),
    told={"renew": "renew_interval", "fan_out": "fan_out_interval"},
)

NODE_ROLE = Scene(
    "Mode node-role",
    {"everpull:mode": "node-role", "everpull:nodeRoles": '["main-nodes"]'},
    (4, 1.8),
    (
        Frame("aws", "AWS account", (0, -0.2), (1, 0.8)),
        Frame("cluster", "EKS cluster: nothing of everpull's is in it", (2, -0.2), (3, 0.8)),
    ),
    {
        "rights": Part(0, -0.2, "Pull policy", ("inline, one for each role",), ("nodes-main-nodes",)),
        "role": Part(1, -0.2, "Role of the nodes", ("which is there already",)),
        "ecr": Part(1, 0.8, *_ECR),
        "kubelet": Part(2, -0.2, "Node", ("kubelet has the role",)),
        "pods": Part(3, -0.2, "Pods", ("name no pull secret",)),
    },
    (
        Arrow(("rights", "right"), ("role", "left"), "lets it pull"),
        Arrow(("kubelet", "left"), ("role", "right"), "has"),
        Arrow(("kubelet", "bottom"), ("ecr", "right"), "pulls images", part=1),
        Arrow(("pods", "left"), ("kubelet", "right"), "run on"),
    ),
    node_roles=("main-nodes",),
)

SCENES = {"lambda": LAMBDA, "cronjob": CRONJOB, "generator": GENERATOR, "node-role": NODE_ROLE}
