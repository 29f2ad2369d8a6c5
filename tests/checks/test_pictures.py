import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from checks.drawing import WIDE
from checks.pictured import SCENES, Scene
from checks.pictures import FOLDER, NotAsDrawn, parts_of, picture, steps_of
from checks.registered import Resource
from settings import schema

SVG = "{http://www.w3.org/2000/svg}"


def resource(*waits_for: str) -> Resource:
    return Resource("Role", frozenset(waits_for))


def resources_of(scene: Scene) -> dict[str, Resource]:
    made = [name for part in scene.parts.values() for name in part.made]
    return {name: resource() for name in (*made, *scene.framed)}


def test_every_mode_has_a_picture() -> None:
    assert [*SCENES] == [*schema.MODES]


@pytest.mark.parametrize("mode", SCENES)
def test_the_picture_is_drawn_from_what_the_mode_registers_now(mode: str) -> None:
    assert (FOLDER / f"{mode}.svg").read_text(encoding="utf-8") == picture(SCENES[mode])


@pytest.mark.parametrize("mode", SCENES)
def test_every_text_stays_within_the_picture_and_every_box_is_beside_the_others(mode: str) -> None:
    drawn = ElementTree.fromstring((FOLDER / f"{mode}.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    for text in drawn.iter(f"{SVG}text"):
        x, y, anchor = float(text.attrib["x"]), float(text.attrib["y"]), text.attrib["text-anchor"]
        # Wider than what any common font makes of it.
        wide = len(text.text or "") * float(text.attrib["font-size"]) * 0.62
        left = x - (wide / 2 if anchor == "middle" else 0)
        assert left >= 0, text.text
        assert left + wide <= width, text.text
        assert 0 <= y <= height, text.text
    boxes = [(part.column, part.row) for part in SCENES[mode].parts.values()]
    assert len(boxes) == len({*boxes})


@pytest.mark.parametrize("mode", SCENES)
def test_no_line_of_a_box_is_wider_than_it(mode: str) -> None:
    drawn = (FOLDER / f"{mode}.svg").read_text(encoding="utf-8")
    for size, line in re.findall(
        r'font-size="(15|12)" font-weight="\d+" text-anchor="start" fill="#\w+">([^<]*)<', drawn
    ):
        if not line.startswith("Numbers:"):
            # Of DejaVu Sans, the widest of the fonts that it may be shown with, a letter is 0.59 of its size on average.
            assert len(line) * float(size) * 0.59 <= WIDE - 12, line


def test_a_resource_that_no_box_shows_is_a_fault() -> None:
    scene = SCENES["cronjob"]
    with pytest.raises(NotAsDrawn, match=r"Mode cronjob registers refresh-more \(Role\), which no box shows"):
        parts_of(scene, {**resources_of(scene), "refresh-more": resource()})


def test_a_box_whose_resource_is_gone_is_a_fault() -> None:
    scene = SCENES["lambda"]
    found = resources_of(scene)
    del found["refresh-log"]
    with pytest.raises(NotAsDrawn, match="Mode lambda does not register refresh-log, which its picture shows"):
        parts_of(scene, found)


def test_an_arrow_to_nowhere_is_a_fault() -> None:
    scene = SCENES["node-role"]
    arrow = replace(scene.arrows[0], end=("nobody", "left"))
    with pytest.raises(NotAsDrawn, match="has an arrow to nobody, which is no box"):
        parts_of(replace(scene, arrows=[arrow]), resources_of(scene))


def test_a_box_is_made_after_all_that_one_of_its_resources_waits_for() -> None:
    shown = {"user": "identity", "rights": "identity", "secret": "secret", "store": "store"}
    waits = {
        "user": frozenset[str](),
        "rights": frozenset({"user", "secret"}),
        "secret": frozenset[str](),
        "store": frozenset({"rights", "framed"}),
    }
    assert steps_of(shown, waits) == {"secret": 1, "identity": 2, "store": 3}


def test_boxes_that_wait_for_each_other_are_a_fault() -> None:
    with pytest.raises(NotAsDrawn, match="boxes wait for each other: a, b"):
        steps_of({"x": "a", "y": "b"}, {"x": frozenset({"y"}), "y": frozenset({"x"})})
