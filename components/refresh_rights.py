"""What the refresher may do inside the cluster, and the objects that own what it makes there."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgsDict,
    Role,
    RoleBinding,
    SubjectArgsDict,
)

_RBAC = "rbac.authorization.k8s.io"
# A create by server-side apply is a patch that the API server also asks the verb create for, with the name, so both honour
# resourceNames (Kubernetes docs, Server-Side Apply; RBAC, Referring to resources).
_WRITE = ["get", "create", "patch"]


class RefreshRightsArgs(TypedDict):
    """Arguments of RefreshRights."""

    service_account: str
    """Name of the service account that is made in the system namespace."""

    system_namespace: str
    """That namespace."""

    pull_secret_name: str
    """Name of the one Secret in each namespace that may be touched."""

    role: str
    """Name of the Roles, the ClusterRole and their bindings, unique in the cluster. Other Secrets need another name."""

    namespaces: Sequence[str]
    """Namespaces in which it may be touched."""

    everywhere: bool
    """Whether it may also be touched, and removed, in every other namespace."""

    labels: Mapping[str, str]
    """Labels of every object."""


class RefreshRights(pulumi.ComponentResource):
    """A service account with one Role in each namespace, and a ClusterRole only where namespaces are chosen by label.

    Each Role owns the pull secret of its namespace, so that the secret goes when the Role does: on destroy, and when the
    namespace is no longer listed. Nothing lets it read any other Secret.
    """

    owners: pulumi.Output[list[dict[str, Any]]]
    """An owner reference to the Role of each namespace, in their order (Kubernetes docs, Owners and Dependents)."""

    owner_everywhere: pulumi.Output[dict[str, Any] | None]
    """An owner reference to the ClusterRole, if there is one."""

    def __init__(self, name: str, args: RefreshRightsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("everpull:index:RefreshRights", name, None, opts)
        self._args = args
        child = pulumi.ResourceOptions(parent=self)
        ServiceAccount(
            f"{name}-account",
            metadata={
                "name": args["service_account"],
                "namespace": args["system_namespace"],
                "labels": dict(args["labels"]),
            },
            # The refresher's pods ask for their token; nothing else has any use for it.
            automount_service_account_token=False,
            opts=child,
        )
        roles = [self._in_namespace(name, namespace) for namespace in args["namespaces"]]
        self.owners = pulumi.Output.all(*[_uid(role) for role in roles]).apply(
            lambda uids: [_owner("Role", args["role"], uid) for uid in uids]
        )
        self.owner_everywhere = pulumi.Output.from_input(None)
        if args["everywhere"]:
            self.owner_everywhere = _uid(self._everywhere(name)).apply(
                lambda uid: _owner("ClusterRole", args["role"], uid)
            )
            pulumi.log.warn(
                f"namespaces are chosen by label, which takes a right in all of them: the refresher may read, write and "
                f"delete Secrets named {args['pull_secret_name']} anywhere in the cluster (no others), and list "
                "namespaces. Without a selector it has rights in the listed namespaces only.",
                self,
            )
        self.register_outputs({"owners": self.owners, "owner_everywhere": self.owner_everywhere})

    def _in_namespace(self, name: str, namespace: str) -> Role:
        args, labels = self._args, dict(self._args["labels"])
        role = Role(
            f"{name}-role-{namespace}",
            metadata={"name": args["role"], "namespace": namespace, "labels": labels},
            rules=[self._on_the_secret(_WRITE)],
            opts=pulumi.ResourceOptions(parent=self),
        )
        RoleBinding(
            f"{name}-binding-{namespace}",
            metadata={"name": args["role"], "namespace": namespace, "labels": labels},
            role_ref={"api_group": _RBAC, "kind": "Role", "name": args["role"]},
            subjects=[self._subject()],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        return role

    def _everywhere(self, name: str) -> ClusterRole:
        args, labels = self._args, dict(self._args["labels"])
        role = ClusterRole(
            f"{name}-cluster-role",
            metadata={"name": args["role"], "labels": labels},
            rules=[
                # A list that asks for the one name honours resourceNames too; delete, because a namespace that is relabelled
                # loses the secret.
                self._on_the_secret([*_WRITE, "list", "delete"]),
                {"api_groups": [""], "resources": ["namespaces"], "verbs": ["list"]},
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        ClusterRoleBinding(
            f"{name}-cluster-binding",
            metadata={"name": args["role"], "labels": labels},
            role_ref={"api_group": _RBAC, "kind": "ClusterRole", "name": args["role"]},
            subjects=[self._subject()],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        return role

    def _on_the_secret(self, verbs: Sequence[str]) -> PolicyRuleArgsDict:
        return {
            "api_groups": [""],
            "resources": ["secrets"],
            "resource_names": [self._args["pull_secret_name"]],
            "verbs": list(verbs),
        }

    def _subject(self) -> SubjectArgsDict:
        args = self._args
        return {"kind": "ServiceAccount", "name": args["service_account"], "namespace": args["system_namespace"]}


def _uid(role: Role | ClusterRole) -> pulumi.Output[str | None]:
    return role.metadata.apply(lambda metadata: metadata.uid)


def _owner(kind: str, name: str, uid: str | None) -> dict[str, Any]:
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "name": name, "uid": uid}
