"""Renewing in mode `lambda`: the function, then what ESO carries. What is broken on the way stops nothing that can go on."""

from components.aws_reads import Denied, Missing, Unanswered
from kube.changes import NotDone
from lambda_src.refresher.shapes import mapping, sequence

from .hands import Hands
from .renewal import Renewal
from .stored_login import read_login
from .syncing import carry
from .view import View

_EVENT = {"reason": "make renew", "force": True, "imagesMayFail": True}


def renew(view: View, hands: Hands, renewal: Renewal) -> None:
    """Renews now, to the last namespace, and tells of each step."""
    _invoke(view, hands, renewal)
    carry(view, hands, renewal, _wanted(view, renewal))


def _invoke(view: View, hands: Hands, renewal: Renewal) -> None:
    name = view.text("functionName")
    try:
        answer = hands.invoke(name, _EVENT)
    except Missing:
        renewal.broke(f"the function {name} does not exist: {view.up}")
    except NotDone as reason:
        renewal.broke(f"the function failed: {reason}")
    except Denied as action:
        renewal.broke(f"the function was not run, because you have no right to {action}")
    except Unanswered as reason:
        renewal.broke(f"the function was not run: {reason}")
    else:
        renewal.done(f"the function answered {answer.get('status')}, the login lives until {answer.get('expiresAt')}")
        for image in map(mapping, sequence(answer.get("images"))):
            if image.get("status") == "refused":
                renewal.broke(f"{image.get('image')} can't be pulled: {image.get('detail', 'no reason given')}")


def _wanted(view: View, renewal: Renewal) -> str | None:
    """The docker config that namespaces are to hold; None where the caller may not read it."""
    try:
        login = read_login(view.aws, view.text("loginSecretArn"))
    except (Denied, Unanswered) as reason:
        renewal.done(f"the secret was not read ({reason}), so what ESO says is relied on")
        return None
    if login is None or login.flaw:
        renewal.broke(f"the secret holds no login{f' ({login.flaw})' if login else ''}")
        return None
    if login.expires_at and login.expires_at <= view.now:
        renewal.broke("the login in the secret is dead")
    return login.docker_config
