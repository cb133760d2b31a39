"""The gradient check of a whole model: analytic against numeric, in float64, a few entries of every parameter.

Follows the course notes' tips: double precision (3), few rows because of kinks (5), a step chosen by the error bar (6),
a burn-in (7), the data loss apart from regularisation (8), evaluation mode, so no dropout (9), few dimensions of every
parameter (10). Numbers and bars are those of the op gate (`minigrad.verify.numerics`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, TypeAlias

import attrs
import numpy as np

from minigrad.core import Tensor, no_grad
from minigrad.core.leaf import assign, bind, buffer
from minigrad.core.tensor import adopt
from minigrad.core.types import Array
from minigrad.nn import Loss, Module
from minigrad.train.errors import TrainError
from minigrad.train.rows import Raw
from minigrad.verify import Worst
from minigrad.verify.numerics import EPS, TOLERANCE, Verdict, compare

__all__ = ["GradientCheck", "ParameterCheck", "check_gradients", "check_term"]

Status: TypeAlias = Literal["verified", "mismatch", "inconclusive", "unused"]
Named: TypeAlias = Sequence[tuple[str, Tensor]]

_ENTRIES = 5
_SMALLEST = 2.0**-7
_LONGEST = 8.0


@attrs.frozen
class ParameterCheck:
    """What differences say about one parameter.

    Attributes:
        name, shape: of the parameter.
        status: "unused" if the loss does not depend on it. One "mismatch" outweighs all else.
        relative_error: the largest |fa - fn| / max(|fa|, |fn|) among the directions whose error bar is at most 1e-6 of
            the derivative; 0 where there is none.
        directions: how many were decided: single entries and one random direction through all of them. An entry whose
            gradient is too small to tell from round-off is not.
        worst: the direction with the largest relative error; its index is empty for the random direction.
    """

    name: str
    shape: tuple[int, ...]
    status: Status
    relative_error: float
    directions: int
    worst: Worst | None = None


@attrs.frozen
class GradientCheck:
    """The result for all parameters.

    Attributes:
        parameters: one entry each.
        rows: rows of the batch that were used. loss_before, loss_after: of the burn-in.
        seconds: what it took.
    """

    parameters: tuple[ParameterCheck, ...]
    rows: int
    loss_before: float
    loss_after: float
    seconds: float

    @property
    def relative_error(self) -> float:
        """The largest relative error of all parameters."""
        return max((p.relative_error for p in self.parameters), default=0.0)

    @property
    def passed(self) -> bool:
        """Whether every parameter that the loss depends on was verified, and there is one."""
        return bool(self.named("verified")) and not self.named("mismatch") and not self.named("inconclusive")

    def named(self, status: Status) -> tuple[str, ...]:
        """Names of the parameters with this status."""
        return tuple(p.name for p in self.parameters if p.status == status)


def check_gradients(
    model: Module,
    loss: Loss,
    batch: tuple[Raw, Raw],
    *,
    rows: int = 3,
    burn_in: int = 20,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradient of `loss(model(x), y)` with central differences, on a float64 copy of the model.

    Args:
        model: left as it is.
        loss: the data loss. For a regularisation term see `check_term`.
        batch: inputs and targets. All of it serves the burn-in; the comparison is made on the first rows only, since
            fewer rows meet fewer kinks.
        rows: how many rows to compare on.
        burn_in: steps of normalised gradient descent before the comparison; 0 for none.
        seed: of the choice of entries and directions.

    Raises:
        TrainError: the model has no parameters, or the loss is not finite.
    """
    x, y = (_double(a) for a in batch)
    double = model.astype(np.float64).eval()
    with no_grad(), np.errstate(all="ignore"):
        outputs = double(adopt(x)).numpy()
    # Losses compare outputs, so the round-off of these is in every value of the loss, however small that is.
    floor = EPS * float(np.sqrt(np.mean(outputs**2)))
    return _examined(
        double, lambda n: loss(double(adopt(x[:n])), y[:n]), len(x), min(rows, len(x)), burn_in, seed, floor
    )


def _double(a: Raw) -> Array:
    a = np.asarray(a)
    return a.astype(np.float64 if a.dtype.kind == "f" else a.dtype)


def check_term(model: Module, term: Callable[[Module], Tensor], *, seed: int = 0) -> GradientCheck:
    """The same for a term that depends on the parameters alone, such as `nn.L2(1e-3)`; without burn-in."""
    double = model.astype(np.float64).eval()
    return _examined(double, lambda n: term(double), 1, 1, 0, seed, 0.0)


