"""Link `rotation`: Secrets Manager's own rotation of the secret, where it is what runs the function."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from components.aws_reads import Missing

from .function import environment_of
from .link import Findings, Link, examine
from .view import View
from .words import at

NAME = "rotation"
_TRIGGER = "EVERPULL_TRIGGER"
_PENDING = "AWSPENDING"
_CURRENT = "AWSCURRENT"


def look(view: View) -> Link:
    """Whether it is on where it is meant to be, runs the stack's function, and is not stuck."""
    return examine(NAME, lambda found: _rotation(view, found))


def _rotation(view: View, found: Findings) -> None:
    arn = view.text("loginSecretArn")
    try:
        secret = view.aws.ask("secretsmanager", "describe_secret", SecretId=arn)
        meant = _is_meant(view)
    except Missing:
        # Which of them is a fault of its own link.
        found.see("nothing to rotate")
        return
    enabled = bool(secret.get("RotationEnabled"))
    if not enabled:
        if meant:
            found.breaking("the secret's rotation is off, so nothing runs the function", view.up)
        else:
            found.see("not used: the schedule runs the function")
        return
    runs = str(secret.get("RotationLambdaARN", ""))
    if runs.split(":")[6:7] != [view.text("functionName")]:
        found.broken(f"the secret is rotated by another function than the stack's ({runs})", view.up)
    _stuck(view, secret, found)
    following = secret.get("NextRotationDate")
    if isinstance(following, datetime):
        if following + view.period < view.now:
            found.broken(f"the secret was to be rotated by {at(following)} and was not", view.renew)
        else:
            found.see(f"next rotation by {at(following)}")


def _is_meant(view: View) -> bool:
    answer = view.aws.ask("lambda", "get_function_configuration", FunctionName=view.text("functionName"))
    return environment_of(answer).get(_TRIGGER) == "rotation"


def _stuck(view: View, secret: Mapping[str, object], found: Findings) -> None:
    """A version that is pending and not current ends every rotation after it (Secrets Manager User Guide, Troubleshoot
    rotation)."""
    stages = cast(Mapping[str, Sequence[str]], secret.get("VersionIdsToStages") or {})
    left = [version for version, held in stages.items() if _PENDING in held and _CURRENT not in held]
    if left:
        found.warning(f"a rotation is under way, or was cut off: version {left[0]} is pending", view.renew)
