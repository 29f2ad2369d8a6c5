"""From where the logins are to a pull secret in each namespace, by the External Secrets Operator (ESO)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount

from .before_create import Ask, before_create, place
from .external_secrets import DOCKER_CONFIG_KEY, docker_config, read_inside, reader_of, wait_ready
from .generations import of_identity
from .labelled_pull_secrets import LabelledPullSecrets
from .namespace_selection import less

HUB_READER = "hub-reader"
# The annotation of a hub that tells by whose rights its login opens registries.
REFRESHER_ANNOTATION = "everpull/refresher"


@dataclass(frozen=True)
class HubSource:
    """Where the hub has its docker config from."""

    mark: str
    """Tells it apart in names from every other source, and every other identity that reads it."""

    provider: pulumi.Input[Mapping[str, object]]
    """The `provider` of an ESO SecretStore in the system namespace."""

    data: Sequence[Mapping[str, object]]
    """What is read from that store: the `data` of an ExternalSecret."""

    interval: int
    """Seconds between two reads."""

    template: str = ""
    """ESO template that makes the docker config of what is read. Empty where that is one, under DOCKER_CONFIG_KEY."""


class PullSecretSyncArgs(TypedDict):
    """Arguments of PullSecretSync."""

    source: HubSource
    """Where the logins are. With another mark store and hub are made anew."""

    refresher: pulumi.Input[str]
    """ARN of the principal whose rights the login carries, to be found at the hub."""

    revision: str
    """Changes whenever the login must be read anew: the hub is named by it, so a hub that is ready holds that revision."""

    before_hub: NotRequired[Ask | None]
    """Called with the hub's `NAMESPACE/NAME` before it is made. Nothing is asked by default."""

    system_namespace: str
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

    fan_out_interval: int
    """Seconds between two reads of the hub by each namespace."""

    labels: Mapping[str, str]
    """Labels of every object."""


class PullSecretSync(pulumi.ComponentResource):
    """One hub Secret, and one ExternalSecret a namespace that copies it: AWS is asked no more often for more namespaces.

    Those of listed namespaces are resources of their own; ESO makes those of namespaces chosen by label.
    The status of an ExternalSecret does not say which generation it speaks of, so waiting for `Ready` proves something only
    on a new object. Hence the hub's name carries the revision, and the namespaces refer to it by that name: a changed revision
    makes a new hub, proves it, moves the namespaces over, and only then deletes the old one. Another source or identity makes a
    new store as well, because the validation of a store makes no call with a static key, and each hub keeps to its own.

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
        selector, source = self._selector(), args["source"]
        namespace, labels = args["system_namespace"], dict(args["labels"])
        child = pulumi.ResourceOptions(parent=self)
        hub_name = of_identity(f"login-{args['revision']}", source.mark)
        store_name = of_identity("login", source.mark)
        store = wait_ready(
            of_identity(f"{name}-store", source.mark),
            "SecretStore",
            {"name": store_name, "namespace": namespace, "labels": labels},
            {"provider": source.provider},
            child,
        )
        hub = wait_ready(
            of_identity(f"{name}-hub", source.mark),
            "ExternalSecret",
            {
                "name": hub_name,
                "namespace": namespace,
                "labels": labels,
                "annotations": {REFRESHER_ANNOTATION: args["refresher"]},
            },
            {
                **docker_config(source.interval, hub_name, labels, source.template),
                "secretStoreRef": {"kind": "SecretStore", "name": store_name},
                "data": [*source.data],
            },
            pulumi.ResourceOptions(
                parent=self, depends_on=[store], hooks=before_create(f"{name}-hub", args.get("before_hub"), place)
            ),
        )
        cluster_store = wait_ready(
            f"{name}-cluster-store",
            "ClusterSecretStore",
            {"name": args["cluster_store_name"], "labels": labels},
            {
                "conditions": _conditions(args["namespaces"], selector),
                "provider": read_inside(namespace, HUB_READER),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[hub, self._hub_reader(name, hub_name)]),
        )
        pull_secret_spec: dict[str, object] = {
            **docker_config(args["fan_out_interval"], args["pull_secret_name"], labels),
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": args["cluster_store_name"]},
            "data": [
                {"secretKey": DOCKER_CONFIG_KEY, "remoteRef": {"key": hub_name, "property": DOCKER_CONFIG_KEY}},
            ],
        }
        pull_secrets = [
            wait_ready(
                f"{name}-pull-secret-{place}",
                "ExternalSecret",
                {"name": args["pull_secret_name"], "namespace": place, "labels": labels},
                pull_secret_spec,
                pulumi.ResourceOptions(parent=self, depends_on=[cluster_store]),
            )
            for place in args["namespaces"]
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

    def _hub_reader(self, name: str, hub_name: str) -> pulumi.Resource:
        """A service account that may get the hub Secret and nothing else.

        Role and binding are named by the hub, so that both hubs can be read while the namespaces move from one to the next.
        """
        args = self._args
        ServiceAccount(
            f"{name}-hub-reader",
            metadata={
                "name": HUB_READER,
                "namespace": args["system_namespace"],
                "labels": dict(args["labels"]),
            },
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return reader_of(
            name,
            HUB_READER,
            args["source"].mark,
            {"name": hub_name, "namespace": args["system_namespace"], "labels": dict(args["labels"])},
            [hub_name],
            pulumi.ResourceOptions(parent=self),
        )


def _conditions(listed: Sequence[str], selector: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The namespaces that may use a cluster store: those that meet one of the conditions.

    Never none, because a store without conditions serves every namespace (ESO API reference, ClusterSecretStoreCondition).
    """
    by_label = [{"namespaceSelector": dict(selector)}] if selector is not None else []
    return [{"namespaces": list(listed)}, *by_label] if listed or not by_label else by_label
