"""Link `registries`: whether each registry takes the login, and what can be pulled with it."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import cast

from components.aws_reads import Denied, Missing, Unanswered
from components.policy import account_of
from lambda_src.refresher.core import Login, read_docker_config
from lambda_src.refresher.images import Image, Verdict, parse_image
from lambda_src.refresher.registries import PUBLIC, Registry, parse_registry
from settings.images import AUTO

from .cluster import DATA_KEY, decoded, secret_path
from .link import Findings, Link, examine
from .view import View
from .words import counted, listed

NAME = "registries"
# Repositories tried in each registry; a pattern may mean thousands.
_MOST = 20
_MOST_PAGES = 5


def look(view: View) -> Link:
    """Whether each registry takes the login that pods have, and a manifest of each configured repository can be read."""
    return examine(NAME, lambda found: _registries(view, found))


def _registries(view: View, found: Findings) -> None:
    logins = _logins(view)
    if not logins:
        found.broken("there is no pull secret with a login that could be tried", view.renew)
        return
    taken: list[str] = []
    for verdict in view.registries.try_logins(logins):
        if verdict.status == "taken":
            taken.append(verdict.host)
        elif verdict.status == "refused":
            found.broken(str(verdict.detail), view.renew)
        else:
            found.unknown(f"not tried: {verdict.detail}", f"curl --head https://{verdict.host}/v2/")
    if taken:
        found.see(f"login accepted by {listed(taken)}")
    # An image would be refused for the login's sake, which has been said.
    images = [image for image in _images(view, found) if image.host in taken]
    verdicts = view.registries.try_pulls(list(dict.fromkeys(images)), logins)
    for verdict in verdicts:
        _tell(view, verdict, found)
    if pulled := sum(verdict.status == "pulls" for verdict in verdicts):
        found.see(f"{counted(pulled, 'image')} can be pulled")


def _logins(view: View) -> list[Login]:
    """What pods pull with: the hub's, else that of the first namespace which has any."""
    places = [view.place("hub")] if view.text("hub") else []
    for place in view.texts("pullSecrets"):
        namespace, _, name = place.partition("/")
        places.append((namespace, name))
    wanted = set(view.texts("registries"))
    for place in places:
        secret = view.cluster.document(secret_path(*place))
        logins = read_docker_config(decoded(secret, DATA_KEY)) if secret else ()
        if logins:
            return [login for login in logins if wanted & set(login.registries)]
    return []


def _images(view: View, found: Findings) -> Iterator[Image]:
    """The images of everpull:verifyImages, and one of each configured repository."""
    for text in view.settings.reach.images:
        if text != AUTO:
            yield parse_image(text)
    for host in view.texts("registries"):
        if host != PUBLIC.host:
            yield from _of_registry(view, parse_registry(host), found)


def _of_registry(view: View, registry: Registry, found: Findings) -> Iterator[Image]:
    is_own = registry.account == account_of(view.text("refresherArn"))
    aws = view.aws.in_region(registry.region)
    try:
        names = _repositories(view, registry)
    except (Denied, Unanswered, Missing) as reason:
        if is_own:
            raise
        # Not of this account, so nobody here need be able to look.
        found.see(f"repositories of {registry.host} not looked for ({reason})")
        return
    if not names:
        found.see(f"no repository in {registry.host} that is configured")
    for name in names[:_MOST]:
        try:
            tag = view.registries.some_tag(aws, registry.host, name)
        except Missing:
            found.broken(
                f"{registry.host} has no repository {name}",
                view.aws_cli(f"ecr create-repository --repository-name {name}"),
            )
        except (Denied, Unanswered) as reason:
            if is_own:
                raise
            found.see(f"{registry.host}/{name} not tried ({reason})")
        else:
            if tag is None:
                found.see(f"{name} has no image")
            else:
                yield parse_image(f"{registry.host}/{name}:{tag}")
    if len(names) > _MOST:
        found.see(f"{len(names) - _MOST} more repositories not tried")


def _repositories(view: View, registry: Registry) -> list[str]:
    """The configured ones: those that are named, and those that a pattern means now. Raises Missing, Denied, Unanswered."""
    named = [pattern for pattern in view.settings.repositories if "*" not in pattern]
    patterns = [pattern for pattern in view.settings.repositories if "*" in pattern]
    if not patterns:
        return named
    aws = view.aws.in_region(registry.region)
    request: dict[str, object] = {"registryId": registry.account}
    found: list[str] = []
    for _ in range(_MOST_PAGES):
        answer = aws.ask("ecr", "describe_repositories", **request)
        there = cast(Sequence[dict[str, str]], answer["repositories"])
        found += [item["repositoryName"] for item in there]
        if not answer.get("nextToken"):
            break
        request["nextToken"] = answer["nextToken"]
    return list(dict.fromkeys([*named, *(name for name in found if any(fnmatchcase(name, one) for one in patterns))]))


def _tell(view: View, verdict: Verdict, found: Findings) -> None:
    image = verdict.image
    sentence = f"{image}: {verdict.detail}"
    if verdict.status == "refused":
        found.broken(sentence, _remedy(view, verdict))
    elif verdict.status == "unreachable":
        found.unknown(f"not tried: {sentence}", f"curl --head https://{image.host}/v2/")


def _remedy(view: View, verdict: Verdict) -> str:
    image, detail = verdict.image, verdict.detail or ""
    if "unknown image" in detail:
        return view.aws_cli(f"ecr list-images --repository-name {image.repository}")
    if "denied" in detail:
        return view.aws_cli(f"ecr get-repository-policy --repository-name {image.repository}")
    return view.renew
