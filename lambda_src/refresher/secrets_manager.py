"""The document kept in AWS Secrets Manager."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from botocore.exceptions import ClientError

from .aws_calls import call, error_code
from .core import Renewal
from .document import Document, held_in, merge_document, parse_document
from .errors import DocumentTooLargeError, OddAnswerError, RefreshError
from .ports import Outcome, Place

# AWS Secrets Manager User Guide, quotas: "Secret value size".
SECRET_VALUE_BYTES = 65536


class SecretsManagerClient(Protocol):
    """What is used of boto3's Secrets Manager client."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, object]: ...  # noqa: N803

    def put_secret_value(self, *, SecretId: str, ClientRequestToken: str, SecretString: str) -> object: ...  # noqa: N803


@dataclass(frozen=True)
class DocumentPlace(Place):
    """The secret, with the document in it; {} if there is nothing yet or nothing that can be merged into."""

    document: Document = field(default_factory=dict[str, object], repr=False)


class SecretsManagerDocument:
    """A LoginSink on one existing secret, whose AWSCURRENT version is the document: one place.

    Overlapping refreshes do no harm: each writes a whole version, PutSecretValue moves AWSCURRENT in one step, and both
    logins live, since ECR does not end one login when it gives another. The last to write wins. A foreign key that
    somebody changes between a refresh's read and its write (about a second) stays recoverable in AWSPREVIOUS.
    """

    def __init__(self, client: SecretsManagerClient, secret_id: str, region: str) -> None:
        self._client = client
        self._secret_id = secret_id
        self._region = region

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
        match call("secretsmanager:GetSecretValue", self._region, self._current):
            case None:
                return self._place({})
            case {"VersionId": str(version), "SecretString": str(content)}:
                pass
            case {"VersionId": str(version), "SecretBinary": bytes(content)}:
                pass
            case {"VersionId": str(), "ARN": str()}:
                # A version without content: AWS makes none, emulators of it do for a new secret.
                return self._place({})
            case _:
                # Taken for an empty secret, whatever it holds would be overwritten.
                raise OddAnswerError(f"Secrets Manager in {self._region} gave an answer that holds no secret")
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
        token = str(uuid.uuid4())
        call(
            "secretsmanager:PutSecretValue",
            self._region,
            lambda: self._client.put_secret_value(
                SecretId=self._secret_id, ClientRequestToken=token, SecretString=text
            ),
        )

    def _current(self) -> Mapping[str, object] | None:
        """The answer to GetSecretValue, or None if the secret has no current version, as a new one has not.

        AWS answers ResourceNotFoundException to that and to a secret that does not exist; only the text differs. No
        text is compared here: PutSecretValue creates no secret and fails if there is none.
        """
        try:
            return self._client.get_secret_value(SecretId=self._secret_id)
        except ClientError as error:
            if error_code(cast(Mapping[str, object], error.response)) != "ResourceNotFoundException":
                raise
            return None
