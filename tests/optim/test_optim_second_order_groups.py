"""Rules that promise never to raise the loss keep it under any grouping and mixed dtypes, on ten problems."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import Group, available
from minigrad.typing import Array

RULES = [name for name in ("l-bfgs", "newton-cg", "gauss-newton") if name in available()]
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


@pytest.mark.soak
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_loss_never_rises_under_any_grouping(rule: str, problem: str) -> None:
    residuals = PROBLEMS[problem]
    for k in range(20):
        dtypes, groups = grouping(k)
        start = np.random.default_rng(99).uniform(-1.0, 1.0, 6)
        parts = dict(zip("abc", np.split(start, [2, 3]), strict=True))
        params = {n: mg.tensor(parts[n].astype(dtypes[n]), requires_grad=True) for n in SIZES}
        opt = mg.optimizer(rule, params, groups=groups)

        def loss(params: Mapping[str, mg.Tensor] = params) -> mg.Tensor:
            r = residuals(params)
            return r if rule == "gauss-newton" else mg.sum(r * r) * 0.5

        single = np.float32 in dtypes.values()
        losses = [value for _ in range(6) if (value := opt.step(loss).loss) is not None]
        slack = 1e-5 if single else 1e-12  # rounding to float32 moves the loss by about its precision
        assert all(b <= a + slack * max(1.0, abs(a)) for a, b in itertools.pairwise(losses)), (k, losses)
        assert losses[-1] < losses[0]
