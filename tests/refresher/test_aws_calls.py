"""What becomes of AWS errors: which are denials, and what their messages say and hide."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from botocore.parsers import ResponseParserError
from refresher.aws_calls import call
from refresher.errors import AwsCallError, DeniedError, RefreshError

from tests.refresher.fakes import CANARY

ROLE = "arn:aws:sts::123456789012:assumed-role/refresher-role/refresher"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:login-AbCdEf"


def failure(error: Exception, action: str = "ecr:GetAuthorizationToken") -> RefreshError:
    def operation() -> None:
        raise error

    with pytest.raises(RefreshError) as caught:
        call(action, "eu-central-1", operation)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def client_error(code: Any, message: Any = "", request: Any = "4f7e-11") -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"RequestId": request}}
    return ClientError(response, "Operation")


def test_what_the_operation_returns_is_handed_on() -> None:
    assert call("a:B", "eu-central-1", lambda: 7) == 7


@pytest.mark.parametrize(
    ("action", "code", "message", "expected"),
    [
        (
            "ecr:GetAuthorizationToken",
            "AccessDeniedException",
            f"User: {ROLE} is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no"
            " identity-based policy allows the ecr:GetAuthorizationToken action",
            f"ecr:GetAuthorizationToken was denied to {ROLE} on * in eu-central-1: allow ecr:GetAuthorizationToken in that"
            " principal's policy (AccessDeniedException, request 4f7e-11)",
        ),
        (
            "secretsmanager:PutSecretValue",
            "AccessDeniedException",
            f"User: {ROLE} is not authorized to perform: secretsmanager:PutSecretValue on resource: {SECRET} with an"
            " explicit deny in a resource-based policy",
            f"secretsmanager:PutSecretValue was denied to {ROLE} on {SECRET} in eu-central-1: the deny must go (with an"
            " explicit deny in a resource-based policy) (AccessDeniedException, request 4f7e-11)",
        ),
        (
            "secretsmanager:GetSecretValue",
            "AccessDenied",
            f"User: {ROLE} is not authorized to perform: secretsmanager:GetSecretValue because no identity-based policy"
            " allows the secretsmanager:GetSecretValue action",
            f"secretsmanager:GetSecretValue was denied to {ROLE} in eu-central-1: allow secretsmanager:GetSecretValue in"
            " that principal's policy (AccessDenied, request 4f7e-11)",
        ),
        (
            "secretsmanager:GetSecretValue",
            "AccessDeniedException",
            "Access to KMS is not allowed",
            "secretsmanager:GetSecretValue was denied in eu-central-1 because the secret's KMS key was: allow the caller"
            " kms:Decrypt and kms:GenerateDataKey on that key (AccessDeniedException, request 4f7e-11)",
        ),
        (
            "ecr:GetAuthorizationToken",
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "ecr:GetAuthorizationToken was denied in eu-central-1: AWS does not know the caller's credentials there"
            " (UnrecognizedClientException, request 4f7e-11)",
        ),
        (
            "ecr:GetAuthorizationToken",
            "InvalidClientTokenId",
            "",
            "ecr:GetAuthorizationToken was denied in eu-central-1: AWS does not know the caller's credentials there"
            " (InvalidClientTokenId, request 4f7e-11)",
        ),
        (
            "ecr:GetAuthorizationToken",
            "AccessDeniedException",
            None,
            "ecr:GetAuthorizationToken was denied in eu-central-1: allow it in the caller's policy (AccessDeniedException,"
            " request 4f7e-11)",
        ),
    ],
)
def test_a_denial_names_the_missing_permission(action: str, code: str, message: str, expected: str) -> None:
    denied = failure(client_error(code, message), action)
    assert isinstance(denied, DeniedError)
    assert denied.rights_missing
    assert str(denied) == expected


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("ThrottlingException", ""),
        ("InternalServiceError", ""),
        ("SignatureDoesNotMatch", ""),
        ("ExpiredTokenException", ": the caller's AWS session has ended"),
        ("InvalidRequestException", ": the secret may be scheduled for deletion"),
        ("ResourceNotFoundException", ": the secret does not exist"),
    ],
)
def test_another_failure_is_named_by_code_and_request_and_not_waited_for(code: str, hint: str) -> None:
    failed = failure(client_error(code, f"a text that quotes {CANARY}"))
    assert isinstance(failed, AwsCallError)
    assert not failed.rights_missing
    assert str(failed) == f"ecr:GetAuthorizationToken in eu-central-1 failed ({code}, request 4f7e-11){hint}"


@pytest.mark.parametrize(
    "error",
    [
        client_error(
            "AccessDeniedException", f"User: arn:x is not authorized to perform: a:B on resource: c; {CANARY}"
        ),
        client_error("AccessDeniedException", f"User: {CANARY} is not authorized to perform: a:B"),
        client_error("AccessDeniedException", CANARY),
        client_error(f"code with {CANARY}", CANARY, f"request with {CANARY}"),
        client_error(None, None, None),
        ClientError({}, CANARY),
        ParamValidationError(report=f"Invalid type for parameter SecretString, value: {CANARY}"),
        ResponseParserError(f"Unable to parse response, received: {CANARY}"),
        UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY),
    ],
)
def test_no_text_of_an_error_gets_through(error: Exception) -> None:
    assert CANARY not in str(failure(error))


def test_a_failure_without_a_request_id_does_without() -> None:
    assert str(failure(client_error("Code", request=None))).endswith(" failed (Code)")


def test_an_exception_that_is_not_of_aws_passes() -> None:
    with pytest.raises(ZeroDivisionError):
        call("a:B", "eu-central-1", lambda: 1 // 0)
