"""Pictures of a comparison.

matplotlib is imported when something is drawn, and not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minigrad.core.types import Array
from minigrad_compare.compare import Comparison, Curve, Plane, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves_figure", "draw_comparison", "paths_figure"]

_COLOURS = (
    "#1f77b4",
    "#d62728",
    "#2ca02c",
    "#9467bd",
    "#ff7f0e",
    "#17becf",
    "#8c564b",
    "#e377c2",
    "#7f7f7f",
    "#bcbd22",
)
_LINES = ("-", "--", "-.", ":")
_FLOOR, _CEILING = 1e-14, 1e30


def draw_comparison(comparison: Comparison, folder: Path) -> tuple[list[str], str]:
    """Draw curves.png and, in the plane, paths.png.

    Returns the names, and a line for people if nothing was drawn.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return [], "no pictures: with matplotlib installed there are curves.png and paths.png"
    names = ["curves.png"]
    curves_figure(comparison).savefig(folder / "curves.png", dpi=120)
    if comparison.problem.plane is not None:
        paths_figure(comparison, comparison.problem.plane).savefig(folder / "paths.png", dpi=120)
        names.append("paths.png")
    return names, ""


def curves_figure(comparison: Comparison) -> Figure:
    """Draw the figure against units and against seconds.

    The median run of each rule, and the range over seeds.
    """
    from matplotlib.figure import Figure

    problem = comparison.problem
    figure = Figure(figsize=(11.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for index, result in enumerate(_drawn(comparison)):
        style = {"color": _COLOURS[index % len(_COLOURS)], "linestyle": _LINES[index // len(_COLOURS) % len(_LINES)]}
        units, seconds, low, middle, high = _bands(result.curves)
        rate = "" if result.lr is None else f", lr {result.lr:g}"
        left.plot(units, middle, linewidth=1.6, label=f"{result.optimizer}{rate}", **style)
        left.fill_between(units, low, high, color=style["color"], alpha=0.13, linewidth=0)
        right.plot(seconds, middle, linewidth=1.6, **style)
    for axes, what in ((left, problem.unit), (right, "seconds in steps")):
        axes.axhline(problem.target, color="0.35", linestyle=":", linewidth=1.2)
        axes.set_xlabel(what)
        axes.set_yscale("log")
        _plain(axes)
    left.set_ylabel(f"{problem.figure}: median over {comparison.seeds} seeds, and range")
    left.set_xlim(0, problem.budget)
    right.set_xlim(0, _longest(comparison))
    left.set_ylim(*_limits(comparison))
    right.annotate("target", (1.0, problem.target), xycoords=("axes fraction", "data"), ha="right", va="bottom",
        fontsize=8, color="0.35")  # fmt: skip
    if left.get_legend_handles_labels()[0]:
        figure.legend(loc="outside right center", frameon=False)
    figure.suptitle(f"{problem.name}: each rule at the best of the same {len(comparison.grid)} learning rates")
    return figure


def paths_figure(comparison: Comparison, plane: Plane) -> Figure:
    """The way of each rule over the contours, from the starting point of the first seed."""
    from matplotlib.figure import Figure

    shown = _drawn(comparison)
    columns = min(4, len(shown)) or 1
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(3.3 * columns, 3.1 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    x, y = (np.linspace(*ends, 200) for ends in (plane.x, plane.y))
    heights = plane.value(*np.meshgrid(x, y))
    levels = np.geomspace(max(float(heights.min()), 1e-2), float(heights.max()), 14)
    for index, axes in enumerate(grid.flat):
        if index >= len(shown):
            axes.set_visible(False)
            continue
        result, curve = shown[index], shown[index].curves[0]
        axes.contour(x, y, heights, levels=levels, colors="0.75", linewidths=0.6)
        path = np.array(curve.path)
        colour = _COLOURS[index % len(_COLOURS)]
        axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.1, marker=".", markersize=3.5)
        axes.plot(*path[0], marker="o", color="black", markersize=5, linestyle="")
        axes.plot(*plane.minimum, marker="*", color="black", markersize=11, linestyle="")
        axes.set_xlim(*plane.x)
        axes.set_ylim(*plane.y)
        axes.set_title(_caption(result, curve, comparison), fontsize=9)
        _plain(axes)
    figure.suptitle(f"{comparison.problem.name}: from the same start (dot) to the minimum (star)")
    return figure


def _caption(result: Result, curve: Curve, comparison: Comparison) -> str:
    rate = "" if result.lr is None else f", lr {result.lr:g}"
    hit = curve.reached(comparison.problem.target)
    when = f"target after {hit[0]:g}" if hit is not None else f"{curve.final:.1g} after {curve.units[-1]:g}"
    unit = comparison.problem.unit.removesuffix("s") if hit is not None and hit[0] == 1 else comparison.problem.unit
    return f"{result.optimizer}{rate}\n{when} {unit}"


def _drawn(comparison: Comparison) -> list[Result]:
    return [result for result in comparison.results if result.curves]


def _bands(curves: Sequence[Curve]) -> tuple[Array, Array, Array, Array, Array]:
    """Compute the range of all runs at each measurement that all came to.

    Median units and seconds, and least, median and largest figure.
    """
    length = min(len(curve.values) for curve in curves)
    values = np.array([curve.values[:length] for curve in curves])
    values = np.clip(np.where(np.isfinite(values), values, np.nan), _FLOOR, _CEILING)
    places = np.median([curve.units[:length] for curve in curves], axis=0)
    times = np.median([curve.seconds[:length] for curve in curves], axis=0)
    return places, times, values.min(axis=0), np.median(values, axis=0), values.max(axis=0)


def _longest(comparison: Comparison) -> float:
    """Until the last rule has left the picture below, or spent its budget."""
    floor = _limits(comparison)[0]
    ends = []
    for result in _drawn(comparison):
        _, seconds, _, middle, _ = _bands(result.curves)
        inside = np.flatnonzero(middle > floor)
        ends.append(float(seconds[inside[-1] if len(inside) else 0]))
    return 1.03 * max(ends, default=1.0) or 1.0


def _limits(comparison: Comparison) -> tuple[float, float]:
    """Choose the limits of the figure's axis.

    From a little below the lowest figure (but not far below the target) to a little above the start.
    """
    curves = [curve for result in _drawn(comparison) for curve in result.curves]
    starts = [curve.values[0] for curve in curves if np.isfinite(curve.values[0])]
    finite = [v for curve in curves for v in curve.values if np.isfinite(v) and v > 0]
    lowest = max(min(finite, default=1e-3), 1e-4 * comparison.problem.target)
    bottom = max(0.5 * min(lowest, comparison.problem.target), _FLOOR)  # the axis is logarithmic
    return bottom, min(max(3.0 * max(starts, default=1.0), 10.0 * bottom), _CEILING)


def _plain(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
