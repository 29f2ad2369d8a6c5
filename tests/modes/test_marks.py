"""Tags, labels and protection: each thing has them, and nothing else of it is changed."""

import copy
import json
from typing import Any

import pulumi
import pytest

from cluster.surroundings import Surroundings
from cluster.whose import is_ours
from components.system_namespace import SystemNamespace
from modes import deliver
from modes.marks import MANAGED, labelled, marking, tagged
from settings import parse
from tests.components.recording import Recorder, Registered, record
from tests.modes.test_modes import args
from tests.settings.bad_configurations import CRONJOB, GENERATOR, GOOD
from tests.settings.bad_scopes import AWS

TAGS = {"everpull:tags": json.dumps(["team=a", "cost center=4711=b"])}
TAGGED = {"team": "a", "cost center": "4711=b", "everpull:stack": "dev"}
# Types that AWS gives no tags (AWS provider, each resource's arguments).
UNTAGGED = ("UserPolicy", "AccessKey", "RolePolicy", "Invocation", "Permission", "QueuePolicy", "EventTarget")
LABELS = {"everpull:namespaceSelector": "team=a"}


def delivered(config: dict[str, str], *, marked: bool = True) -> Recorder:
    """What a stack makes, its own namespace included."""
    recorder = record()
    settings = parse({**GOOD, **config}, "dev")

    @pulumi.runtime.test
    def build() -> Any:
        opts = pulumi.ResourceOptions(transformations=[marking(settings)] if marked else [])
        system = {"namespace": settings.system_namespace, "labels": settings.labels}
        SystemNamespace(settings.owner, system, opts)  # type: ignore[arg-type]
        made = deliver(settings, Surroundings(), args(settings), opts)
        # Looks at the cluster.
        return pulumi.Output.all(**{key: value for key, value in made.items() if key != "attachedBy"})

    build()
    return recorder


def without_marks(item: Registered) -> dict[str, Any]:
    # Each program makes an archive of its own.
    inputs = copy.deepcopy({key: value for key, value in item.inputs.items() if key not in ("tags", "code")})
    if item.type.startswith("kubernetes:"):
        for key in MANAGED:
            inputs["metadata"].get("labels", {}).pop(key, None)
    return inputs


def by_name(recorder: Recorder) -> list[Registered]:
    return sorted(recorder.resources, key=lambda item: (item.type, item.name))


MODES = [{}, CRONJOB, GENERATOR, AWS, {"everpull:trigger": "rotation"}]


@pytest.mark.parametrize("mode", MODES)
def test_everything_that_takes_tags_has_them(mode: dict[str, str]) -> None:
    recorder = delivered({**mode, **TAGS})
    ours = [item for item in recorder.resources if item.type.startswith("aws:")]
    tagless = {item.type.rpartition(":")[2] for item in ours if item.inputs.get("tags") != TAGGED}
    assert tagless <= {*UNTAGGED, "SecretRotation"}
    assert any("tags" in item.inputs for item in ours)


@pytest.mark.parametrize("mode", [{**mode, **(LABELS if mode != AWS else {})} for mode in MODES])
def test_nothing_else_is_changed_and_nothing_that_tells_whose_a_thing_is(mode: dict[str, str]) -> None:
    """In templates of pods and Secrets the labels stay as they are: who writes those knows its own by them."""
    bare, marked = delivered(mode, marked=False), delivered(mode)
    settings = parse({**GOOD, **mode}, "dev")
    for before, after in zip(by_name(bare), by_name(marked), strict=True):
        assert without_marks(before) == without_marks(after)
        if after.type.startswith("kubernetes:"):
            labels = after.inputs["metadata"]["labels"]
            assert MANAGED.items() <= labels.items()
            assert is_ours(after.inputs["metadata"], settings)
            assert is_ours(before.inputs["metadata"], settings), "what an earlier version made is known"
    assert not any(request.protect for request in marked.requests.values())


def test_tags_of_a_things_own_are_kept() -> None:
    assert tagged({"a": 1, "tags": {"x": "own"}}, {"x": "all", "y": "all"}) == {
        "a": 1,
        "tags": {"x": "own", "y": "all"},
    }
    assert tagged({"tags": None}, {"y": "all"}) == {"tags": {"y": "all"}}


@pytest.mark.parametrize("metadata", [None, {"name": "team-a"}, {"name": "team-a", "labels": {"team": "a"}}])
def test_what_is_somebody_elses_and_only_patched_gets_no_label(metadata: object) -> None:
    ours = parse(GOOD, "dev").labels
    assert labelled({"metadata": metadata}, ours) == {"metadata": metadata}


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ({}, {"Secret", "Role", "User", "Namespace"}),
        (CRONJOB, {"User", "Namespace"}),
        (GENERATOR, {"User", "Namespace"}),
    ],
)
def test_what_cannot_be_made_again_as_it_was_is_protected(mode: dict[str, str], kinds: set[str]) -> None:
    requests = delivered({**mode, "everpull:protect": "true"}).requests.values()
    protected = {request.type for request in requests if request.custom and request.protect}
    assert {kind.rpartition(":")[2] for kind in protected} == kinds
    assert "kubernetes:core/v1:Secret" not in protected, "a key can be exchanged"
    assert "kubernetes:rbac.authorization.k8s.io/v1:Role" not in protected
