"""Link `identity`: the user or role by which the cluster proves itself to AWS."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from cluster.reader import part
from components.access_keys import age
from components.aws_reads import Missing
from components.cluster_identity import ACCESS_KEY_ID
from components.generator_delivery import FETCHER
from components.login_reader import LOGIN_READER
from components.refresh_cron_job import NAME as CRON_JOB
from components.store_account import ROLE_ANNOTATION

from .aws import name_of
from .cluster import decoded, secret_path
from .credentials import key_secret
from .link import Findings, Link, examine
from .rights import Right, inline_policies, lacking
from .trust import check_trust
from .view import View
from .words import listed

NAME = "identity"
# The service account that has the role, by mode.
_ACCOUNTS = {"lambda": LOGIN_READER, "generator": FETCHER, "cronjob": CRON_JOB}


def look(view: View) -> Link:
    """Whether it is there, AWS takes it for the cluster, and it may do what it must."""
    if ":user/" in view.text("identityArn"):
        user = _User(view)
        return examine(NAME, user.keys, user.key_in_cluster, user.rights)
    role = _Role(view)
    return examine(NAME, role.role, role.trust, role.account, role.rights)


class _User:
    def __init__(self, view: View) -> None:
        self._view = view
        self._name = name_of(view.text("identityArn"))
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._is_there = True

    def keys(self, found: Findings) -> None:
        view, user = self._view, self._name
        try:
            answer = view.aws.ask("iam", "list_access_keys", UserName=user)
        except Missing:
            self._is_there = False
            found.broken(f"the IAM user {user} does not exist", view.up)
            return
        self._keys = {str(key["AccessKeyId"]): key for key in answer["AccessKeyMetadata"]}
        if not self._keys:
            found.broken(f"the IAM user {user} has no access key", view.up)
        elif not any(self._is_active(key) for key in self._keys):
            self._inactive(next(iter(self._keys)), found)
        elif len(self._keys) > 1:
            found.warning(
                f"the IAM user {user} has two access keys ({listed(sorted(self._keys))}), so a rotation was cut off, or "
                "somebody made one",
                view.up,
            )

    def key_in_cluster(self, found: Findings) -> None:
        if not self._keys:
            return
        view, place = self._view, key_secret(self._view)
        if place is None:
            return
        secret = view.cluster.document(secret_path(*place))
        if secret is None:
            found.broken(f"the cluster's credentials, Secret {'/'.join(place)}, do not exist", view.up)
            return
        held = decoded(secret, ACCESS_KEY_ID)
        if held not in self._keys:
            found.broken(f"the access key in Secret {'/'.join(place)} is not one of the IAM user {self._name}", view.up)
            return
        if not self._is_active(held) and len(self._keys) > 1:
            self._inactive(held, found)
        self._age(cast(datetime, self._keys[held]["CreateDate"]), found)

    def rights(self, found: Findings) -> None:
        if self._is_there:
            _rights(self._view, "user", self._name, found)

    def _is_active(self, key: str) -> bool:
        return self._keys[key]["Status"] == "Active"

    def _inactive(self, key: str, found: Findings) -> None:
        command = f"iam update-access-key --user-name {self._name} --access-key-id {key} --status Active"
        found.broken(f"the access key {key} of the cluster is inactive", self._view.aws_cli(command))

    def _age(self, created: datetime, found: Findings) -> None:
        view = self._view
        most, days = view.settings.access_key.max_age_days, (view.now - created).days
        if most and days > most:
            found.warning(
                f"the access key is {days} days old, and everpull:accessKeyMaxAgeDays is {most}",
                f"pulumi config set --stack {view.stack} everpull:accessKeyGeneration "
                f"{view.settings.access_key.generation + 1} && pulumi up --stack {view.stack}",
            )
        found.see(f"user {self._name}, access key {age(created, view.now)}")


class _Role:
    def __init__(self, view: View) -> None:
        self._view = view
        self._name = name_of(view.text("identityArn"))
        self._trust: Mapping[str, Any] | None = None
        self._who = _ACCOUNTS.get(view.mode, "")

    def role(self, found: Findings) -> None:
        try:
            answer = self._view.aws.ask("iam", "get_role", RoleName=self._name)
        except Missing:
            found.broken(f"the role {self._name} does not exist", self._view.up)
            return
        self._trust = cast(Mapping[str, Any], answer["Role"]["AssumeRolePolicyDocument"])
        found.see(f"role {self._name}")

    def trust(self, found: Findings) -> None:
        if self._trust is not None:
            check_trust(self._view, self._name, self._trust, self._who, found)

    def account(self, found: Findings) -> None:
        """The service account that ESO asks for tokens of; that of the CronJob is looked at with it."""
        if not self._view.has_hub:
            return
        view, namespace = self._view, self._view.text("systemNamespace")
        metadata = view.cluster.metadata(f"/api/v1/namespaces/{namespace}/serviceaccounts/{self._who}")
        if metadata is None:
            found.broken(f"the service account {namespace}/{self._who} does not exist", view.up)
        elif part(metadata, "annotations").get(ROLE_ANNOTATION) != view.text("identityArn"):
            found.broken(f"the service account {namespace}/{self._who} does not name the role {self._name}", view.up)

    def rights(self, found: Findings) -> None:
        if self._trust is not None:
            _rights(self._view, "role", self._name, found)


def _rights(view: View, kind: str, name: str, found: Findings) -> None:
    try:
        missing = lacking(inline_policies(view.aws, kind, name), _needed(view))
    except Missing:
        what = "IAM user" if kind == "user" else kind
        found.broken(f"the {what} {name} does not exist", view.up)
        return
    if missing:
        found.broken(f"the {kind} {name} is not allowed {', '.join(missing)}", view.up)


def _needed(view: View) -> list[Right]:
    if view.mode == "lambda":
        return [("secretsmanager:GetSecretValue", view.text("loginSecretArn"))]
    return view.login_rights
