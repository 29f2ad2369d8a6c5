"""The picture in bench/README.md: how time and memory grow with namespaces, as plain SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 960, 330
_PANEL, _GAP, _LEFT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 300, 14, 44, 86, 236, 190
_COLOURS = {"everpull": "#0b62c4", "peer": "#b3541e"}
_NAMES = {"everpull": "everpull", "peer": "k8s-ecr-login-renew"}
_INK, _FAINT = "#1f2328", "#d0d7de"


@dataclass(frozen=True)
class Panel:
    """One plot: `figure` is the name of the median that it shows, in `unit`."""

    title: str
    figure: str
    unit: str


PANELS = (
    Panel("Wall time, all due", "wall_due", "s"),
    Panel("Wall time, nothing due", "wall_fresh", "s"),
    Panel("Peak memory, all due", "memory_due", "MiB"),
)


def draw(sizes: Sequence[Mapping[str, Any]]) -> str:
    """The SVG, out of the results of several sizes, smallest first."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13">',
        f"<title>{escape(_spoken(sizes))}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="#ffffff" stroke="{_FAINT}"/>',
        *_legend(),
    ]
    for number, panel in enumerate(PANELS):
        parts.append(f'<g transform="translate({18 + number * (_PANEL + _GAP)} 0)">')
        parts += _panel(panel, sizes)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def ticks(highest: float, most: int = 5) -> list[float]:
    """Round steps from 0 to at least `highest`, at most `most` of them after the 0."""
    size = 10.0**-6
    while True:
        for factor in (1, 2, 5):
            step = size * factor
            if step * most >= highest:
                count = next(n for n in range(1, most + 1) if step * n >= highest)
                return [step * n for n in range(count + 1)]
        size *= 10


def _legend() -> list[str]:
    parts: list[str] = []
    for number, (program, colour) in enumerate(_COLOURS.items()):
        x = 24 + number * 110
        parts.append(f'<circle cx="{x}" cy="28" r="5" fill="{colour}"/>')
        parts.append(_text(x + 12, 32.5, _NAMES[program], fill=colour, weight=600))
    parts.append(_text(_WIDTH - 24, 32.5, "less is better", anchor="end"))
    return parts


def _panel(panel: Panel, sizes: Sequence[Mapping[str, Any]]) -> list[str]:
    across = ticks(max(result["namespaces"] for result in sizes), 4)
    up = ticks(max(result[program][panel.figure] for result in sizes for program in _COLOURS))

    def x(namespaces: float) -> float:
        return _LEFT + _PLOT_WIDTH * namespaces / across[-1]

    def y(value: float) -> float:
        return _TOP + _PLOT_HEIGHT * (1 - value / up[-1])

    parts = [_text(_LEFT - 38, _TOP - 18, f"{panel.title} ({panel.unit})", weight=600)]
    for value in up:
        parts.append(
            f'<line x1="{_LEFT}" x2="{_LEFT + _PLOT_WIDTH}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="{_FAINT}"/>'
        )
        parts.append(_text(_LEFT - 8, y(value) + 4.5, f"{value:g}", anchor="end", size=12))
    below = _TOP + _PLOT_HEIGHT
    parts += [_text(x(count), below + 20, f"{count:g}", anchor="middle", size=12) for count in across]
    parts.append(_text(_LEFT + _PLOT_WIDTH / 2, below + 40, "namespaces", anchor="middle", size=12))
    for program, colour in _COLOURS.items():
        points = [(x(result["namespaces"]), y(result[program][panel.figure])) for result in sizes]
        path = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{across:.1f}" cy="{up:.1f}" r="4" fill="{colour}"/>' for across, up in points]
        last = sizes[-1][program][panel.figure]
        parts.append(
            _text(points[-1][0] - 4, points[-1][1] - 9, _value(last, panel.unit), anchor="end", fill=colour, weight=600)
        )
    return parts


def _value(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 20 else f"{value:.1f} {unit}"


def _spoken(sizes: Sequence[Mapping[str, Any]]) -> str:
    """The picture in words, for those who can't see it."""
    last = sizes[-1]
    told = [
        f"{panel.title}: {_value(last['everpull'][panel.figure], panel.unit)} and "
        f"{_value(last['peer'][panel.figure], panel.unit)}"
        for panel in PANELS
    ]
    return f"everpull and k8s-ecr-login-renew at {last['namespaces']} namespaces. {'. '.join(told)}."


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", fill: str = _INK, weight: int = 400, size: int = 13
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}" '
        f'font-size="{size}">{escape(text)}</text>'
    )
