"""Mode `generator`: the External Secrets Operator (ESO) fetches the logins itself."""

from collections.abc import Sequence
from typing import NotRequired

import pulumi

from .before_create import Ask
from .generated_logins import GeneratedLogins, LoginGroup
from .generations import of_identity
from .identities import identity_mark, identity_of, rights_document, store_identity
from .logins import login_rights
from .operator_delivery import OperatorDeliveryArgs, pull_secret_sync, revision_of

# None that another mode has, so that either mode's can be there while the other's is proven: see lambda_delivery.
FETCHER = "login-fetcher"
# Set before the identity's mark: what mode `lambda` has is called by that alone.
_MARK = "generator"


class GeneratorDeliveryArgs(OperatorDeliveryArgs):
    """Arguments of GeneratorDelivery."""

    login_groups: Sequence[LoginGroup]
    """One for each login: the same registries and roles again, as each is fetched."""

    renew_interval: int
    """Seconds after which each login is fetched again; at most half of its life."""

    before_login: NotRequired[Ask | None]
    """Called with the `NAMESPACE/NAME` of what fetches a login before it is made. Nothing is asked by default."""


class GeneratorDelivery(pulumi.ComponentResource):
    """An identity that may fetch logins and pull, the logins and the sync. Each waits for a working one before it."""

    identity_arn: pulumi.Output[str]
    """ARN of the IAM user or role: the principal whose rights every login carries, those of roles aside."""

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

    def __init__(self, name: str, args: GeneratorDeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:GeneratorDelivery", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = dict(args["labels"])
        identity = store_identity(
            name,
            {
                "owner": args["owner"],
                "policy": rights_document(args, *login_rights(args)),
                "namespace": args["system_namespace"],
                "service_account": FETCHER,
                "credentials_secret_name": f"{FETCHER}-aws-credentials",
                "labels": labels,
                **identity_of(args),
            },
            child,
        )
        logins = GeneratedLogins(
            f"{name}-logins",
            {
                "groups": args["login_groups"],
                "auth": identity.auth,
                "mark": of_identity(_MARK, identity_mark(args)),
                "revision": revision_of(args),
                "namespace": args["system_namespace"],
                "interval": args["renew_interval"],
                "read_interval": args["fan_out_interval"],
                "before_login": args.get("before_login"),
                "labels": labels,
            },
            pulumi.ResourceOptions(parent=self, depends_on=[identity.made]),
        )
        sync = pull_secret_sync(
            name, args, logins.source, identity.arn, revision_of(args), [identity.made, logins], self
        )
        self.identity_arn = identity.arn
        self.key_created = identity.key_created
        self.hub = sync.hub
        self.store = sync.store
        self.pull_secrets = sync.pull_secrets
        self.labelled = sync.labelled
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
