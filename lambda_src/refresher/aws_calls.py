"""AWS calls whose errors say what to do and hold no secret.

botocore's own errors stay behind: a ParamValidationError quotes the parameters it was given, and an answer that cannot
be parsed is quoted too. What is raised here is made of the error's code, its request id, and the principal, action and
resource that AWS names in a denial.
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError
from botocore.parsers import ResponseParserError

from . import credentials
from .denials import parse_denial
from .errors import AwsCallError, DeniedError, RefreshError

T = TypeVar("T")

# The first two are missing rights, the others keys or sessions that the service does not know (yet). "Common errors" in
# the API references of ECR, Secrets Manager and STS.
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId"})

_HINTS = {
    "RegionDisabledException": "the caller's account has STS switched off there",
    "InvalidRequestException": "the secret may be scheduled for deletion",
    "ResourceNotFoundException": "the secret does not exist",
    "ExpiredTokenException": "the caller's AWS session has ended",
}

# Secrets Manager's text when the right that is missing is one on the secret's KMS key.
_KMS_TEXT = "Access to KMS is not allowed"


def call(action: str, region: str, operation: Callable[[], T]) -> T:
    """What `operation` returns. `action` is the IAM action it needs, such as ecr:GetAuthorizationToken.

    Raises DeniedError, CredentialsMissingError or AwsCallError; any other exception of the operation passes.
    """
    try:
        return operation()
    except ClientError as error:
        response = cast(Mapping[str, object], error.response)
        # Credentials are fetched when they are first needed, which is within the operation.
        for_credentials = cast(object, error.operation_name) == credentials.EXCHANGE
        failure = _no_session(response) if for_credentials else _from_answer(action, region, response)
    except NoCredentialsError:
        failure = credentials.missing(os.environ, f"{action} in {region}")
    except CredentialRetrievalError as error:
        failure = credentials.withheld(os.environ, f"{action} in {region}", type(error).__name__)
    except OSError as error:
        failure = credentials.unreadable(f"{action} in {region}", type(error).__name__)
    except BotoCoreError as error:
        failure = AwsCallError(f"{action} in {region} failed before AWS answered ({type(error).__name__})")
    except (ResponseParserError, ValueError) as error:
        # ValueError: botocore lets those of body decoding and of timestamps through.
        failure = AwsCallError(f"{action} in {region} gave an answer that cannot be read ({type(error).__name__})")
    # Raised out here and not in the handlers above, because Python would chain the original error to it.
    raise failure


def error_code(response: Mapping[str, object]) -> str:
    """The code in a botocore error response, or Unknown."""
    match response:
        case {"Error": {"Code": str(code)}} if re.fullmatch(r"[\w.:-]{1,100}", code):
            return code
        case _:
            return "Unknown"


def _no_session(response: Mapping[str, object]) -> RefreshError:
    code = error_code(response)
    return credentials.refused(os.environ, code, _message(response), f"{code}{_request(response)}")


def _from_answer(action: str, region: str, response: Mapping[str, object]) -> RefreshError:
    code = error_code(response)
    reference = f"{code}{_request(response)}"
    if code in _DENIALS:
        return DeniedError(_denial(action, region, reference, code, response))
    hint = f": {_HINTS[code]}" if code in _HINTS else ""
    return AwsCallError(f"{action} in {region} failed ({reference}){hint}")


def _denial(action: str, region: str, reference: str, code: str, response: Mapping[str, object]) -> str:
    text = _message(response)
    said = parse_denial(text)
    if said:
        on = f" on {said.resource}" if said.resource else ""
        return f"{said.action} was denied to {said.principal}{on} in {region}: {said.fix} ({reference})"
    if _KMS_TEXT in text:
        return (
            f"{action} was denied in {region} because the secret's KMS key was: allow the caller kms:Decrypt and"
            f" kms:GenerateDataKey on that key ({reference})"
        )
    if code in ("UnrecognizedClientException", "InvalidClientTokenId"):
        return f"{action} was denied in {region}: AWS does not know the caller's credentials there ({reference})"
    return f"{action} was denied in {region}: allow it in the caller's policy ({reference})"


def _message(response: Mapping[str, object]) -> str:
    match response:
        case {"Error": {"Message": str(text)}}:
            return text
        case _:
            return ""


def _request(response: Mapping[str, object]) -> str:
    match response:
        case {"ResponseMetadata": {"RequestId": str(request)}} if re.fullmatch(r"[\w-]{1,100}", request):
            return f", request {request}"
        case _:
            return ""
