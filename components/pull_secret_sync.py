"""From the login secret in Secrets Manager to a pull secret in each namespace, by the External Secrets Operator (ESO)."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.rbac.v1 import Role, RoleBinding

from .before_create import Ask, before_create, place
from .generations import of_identity
from .labelled_pull_secrets import ESO_API, LabelledPullSecrets
from .logins import LoginArgs
from .namespace_selection import less

DOCKER_CONFIG_KEY = ".dockerconfigjson"
HUB_READER = "hub-reader"
DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
# The annotation of a hub that tells by whose rights its login opens registries.
REFRESHER_ANNOTATION = "everpull/refresher"

# Without it the Kubernetes provider takes a custom resource for ready as soon as it exists (Pulumi Kubernetes provider docs,
# Resource readiness).
_WAIT_READY = {"pulumi.com/waitFor": "condition=Ready"}
_WAIT_AT_MOST = pulumi.CustomTimeouts(create="5m", update="5m")


class PullSecretSyncArgs(TypedDict):
    """Arguments of PullSecretSync."""

    login_secret_arn: pulumi.Input[str]
    """ARN of the Secrets Manager secret."""

    region: pulumi.Input[str]
    """AWS region of that secret."""

    store_auth: pulumi.Input[Mapping[str, object]]
    """The `auth` block of the ESO AWS store."""

    identity: str
    """Mark of the identity that it means. With another one store and hub are made anew."""

    refresher: pulumi.Input[str]
    """ARN of the principal whose rights the login carries, to be found at the hub."""

    revision: str
    """Changes whenever the login must be read anew: the hub is named by it, so a hub that is ready holds that revision."""

    before_hub: NotRequired[Ask | None]
    """Called with the hub's `NAMESPACE/NAME` before it is made. Nothing is asked by default."""

    system_namespace: pulumi.Input[str]
    """Namespace of the stores, the hub and the credentials."""

    cluster_store_name: str
    """Name of the cluster-wide store that serves the hub to the namespaces, and of what serves those chosen by label."""

    namespaces: Sequence[str]
    """Namespaces that get the pull secret."""

    namespace_selector: Mapping[str, Any] | None
    """LabelSelector object of further namespaces that get it."""

    excluded_namespaces: Sequence[str]
    """Namespaces that the selector doesn't mean."""

    labelled_sync: str
    """Name of the ExternalSecrets in those, another than the pull secret's."""

    has_policy: bool
    """Whether the cluster serves MutatingAdmissionPolicy: see NamespaceMarks."""

    pull_secret_name: str
    """Name of the pull secret in each namespace."""

    sync_interval: int
    """Seconds between two reads of Secrets Manager by the hub."""

    fan_out_interval: int
    """Seconds between two reads of the hub by each namespace."""

    labels: Mapping[str, str]
    """Labels of every object."""


