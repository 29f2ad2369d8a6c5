"""Link `clocks`: this machine's, AWS's and the API server's."""

from datetime import timedelta

from .link import Findings, Link, examine
from .view import View
from .words import span

NAME = "clocks"
# AWS refuses requests whose time differs by more (IAM User Guide, Signature Version 4, Troubleshoot).
_MOST = timedelta(minutes=5)
_NOTABLE = timedelta(seconds=60)
_FIX = "timedatectl status   (on the machine whose clock is wrong)"


def look(view: View) -> Link:
    """Whether they agree, for logins and signatures are judged by them."""
    return examine(NAME, lambda found: _aws(view, found), lambda found: _cluster(view, found))


def _aws(view: View, found: Findings) -> None:
    _compare("AWS's", view.aws.clock() - view.now, found)


def _cluster(view: View, found: Findings) -> None:
    if view.is_in_cluster:
        _compare("the cluster's", view.cluster.clock() - view.now, found)


def _compare(whose: str, ahead: timedelta, found: Findings) -> None:
    off = abs(ahead)
    sentence = f"{whose} clock is {span(off)} {'ahead of' if ahead > timedelta() else 'behind'} this machine's"
    if off > _MOST:
        found.broken(f"{sentence}, and AWS refuses requests that are more than 5 min off", _FIX)
    elif off > _NOTABLE:
        found.warning(sentence, _FIX)
    else:
        found.see(f"{whose} agrees")
