"""A program as a picture.

Steps from top to bottom, values as lines, the width of a bar for the time a step takes.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import attrs

from minigrad.program.compile.executable import Executable
from minigrad.program.explain import line_of
from minigrad.program.graph import Call, FusedCall, Graph, HostCall, Instruction, defs, uses
from minigrad.text import format_bytes

__all__ = ["svg_of", "write_svg"]

_ROW, _LEFT, _BOX, _BAR = 24, 260, 560, 240
_COLOURS = {"matmul": "#d0e2f5", "group": "#d9efd7", "update": "#f6dfc8", "other": "#eeeeee"}
_LONGEST = 74


@attrs.frozen
class _Place:
    """Where a step is drawn."""

    top: int
    height: int

    @property
    def middle(self) -> int:
        return self.top + self.height // 2


def write_svg(path: str | Path, name: str, graph: Graph, executable: Executable) -> None:
    """Write the picture to a file.

    Raises:
        OSError: the file cannot be written.
    """
    Path(path).write_text(svg_of(name, graph, executable), encoding="utf-8")


def svg_of(name: str, graph: Graph, executable: Executable) -> str:
    """The picture as SVG text."""
    times = executable.step_seconds() or [0.0] * len(graph.steps)
    longest = max(times, default=0.0) or 1.0
    places: list[_Place] = []
    top = 64
    for step in graph.steps:
        height = _ROW * (1 + (len(step.calls) if isinstance(step, FusedCall) else 0))
        places.append(_Place(top, height - 4))
        top += height
    width = _LEFT + _BOX + _BAR + 90
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top + 16}" '
        'font-family="monospace" font-size="11">',
        f'<rect width="{width}" height="{top + 16}" fill="white"/>',
        f'<text x="16" y="24" font-size="15">program {escape(name)}</text>',
        f'<text x="16" y="44">{len(graph.calls)} op calls, peak {format_bytes(executable.bytes + executable.scratch)}, '
        f"{sum(times) * 1e6:.0f} us a run; lines join a step with the steps that read its results</text>",
    ]
    parts += _lines(graph, places)
    for step, place, seconds in zip(graph.steps, places, times, strict=True):
        parts += _box(step, place, graph)
        if seconds:
            bar = max(1, int(_BAR * seconds / longest))
            x = _LEFT + _BOX + 8
            parts.append(f'<rect x="{x}" y="{place.top + 2}" width="{bar}" height="14" fill="#7a9cc6"/>')
            parts.append(f'<text x="{x + bar + 4}" y="{place.top + 13}">{seconds * 1e6:.1f} us</text>')
    return "\n".join([*parts, "</svg>", ""])


def _box(step: Instruction, place: _Place, graph: Graph) -> list[str]:
    colour = _COLOURS[_kind(step)]
    shapes = [
        f'<rect x="{_LEFT}" y="{place.top}" width="{_BOX}" height="{place.height}" rx="3" fill="{colour}" '
        'stroke="#999999" stroke-width="0.5"/>'
    ]
    inner = step.calls if isinstance(step, FusedCall) else ()
    texts = [line_of(step, graph), *(f"  {line_of(c, graph)}" for c in inner)]
    for row, text in enumerate(texts):
        short = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
        y = place.top + 14 + row * _ROW
        shapes.append(f'<text x="{_LEFT + 8}" y="{y}" xml:space="preserve">{escape(short)}</text>')
    return shapes


def _kind(step: Instruction) -> str:
    if isinstance(step, Call) and step.op.name == "matmul":
        return "matmul"
    return "group" if isinstance(step, FusedCall) else "update" if isinstance(step, HostCall) else "other"


def _lines(graph: Graph, places: list[_Place]) -> list[str]:
    """For each reading of a result a curve on the left, further out the longer it is."""
    maker = {k: i for i, step in enumerate(graph.steps) for k in defs(step)}
    pairs = {(maker[k], j) for j, step in enumerate(graph.steps) for k in uses(step) if k in maker}
    shapes = []
    for i, j in sorted(pairs):
        a, b = places[i].middle, places[j].middle
        out = max(12, _LEFT - 16 - int(24 * (j - i) ** 0.5))
        shapes.append(
            f'<path d="M {_LEFT} {a} C {out} {a}, {out} {b}, {_LEFT} {b}" fill="none" stroke="#888888" '
            'stroke-width="0.7" opacity="0.6"/>'
        )
    return shapes
