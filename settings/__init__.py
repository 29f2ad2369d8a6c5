"""The stack's settings: read once, checked as a whole, frozen.

`load()` is the only reader of stack configuration in the program. A faulty configuration raises one ConfigurationError that
lists every fault.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import pulumi

from lambda_src.refresher.registries import PUBLIC, Group, Registry, groups_of, parse_registry

from . import (
    access_key,
    alarms,
    attachment,
    care,
    delivery,
    identity,
    images,
    nodes,
    partitions,
    reach,
    schema,
    scopes,
    selection,
    selectors,
    sharing,
    sizes,
    values,
)
from .access_key import AccessKeySettings
from .care import Care
from .delivery import CronJobSettings, Delivery, GeneratorSettings, LambdaSettings, NodeRoleSettings
from .faults import ConfigurationError, Fault
from .identity import Iam, Trust
from .reach import Problem, Reach
from .reader import Reader
from .scopes import Scope
from .selectors import Selector
from .sharing import Sharing

__all__ = [
    "ClusterAccess",
    "ConfigurationError",
    "CronJobSettings",
    "Fault",
    "GeneratorSettings",
    "Group",
    "LambdaSettings",
    "NodeRoleSettings",
    "Registry",
    "Settings",
    "load",
    "parse",
]


@dataclass(frozen=True)
class ClusterAccess:
    """How the Kubernetes provider reaches the cluster: its own `kubernetes:` keys, None where they are not set."""

    kubeconfig: str | None
    context: str | None


@dataclass(frozen=True)
class Settings:
    """A whole stack. `registries` is empty when the deploying account's own registry is meant, or those of another stack (see
    `scope`).

    The pull secret goes into `namespaces`, which `create_namespaces` says to make where they don't exist, and into what
    `selector` chooses, less `excluded_namespaces`. `adopt` allows a
    Secret of that name which something else made to be taken over. `attach` is one of schema.ATTACH, and `accounts` are the
    service accounts that go with it, NAME or NAMESPACE/NAME. `node_roles` are names, as are `node_clusters`, whose node
    roles are meant. `aws_profile` is the AWS provider's own key. In mode `node-role` all that is said of pull secrets has no
    meaning.
    """

    stack: str
    region: str
    mode: str
    scope: Scope
    identity: str
    access_key: AccessKeySettings
    trust: Trust
    iam: Iam
    care: Care
    registries: tuple[Registry, ...]
    repositories: tuple[str, ...]
    reach: Reach
    namespaces: tuple[str, ...]
    create_namespaces: bool
    selector: Selector | None
    excluded_namespaces: tuple[str, ...]
    pull_secret_name: str
    adopt: bool
    system_namespace: str
    attach: str
    accounts: tuple[str, ...]
    node_roles: tuple[str, ...]
    node_clusters: tuple[str, ...]
    sharing: Sharing
    aws_profile: str | None
    delivery: Delivery
    cluster: ClusterAccess

    @property
    def owner(self) -> str:
        """Name of what must be unique in the cluster, and the default of what should be."""
        return _owner(self.stack)

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every Kubernetes object of this stack; what lacks them was made by something else."""
        return {"app.kubernetes.io/name": schema.PROJECT, "app.kubernetes.io/instance": _slug(self.stack)}

    @property
    def in_cluster(self) -> bool:
        """Whether anything of the stack is in the cluster."""
        return not isinstance(self.delivery, NodeRoleSettings) and self.scope.name != "aws"

    @property
    def by_operator(self) -> bool:
        """Whether ESO carries the login into the namespaces."""
        return isinstance(self.delivery, LambdaSettings | GeneratorSettings)

    @property
    def login_groups(self) -> tuple[Group, ...]:
        """The registries by the login that opens them. Every one must be named (see of_account)."""
        public = (PUBLIC,) if self.reach.ecr_public else ()
        return groups_of((*self.registries, *public), self.reach.roles)

    def of_account(self, account: str, dns_suffix: str) -> Self:
        """The same with every registry named: that of the deploying `account` where none is listed.

        Raises ConfigurationError for what could not be seen before.
        """
        if self.registries or self.scope.aws_stack:
            return self
        own = (parse_registry(f"{account}.dkr.ecr.{self.region}.{dns_suffix}"),)
        if faults := [found.as_fault() for found in self.problems(own)]:
            raise ConfigurationError(self.stack, faults)
        return replace(self, registries=own)

    def problems(self, registries: Sequence[Registry]) -> Iterator[Problem]:
        """What is wrong with these registries, which are all that there are."""
        yield from reach.problems(self.reach, registries)
        yield from sizes.problems(self.mode, self.reach, registries, self.repositories)

    @property
    def service_accounts(self) -> tuple[str, ...]:
        """NAMESPACE/NAME of each that gets the pull secret: none, unless `attach` says that they do."""
        return attachment.places(self.accounts, self.namespaces) if self.attach == "service-accounts" else ()

    def without(self, namespaces: Collection[str]) -> Self:
        """The same stack, less those of the listed namespaces and their service accounts."""
        return replace(
            self,
            namespaces=tuple(name for name in self.namespaces if name not in namespaces),
            accounts=tuple(name for name in self.accounts if name.rpartition("/")[0] not in namespaces),
        )

    @property
    def labelled_sync(self) -> str:
        """Name of the ExternalSecrets that bring the pull secret to namespaces chosen by label.

        Those of listed namespaces have the pull secret's own, so that a namespace which comes to be listed, or is no longer,
        can have the next one before the last one goes.
        """
        return f"{self.pull_secret_name}.labelled"

    @property
    def role(self) -> str:
        """Name of the Roles by which the CronJob may write the pull secret; they also own it.

        Another pull secret is other Roles, so that the one before leaves with those that owned it.
        """
        default = self.pull_secret_name == self.owner
        return self.owner if default else f"{self.owner}:{self.pull_secret_name}"


