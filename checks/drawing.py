"""Boxes, frames and arrows as plain SVG, with a light ground of its own, so that it is as legible on a dark page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

WIDE, HIGH = 204, 92
_GAP, ROW = 92, 134
# How many letters a line of a box takes, whatever font there is.
LETTERS = 28
MARGIN = 24
_HEAD = 62
_LEGEND = "Numbers: made in this order, and deleted in the reverse one. Dashed: not made by the stack itself."

_INK, _SOFT, _LINE = "#1b1f24", "#57606a", "#31507a"
_FRAMES = {"aws": ("#fff4e2", "#d9962f"), "cluster": ("#eaf2fc", "#6f97c9"), "namespace": ("#fbfdff", "#9db8d9")}
_FONT = "font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\""


@dataclass(frozen=True)
class Box:
    """One thing, at a column and row of the grid, or between two.

    `step` tells when it is made, None for what the stack does not make itself; such a box is dashed.
    """

    column: float
    row: float
    title: str
    lines: Sequence[str]
    step: int | None = None

    @property
    def left(self) -> float:
        """Its left edge."""
        return x_of(self.column)

    @property
    def top(self) -> float:
        """Its upper edge."""
        return y_of(self.row)


@dataclass(frozen=True)
class Frame:
    """What surrounds boxes, from one column and row to another. `kind` is one of aws, cluster and namespace."""

    kind: str
    title: str
    first: tuple[float, float]
    last: tuple[float, float]
    margin: float = 18
    head: float = 0
    """Room above for frames within."""


@dataclass(frozen=True)
class Arrow:
    """From the side of a box to that of another, such as `right.5` (its middle) to `left.5`.

    Where both are on the same axis it turns at `turn` of the way between them; where they are not, at the corner. `way` has
    corners instead, as columns and rows. The label lies at the longest part, or at that part by its number.
    """

    start: tuple[str, str]
    end: tuple[str, str]
    label: str
    turn: float = 0.5
    way: Sequence[tuple[float, float]] = ()
    part: int | None = None
    shift: tuple[float, float] = (0, 0)


Point = tuple[float, float]


def x_of(column: float) -> float:
    """The left edge of a column."""
    return MARGIN + 20 + column * (WIDE + _GAP)


def y_of(row: float) -> float:
    """The upper edge of a row."""
    return MARGIN + _HEAD + 24 + row * ROW


def svg(title: str, size: Point, frames: Sequence[Frame], boxes: Mapping[str, Box], arrows: Sequence[Arrow]) -> str:
    """The whole picture. `size` is in columns and rows."""
    width, height = x_of(size[0]) - _GAP + 20 + MARGIN, y_of(size[1]) - ROW + HIGH + 44 + MARGIN + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" {_FONT}>',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" fill="{_LINE}"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="12" fill="#ffffff"/>',
        *map(_frame, frames),
        *(_line(arrow, boxes) for arrow in arrows),
        *map(_box, boxes.values()),
        *(_label(arrow, boxes) for arrow in arrows),
        _text(MARGIN + 2, height - 14, _LEGEND, 12, _SOFT),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _frame(frame: Frame) -> str:
    fill, stroke = _FRAMES[frame.kind]
    left, top = x_of(frame.first[0]) - frame.margin, y_of(frame.first[1]) - frame.margin - 16 - frame.head
    right, bottom = x_of(frame.last[0]) + WIDE + frame.margin, y_of(frame.last[1]) + HIGH + frame.margin
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" height="{bottom - top:.0f}" rx="10" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="1.5"/>\n' + _text(left + 12, top + 20, frame.title, 14, _SOFT, "600")
    )


def _box(box: Box) -> str:
    dashed = ' stroke-dasharray="5 4"' if box.step is None else ""
    ink = _SOFT if box.step is None else _LINE
    parts = [
        f'<rect x="{box.left:.0f}" y="{box.top:.0f}" width="{WIDE}" height="{HIGH}" rx="7" fill="#ffffff" stroke="{ink}" '
        f'stroke-width="1.5"{dashed}/>',
        _text(box.left + 12, box.top + 24, box.title, 15, _INK, "600"),
        *(_text(box.left + 12, box.top + 44 + 17 * number, line, 12, _SOFT) for number, line in enumerate(box.lines)),
    ]
    if box.step is not None:
        parts.append(
            f'<circle cx="{box.left + WIDE - 18:.0f}" cy="{box.top + 18:.0f}" r="11" fill="{_LINE}"/>\n'
            + _text(box.left + WIDE - 18, box.top + 22.5, str(box.step), 12.5, "#ffffff", "600", "middle")
        )
    return "\n".join(parts)


def _line(arrow: Arrow, boxes: Mapping[str, Box]) -> str:
    points = " ".join(f"{x:.0f},{y:.0f}" for x, y in _points(arrow, boxes))
    return f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="1.6" marker-end="url(#tip)"/>'


def _label(arrow: Arrow, boxes: Mapping[str, Box]) -> str:
    """On a part that is upright its lines are beside each other's middle; on one that is level they are above it."""
    points = _points(arrow, boxes)
    parts = list(pairwise(points))
    number = arrow.part if arrow.part is not None else max(range(len(parts)), key=lambda at: _length(*parts[at]))
    (x1, y1), (x2, y2) = parts[number]
    x, y = (x1 + x2) / 2 + arrow.shift[0], (y1 + y2) / 2 + arrow.shift[1]
    lines = arrow.label.split("\n")
    upright = abs(x1 - x2) < 1
    first = y + 4 - 7.5 * (len(lines) - 1) if upright else y - 6 - 15 * (len(lines) - 1)
    anchor = "start" if upright else "middle"
    return "\n".join(
        _text(x + (7 if upright else 0), first + 15 * at, line, 12, _LINE, "500", anchor, halo=True)
        for at, line in enumerate(lines)
    )


