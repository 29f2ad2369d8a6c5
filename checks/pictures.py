"""Pictures that the documentation has from the program: `python -m checks.pictures` compares, `--write` draws them anew.

Each is drawn from what its mode registers: a resource that no box shows, a box whose resource is gone, or an order that changed
is a fault, or another picture.
"""

import argparse
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from checks.drawing import LETTERS, Box, svg
from checks.pictured import SCENES, Scene
from checks.registered import Resource, registered

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"


class NotAsDrawn(ValueError):
    """The mode is not what its picture shows; the message says how they differ."""


def picture(scene: Scene) -> str:
    """The scene as SVG. Raises NotAsDrawn."""
    settings, made = registered(scene.config, scene.node_roles)
    resources = {name.removeprefix(f"{settings.owner}-"): resource for name, resource in made.items()}
    parts = parts_of(scene, resources)
    steps = steps_of(parts, {name: _short(resource, settings.owner) for name, resource in resources.items()})
    told = {name: _text(getattr(settings.delivery, attribute)) for name, attribute in scene.told.items()}
    boxes: dict[str, Box] = {}
    for key, part in scene.parts.items():
        lines = [*(line.format(**told) for line in part.note), *_kinds(part.made, resources)]
        boxes[key] = Box(part.column, part.row, part.title, lines, steps.get(key))
    arrows = [replace(arrow, label=arrow.label.format(**told)) for arrow in scene.arrows]
    return svg(scene.title, scene.size, scene.frames, boxes, arrows)


def parts_of(scene: Scene, resources: Mapping[str, Resource]) -> dict[str, str]:
    """Which part shows each of the resources; those that a frame stands for are left out. Raises NotAsDrawn."""
    shown = {name: key for key, part in scene.parts.items() for name in part.made}
    missing = sorted(resources.keys() - shown.keys() - {*scene.framed})
    gone = sorted({*shown, *scene.framed} - resources.keys())
    faults = [
        *(f"{scene.title} registers {name} ({resources[name].kind}), which no box shows" for name in missing),
        *(f"{scene.title} does not register {name}, which its picture shows" for name in gone),
    ]
    unknown = {key for arrow in scene.arrows for key in (arrow.start[0], arrow.end[0])} - scene.parts.keys()
    faults += [f"{scene.title} has an arrow to {key}, which is no box" for key in sorted(unknown)]
    if faults:
        raise NotAsDrawn("; ".join(faults))
    return shown


def steps_of(shown: Mapping[str, str], waits_for: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """When each part is made, from 1 on: one after all parts that one of its resources waits for. Raises NotAsDrawn."""
    before = {
        key: {shown[other] for name, at in shown.items() if at == key for other in waits_for[name] if other in shown}
        - {key}
        for key in shown.values()
    }
    steps: dict[str, int] = {}
    while len(steps) < len(before):
        ready = {key for key, others in before.items() if key not in steps and others <= steps.keys()}
        if not ready:
            raise NotAsDrawn(f"boxes wait for each other: {', '.join(sorted(before.keys() - steps.keys()))}")
        steps |= {key: 1 + max((steps[other] for other in before[key]), default=0) for key in ready}
    return steps


def _short(resource: Resource, owner: str) -> frozenset[str]:
    return frozenset(name.removeprefix(f"{owner}-") for name in resource.waits_for)


def _kinds(made: Sequence[str], resources: Mapping[str, Resource]) -> list[str]:
    """What the resources are, in lines."""
    kinds = Counter(resources[name].kind for name in made)
    named = [f"{count} {kind}s" if count > 1 else kind for kind, count in kinds.items()]
    return textwrap.wrap(", ".join(named), LETTERS)


def _text(value: int | str) -> str:
    """The value as people say it; numbers are seconds."""
    if isinstance(value, str):
        return value
    minutes, rest = divmod(value, 60)
    if rest:
        return f"{value} s"
    return "hour" if minutes == 60 else f"{minutes} min"


def main() -> int:
    """Gives the exit status: 0 when the pictures are up to date, or were brought there."""
    parser = argparse.ArgumentParser(
        prog="python -m checks.pictures", description="Compare the documentation's pictures."
    )
    parser.add_argument("--write", action="store_true", help="draw them anew")
    write: bool = parser.parse_args().write
    status = 0
    for mode, scene in SCENES.items():
        page = FOLDER / f"{mode}.svg"
        try:
            new = picture(scene)
        except NotAsDrawn as fault:
            print(f"{page.name}: {fault}: change checks/pictured.py", file=sys.stderr)
            status = 1
            continue
        if write:
            FOLDER.mkdir(exist_ok=True)
            page.write_text(new, encoding="utf-8")
        elif not page.is_file() or page.read_text(encoding="utf-8") != new:
            print(f"{page.name} is not what mode {mode} registers: run", file=sys.stderr)
            print("  .venv/bin/python -m checks.pictures --write", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
