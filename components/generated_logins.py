"""Logins that the External Secrets Operator (ESO) fetches from ECR itself."""

import json
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ServiceAccount

from .before_create import Ask, before_create, place
from .external_secrets import (
    DOCKER_CONFIG_KEY,
    GENERATORS_API,
    docker_config,
    read_inside,
    reader_of,
    wait_ready,
)
from .generations import of_identity
from .pull_secret_sync import HubSource

KIND = "ECRAuthorizationToken"
READER = "logins-reader"
# The annotation of what fetches a login that tells which one. Hubs have none.
LOGIN_ANNOTATION = "everpull/login"

# Of what a generator gives (ESO docs, ECR generator), the part of a docker config (kubectl's for a docker-registry Secret).
_AUTH = '{{ printf "%s:%s" .username .password | b64enc }}'


class LoginGroup(TypedDict):
    """Registries that one login opens, and how it is fetched."""

    name: str
    """Tells it apart from the stack's others, in names of objects."""

    hosts: Sequence[str]
    """Hosts of the registries."""

    region: str
    """Region that is asked for it."""

    role: NotRequired[str | None]
    """ARN of the role that fetches it. None by default: the identity does."""

    public: NotRequired[bool]
    """Whether it is for ECR Public. Not by default."""


class GeneratedLoginsArgs(TypedDict):
    """Arguments of GeneratedLogins."""

    groups: Sequence[LoginGroup]
    """One for each login."""

    auth: pulumi.Input[Mapping[str, object]]
    """The `auth` block of ESO's AWS generators (ESO API reference, AWSAuth)."""

    mark: str
    """Tells the identity that it means apart in names. With another one everything is made anew."""

    revision: str
    """Changes whenever logins must be fetched anew; everything is named by it, and made anew with it."""

    namespace: str
    """Kubernetes namespace of everything."""

    interval: int
    """Seconds after which each login is fetched again."""

    read_interval: int
    """Seconds between two reads of all of them by whoever puts them together."""

    before_login: NotRequired[Ask | None]
    """Called with the `NAMESPACE/NAME` of what fetches a login before it is made. Nothing is asked by default."""

    labels: Mapping[str, str]
    """Labels of every object."""


class GeneratedLogins(pulumi.ComponentResource):
    """A generator and an ExternalSecret for each login, and what puts them together.

    Each login lies in a Secret of its own, with a docker config of its registries. So one that can't be fetched holds up no
    other, and its Secret keeps the last one, which an ExternalSecret with several generators would not.
    """

    source: HubSource
    """What a hub reads. To be used once this component is made."""

    def __init__(self, name: str, args: GeneratedLoginsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:GeneratedLogins", name, None, opts)
        mark, namespace, labels = args["mark"], args["namespace"], dict(args["labels"])
        fetched = [self._fetched(name, args, group) for group in args["groups"]]
        ServiceAccount(
            f"{name}-{READER}",
            metadata={"name": READER, "namespace": namespace, "labels": labels},
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        reader_of(
            name,
            READER,
            mark,
            {"name": _place(args), "namespace": namespace, "labels": labels},
            fetched,
            pulumi.ResourceOptions(parent=self),
        )
        keys = [f"login{index}" for index in range(len(fetched))]
        self.source = HubSource(
            mark=mark,
            provider=read_inside(namespace, READER),
            data=[
                {"secretKey": key, "remoteRef": {"key": secret, "property": DOCKER_CONFIG_KEY}}
                for key, secret in zip(keys, fetched, strict=True)
            ],
            interval=args["read_interval"],
            template=_together(keys),
        )
        self.register_outputs({})

    def _fetched(self, name: str, args: GeneratedLoginsArgs, group: LoginGroup) -> str:
        """The name of the Secret with the login."""
        labels, mark = dict(args["labels"]), args["mark"]
        target = f"{_place(args)}-{group['name']}"
        spec: dict[str, object] = {"region": group["region"], "auth": args["auth"]}
        if role := group.get("role"):
            spec["role"] = role
        if group.get("public"):
            spec["scope"] = "public"
        generator = CustomResource(
            f"{of_identity(f'{name}-token', mark)}-{group['name']}",
            api_version=GENERATORS_API,
            kind=KIND,
            metadata={"name": target, "namespace": args["namespace"], "labels": labels},
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self),
        )
        wait_ready(
            f"{of_identity(f'{name}-fetch', mark)}-{group['name']}",
            "ExternalSecret",
            {
                "name": target,
                "namespace": args["namespace"],
                "labels": labels,
                "annotations": {LOGIN_ANNOTATION: group["name"]},
            },
            {
                **docker_config(args["interval"], target, labels, _docker_config(group["hosts"])),
                "dataFrom": [
                    {"sourceRef": {"generatorRef": {"apiVersion": GENERATORS_API, "kind": KIND, "name": target}}}
                ],
            },
            pulumi.ResourceOptions(
                parent=self,
                depends_on=[generator],
                hooks=before_create(f"{name}-fetch-{group['name']}", args.get("before_login"), place),
            ),
        )
        return target


def _place(args: GeneratedLoginsArgs) -> str:
    """Name of the Role that reads the logins, and the beginning of theirs."""
    return of_identity(f"fetch-{args['revision']}", args["mark"])


def _docker_config(hosts: Sequence[str]) -> str:
    """The ESO template of a docker config with the one login for each host."""
    entries = ",".join(f'{json.dumps(host)}:{{"auth":"{_AUTH}"}}' for host in hosts)
    return f'{{"auths":{{{entries}}}}}'


def _together(keys: Sequence[str]) -> str:
    """The ESO template of one docker config with the logins of several."""
    configs = " ".join(f"(fromJson .{key}).auths" for key in keys)
    return f'{{"auths":{{{{ merge {configs} | toJson }}}}}}'
