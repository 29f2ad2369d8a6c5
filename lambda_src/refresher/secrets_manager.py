"""The document kept in AWS Secrets Manager, and the versions that a rotation makes of it."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from botocore.exceptions import ClientError

from .aws_calls import call, error_code
from .core import Held, Renewal
from .document import Document, held_in, merge_document, parse_document
from .errors import DocumentTooLargeError, OddAnswerError, RefreshError
from .ports import Outcome, Place
from .rotation import CURRENT, PENDING, Stages
from .shapes import mapping, sequence

# AWS Secrets Manager User Guide, quotas: "Secret value size".
SECRET_VALUE_BYTES = 65536


class SecretsManagerClient(Protocol):
    """What is used of boto3's Secrets Manager client."""

    def get_secret_value(self, *, SecretId: str, **version: str) -> Mapping[str, object]: ...  # noqa: N803

    def put_secret_value(
        self,
        *,
        SecretId: str,  # noqa: N803
        ClientRequestToken: str,  # noqa: N803
        SecretString: str,  # noqa: N803
        **stages: Sequence[str],
    ) -> object: ...

    def describe_secret(self, *, SecretId: str) -> Mapping[str, object]: ...  # noqa: N803

    def update_secret_version_stage(self, *, SecretId: str, VersionStage: str, **versions: str) -> object: ...  # noqa: N803


@dataclass(frozen=True)
class DocumentPlace(Place):
    """The secret, with the document in it; {} if there is nothing yet or nothing that can be merged into."""

    document: Document = field(default_factory=dict[str, object], repr=False)


class SecretsManagerDocument:
    """A LoginSink on one existing secret, whose AWSCURRENT version is the document: one place.

    With a rotation's `token` what is written becomes the pending version of that name, and not the current one.

    Overlapping refreshes do no harm: each writes a whole version, PutSecretValue moves AWSCURRENT in one step, and both
    logins live, since ECR does not end one login when it gives another. The last to write wins. A foreign key that
    somebody changes between a refresh's read and its write (about a second) stays recoverable in AWSPREVIOUS.
    """

    def __init__(self, client: SecretsManagerClient, secret_id: str, region: str, token: str | None = None) -> None:
        self._client = client
        self._secret_id = secret_id
        self._region = region
        self._token = token

    def read(self) -> Iterator[DocumentPlace | Outcome]:
        try:
            yield self._read()
        except RefreshError as failure:
            yield Outcome(self._secret_id, "failed", failure=failure)

    def write(self, renewals: Iterable[tuple[DocumentPlace, Renewal]]) -> Iterator[Outcome]:
        for place, renewal in renewals:
            try:
                self._put(merge_document(place.document, renewal))
            except RefreshError as failure:
                yield Outcome(place.name, "failed", place.held.expires_at, failure)
            else:
                yield Outcome(place.name, "refreshed", renewal.expires_at, note=place.replaces)

    def _read(self) -> DocumentPlace:
        found = _content(self._client, self._secret_id, self._region)
        if found is None:
            return self._place({})
        version, content = found
        document, damage = parse_document(content)
        if damage is None:
            return self._place(document)
        return self._place({}, f"the secret held content that is {damage}; it can still be read as version {version}")

    def _place(self, document: Document, replaces: str | None = None) -> DocumentPlace:
        return DocumentPlace(self._secret_id, held_in(document), replaces, document)

    def _put(self, document: Document) -> None:
        # ASCII by json's default, so characters are bytes.
        text = json.dumps(document, separators=(",", ":"))
        if len(text) > SECRET_VALUE_BYTES:
            raise DocumentTooLargeError(
                f"the document would be {len(text)} bytes long and a secret holds {SECRET_VALUE_BYTES}: name fewer registries,"
                " or take other keys out of the secret"
            )
        # The same token on each of botocore's retries makes a write whose answer got lost happen once, as one version.
        token = self._token or str(uuid.uuid4())
        stages: dict[str, Sequence[str]] = {"VersionStages": [PENDING]} if self._token else {}
        call(
            "secretsmanager:PutSecretValue",
            self._region,
            lambda: self._client.put_secret_value(
                SecretId=self._secret_id, ClientRequestToken=token, SecretString=text, **stages
            ),
        )


class SecretVersions:
    """The Versions of one secret."""

    def __init__(self, client: SecretsManagerClient, secret_id: str, region: str) -> None:
        self._client = client
        self._secret_id = secret_id
        self._region = region

    def stages(self) -> Stages:
        match call(
            "secretsmanager:DescribeSecret",
            self._region,
            lambda: self._client.describe_secret(SecretId=self._secret_id),
        ):
            case {"ARN": str(arn), **rest}:
                versions = mapping(rest.get("VersionIdsToStages"))
            case _:
                raise OddAnswerError(f"Secrets Manager in {self._region} described a secret without an ARN")
        labels = {version: frozenset(map(str, sequence(found))) for version, found in versions.items()}
        return Stages(arn, rest.get("RotationEnabled") is True, labels)

    def held(self, version: str) -> Held | None:
        found = _content(self._client, self._secret_id, self._region, VersionId=version)
        return None if found is None else held_in(parse_document(found[1])[0])

    def make_current(self, version: str, instead_of: str | None) -> None:
        # AWS refuses it if another version has become the current one, so nothing is overwritten that was not looked at.
        self._move(CURRENT, MoveToVersionId=version, **({"RemoveFromVersionId": instead_of} if instead_of else {}))

    def withdraw(self, version: str) -> None:
        self._move(PENDING, RemoveFromVersionId=version)

    def _move(self, label: str, **versions: str) -> None:
        call(
            "secretsmanager:UpdateSecretVersionStage",
            self._region,
            lambda: self._client.update_secret_version_stage(SecretId=self._secret_id, VersionStage=label, **versions),
        )


def _content(
    client: SecretsManagerClient, secret_id: str, region: str, **version: str
) -> tuple[str, str | bytes] | None:
    """Version and content of the current version, or of that with the given `VersionId`; None if it has none."""

    def operation() -> Mapping[str, object] | None:
        # AWS answers ResourceNotFoundException to a version without content (a new secret's, a rotation's that is not
        # made yet) and to a secret that does not exist; only the text differs. No text is compared here: PutSecretValue
        # creates no secret and fails if there is none.
        try:
            return client.get_secret_value(SecretId=secret_id, **version)
        except ClientError as error:
            if error_code(cast(Mapping[str, object], error.response)) != "ResourceNotFoundException":
                raise
            return None

    match call("secretsmanager:GetSecretValue", region, operation):
        case None:
            return None
        case {"VersionId": str(found), "SecretString": str(content)}:
            return found, content
        case {"VersionId": str(found), "SecretBinary": bytes(content)}:
            return found, content
        case {"VersionId": str(), "ARN": str()}:
            # A version without content: AWS makes none, emulators of it do for a new secret.
            return None
        case _:
            # Taken for an empty secret, whatever it holds would be overwritten.
            raise OddAnswerError(f"Secrets Manager in {region} gave an answer that holds no secret")