def load() -> Settings:
    """The settings of the stack that the engine is running. Raises ConfigurationError."""
    return parse(
        pulumi.runtime.get_config_env(),
        pulumi.get_stack(),
        secret_keys=pulumi.runtime.get_config_secret_keys_env(),
    )


def parse(config: Mapping[str, str], stack: str, secret_keys: Sequence[str] = ()) -> Settings:
    """Settings from raw config (`namespace:key` to text, lists as JSON). Raises ConfigurationError.

    Values of `secret_keys` are never shown in a fault.
    """
    reader = Reader(config, secret_keys)
    reader.refuse_unknown_keys()
    mode = reader.one_of("mode", tuple(schema.MODES))
    scope = scopes.read(reader, mode, stack)
    chosen = "" if scope.name == "aws" else identity.choose(reader, mode)
    if reader.sound("mode", "scope"):
        reader.refuse_keys_of_others(mode, scope.name, chosen if reader.sound("identity") else None)
    owner = _owner(stack)
    settings = Settings(
        stack=stack,
        region=reader.region(),
        mode=mode,
        scope=scope,
        identity=chosen,
        access_key=access_key.read(reader),
        trust=identity.read_trust(reader),
        iam=identity.read_iam(reader),
        care=care.read(reader),
        registries=reader.value("registries", values.registries),
        repositories=reader.value("repositories", values.repositories),
        reach=reach.read(reader),
        namespaces=reader.value("namespaces", values.namespaces),
        create_namespaces=reader.value("createNamespaces", values.boolean),
        selector=reader.value("namespaceSelector", selectors.selector),
        excluded_namespaces=reader.value("excludedNamespaces", values.namespaces),
        pull_secret_name=reader.value("pullSecretName", values.secret_name, computed=owner),
        adopt=reader.value("adopt", values.boolean),
        system_namespace=reader.value("systemNamespace", values.namespace, computed=owner),
        attach=reader.one_of("attach", schema.ATTACH),
        accounts=reader.value("serviceAccounts", attachment.service_accounts),
        node_roles=reader.value("nodeRoles", nodes.roles),
        node_clusters=reader.value("nodeClusters", nodes.clusters),
        sharing=sharing.read(reader),
        aws_profile=config.get("aws:profile"),
        delivery=delivery.READERS[mode](reader, owner),
        cluster=ClusterAccess(kubeconfig=config.get("kubernetes:kubeconfig"), context=config.get("kubernetes:context")),
    )
    partitions.refuse_others(
        reader,
        settings.region,
        {
            "registries": {item.host: partitions.partition_of(item.region) for item in settings.registries},
            **reach.partitions(settings.reach),
            **sharing.partitions(settings.sharing),
            **identity.partitions(settings.iam),
            **delivery.partitions(settings.delivery),
        },
    )
    identity.refuse_bad_identities(reader, chosen, settings.trust)
    # Where none is listed it is the deploying account's, which is not known yet.
    if settings.registries:
        reach.refuse(reader, settings.problems(settings.registries))
    images.refuse_patterns(reader, settings.reach.images, settings.repositories)
    selection.refuse_bad_selections(
        reader,
        namespaces=settings.namespaces,
        create=settings.create_namespaces,
        selector=settings.selector,
        excluded=settings.excluded_namespaces,
        system_namespace=settings.system_namespace,
    )
    attachment.refuse_bad_attachments(
        reader,
        attach=settings.attach,
        accounts=settings.accounts,
        namespaces=settings.namespaces,
        selector=settings.selector,
    )
    if settings.node_clusters:
        reader.refuse_other_credentials("nodeClusters", "searched")
    if isinstance(settings.delivery, LambdaSettings):
        alarms.refuse_elsewhere(reader, settings.delivery.alarms, settings.region)
    if isinstance(settings.delivery, NodeRoleSettings):
        nodes.refuse_nobody(reader, bool(settings.node_roles or settings.node_clusters))
    if isinstance(settings.delivery, CronJobSettings):
        selection.refuse_too_many(
            reader,
            settings.namespaces,
            settings.excluded_namespaces,
            settings.role,
            len(settings.selector.text) if settings.selector else 0,
        )
    if reader.faults:
        raise ConfigurationError(stack, reader.faults)
    return settings


def _owner(stack: str) -> str:
    return f"{schema.PROJECT}-{_slug(stack)}"


def _slug(stack: str) -> str:
    """The stack's name as part of a Kubernetes name, with `everpull-` within the 63 characters of a label."""
    return re.sub("[^a-z0-9]+", "-", stack.lower()).strip("-")[:54].strip("-")