def _examined(
    double: Module, objective: Callable[[int], Tensor], every: int, rows: int, burn_in: int, seed: int, floor: float
) -> GradientCheck:
    """Burn in on `every` row, compare on `rows` of them; where that decides nothing, on one row and on all."""
    began = time.perf_counter()
    named = double.named_parameters()
    if not named:
        raise TrainError(f"{type(double).__name__} has no parameters, so there is no gradient to check")
    with np.errstate(all="ignore"):
        before, after = _burn_in(named, lambda: objective(every), burn_in)
    views = _own_buffers(named)
    rng = np.random.default_rng(seed)
    results: dict[str, ParameterCheck] = {}
    # Fewer rows meet fewer kinks; on all rows, a parameter that the first few do not depend on has its chance.
    for size in dict.fromkeys((rows, 1, every)):
        probe = _Probe(named, views, partial(objective, size), rng, floor)
        for name in views:
            if name not in results or results[name].status in ("inconclusive", "unused"):
                results[name] = probe.examine(name)
        if all(r.status in ("verified", "mismatch") for r in results.values()):
            break
    return GradientCheck(tuple(results.values()), rows, before, after, time.perf_counter() - began)


def _burn_in(named: Named, objective: Callable[[], Tensor], steps: int) -> tuple[float, float]:
    """Steps of 1 % of the parameters' norm along the negative gradient (no learning rate, no optimizer) until the loss
    has halved: at a loss of almost 0 there is little gradient left to check."""
    losses = []
    for step in range(steps + 1):
        loss = objective()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise TrainError(f"gradient check: the loss is {losses[-1]} at step {step} of the burn-in, in float64")
        if step == steps or not loss.requires_grad or losses[-1] < 0.5 * losses[0]:
            break
        for _, t in named:
            t.zero_grad()
        loss.backward()
        grads = [t.grad.numpy() if t.grad is not None else None for _, t in named]
        norm = math.sqrt(sum(float(np.vdot(g, g)) for g in grads if g is not None))
        length = math.sqrt(sum(float(np.vdot(t.numpy(), t.numpy())) for _, t in named))
        if norm == 0.0:
            break
        for (_, t), g in zip(named, grads, strict=True):
            if g is not None:
                assign(t, t.numpy() - (0.01 * length / norm) * g)
    return losses[0], losses[-1]


def _own_buffers(named: Named) -> dict[str, Array]:
    """Move the parameters into buffers of this check, whose numbers can then be changed in place."""
    views = {}
    for name, t in named:
        value, grad = (buffer(t.size, np.float64).reshape(t.shape) for _ in range(2))
        bind(t, value, grad)
        views[name] = value
    return views


class _Probe:
    """An objective, its analytic gradient, and its values along any direction of any parameter."""

    def __init__(
        self,
        named: Named,
        views: Mapping[str, Array],
        objective: Callable[[], Tensor],
        rng: np.random.Generator,
        floor: float,
    ) -> None:
        self.objective, self.views, self.rng = objective, views, rng
        for _, t in named:
            t.zero_grad()
        loss = objective()
        self.at_home = loss.item()
        if loss.requires_grad:
            loss.backward()
        self.grads = {name: t.grad.numpy().copy() if t.grad is not None else np.zeros(t.shape) for name, t in named}

        self.noise = max(self._noise(), floor)

    def _noise(self) -> float:
        """Round-off in the objective, from third differences over steps of 2^-44: ECnoise, More & Wild 2011, order 3.

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
        """Compare entries chosen by the size of their gradient, and a random direction through all entries."""
        grad = self.grads[name]
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
        return ParameterCheck(name, grad.shape, status, error, count, ranked[0] if ranked else None)

    def _chosen(self, grad: Array) -> list[int]:
        """Entries at quantiles of |gradient|, from the largest to the smallest, and one whose gradient is 0."""
        size = np.abs(grad).ravel()
        order = np.argsort(size)
        live = order[size[order] > 0.0]
        dead = order[size[order] == 0.0]
        picks = [live[round(q * (len(live) - 1))] for q in np.linspace(1.0, 0.0, _ENTRIES)] if len(live) else []
        picks += [self.rng.choice(dead)] if len(dead) else []
        return list(dict.fromkeys(int(i) for i in picks))

    def _settle(self, name: str, index: int | None) -> tuple[Verdict, Worst]:
        """The verdict along one entry, or along a random direction, and the derivatives a unit of the parameter."""
        verdict, direction = self._compare(name, index)
        scale = direction if index is not None else 1.0
        where = () if index is None else tuple(int(i) for i in np.unravel_index(index, self.views[name].shape))
        x = float(self.views[name][where]) if index is not None else math.nan
        analytic, numeric, error = (float(v) / scale for v in (verdict.analytic, verdict.numeric, verdict.error))
        return verdict, Worst(name, where, x, analytic, numeric, abs(error))

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
        finally:
            view[...] = home
        return verdict, step


def _is_resolved(v: Verdict) -> bool:
    """Whether there is a derivative, with an error bar small enough for the relative error to mean something."""
    return bool(v.analytic or v.numeric) and bool(
        np.all(v.error <= TOLERANCE * np.maximum(np.abs(v.analytic), np.abs(v.numeric)))
    )
