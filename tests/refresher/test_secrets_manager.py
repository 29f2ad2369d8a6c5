"""The document in Secrets Manager: reading any content, writing whole versions."""

import json
import uuid
from typing import Any

import boto3
import pytest
from botocore.config import Config
from refresher.errors import AwsCallError, DeniedError, DocumentTooLargeError, OddAnswerError
from refresher.ports import Held
from refresher.secrets_manager import SECRET_VALUE_BYTES, SecretsManagerDocument

from tests.refresher.aws_server import AwsServer, Refusal
from tests.refresher.conftest import SECRET_ID

VERSION = "11111111-2222-3333-4444-555555555555"


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


def test_a_secret_without_a_version_is_empty_and_not_damaged(sink: SecretsManagerDocument) -> None:
    assert sink.read() == Held({})


def test_a_version_without_content_is_empty_and_not_damaged(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    aws.answers["GetSecretValue"] = lambda call: {"VersionId": VERSION, "ARN": SECRET_ID}
    assert sink.read() == Held({})


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ('{"a": {"b": [1]}}', Held({"a": {"b": [1]}}, None, VERSION)),
        ("{broken", Held({}, "not JSON", VERSION)),
        ("[]", Held({}, "JSON, but not an object", VERSION)),
        (b"\x00\x01\x02", Held({}, "binary, not text", VERSION)),
    ],
)
def test_content_is_read_with_the_version_it_is_in(
    aws: AwsServer, sink: SecretsManagerDocument, content: str | bytes, held: Held
) -> None:
    aws.secret = content
    assert sink.read() == held


def test_a_write_is_one_call_that_makes_one_whole_version(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    sink.write({"a": "ä", "b": {"c": 1.5}})
    (call,) = aws.calls
    assert call.action == "PutSecretValue"
    assert set(call.body) == {"SecretId", "ClientRequestToken", "SecretString"}
    assert call.body["SecretId"] == SECRET_ID
    assert json.loads(call.body["SecretString"]) == {"a": "ä", "b": {"c": 1.5}}
    assert uuid.UUID(call.body["ClientRequestToken"]).version == 4


def test_two_writes_of_the_same_document_are_two_versions(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    sink.write({})
    sink.write({})
    assert len({call.body["ClientRequestToken"] for call in aws.calls}) == 2


def test_a_write_that_is_retried_keeps_its_token(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    def flaky(call: Any) -> Any:
        return Refusal("InternalServiceError", status=500) if len(aws.calls) == 1 else {}

    aws.answers["PutSecretValue"] = flaky
    sink.write({"a": 1})
    first, second = aws.calls
    assert first.body == second.body


@pytest.mark.parametrize("over", [0, 1])
def test_a_document_larger_than_a_secret_is_refused_before_the_call(
    aws: AwsServer, sink: SecretsManagerDocument, over: int
) -> None:
    # The rest of the text is {"k":""}.
    document = {"k": "x" * (SECRET_VALUE_BYTES - 8 + over)}
    if over:
        with pytest.raises(
            DocumentTooLargeError, match="would be 65537 bytes long and a secret holds 65536: name fewer"
        ):
            sink.write(document)
    else:
        sink.write(document)
    assert len(aws.calls) == 1 - over


def test_bytes_are_counted_and_not_characters(sink: SecretsManagerDocument) -> None:
    with pytest.raises(DocumentTooLargeError):
        sink.write({"k": "ä" * 40000})


def test_a_secret_that_does_not_exist_is_reported_by_the_write(aws: AwsServer, sink: SecretsManagerDocument) -> None:
    missing = Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    aws.answers |= {"GetSecretValue": lambda call: missing, "PutSecretValue": lambda call: missing}
    assert sink.read() == Held({})
    with pytest.raises(AwsCallError, match=r"PutSecretValue in eu-central-1 failed .*: the secret does not exist"):
        sink.write({})


@pytest.mark.parametrize(
    "answer", [{}, {"VersionId": VERSION}, {"ARN": SECRET_ID}, {"SecretString": "{}"}, {"message": "<html>"}]
)
def test_an_answer_that_holds_no_secret_is_not_taken_for_an_empty_secret(
    aws: AwsServer, sink: SecretsManagerDocument, answer: dict[str, Any]
) -> None:
    aws.answers["GetSecretValue"] = lambda call: answer
    with pytest.raises(OddAnswerError, match="Secrets Manager in eu-central-1 gave an answer that holds no secret"):
        sink.read()


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException"])
def test_a_denied_read_is_not_taken_for_an_empty_secret(
    aws: AwsServer, sink: SecretsManagerDocument, code: str
) -> None:
    aws.answers["GetSecretValue"] = lambda call: Refusal(code)
    with pytest.raises(DeniedError, match="secretsmanager:GetSecretValue was denied in eu-central-1"):
        sink.read()


@pytest.mark.parametrize("code", ["InvalidRequestException", "DecryptionFailure", "InternalServiceError"])
def test_a_failed_read_is_not_taken_for_an_empty_secret(
    aws: AwsServer, sink: SecretsManagerDocument, code: str
) -> None:
    aws.answers["GetSecretValue"] = lambda call: Refusal(code)
    with pytest.raises(AwsCallError, match=f"secretsmanager:GetSecretValue in eu-central-1 failed .{code}"):
        sink.read()
