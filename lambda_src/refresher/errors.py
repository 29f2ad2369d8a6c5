"""Failures of a refresh. No message here ever quotes a token, a password or content of the secret."""

import traceback
from collections.abc import Sequence
from pathlib import PurePath


class RefreshError(Exception):
    """A refresh failed, or a part of it; whatever could not be renewed is still in place as it was.

    `rights_missing` is true when the same refresh may work as soon as AWS knows of rights already granted.
    """

    rights_missing = False


class ConfigurationError(RefreshError):
    """The environment or the event cannot be understood. Lists every fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))


class DeniedError(RefreshError):
    """AWS refused a call for want of a right, or does not know the caller's credentials (yet)."""

    rights_missing = True


class CredentialsMissingError(RefreshError):
    """There is nothing to prove ourselves to AWS with, and there won't be in this process."""


class AwsCallError(RefreshError):
    """AWS failed a call for another reason, or could not be reached."""


class OddAnswerError(RefreshError):
    """AWS answered with something that cannot be right, such as anything but exactly one usable login."""


class DocumentTooLargeError(RefreshError):
    """The document would not fit into the secret."""


class LoginsUnavailableError(RefreshError):
    """Several of so many logins were not to be had; `told` are the texts about each of them."""

    def __init__(self, told: Sequence[str], logins: int, failures: Sequence[RefreshError]) -> None:
        super().__init__(f"{len(told)} of {logins} logins were not to be had: " + "; ".join(told))
        self.rights_missing = all(failure.rights_missing for failure in failures)


class ImagesRefusedError(RefreshError):
    """Of so many images, these are refused to the logins that are in place; `told` are the texts about each of them."""

    def __init__(self, told: Sequence[str], images: int, *, rights_missing: bool) -> None:
        super().__init__(f"{len(told)} of {images} images can't be pulled: " + "; ".join(told))
        self.rights_missing = rights_missing


class LoginRefusedError(RefreshError):
    """A registry does not take a login that was just fetched."""


class NotRenewedError(RefreshError):
    """A login is the last one still, or missing; why was told when the version was made that it is not in."""


class RotationError(RefreshError):
    """A step of a rotation can't be taken; what is current stays as it is."""


class RegistryUnreachableError(RefreshError):
    """A registry could not be reached, or answered with something that is no answer of one. The text is without its name."""


class ApiUnreachableError(RefreshError):
    """The Kubernetes API server could not be reached, or answered with something that is no answer of one."""


class ApiDeniedError(RefreshError):
    """The API server does not know the service account, or refused it for want of a right."""


class ApiCallError(RefreshError):
    """The API server failed a call for another reason."""


class NamespaceMissingError(RefreshError):
    """There is no such namespace."""


class SecretRefusedError(RefreshError):
    """A Secret is there that must be left alone; the message says why and what to do."""


class UnexpectedError(RefreshError):
    """A fault of our own. Names the exception's type and place; its text stays out, because it could quote a token."""


def unexpected(error: Exception) -> UnexpectedError:
    """What may be told of `error`."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{PurePath(frame.filename).name}:{frame.lineno}"
    return UnexpectedError(f"a fault in the refresher itself: {type(error).__name__} at {place}")
