"""One objective seen from its parameters.

Analytic derivatives, differences along entries and directions, a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.runtime.no_grad import no_grad
from minigrad.train.checks.kink_crossings import Crossing, activation_patterns, crossings
from minigrad.verify import WorstEntry
from minigrad.verify.finite_differences import EPS, FIRST_STEP, TOLERANCE, Verdict, compare

__all__ = ["Named", "ParameterCheck", "ParameterDifferences", "Status"]

Status: TypeAlias = Literal["verified", "mismatch", "inconclusive", "unused"]
Named: TypeAlias = Sequence[tuple[str, Tensor]]

_ENTRIES = 5
_SMALLEST = 2.0**-7
_LONGEST = 8.0


@attrs.frozen
class ParameterCheck:
    """What differences say about one parameter.

    Attributes:
        name: of the parameter.
        shape: of the parameter.
        status: "unused" if the loss does not depend on it. One "mismatch" outweighs all else.
        relative_error: the largest |fa - fn| / max(|fa|, |fn|) among the directions whose error bar is at most 1e-6 of
            the derivative; 0 where there is none.
        directions: how many were decided: single entries and one random direction through all of them. An entry whose
            gradient is too small to tell from round-off is not.
        worst: the direction with the largest relative error; its index is empty for the random direction.
        rows: of the batch that it was decided on.
        step: the smallest step that was needed, as a share of the parameter's size.
        kinks: what changes sides within the first step, where that step had to be made smaller or nothing was decided.
    """

    name: str
    shape: tuple[int, ...]
    status: Status
    relative_error: float
    directions: int
    worst: WorstEntry | None = None
    rows: int = 0
    step: float = FIRST_STEP
    kinks: tuple[Crossing, ...] = ()

    @property
    def error_bar(self) -> float:
        """The error bar of the difference that `worst` was compared with, relative to it."""
        largest = max(abs(self.worst.analytic), abs(self.worst.numeric)) if self.worst is not None else 0.0
        return self.worst.error / largest if self.worst is not None and largest else 0.0


class ParameterDifferences:
    """An objective with its gradient and its differences along any direction.

    The gradient is analytic; the direction is one of any parameter.

    Args:
        named: the parameters; float64.
        views: their numbers, by name, which are changed and put back.
        objective: the loss as it stands with these numbers.
        rng: of entries and directions.
        floor: round-off in the objective that its caller knows of.
        modules: id -> name, to say where kinks are.
    """

    def __init__(
        self,
        named: Named,
        views: Mapping[str, Array],
        objective: Callable[[], Tensor],
        rng: np.random.Generator,
        floor: float,
        modules: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self.objective, self.views, self.rng, self.modules = objective, views, rng, modules
        self.kinks: tuple[Crossing, ...] | None = None
        for _, t in named:
            t.zero_grad()
        loss = objective()
        self.at_home = loss.item()
        if loss.requires_grad:
            loss.backward()
        self.grads = {name: t.grad.numpy().copy() if t.grad is not None else np.zeros(t.shape) for name, t in named}

        self.noise = max(self._noise(), floor)

    def _noise(self) -> float:
        """Estimate round-off in the objective, from third differences over steps of 2^-44.

        ECnoise, More & Wild 2011, order 3.

        Its own size is no measure of it: a loss of 1e-6 may be a difference of scores around 20.
        """
        homes = {name: view.copy() for name, view in self.views.items()}
        signs = {name: self.rng.choice((-1.0, 1.0), view.shape) for name, view in self.views.items()}
        values = []
        try:
            with no_grad(), np.errstate(all="ignore"):
                for k in range(9):
                    for name, view in self.views.items():
                        view[...] = homes[name] * (1.0 + k * 2.0**-44 * signs[name])
                    values.append(self.objective().item())
        finally:
            for name, view in self.views.items():
                view[...] = homes[name]
        third = np.diff(np.array(values), n=3)
        return float(np.sqrt(np.mean(third**2) * 36.0 / 720.0))

    def examine(self, name: str) -> ParameterCheck:
        """Compare entries of a gradient, and a random direction through all, with differences.

        The entries are chosen by the size of their gradient.
        """
        grad = self.grads[name]
        self.kinks = None
        if not grad.size:
            return ParameterCheck(name, grad.shape, "unused", 0.0, 0)
        tried = [self._settle(name, index) for index in self._chosen(grad)]
        tried.append(self._settle(name, None))
        verdicts = [v for v, _ in tried]
        ranked = sorted((w for v, w in tried if _is_resolved(v)), key=lambda w: w.relative, reverse=True)
        powerful = any(v.verified and float(v.error) <= TOLERANCE * float(v.scale) for v in verdicts)
        if any(v.mismatch for v in verdicts):
            status: Status = "mismatch"
            ranked = [w for v, w in tried if v.mismatch]
        elif powerful and (verdicts[-1].verified or all(v.verified for v in verdicts[:-1])):
            status = "verified"
        elif all(float(v.numeric) == float(v.analytic) == 0.0 for v in verdicts):
            status = "unused"
        else:
            status = "inconclusive"
            ranked = ranked or [w for v, w in tried if not v.verified]
        error = max((w.relative for v, w in tried if _is_resolved(v) or v.mismatch), default=0.0)
        count = sum(v.verified or v.mismatch for v in verdicts)
        step = min(float(v.h) for v in verdicts)
        return ParameterCheck(
            name, grad.shape, status, error, count, ranked[0] if ranked else None, step=step, kinks=self.kinks or ()
        )

    def _chosen(self, grad: Array) -> list[int]:
        """Choose entries at quantiles of |gradient|, from the largest to the smallest.

        And one whose gradient is 0.
        """
        size = np.abs(grad).ravel()
        order = np.argsort(size)
        live = order[size[order] > 0.0]
        dead = order[size[order] == 0.0]
        picks = [live[round(q * (len(live) - 1))] for q in np.linspace(1.0, 0.0, _ENTRIES)] if len(live) else []
        picks += [self.rng.choice(dead)] if len(dead) else []
        return list(dict.fromkeys(int(i) for i in picks))

    def _settle(self, name: str, index: int | None) -> tuple[Verdict, WorstEntry]:
        """Judge one entry or a random direction.

        Returns the verdict, and the derivatives a unit of the parameter.
        """
        verdict, direction = self._compare(name, index)
        scale = direction if index is not None else 1.0
        where = () if index is None else tuple(int(i) for i in np.unravel_index(index, self.views[name].shape))
        x = float(self.views[name][where]) if index is not None else math.nan
        analytic, numeric, error = (float(v) / scale for v in (verdict.analytic, verdict.numeric, verdict.error))
        return verdict, WorstEntry(name, where, x, analytic, numeric, abs(error))

    def _compare(self, name: str, index: int | None) -> tuple[Verdict, float]:
        view, grad = self.views[name], self.grads[name]
        home = view.copy()
        step = 2.0 ** math.floor(math.log2(max(float(np.sqrt(np.mean(home**2))), _SMALLEST)))
        u = np.zeros(home.shape)
        if index is None:
            u[...] = step * self.rng.choice((-1.0, 1.0), home.shape)
        else:
            u.flat[index] = step

        def along(steps: Array) -> Array:
            values = []
            with no_grad():
                for t in steps.ravel():
                    np.multiply(u, t, out=view)
                    np.add(view, home, out=view)
                    values.append(self.objective().item())
            return np.array(values).reshape(steps.shape)

        try:
            with np.errstate(all="ignore"):
                verdict = compare(
                    along,
                    np.array(self.at_home),
                    np.asarray(np.sum(grad * u)),
                    np.asarray(np.sum(np.abs(grad * u))),
                    np.array(abs(self.at_home) + float(np.sum(np.abs(grad * home))) + self.noise / EPS),
                    longest=_LONGEST,
                )
                if self.kinks is None and (float(verdict.h) < FIRST_STEP or not verdict.verified):
                    self.kinks = self._between(view, home, u)
        finally:
            view[...] = home
        return verdict, step

    def _between(self, view: Array, home: Array, u: Array) -> tuple[Crossing, ...]:
        """The kinks between the points that the first step compares."""
        patterns = []
        for t in (0.0, FIRST_STEP, -FIRST_STEP):
            view[...] = home + t * u
            patterns.append(activation_patterns(self.objective, self.modules))
        return crossings(*patterns)


def _is_resolved(v: Verdict) -> bool:
    """Tell whether there is a derivative whose error bar is small enough.

    The relative error then means something.
    """
    return bool(v.analytic or v.numeric) and bool(
        np.all(v.error <= TOLERANCE * np.maximum(np.abs(v.analytic), np.abs(v.numeric)))
    )
