"""Service accounts whose pods pull with the pull secret."""

from collections.abc import Sequence
from typing import Any, TypedDict

import pulumi
from pulumi.dynamic import ConfigureRequest, CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

from kube.client import connect
from kube.service_accounts import Entry, ServiceAccounts

_TIMEOUT_SECONDS = 30.0
_PROPERTIES = ("namespace", "account", "secret")


class PullSecretEntryProvider(ResourceProvider):
    """Keeps one entry in a service account's `imagePullSecrets`.

    A resource's state holds this class by the name of its module, so neither may be renamed: a stack that was deployed before
    could not be destroyed any more. What the class does may change freely; the engine sees no change in that.
    """

    # Nothing in it is secret.
    serialize_as_secret_always = False

    # Of the class and not set in __init__, because an instance's own attributes would go into the state with it.
    _cluster: tuple[str | None, str | None] = (None, None)
    _accounts: ServiceAccounts | None = None

    def configure(self, req: ConfigureRequest) -> None:
        """Takes note of the cluster. It is asked for nothing yet: a preview must work without one."""
        self._cluster = (req.config.get("kubernetes:kubeconfig"), req.config.get("kubernetes:context"))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """An entry has nothing that could be updated: another one is added before this one goes."""
        changed = [key for key in _PROPERTIES if _olds.get(key) != _news.get(key)]
        return DiffResult(changes=bool(changed), replaces=changed)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Puts the entry there."""
        entry = _entry(props)
        self._service_accounts().attach(entry)
        return CreateResult(f"{entry.namespace}/{entry.account}/{entry.secret}", _properties(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """An entry that somebody took out is gone, as is one of a service account that is gone."""
        there = self._service_accounts().holds(_entry(props))
        return ReadResult(id_ if there else None, _properties(props))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Takes the entry back."""
        self._service_accounts().detach(_entry(_props))

    def _service_accounts(self) -> ServiceAccounts:
        if self._accounts is None:
            self._accounts = ServiceAccounts(connect(*self._cluster, _TIMEOUT_SECONDS))
        return self._accounts


class PullSecretEntry(Resource, module="everpull", name="PullSecretEntry"):
    """The pull secret's name in the `imagePullSecrets` of one service account; the entries of others are left alone."""

    def __init__(
        self, name: str, namespace: str, account: str, secret: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        properties = {"namespace": namespace, "account": account, "secret": secret}
        super().__init__(PullSecretEntryProvider(), name, properties, opts)


class ServiceAccountAttachmentArgs(TypedDict):
    """Arguments of ServiceAccountAttachment."""

    service_accounts: Sequence[str]
    """`NAMESPACE/NAME` of each service account. `default` may still be to come, the others must exist."""

    pull_secret_name: str
    """Name of the pull secret in each of their namespaces; it should be there before."""


class ServiceAccountAttachment(pulumi.ComponentResource):
    """Pods that start as one of the service accounts, and name no pull secret themselves, pull with the stack's.

    Its other entries stay. Destroy takes back what was added and leaves an entry that was there before.
    """

    service_accounts: pulumi.Output[list[str]]
    """`NAMESPACE/NAME` of each service account, once it has the entry."""

    def __init__(
        self, name: str, args: ServiceAccountAttachmentArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("everpull:index:ServiceAccountAttachment", name, None, opts)
        places = list(args["service_accounts"])
        entries = [self._entry(name, place, args["pull_secret_name"]) for place in places]
        self.service_accounts = pulumi.Output.all(*[entry.id for entry in entries]).apply(lambda _: places)
        self.register_outputs({"service_accounts": self.service_accounts})

    def _entry(self, name: str, place: str, secret: str) -> PullSecretEntry:
        namespace, _, account = place.partition("/")
        return PullSecretEntry(f"{name}-{place}", namespace, account, secret, opts=pulumi.ResourceOptions(parent=self))


def _entry(props: dict[str, Any]) -> Entry:
    return Entry(**_properties(props))


def _properties(props: dict[str, Any]) -> dict[str, Any]:
    return {key: props[key] for key in _PROPERTIES}
