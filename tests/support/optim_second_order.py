"""Ten least-squares problems of six variables in three parameters, and twenty ways to group them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

import minigrad as mg
from minigrad.optim import Group, StatefulOptimizer
from minigrad.typing import Array

__all__ = ["GROUPINGS", "PROBLEMS", "RULES", "Run", "start"]

GROUPINGS = 20
RULES: dict[str, dict[str, Any]] = {"newton": {"monotone": True}, "newton-cg": {}, "l-bfgs": {}, "gauss-newton": {}}
"""Rules that promise never to raise the loss, with the options under which they do."""
SIZES = {"a": 2, "b": 1, "c": 3}
Residuals = Callable[[Mapping[str, mg.Tensor]], mg.Tensor]


def linear(seed: int, spread: float) -> Residuals:
    """Residuals M w - y whose singular values go from 1 to `spread`."""
    rng = np.random.default_rng(seed)
    u, _, v = np.linalg.svd(rng.standard_normal((9, 6)), full_matrices=False)
    m, y = (u * np.geomspace(1.0, spread, 6)) @ v, rng.standard_normal(9)
    parts: dict[str, Array] = dict(zip("abc", np.split(m, [2, 3], axis=1), strict=True))
    return lambda p: sum((mg.tensor(parts[k]) @ p[k] for k in "abc"), start=mg.tensor(-y))


def curved(seed: int, bend: Callable[[mg.Tensor], mg.Tensor]) -> Residuals:
    """The same, bent."""
    straight = linear(seed, 5.0)
    return lambda p: bend(straight(p))


PROBLEMS: dict[str, Residuals] = {
    **{f"linear {spread:g}": linear(k, spread) for k, spread in enumerate((1.0, 10.0, 100.0, 1e3))},
    "tanh": curved(4, mg.tanh),
    "square": curved(5, lambda r: r * r),
    "exp": curved(6, lambda r: mg.exp(r * 0.3)),
    "sigmoid": curved(7, mg.sigmoid),
    "cubic": curved(8, lambda r: r + r * r * r * 0.1),
    "wave": curved(9, lambda r: r + mg.sin(r) * 0.5),
}


def grouping(k: int) -> tuple[dict[str, type[np.floating]], list[Group]]:
    """Dtypes and groups number `k` of 20."""
    rng = np.random.default_rng(k)
    dtypes = {name: (np.float32 if rng.random() < 0.4 else np.float64) for name in SIZES}
    names = [name for name in SIZES if rng.random() < 0.6]
    return dtypes, [Group(name) for name in names]


def start() -> Array:
    """Where all begin, shape `(6,)`."""
    values: Array = np.random.default_rng(99).uniform(-1.0, 1.0, 6)
    return values


@attrs.define(eq=False)
class Run:
    """A rule on a problem under grouping number `k`.

    Attributes:
        calls: evaluations of the closure so far.
        single: whether a parameter is in float32.
    """

    rule: str
    problem: str
    k: int
    calls: int = 0
    single: bool = attrs.field(init=False)
    opt: StatefulOptimizer = attrs.field(init=False)
    _params: dict[str, mg.Tensor] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        dtypes, groups = grouping(self.k)
        parts = dict(zip("abc", np.split(start(), [2, 3]), strict=True))
        self._params = {n: mg.tensor(parts[n].astype(dtypes[n]), requires_grad=True) for n in SIZES}
        self.single = np.float32 in dtypes.values()
        self.opt = mg.optimizer(self.rule, self._params, groups=groups, **RULES[self.rule])

    def closure(self) -> mg.Tensor:
        """The loss, or for gauss-newton the residuals."""
        self.calls += 1
        r = PROBLEMS[self.problem](self._params)
        return r if self.rule == "gauss-newton" else mg.sum(r * r) * 0.5

    def step(self) -> float:
        """One step; the loss before it."""
        loss = self.opt.step(self.closure).loss
        assert loss is not None
        return loss
