"""The document in Secrets Manager: reading any content, writing whole versions."""

import json
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config
from refresher.core import Held, Login, Renewal
from refresher.errors import AwsCallError, DeniedError, DocumentTooLargeError, OddAnswerError, RefreshError
from refresher.ports import Outcome
from refresher.secrets_manager import SECRET_VALUE_BYTES, DocumentPlace, SecretsManagerDocument

from tests.refresher.aws_server import AwsServer, Refusal
from tests.refresher.conftest import SECRET_ID
from tests.refresher.fakes import CANARY, FRANKFURT, LIFE, NOW

VERSION = "11111111-2222-3333-4444-555555555555"
RENEWAL = Renewal((Login((FRANKFURT,), "AWS", CANARY, NOW + LIFE, NOW),))


@pytest.fixture
def client(aws: AwsServer) -> Any:
    return boto3.client(
        "secretsmanager",
        endpoint_url=aws.endpoint,
        region_name="eu-central-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="key",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )


@pytest.fixture
def sink(client: Any) -> SecretsManagerDocument:
    return SecretsManagerDocument(client, SECRET_ID, "eu-central-1")


def place(document: dict[str, Any], replaces: str | None = None) -> DocumentPlace:
    return DocumentPlace(SECRET_ID, Held(flaw="no login of ours"), replaces, document)


def write(sink: SecretsManagerDocument, document: dict[str, Any], replaces: str | None = None) -> Outcome:
    (outcome,) = sink.write([(place(document, replaces), RENEWAL)])
    return outcome


def failure(outcome: DocumentPlace | Outcome) -> RefreshError:
    assert isinstance(outcome, Outcome)
    assert (outcome.place, outcome.status) == (SECRET_ID, "failed")
    assert outcome.failure is not None
    return outcome.failure


def failed_read(sink: SecretsManagerDocument) -> RefreshError:
    (outcome,) = sink.read()
    return failure(outcome)


def test_a_secret_without_a_version_is_empty_and_not_damaged(sink: SecretsManagerDocument) -> None:
    assert list(sink.read()) == [place({})]


def test_a_version_without_content_is_empty_and_not_damaged(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    aws.answers["GetSecretValue"] = lambda call: {"VersionId": VERSION, "ARN": SECRET_ID}
    assert list(sink.read()) == [place({})]


@pytest.mark.parametrize(
    ("content", "document", "damage"),
    [
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}, None),
        ("{broken", {}, "not JSON"),
        ("[]", {}, "JSON, but not an object"),
        (b"\x00\x01\x02", {}, "binary, not text"),
    ],
)
def test_content_is_read_and_what_would_be_lost_is_told_with_its_version(
    aws: AwsServer, sink: SecretsManagerDocument, content: str | bytes, document: dict[str, Any], damage: str | None
) -> None:
    aws.secret = content
    told = damage and f"the secret held content that is {damage}; it can still be read as version {VERSION}"
    assert list(sink.read()) == [place(document, told)]


def test_what_was_written_is_read_again(sink: SecretsManagerDocument) -> None:
    assert write(sink, {}) == Outcome(SECRET_ID, "refreshed", NOW + LIFE)
    (found,) = sink.read()
    assert isinstance(found, DocumentPlace)
    assert found.held == Held(RENEWAL.logins, FRANKFURT)


def test_a_write_tells_what_it_did_away_with(sink: SecretsManagerDocument) -> None:
    assert write(sink, {}, "old content").note == "old content"


