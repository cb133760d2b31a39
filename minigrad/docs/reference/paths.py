"""Paths of optimizers over two surfaces: a long valley and a saddle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from minigrad.charts import Line, LineChart, Picture
from minigrad.core import Tensor
from minigrad.core.errors import MinigradError
from minigrad.core.tensor import tensor
from minigrad.ops.elementwise.arithmetic import square
from minigrad.ops.functions import sum as total
from minigrad.optim import optimizer

__all__ = ["SADDLE", "VALLEY", "Path", "Surface", "path_picture", "walk", "walk_best"]

_RATES = (3e-3, 1e-2, 3e-2, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


@attrs.frozen
class Surface:
    """f(x, y) = (a x^2 + b y^2) / 2.

    Attributes:
        name: what it is called.
        a: curvature along x.
        b: curvature along y, negative for a saddle.
        start: where every path begins.
    """

    name: str
    a: float
    b: float
    start: tuple[float, float]

    def value(self, x: float, y: float) -> float:
        """Height at a point."""
        return (self.a * x * x + self.b * y * y) / 2.0

    def contours(self) -> tuple[Line, ...]:
        """Lines of equal height through points on the way down."""
        lines = []
        if self.b > 0.0:
            angle = np.linspace(0.0, 2.0 * math.pi, 73)
            for radius in (1.0, 2.0, 3.0, 4.0):
                ratio = math.sqrt(self.a / self.b)
                xs, ys = radius * np.cos(angle), radius * ratio * np.sin(angle)
                lines.append(Line("", list(map(float, xs)), list(map(float, ys)), color=7, kind="faint"))
            return tuple(lines)
        y = np.linspace(-2.0, 2.0, 41)
        for height in (0.25, 1.0, 2.5):
            xs = np.sqrt((2.0 * height - self.b * y * y) / self.a)
            for sign in (1.0, -1.0):
                lines.append(Line("", [float(sign * v) for v in xs], list(map(float, y)), color=7, kind="faint"))
        return tuple(lines)


VALLEY = Surface("a valley, 20 times steeper across than along", 1.0, 20.0, (-4.0, 0.7))
SADDLE = Surface("a saddle", 1.0, -1.0, (-2.0, 0.01))


@attrs.frozen
class Path:
    """Where an optimizer went.

    Attributes:
        rule: its name.
        rate: learning rate, None for a rule that has none.
        points: x and y after each step, the start first, shape (steps + 1, 2).
        height: of the surface at the end.
    """

    rule: str
    rate: float | None
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    height: float


def walk(rule: str, surface: Surface, rate: float | None, steps: int, **options: float) -> Path:
    """Follow a rule for some steps.

    Raises:
        MinigradError: the rule refuses an option, or its numbers are not finite.
    """
    place = tensor(np.array(surface.start), requires_grad=True)
    settings: dict[str, Any] = {**options} if rate is None else {"lr": rate, **options}
    moves = optimizer(rule, [place], **settings)
    points = [surface.start]

    curvatures = tensor(np.array([surface.a, surface.b]) / 2.0)

    def loss() -> Tensor:
        return total(square(place) * curvatures)

    for _ in range(steps):
        moves.step(loss)
        points.append((float(place.data[0]), float(place.data[1])))
        if not np.all(np.isfinite(points[-1])) or max(map(abs, points[-1])) > 8.0:
            break
    return Path(rule, rate, np.array(points), surface.value(*points[-1]))


def walk_best(rule: str, surface: Surface, steps: int) -> Path | None:
    """The path that ends lowest inside the picture, of some learning rates; None without one."""
    best: Path | None = None
    for rate in (*_RATES, None):
        try:
            path = walk(rule, surface, rate, steps)
        except MinigradError:
            continue  # this rate is not for this rule, or it has no rate at all
        inside = len(path.points) == steps + 1 and np.isfinite(path.height)
        if inside and (best is None or path.height < best.height):
            best = path
    return best


def path_picture(name: str, title: str, surface: Surface, paths: Sequence[Path], labels: Mapping[str, str]) -> Picture:
    """Paths over a surface with its contour lines."""
    lines = [
        Line(labels.get(p.rule, p.rule), list(map(float, p.points[:, 0])), list(map(float, p.points[:, 1])), color=k,
            dots=len(paths) == 1)
        for k, p in enumerate(paths)
    ]  # fmt: skip
    chart = LineChart(
        lines=(*surface.contours(), *lines), ylabel="y", xlabel="x", title=surface.name, from_zero=False, height=260.0
    )
    return Picture(name=name, title=title, subtitle=surface.name, plots=(chart,))
