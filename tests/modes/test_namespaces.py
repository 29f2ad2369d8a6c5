"""Namespaces that the stack makes are there before anything is put into them."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pytest

from cluster.surroundings import Surroundings
from modes import deliver, namespaces
from modes.namespaces import make_namespaces
from settings import Settings, parse, schema
from tests.components.recording import Recorder, record
from tests.modes.test_modes import args
from tests.settings.bad_configurations import GOOD

CREATE = {"everpull:createNamespaces": "true", "everpull:namespaces": '["team-a", "team-b"]'}


@pytest.fixture(autouse=True)
def looked_for(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The namespaces that were looked for after they were made."""
    asked: list[Sequence[str]] = []

    async def there(_: Settings, names: Sequence[str]) -> None:
        asked.append(names)
        if "gone" in names:
            raise pulumi.RunError("gone was deleted")

    monkeypatch.setattr(namespaces, "namespaces_there", there)
    return asked


def built(config: dict[str, str], around: Surroundings) -> Recorder:
    recorder = record()
    settings = parse({**GOOD, **config}, "dev")

    @pulumi.runtime.test
    def build() -> Any:
        made = make_namespaces(settings, around)
        outputs = deliver(settings, around, args(settings), pulumi.ResourceOptions(depends_on=made))
        return pulumi.Output.all(**{key: value for key, value in outputs.items() if key != "pullSecrets"})

    build()
    return recorder


FIRST = {
    "lambda": "everpull-dev-sync-pull-secret-team-b",
    "cronjob": "everpull-dev-refresh-rights-role-team-b",
    "generator": "everpull-dev-sync-pull-secret-team-b",
}


@pytest.mark.parametrize("mode", schema.modes_with("createNamespaces"))
def test_they_are_made_before_anything_is_put_there(mode: str) -> None:
    recorder = built({**CREATE, "everpull:mode": mode}, Surroundings())
    assert {"everpull-dev-namespaces-team-a", "everpull-dev-namespaces-team-b"} <= recorder.waits_for(FIRST[mode])


@pytest.mark.parametrize("mode", schema.modes_with("createNamespaces"))
def test_none_is_made_unasked(mode: str) -> None:
    assert built({"everpull:mode": mode}, Surroundings(absent=("default",))).all(":NamespacePatch") == []


def test_those_that_were_absent_are_looked_for(looked_for: list[Sequence[str]]) -> None:
    built(CREATE, Surroundings(absent=("team-b", "unlisted")))
    assert looked_for == [["team-b"]]


def test_one_that_was_not_made_stops_the_program() -> None:
    config = {**CREATE, "everpull:namespaces": '["team-a", "gone"]'}
    with pytest.raises(pulumi.RunError, match="gone was deleted"):
        built(config, Surroundings(absent=("gone",)))