class PullSecretSync(pulumi.ComponentResource):
    """One hub Secret read from AWS, and one ExternalSecret a namespace that copies it: AWS calls do not grow with namespaces.

    Those of listed namespaces are resources of their own; ESO makes those of namespaces chosen by label.
    The status of an ExternalSecret does not say which generation it speaks of, so waiting for `Ready` proves something only
    on a new object. Hence the hub's name carries the revision, and the namespaces refer to it by that name: a changed revision
    makes a new hub, proves it, moves the namespaces over, and only then deletes the old one. Another identity makes a new
    store as well, because the validation of a store makes no call with a static key, and each hub keeps to its own.

    The selector is changed once listed namespaces have their pull secret: one that was chosen by label before and is listed now
    must not lose it in between.
    """

    hub: pulumi.Output[str]
    """`NAMESPACE/NAME` of the Secret that the namespaces copy."""

    store: pulumi.Output[str]
    """Name of the cluster-wide store, once it is ready; namespaces are served from then on."""

    pull_secrets: pulumi.Output[list[str]]
    """`NAMESPACE/NAME` of each listed namespace's pull secret."""

    labelled: pulumi.Output[str]
    """Name of the ClusterExternalSecret that serves namespaces chosen by label, once it is there; empty without a selector."""

    def __init__(self, name: str, args: PullSecretSyncArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:PullSecretSync", name, None, opts)
        self._args = args
        selector = self._selector()
        identity = args["identity"]
        hub_name = of_identity(f"login-{args['revision']}", identity)
        store_name = of_identity("login", identity)
        store = self._wait_ready(
            of_identity(f"{name}-store", identity),
            kind="SecretStore",
            metadata={"name": store_name, "namespace": args["system_namespace"]},
            spec={
                "provider": {
                    "aws": {"service": "SecretsManager", "region": args["region"], "auth": args["store_auth"]},
                }
            },
        )
        hub = self._wait_ready(
            of_identity(f"{name}-hub", identity),
            kind="ExternalSecret",
            metadata={"name": hub_name, "namespace": args["system_namespace"]},
            spec=self._copy(
                interval=args["sync_interval"],
                store={"kind": "SecretStore", "name": store_name},
                target=hub_name,
                remote={"key": args["login_secret_arn"], "property": "dockerconfigjson"},
            ),
            depends_on=[store],
            hooks=before_create(f"{name}-hub", args.get("before_hub"), place),
            annotations={REFRESHER_ANNOTATION: args["refresher"]},
        )
        cluster_store = self._wait_ready(
            f"{name}-cluster-store",
            kind="ClusterSecretStore",
            metadata={"name": args["cluster_store_name"]},
            spec={
                "conditions": _conditions(args["namespaces"], selector),
                "provider": {
                    "kubernetes": {
                        "remoteNamespace": args["system_namespace"],
                        "server": {
                            "caProvider": {
                                "type": "ConfigMap",
                                "name": "kube-root-ca.crt",
                                "namespace": args["system_namespace"],
                                "key": "ca.crt",
                            }
                        },
                        "auth": {"serviceAccount": {"name": HUB_READER, "namespace": args["system_namespace"]}},
                    }
                },
            },
            depends_on=[hub, self._hub_reader(name, hub_name)],
        )
        pull_secret_spec = self._copy(
            interval=args["fan_out_interval"],
            store={"kind": "ClusterSecretStore", "name": args["cluster_store_name"]},
            target=args["pull_secret_name"],
            remote={"key": hub_name, "property": DOCKER_CONFIG_KEY},
        )
        pull_secrets = [
            self._wait_ready(
                f"{name}-pull-secret-{namespace}",
                kind="ExternalSecret",
                metadata={"name": args["pull_secret_name"], "namespace": namespace},
                spec=pull_secret_spec,
                depends_on=[cluster_store],
            )
            for namespace in args["namespaces"]
        ]
        self.hub = pulumi.Output.format("{0}/{1}", args["system_namespace"], hub_name)
        self.store = cluster_store.id
        self.pull_secrets = pulumi.Output.all(*[secret.id for secret in pull_secrets]).apply(
            lambda _: [f"{namespace}/{args['pull_secret_name']}" for namespace in args["namespaces"]]
        )
        self.labelled = pulumi.Output.from_input("")
        if selector is not None:
            self.labelled = LabelledPullSecrets(
                f"{name}-labelled",
                {
                    "name": args["cluster_store_name"],
                    "external_secret_name": args["labelled_sync"],
                    "namespace_selector": selector,
                    "spec": pull_secret_spec,
                    "has_policy": args["has_policy"],
                    "labels": args["labels"],
                },
                pulumi.ResourceOptions(parent=self, depends_on=[cluster_store, *pull_secrets]),
            ).made
        self.register_outputs(
            {"hub": self.hub, "store": self.store, "pull_secrets": self.pull_secrets, "labelled": self.labelled}
        )

    def _selector(self) -> dict[str, Any] | None:
        """Exactly the namespaces that are chosen by label."""
        args = self._args
        if args["namespace_selector"] is None:
            return None
        return less(args["namespace_selector"], [*args["namespaces"], *args["excluded_namespaces"]])

    def _hub_reader(self, name: str, hub_name: str) -> RoleBinding:
        """A service account that may get the hub Secret and nothing else.

        Role and binding are named by the hub, so that both hubs can be read while the namespaces move from one to the next.
        """
        child = pulumi.ResourceOptions(parent=self)
        namespace, labels = self._args["system_namespace"], dict(self._args["labels"])
        identity = self._args["identity"]
        ServiceAccount(
            f"{name}-hub-reader",
            metadata={"name": HUB_READER, "namespace": namespace, "labels": labels},
            automount_service_account_token=False,
            opts=child,
        )
        role = Role(
            of_identity(f"{name}-hub-reader-role", identity),
            metadata={"name": hub_name, "namespace": namespace, "labels": labels},
            rules=[{"api_groups": [""], "resources": ["secrets"], "resource_names": [hub_name], "verbs": ["get"]}],
            opts=child,
        )
        return RoleBinding(
            of_identity(f"{name}-hub-reader-binding", identity),
            metadata={"name": hub_name, "namespace": namespace, "labels": labels},
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": hub_name},
            subjects=[{"kind": "ServiceAccount", "name": HUB_READER, "namespace": namespace}],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )

    def _copy(
        self,
        interval: int,
        store: Mapping[str, str],
        target: str,
        remote: Mapping[str, pulumi.Input[str]],
    ) -> dict[str, object]:
        """The spec of an ExternalSecret that keeps one docker config in one Secret."""
        return {
            "refreshInterval": go_duration(interval),
            "secretStoreRef": store,
            "target": {
                "name": target,
                "creationPolicy": "Owner",
                # A store that fails must never take a login away that still works.
                "deletionPolicy": "Retain",
                "template": {"type": DOCKER_CONFIG_TYPE, "metadata": {"labels": dict(self._args["labels"])}},
            },
            "data": [{"secretKey": DOCKER_CONFIG_KEY, "remoteRef": remote}],
        }

    def _wait_ready(
        self,
        resource_name: str,
        kind: str,
        metadata: Mapping[str, pulumi.Input[str]],
        spec: Mapping[str, object],
        depends_on: Sequence[pulumi.Resource] = (),
        hooks: pulumi.ResourceHookBinding | None = None,
        annotations: Mapping[str, pulumi.Input[str]] | None = None,
    ) -> CustomResource:
        marks = {**(annotations or {}), **_WAIT_READY}
        return CustomResource(
            resource_name,
            api_version=ESO_API,
            kind=kind,
            metadata={**metadata, "labels": dict(self._args["labels"]), "annotations": marks},
            spec=spec,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*depends_on], custom_timeouts=_WAIT_AT_MOST, hooks=hooks
            ),
        )


def _conditions(listed: Sequence[str], selector: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The namespaces that may use a cluster store: those that meet one of the conditions.

    Never none, because a store without conditions serves every namespace (ESO API reference, ClusterSecretStoreCondition).
    """
    by_label = [{"namespaceSelector": dict(selector)}] if selector is not None else []
    return [{"namespaces": list(listed)}, *by_label] if listed or not by_label else by_label


def go_duration(seconds: int) -> str:
    """Seconds as Go prints a duration, such as 15m0s.

    ESO writes ExternalSecrets back with intervals spelled so. In any other spelling that is a change, which makes ESO the
    field's manager, and the next server-side apply by Pulumi a conflict (Kubernetes docs, Server-Side Apply, Conflicts).
    """
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def login_revision(args: LoginArgs, more: Sequence[str] = ()) -> str:
    """A short name for what the hub must hold, the same for the same registries, and roles that fetch their logins, in any
    order. `more` is what else makes another hub."""
    names = [*sorted(args["registries"]), *sorted(args.get("assume_roles", ())), *more]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:10]
