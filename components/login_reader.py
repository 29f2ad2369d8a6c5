"""The half of mode `lambda` that is in a cluster: it reads the login, and brings it into the namespaces."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from .encryption import read_with_key
from .external_secrets import DOCKER_CONFIG_KEY
from .identities import StoreIdentity, identity_mark, identity_of, identity_revision, rights_document, store_identity
from .logins import KeptLogin, revision_with
from .operator_delivery import OperatorArgs, pull_secret_sync
from .policy import read_login
from .pull_secret_sync import HubSource, PullSecretSync

# The service account whose tokens read the login, where no key does. None that another mode has: see refresh_cron_job.
LOGIN_READER = "login-reader"


class OwnReaderArgs(OperatorArgs):
    """What whoever reads a login is told besides."""

    sync_interval: int
    """Seconds between two reads of Secrets Manager by the hub."""


class LoginReaderArgs(OwnReaderArgs):
    """Arguments of LoginReader."""

    login: KeptLogin
    """The login that another stack keeps, in the same account."""


@dataclass(frozen=True)
class Read:
    """The login, read by an identity and brought into the namespaces."""

    identity: StoreIdentity
    sync: PullSecretSync


def read_by_cluster(
    name: str,
    args: OwnReaderArgs,
    login: KeptLogin,
    delivery: pulumi.ComponentResource,
    *,
    after: Sequence[pulumi.Resource] = (),
    others: Sequence[str] = (),
) -> Read:
    """Makes what reads the login, as part of the delivery, once `after` is done. `others` are types of deliveries of the same
    name whose identity it was before; it stays the same one."""
    identity = store_identity(
        name,
        {
            "owner": args["owner"],
            # No ECR right: the login carries the refresher's.
            "policy": pulumi.Output.from_input(login["secret_arn"]).apply(
                lambda arn: rights_document(args, read_login(arn), *read_with_key(login))
            ),
            "namespace": args["system_namespace"],
            "service_account": LOGIN_READER,
            "credentials_secret_name": "aws-credentials",
            "labels": dict(args["labels"]),
            **identity_of(args),
        },
        pulumi.ResourceOptions(
            parent=delivery, aliases=[pulumi.Alias(parent=pulumi.create_urn(name, kind)) for kind in others]
        ),
    )
    source = HubSource(
        mark=identity_mark(args),
        provider={
            "aws": {"service": "SecretsManager", "region": login["secret_region"], "auth": identity.auth},
        },
        data=[
            {"secretKey": DOCKER_CONFIG_KEY, "remoteRef": {"key": login["secret_arn"], "property": "dockerconfigjson"}},
        ],
        interval=args["sync_interval"],
    )
    sync = pull_secret_sync(
        name, args, source, login["refresher_arn"], login["revision"], [identity.made, *after], delivery
    )
    return Read(identity, sync)


class LoginReader(pulumi.ComponentResource):
    """An identity that may read one secret, and the sync. The login itself is another stack's."""

    identity_arn: pulumi.Output[str]
    """ARN of the IAM user or role that the cluster reads the login as."""

    key_created: pulumi.Output[str] | None
    """When that user's access key was made (RFC 3339). A role has none."""

    hub: pulumi.Output[str]
    """`NAMESPACE/NAME` of the Secret that the namespaces copy."""

    store: pulumi.Output[str]
    """Name of the cluster-wide store, once it is ready; namespaces are served from then on."""

    pull_secrets: pulumi.Output[list[str]]
    """`NAMESPACE/NAME` of each listed namespace's pull secret, once it holds a live login."""

    labelled: pulumi.Output[str]
    """Name of what serves namespaces that are chosen by label, once it is there; empty without a selector."""

    def __init__(self, name: str, args: LoginReaderArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:LoginReader", name, None, opts)
        login = args["login"]
        known: KeptLogin = {**login, "revision": revision_with(login["revision"], identity_revision(args))}
        read = read_by_cluster(name, args, known, self, others=("everpull:index:LambdaDelivery",))
        self.identity_arn = read.identity.arn
        self.key_created = read.identity.key_created
        self.hub = read.sync.hub
        self.store = read.sync.store
        self.pull_secrets = read.sync.pull_secrets
        self.labelled = read.sync.labelled
        self.register_outputs(
            {
                "identity_arn": self.identity_arn,
                "key_created": self.key_created,
                "hub": self.hub,
                "store": self.store,
                "pull_secrets": self.pull_secrets,
                "labelled": self.labelled,
            }
        )
