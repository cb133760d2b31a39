"""The gradient check of a whole model: analytic against numeric, in float64, a few entries of every parameter.

Follows the course notes' tips: double precision (3), few rows because of kinks (5), a step chosen by the error bar (6),
a burn-in (7), the data loss apart from regularisation (8), evaluation mode, so no dropout (9), few dimensions of every
parameter (10). Numbers and bars are those of the op gate (`minigrad.verify.numerics`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

import attrs
import numpy as np

from minigrad.core import Tensor, no_grad
from minigrad.core.leaf import assign, bind, buffer
from minigrad.core.tensor import adopt
from minigrad.core.types import Array
from minigrad.nn import Loss, Module
from minigrad.train.errors import TrainError
from minigrad.train.probe import Named, ParameterCheck, Probe, Status
from minigrad.train.rows import Raw
from minigrad.verify.numerics import EPS

__all__ = ["GradientCheck", "check_gradients", "check_term"]


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
        probe = Probe(named, views, partial(objective, size), rng, floor)
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
