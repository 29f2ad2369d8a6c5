"""The login in Secrets Manager, read into memory and never shown."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from components.aws_reads import Missing
from lambda_src.refresher.core import Held, first_to_die
from lambda_src.refresher.document import held_in, parse_document

from .aws import Aws

# What an ECR login lives (Amazon ECR API Reference, GetAuthorizationToken).
LIFE = timedelta(hours=12)


@dataclass(frozen=True)
class StoredLogin:
    """`held` are the logins. `docker_config` is what the hub copies. `flaw` is what is wrong with the content, if anything."""

    held: Held = field(repr=False)
    docker_config: str | None = field(repr=False)
    flaw: str | None

    @property
    def hosts(self) -> set[str]:
        """The registries that it opens."""
        return {host for login in self.held.logins for host in login.registries}

    @property
    def expires_at(self) -> datetime | None:
        """When the first of the logins dies."""
        return self.held.expires_at

    @property
    def refreshed_at(self) -> datetime | None:
        """When that one was fetched."""
        first = first_to_die(self.held.logins)
        return first.refreshed_at if first else None


def read_login(aws: Aws, secret_arn: str) -> StoredLogin | None:
    """What the secret holds; None if it holds nothing, or does not exist. Raises Denied, Unanswered."""
    try:
        answer = aws.ask("secretsmanager", "get_secret_value", SecretId=secret_arn)
    except Missing:
        return None
    document, flaw = parse_document(answer.get("SecretString") or b"")
    config = document.get("dockerconfigjson")
    held = held_in(document)
    return StoredLogin(held, config if isinstance(config, str) else None, flaw or held.flaw)
