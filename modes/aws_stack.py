"""The stack that keeps the login, for one that has the cluster's half of mode `lambda`."""

from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

import pulumi

from components.encryption import EncryptionArgs
from components.logins import KeptLogin
from components.policy import account_of
from settings import ConfigurationError, Fault, LambdaSettings, Settings
from settings.delivery import too_late

_KEY = "everpull:awsStack"
# What by_lambda exports for it.
_TEXTS = ("loginSecretArn", "refresherArn", "region", "loginRevision", "trigger", "schedule")


class KeptArgs(TypedDict, total=False):
    """What a delivery is told instead of what it would fetch; nothing where it fetches itself."""

    registries: Sequence[str]
    repository_arns: Sequence[str]
    kept_login: KeptLogin


def find_login(settings: Settings, account: str) -> KeptArgs:
    """Looks at the outputs of the stack that keeps the login, if it is another one. `account` is the deploying one.

    Raises ConfigurationError where nothing could come of them. They are read before anything is planned, because objects are
    named by them; the reference is what the backend knows the dependency by.
    """
    name = settings.scope.aws_stack
    if not name or not isinstance(settings.delivery, LambdaSettings):
        return {}
    outputs = _sound(settings, _outputs(settings, name))
    theirs = account_of(str(outputs["loginSecretArn"]))
    if theirs != account:
        raise _refused(
            settings,
            f"keeps its login in account {theirs}, and this stack deploys into {account}, whose users and roles can't read it",
            "a stack of the same account",
        )
    problem = too_late(settings.delivery, name, str(outputs["trigger"]), str(outputs["schedule"]))
    if problem:
        raise ConfigurationError(settings.stack, [problem.as_fault()])
    region, key = str(outputs["region"]), outputs.get("kmsKey")
    encrypted: EncryptionArgs = {"kms_key": {"arn": key, "region": region}} if isinstance(key, str) else {}
    reference = pulumi.StackReference(name)
    return {
        "registries": cast(Sequence[str], outputs["registries"]),
        "repository_arns": [],
        "kept_login": {
            "secret_arn": reference.require_output("loginSecretArn"),
            "secret_region": region,
            "refresher_arn": reference.require_output("refresherArn"),
            "revision": str(outputs["loginRevision"]),
            **encrypted,
        },
    }


def read_outputs(name: str) -> Mapping[str, object]:
    """The outputs of a stack as it was last deployed. Raises LookupError with what the engine says.

    By the function that stack references are made of (pulumi, pkg/resource/deploy/builtins.go), because a reference to a stack
    that is not there ends the program without a word of who asked for it.
    """
    try:
        answer = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name}).value
    except Exception as error:  # noqa: BLE001 - an invoke raises nothing else
        raise LookupError(str(error).rpartition("returned an error: ")[2]) from None
    return cast(Mapping[str, Mapping[str, object]], answer)["outputs"]


def _outputs(settings: Settings, name: str) -> Mapping[str, object]:
    try:
        return read_outputs(name)
    except LookupError as said:
        raise _refused(settings, f"could not be read: {said}", "a stack that pulumi stack ls --all knows") from None


def _sound(settings: Settings, outputs: Mapping[str, object]) -> Mapping[str, object]:
    missing = [key for key in _TEXTS if not isinstance(outputs.get(key), str)]
    if not isinstance(outputs.get("registries"), list) or missing:
        raise _refused(
            settings,
            f"has no output {(missing or ['registries'])[0]}, so it keeps no login, or not yet",
            "a stack of scope aws or all that was brought up before",
            f"pulumi up --stack {settings.scope.aws_stack}",
        )
    return outputs


def _refused(
    settings: Settings, problem: str, allowed: str, example: str = "pulumi config set everpull:awsStack aws"
) -> ConfigurationError:
    return ConfigurationError(settings.stack, [Fault(_KEY, settings.scope.aws_stack, problem, allowed, example)])