def test_a_write_is_one_call_that_makes_one_whole_version(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    write(sink, {"a": "ä", "b": {"c": 1.5}})
    (call,) = aws.calls
    assert call.action == "PutSecretValue"
    assert set(call.body) == {"SecretId", "ClientRequestToken", "SecretString"}
    assert call.body["SecretId"] == SECRET_ID
    written = json.loads(call.body["SecretString"])
    assert (written["a"], written["b"], written["password"]) == ("ä", {"c": 1.5}, CANARY)
    assert uuid.UUID(call.body["ClientRequestToken"]).version == 4


def test_two_writes_of_the_same_document_are_two_versions(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    write(sink, {})
    write(sink, {})
    assert len({call.body["ClientRequestToken"] for call in aws.calls}) == 2


def test_a_write_that_is_retried_keeps_its_token(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    def flaky(call: Any) -> Any:
        return Refusal("InternalServiceError", status=500) if len(aws.calls) == 1 else {}

    aws.answers["PutSecretValue"] = flaky
    write(sink, {"a": 1})
    first, second = aws.calls
    assert first.body == second.body


@pytest.mark.parametrize("over", [0, 1])
def test_a_document_larger_than_a_secret_is_refused_before_the_call(
    aws: AwsServer, sink: SecretsManagerDocument, over: int
) -> None:
    write(sink, {"k": ""})
    empty = len(aws.calls.pop().body["SecretString"])
    outcome = write(sink, {"k": "x" * (SECRET_VALUE_BYTES - empty + over)})
    if over:
        assert isinstance(failure(outcome), DocumentTooLargeError)
        assert "would be 65537 bytes long and a secret holds 65536: name fewer" in str(failure(outcome))
    else:
        assert outcome.status == "refreshed"
    assert len(aws.calls) == 1 - over


def test_bytes_are_counted_and_not_characters(sink: SecretsManagerDocument) -> None:
    assert isinstance(failure(write(sink, {"k": "ä" * 40000})), DocumentTooLargeError)


def test_a_write_that_fails_leaves_what_the_place_held(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    aws.answers["PutSecretValue"] = lambda call: Refusal("AccessDeniedException")
    held = Held(RENEWAL.logins, FRANKFURT)
    (outcome,) = sink.write([(DocumentPlace(SECRET_ID, held, "old content"), RENEWAL)])
    assert isinstance(failure(outcome), DeniedError)
    assert (outcome.expires_at, outcome.note) == (NOW + LIFE, None)


def test_a_secret_that_does_not_exist_is_reported_by_the_write(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    missing = Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    aws.answers |= {"GetSecretValue": lambda call: missing, "PutSecretValue": lambda call: missing}
    assert list(sink.read()) == [place({})]
    failed = failure(write(sink, {}))
    assert isinstance(failed, AwsCallError)
    assert str(failed).startswith("secretsmanager:PutSecretValue in eu-central-1 failed ")
    assert str(failed).endswith(": the secret does not exist")


@pytest.mark.parametrize(
    "answer", [{}, {"VersionId": VERSION}, {"ARN": SECRET_ID}, {"SecretString": "{}"}, {"message": "<html>"}]
)
def test_an_answer_that_holds_no_secret_is_not_taken_for_an_empty_secret(
    aws: AwsServer, sink: SecretsManagerDocument, answer: dict[str, Any]
) -> None:
    aws.answers["GetSecretValue"] = lambda call: answer
    failed = failed_read(sink)
    assert isinstance(failed, OddAnswerError)
    assert str(failed) == "Secrets Manager in eu-central-1 gave an answer that holds no secret"


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException"])
def test_a_denied_read_is_not_taken_for_an_empty_secret(
    aws: AwsServer, sink: SecretsManagerDocument, code: str
) -> None:
    aws.answers["GetSecretValue"] = lambda call: Refusal(code)
    failed = failed_read(sink)
    assert isinstance(failed, DeniedError)
    assert str(failed).startswith("secretsmanager:GetSecretValue was denied in eu-central-1")


@pytest.mark.parametrize("code", ["InvalidRequestException", "DecryptionFailure", "InternalServiceError"])
def test_a_failed_read_is_not_taken_for_an_empty_secret(
    aws: AwsServer, sink: SecretsManagerDocument, code: str
) -> None:
    aws.answers["GetSecretValue"] = lambda call: Refusal(code)
    failed = failed_read(sink)
    assert isinstance(failed, AwsCallError)
    assert str(failed).startswith(f"secretsmanager:GetSecretValue in eu-central-1 failed ({code}")
