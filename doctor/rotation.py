"""Link `rotation`: Secrets Manager's own rotation of the secret, where it is what runs the function."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

from components.aws_reads import Missing
from components.refresh_rotation import SERVICE, WINDOW_HOURS
from lambda_src.refresher.shapes import mapping

from .function import lets_invoke
from .link import Findings, Link, examine
from .view import View
from .words import at, span

NAME = "rotation"
_PENDING = "AWSPENDING"
_CURRENT = "AWSCURRENT"


def look(view: View) -> Link:
    """Whether it is on where it is meant to be, runs the stack's function as often as it should, and is not stuck."""
    return examine(NAME, lambda found: _rotation(view, found), lambda found: _permission(view, found))


def _rotation(view: View, found: Findings) -> None:
    arn = view.text("loginSecretArn")
    try:
        secret = view.aws.ask("secretsmanager", "describe_secret", SecretId=arn)
    except Missing:
        # A fault of the secret's own link.
        found.see("nothing to rotate")
        return
    if not secret.get("RotationEnabled"):
        if view.text("rotation"):
            found.breaking("the secret's rotation is off, so nothing runs the function", view.up)
        else:
            found.see("not used: the schedule runs the function")
        return
    runs = str(secret.get("RotationLambdaARN", ""))
    if runs.split(":")[6:7] != [view.text("functionName")]:
        found.broken(f"the secret is rotated by another function than the stack's ({runs})", view.up)
    _rate(view, secret, found)
    _stuck(view, secret, found)
    _times(view, secret, found)


def _permission(view: View, found: Findings) -> None:
    if view.text("rotation") and not lets_invoke(view, SERVICE, view.text("loginSecretArn")):
        found.breaking("the function does not let Secrets Manager run it", view.up)


def _rate(view: View, secret: Mapping[str, object], found: Findings) -> None:
    rules = mapping(secret.get("RotationRules"))
    actual = rules.get("ScheduleExpression") or f"every {rules.get('AutomaticallyAfterDays')} days"
    meant = view.text("rotation")
    if meant and rules and actual != meant:
        found.breaking(f"the secret is rotated by {actual}, and the stack says {meant}", view.up)


def _times(view: View, secret: Mapping[str, object], found: Findings) -> None:
    last, following = secret.get("LastRotatedDate"), secret.get("NextRotationDate")
    # A rotation may begin at any time of its window, so two of them are up to one window further apart.
    longest = view.period + timedelta(hours=WINDOW_HOURS)
    if isinstance(following, datetime) and following + view.period < view.now:
        found.broken(f"the secret was to be rotated by {at(following)} and was not", view.renew)
    elif view.text("rotation") and isinstance(last, datetime) and view.now - last > longest + view.period:
        # Secrets Manager may say when the next one is due whatever became of the last ones.
        found.broken(
            f"the secret was last rotated {span(view.now - last)} ago, and should be within {span(longest)}: "
            "the function's log tells why",
            view.aws_cli(f"logs tail {view.text('logGroup')} --since 12h"),
        )
    elif isinstance(following, datetime):
        found.see(f"next rotation by {at(following)}")


def _stuck(view: View, secret: Mapping[str, object], found: Findings) -> None:
    """A version that is pending and not current ends every rotation after it (Secrets Manager User Guide, Troubleshoot
    rotation)."""
    stages = cast(Mapping[str, Sequence[str]], secret.get("VersionIdsToStages") or {})
    left = [version for version, held in stages.items() if _PENDING in held and _CURRENT not in held]
    if left:
        found.warning(f"a rotation is under way, or was cut off: version {left[0]} is pending", view.renew)
