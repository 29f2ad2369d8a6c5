"""Link `secret`: the login in Secrets Manager."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from components.aws_reads import Denied, Missing

from .aws import Answer
from .link import Findings, Link, examine
from .stored_login import LIFE, StoredLogin
from .view import View
from .words import at, counted, listed, span

NAME = "secret"
_CURRENT = "AWSCURRENT"


def look(view: View) -> Link:
    """Whether it is there, and holds logins for every registry that live long enough to be renewed."""
    return examine(NAME, lambda found: _secret(view, found))


def _secret(view: View, found: Findings) -> None:
    arn = view.text("loginSecretArn")
    try:
        described = view.aws.ask("secretsmanager", "describe_secret", SecretId=arn)
    except Missing:
        found.broken(f"the secret {arn} does not exist", view.up)
        return
    if described.get("DeletedDate"):
        found.broken(
            f"the secret {arn} is being deleted", view.aws_cli(f"secretsmanager restore-secret --secret-id {arn}")
        )
        return
    stages = cast(Mapping[str, Sequence[str]], described.get("VersionIdsToStages") or {})
    if not any(_CURRENT in held for held in stages.values()):
        found.broken("the secret has no current version, so it holds no login", view.renew)
        return
    try:
        login = view.login
    except Denied:
        _by_its_age(view, described, found)
        return
    if login is None:
        found.broken("the secret has no current version, so it holds no login", view.renew)
    elif login.flaw:
        found.broken(f"the secret's content is not a login of everpull's ({login.flaw})", view.renew)
    else:
        _lifetime(view, login, found)
        _registries(view, login, found)
        found.see(counted(len(stages), "version"))


def _lifetime(view: View, login: StoredLogin, found: Findings) -> None:
    expires, fetched = login.expires_at, login.refreshed_at
    if expires is None:
        found.broken("the secret does not say when its login dies", view.renew)
    elif expires <= view.now:
        found.broken(
            f"the login died at {at(expires)}, {span(view.now - expires)} ago, and was not renewed", view.renew
        )
    elif expires < view.followed_by(expires, fetched):
        found.breaking(
            f"the login dies at {at(expires)}, in {span(expires - view.now)}, which is before the next run can have brought a "
            "new one to every namespace",
            view.renew,
        )
    elif fetched is not None:
        due = fetched + (expires - fetched) / 2
        if due + 2 * view.period < view.now:
            found.warning(
                f"the login was due to be renewed at {at(due)} and was not; it lives until {at(expires)}", view.renew
            )
        found.see(f"login fetched {span(view.now - fetched)} ago, lives for {span(expires - view.now)}")


def _registries(view: View, login: StoredLogin, found: Findings) -> None:
    missing = [host for host in view.texts("registries") if host not in login.hosts]
    if missing:
        found.broken(f"the secret holds no login for {listed(missing)}", view.renew)


def _by_its_age(view: View, described: Answer, found: Findings) -> None:
    """For callers who may not read it, as those that docs/iam/deploy.json describes."""
    changed = described.get("LastChangedDate")
    if not isinstance(changed, datetime):
        raise Denied("secretsmanager:GetSecretValue")
    age = view.now - changed
    if age > LIFE:
        found.broken(f"the login was last written {span(age)} ago, and logins live 12 hours", view.renew)
    else:
        found.see(f"login written {span(age)} ago; you may not read until when it lives")