def _points(arrow: Arrow, boxes: Mapping[str, Box]) -> list[Point]:
    start, level = _side(boxes[arrow.start[0]], arrow.start[1])
    end, ends_level = _side(boxes[arrow.end[0]], arrow.end[1])
    if arrow.way:
        corners = [(x_of(column), y_of(row)) for column, row in arrow.way]
    elif level and ends_level:
        x = start[0] + (end[0] - start[0]) * arrow.turn
        corners = [(x, start[1]), (x, end[1])]
    elif not level and not ends_level:
        y = start[1] + (end[1] - start[1]) * arrow.turn
        corners = [(start[0], y), (end[0], y)]
    else:
        corners = [(end[0], start[1]) if level else (start[0], end[1])]
    # A corner on a straight line is none, and would put the label into one half of it.
    straight = not arrow.way and (start[0] == end[0] or start[1] == end[1])
    return [start, end] if straight else [start, *corners, end]


def _side(box: Box, place: str) -> tuple[Point, bool]:
    """A point at the edge of a box, and whether an arrow leaves it level."""
    side, _, share = place.partition(".")
    at = float(f"0.{share or 5}")
    match side:
        case "left" | "right":
            return (box.left + (WIDE if side == "right" else 0), box.top + HIGH * at), True
        case _:
            return (box.left + WIDE * at, box.top + (HIGH if side == "bottom" else 0)), False


def _length(start: Point, end: Point) -> float:
    return abs(start[0] - end[0]) + abs(start[1] - end[1])


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    color: str,
    weight: str = "400",
    anchor: str = "start",
    *,
    halo: bool = False,
) -> str:
    begin = f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
    # Drawn twice, because not everything that shows SVG knows paint-order.
    edge = f'{begin}fill="#ffffff" stroke="#ffffff" stroke-width="4" stroke-linejoin="round">{escape(text)}</text>'
    return (f"{edge}\n" if halo else "") + f'{begin}fill="{color}">{escape(text)}</text>'
