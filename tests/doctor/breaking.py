"""Ways to break a stack, and what the doctor is to say of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from doctor.link import State
from doctor.report import as_json, as_text, first_fault
from tests.doctor import worlds
from tests.doctor.fakes import NOW
from tests.doctor.worlds import HUB, KEY, SYSTEM, World

UP = "pulumi up --refresh --stack dev"
RENEW = "make renew STACK=dev"
Break = Callable[[World], Any]
HOUR = timedelta(hours=1)

# How it is broken; then of the link that is named first: its name, its state, a part of the sentence and of the command.
Row = tuple[Break, str, State, str, str]


def keys(*states: str, created: timedelta = timedelta(days=30)) -> dict[str, Any]:
    names = [KEY, "AKIAOTHER"]
    return {
        "AccessKeyMetadata": [
            {"AccessKeyId": name, "Status": state, "CreateDate": NOW - created}
            for name, state in zip(names, states, strict=False)
        ]
    }


def answers(**found: Any) -> Break:
    """Other answers of AWS; two underscores stand for the space."""
    return lambda world: world.answers.update({name.replace("__", " "): answer for name, answer in found.items()})


def gone(*paths: str) -> Break:
    def delete(world: World) -> None:
        for path in paths:
            del world.documents[path]

    return delete


def function_with(**more: object) -> Break:
    return lambda world: world.answers["lambda get_function_configuration"].update(more)


def stored(**times: Any) -> Break:
    def store(world: World) -> None:
        one = worlds.login(**times)
        world.answers["secretsmanager get_secret_value"] = worlds.stored(one)
        for namespace, name in ((SYSTEM, HUB), ("team-a", "everpull-dev"), ("team-b", "everpull-dev")):
            world.documents[f"/api/v1/namespaces/{namespace}/secrets/{name}"] = worlds.docker_secret(one)

    return store


def both(*breaks: Break) -> Break:
    return lambda world: [each(world) for each in breaks]


def lacks(*actions: str, of: str = "role") -> Break:
    def take(world: World) -> None:
        call = f"iam get_{of}_policy"
        world.answers[call] = worlds.without(world.answers[call], *actions)

    return take


def status(path: str, **content: Any) -> Break:
    return lambda world: world.documents[path].update(status=content)


def check(world: World, row: Row) -> None:
    """Breaks it, and sees that the doctor names the link, and no secret."""
    breaking, name, state, sentence, fix = row
    breaking(world)
    links = world.walk()
    first = first_fault(links)
    assert first is not None
    assert (first.name, first.state) == (name, state), as_text("dev", links)
    assert sentence in first.faults[0].sentence
    assert fix in first.faults[0].fix
    assert worlds.CANARY not in as_text("dev", links) + as_json(links)
