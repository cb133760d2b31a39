"""Every setting of the driver with every other, drawn at random, against the arithmetic written out by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.optim import (
    ClipAdaptive,
    ClipNorm,
    ClipValue,
    Ema,
    Exponential,
    Group,
    InverseTime,
    LookAhead,
    NonFiniteWarning,
    Piecewise,
    Swa,
)
from minigrad.typing import Array

Arrays = dict[str, Array]
SHAPES = {"a.w": (3, 2), "a.b": (2,), "c.w": (2, 4), "c.b": ()}
RATES: dict[str, Callable[[int], float]] = {
    "0.05": lambda t: 0.05,
    "inverse": lambda t: 0.1 / (1.0 + 0.5 * (t - 1)),
    "steps": lambda t: 0.1 if t < 3 else 0.02,
}
SCHEDULES: dict[str, Any] = {"0.05": 0.05, "inverse": InverseTime(0.1, 0.5), "steps": Piecewise((3,), (0.1, 0.02))}
DECAYS: dict[str, Callable[[int], float]] = {
    "0": lambda t: 0.0,
    "0.3": lambda t: 0.3,
    "falling": lambda t: 0.4 * 0.5 ** (t - 1),
}
DECAY_SCHEDULES: dict[str, Any] = {"0": 0.0, "0.3": 0.3, "falling": Exponential(0.4, 0.5)}
CLIPS: dict[str, Any] = {
    "none": None, "norm": ClipNorm(0.7), "value": ClipValue(0.2), "adaptive": ClipAdaptive(0.1, 0.01),
    "both": [ClipValue(0.3), ClipNorm(0.5)],
}  # fmt: skip
AVERAGES: dict[str, Any] = {"none": None, "ema": Ema(0.5, start=2, every=2), "swa": Swa(start=2)}


@attrs.frozen
class Drawn:
    """Settings in words."""

    rule: str
    rate: str
    decay: str
    decoupled: bool
    clip: str
    maximise: bool
    accumulate: int
    average: str
    lookahead: bool
    group: bool
    late: bool
    bad: int


def draw(seed: int) -> Drawn:
    """The settings of a number."""
    rng = np.random.default_rng(seed)

    def one(words: Any) -> Any:
        return list(words)[int(rng.integers(len(list(words))))]

    return Drawn(one(["sgd", "momentum", "adam"]), one(RATES), one(DECAYS), one([False, True]), one(CLIPS),
                 one([False, True]), one([1, 1, 2, 3]), one(AVERAGES), one([False, True]), one([False, True]),
                 one([False, True]), one([-1, 0, 3, 4]))  # fmt: skip


class ByHand:
    """Training with the arithmetic written out, a parameter at a time."""

    def __init__(self, s: Drawn, w: Arrays) -> None:
        self.s = s
        self.w = {n: x.copy() for n, x in w.items()}
        self.sums = {n: np.zeros_like(x) for n, x in w.items()}
        self.count = self.t = 0
        self.age = dict.fromkeys(w, 0)
        self.m, self.v = ({n: np.zeros_like(x) for n, x in w.items()} for _ in "mv")
        self.slow = {n: x.copy() for n, x in w.items()}
        self.mean, self.weight, self.n_mean = {n: np.zeros_like(x) for n, x in w.items()}, 0.0, 0
        self.reached: set[str] = set()
        self.norm = 0.0

    def step(self, grads: Arrays) -> bool:
        """One round; whether an update was made."""
        if not all(np.isfinite(g).all() for g in grads.values()):
            return False
        self.reached |= grads.keys()
        for n, g in grads.items():
            self.sums[n] = self.sums[n] + g
        self.count += 1
        self.norm = np.sqrt(sum(float(np.sum(g**2)) for g in self.sums.values())) / self.s.accumulate
        if self.count < self.s.accumulate:
            return False
        self.update()
        self.sums = {n: np.zeros_like(g) for n, g in self.sums.items()}
        self.count = 0
        return True

    def update(self) -> None:
        """From the mean of the gradients so far."""
        s, t = self.s, self.t + 1
        sign = -1.0 if s.maximise else 1.0
        g = self.clipped({n: sign * x / self.count for n, x in self.sums.items()})
        for n in self.w:
            if n not in self.reached:
                continue
            self.age[n] += 1
            own = s.group and n.endswith(".b")
            lr, decay = (0.01, 0.0) if own else (RATES[s.rate](t), DECAYS[s.decay](t))
            w = self.w[n] * (1.0 - lr * decay) if s.decoupled else self.w[n]
            self.w[n] = w - lr * self.direction(n, g[n] if s.decoupled else g[n] + decay * self.w[n])
        self.t = t
        if s.lookahead and t % 2 == 0:
            self.slow = {n: x + 0.75 * (self.w[n] - x) for n, x in self.slow.items()}
            self.w = dict(self.slow)
        if (s.average == "ema" and t >= 2 and t % 2 == 0) or (s.average == "swa" and t >= 2):
            keep = 0.5 if s.average == "ema" else self.n_mean / (self.n_mean + 1.0)
            self.mean = {n: keep * x + (1.0 - keep) * self.w[n] for n, x in self.mean.items()}
            self.weight = keep * self.weight + 1.0 - keep
            self.n_mean += 1

    def direction(self, n: str, g: Array) -> Array:
        """What the rule multiplies by the rate."""
        if self.s.rule == "sgd":
            return g
        if self.s.rule == "momentum":
            self.v[n] = 0.9 * self.v[n] + g
            return self.v[n]
        self.m[n], self.v[n] = 0.9 * self.m[n] + 0.1 * g, 0.999 * self.v[n] + 0.001 * g * g
        first, second = 1.0 - 0.9 ** self.age[n], 1.0 - 0.999 ** self.age[n]
        return np.asarray((self.m[n] / first) / (np.sqrt(self.v[n] / second) + 1e-8))

    def clipped(self, g: Arrays) -> Arrays:
        """Within the bound."""
        if self.s.clip == "adaptive":
            return {n: self.by_unit(x, self.w[n]) for n, x in g.items()}
        if self.s.clip in ("value", "both"):
            bound = 0.2 if self.s.clip == "value" else 0.3
            g = {n: np.minimum(np.maximum(x, -bound), bound) for n, x in g.items()}
        if self.s.clip in ("norm", "both"):
            bound, size = 0.7 if self.s.clip == "norm" else 0.5, np.sqrt(sum(float(np.sum(x**2)) for x in g.values()))
            g = {n: x * min(1.0, bound / size) for n, x in g.items()}
        return g

    @staticmethod
    def by_unit(g: Array, w: Array) -> Array:
        """Brock et al. 2021, equation 3."""
        axis = 0 if g.ndim > 1 else None
        size, limit = (np.sqrt(np.sum(x**2, axis=axis, keepdims=True)) for x in (g, w))
        limit = 0.1 * np.maximum(limit, 0.01)
        return np.where(size > limit, g * limit / np.where(size > 0.0, size, 1.0), g).reshape(g.shape)


def gradients(rng: np.random.Generator, names: list[str]) -> Arrays:
    return {n: np.asarray(rng.standard_normal(SHAPES[n]) * 0.5) for n in names}


@pytest.mark.parametrize("first", range(0, 60, 4))
def test_settings_drawn_at_random(first: int) -> None:
    for seed in range(first, first + 4):
        s = draw(seed)
        rng = np.random.default_rng([seed, 1])
        start = gradients(rng, list(SHAPES))
        tensors = {n: mg.tensor(x, requires_grad=True) for n, x in start.items()}
        opt = mg.optimizer(
            s.rule, tensors, lr=SCHEDULES[s.rate], weight_decay=DECAY_SCHEDULES[s.decay], decoupled=s.decoupled,
            clip=CLIPS[s.clip], maximise=s.maximise, accumulate=s.accumulate, average=AVERAGES[s.average],
            lookahead=LookAhead(2, 0.75) if s.lookahead else None, missing="zero" if s.late else "error",
            groups=[Group("*.b", lr=0.01, weight_decay=0.0)] if s.group else [],
        )  # fmt: skip
        by_hand = ByHand(s, start)
        for k in range(9):
            there = [n for n in SHAPES if not (s.late and k < 4 and n.startswith("c"))]
            grads = gradients(rng, there)
            if k == s.bad:
                grads["a.b"][1] = np.nan
            opt.zero_grad()
            total: Any = mg.tensor(0.0)
            for n in there:
                total = total + mg.sum(tensors[n] * mg.tensor(grads[n]))
            total.backward()
            with warnings.catch_warnings():
                warnings.simplefilter("error" if k != s.bad else "ignore", NonFiniteWarning)
                outcome = opt.step()
            assert (outcome.skipped == "") == by_hand.step(grads), (s, k, outcome)
            assert outcome.t == opt.t == by_hand.t
            if k != s.bad:
                assert opt.gradient_norm == pytest.approx(by_hand.norm, rel=1e-12), (s, k)
            for n, tensor in tensors.items():
                np.testing.assert_allclose(tensor.numpy(), by_hand.w[n], 1e-10, 1e-12, err_msg=f"{s} {k} {n}")
        assert opt.has_average == (by_hand.n_mean > 0)
        if by_hand.n_mean:
            with opt.averaged():
                for n, tensor in tensors.items():
                    np.testing.assert_allclose(tensor.numpy(), by_hand.mean[n] / by_hand.weight, 1e-10, 1e-12)
        for n, tensor in tensors.items():
            np.testing.assert_allclose(tensor.numpy(), by_hand.w[n], 1e-10, 1e-12)
