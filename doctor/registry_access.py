"""Registries as the doctor tries them: with the stack's login, and to learn which tags there are with the caller's own."""

import base64
import json
from collections.abc import Sequence
from contextlib import closing
from typing import Protocol, cast

from components.aws_reads import Denied, Missing, Unanswered
from lambda_src.refresher.core import Login
from lambda_src.refresher.errors import RegistryUnreachableError
from lambda_src.refresher.images import Image, LoginVerdict, Verdict
from lambda_src.refresher.patience import Time
from lambda_src.refresher.registry_http import RegistryHttp
from lambda_src.refresher.tally import Tally
from lambda_src.refresher.verification import LONGEST_SECONDS, try_logins, verify

from .aws import Aws

_TAGS_ASKED = 20
_LIST_SECONDS = 10.0
# Signatures and attestations that are stored as images.
_NO_IMAGE = "sha256-"


class Registries(Protocol):
    """What the links ask registries."""

    def try_logins(self, logins: Sequence[Login]) -> Sequence[LoginVerdict]:
        """What each registry makes of its login."""
        ...

    def try_pulls(self, images: Sequence[Image], logins: Sequence[Login]) -> Sequence[Verdict]:
        """What becomes of a pull of each image with the logins."""
        ...

    def some_tag(self, aws: Aws, host: str, repository: str) -> str | None:
        """A tag of the repository, asked with the caller's own login; None if it has none. Raises Missing, Denied,
        Unanswered."""
        ...


class HttpRegistries:
    """Registries over HTTPS, as the refresher reaches them."""

    def try_logins(self, logins: Sequence[Login]) -> Sequence[LoginVerdict]:
        return try_logins(logins, longest=LONGEST_SECONDS, passing=Time())

    def try_pulls(self, images: Sequence[Image], logins: Sequence[Login]) -> Sequence[Verdict]:
        if not images:
            return ()
        tally = Tally()
        tally.note(logins)
        return verify(
            images,
            tally,
            await_rights=0,
            longest=LONGEST_SECONDS,
            waiting=lambda _failure, _seconds: None,
            passing=Time(),
        )

    def some_tag(self, aws: Aws, host: str, repository: str) -> str | None:
        given = aws.ask("ecr", "get_authorization_token")["authorizationData"]
        token = str(cast(Sequence[dict[str, str]], given)[0]["authorizationToken"])
        # It is the caller's, and as good as a password.
        headers = {"Authorization": f"Basic {base64.b64encode(base64.b64decode(token)).decode('ascii')}"}
        passing = Time()
        until = passing.monotonic() + _LIST_SECONDS
        with closing(RegistryHttp(lambda: until - passing.monotonic(), 1)) as http:
            try:
                answer = http.get(f"https://{host}/v2/{repository}/tags/list?n={_TAGS_ASKED}", headers)
            except RegistryUnreachableError as reason:
                raise Unanswered(f"{host}: {reason}") from None
        match answer.status:
            case 200:
                tags = cast(list[str], json.loads(answer.body).get("tags") or [])
            case 404:
                raise Missing(repository)
            case 401 | 403:
                raise Denied("ecr:ListImages")
            case status:
                raise Unanswered(f"{host} answered {status}")
        return next((tag for tag in tags if not tag.startswith(_NO_IMAGE)), tags[0] if tags else None)
