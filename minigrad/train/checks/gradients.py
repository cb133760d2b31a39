"""The gradient check of a whole model: analytic against numeric derivatives.

In float64, for a few entries of every parameter.

Follows the course notes' tips: centred differences (1), relative error (2), double precision (3), active range (4), few
rows because of kinks, and which units cross one (5), a step chosen by the error bar (6; `step_curve` draws it), a
burn-in (7), the data loss, the regularisation and then their sum (8), frozen dropout and augmentation (9), few
dimensions of every parameter (10). Numbers and bars are those of the op gate (`minigrad.verify.finite_differences`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from types import MappingProxyType

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.nn import Loss, Module, find_loss
from minigrad.nn.regularization import Regularization
from minigrad.runtime.no_grad import no_grad
from minigrad.runtime.parameters import aligned_zeros, assign, bind_to_buffers
from minigrad.train.checks.fixed_randomness import FixedRandomness
from minigrad.train.checks.gradient_report import GradientCheck
from minigrad.train.checks.kink_crossings import module_names
from minigrad.train.checks.parameter_check import Named, ParameterCheck, ParameterDifferences
from minigrad.train.errors import TrainError
from minigrad.train.splits import Raw
from minigrad.verify.finite_differences import EPS

__all__ = [
    "BURN_IN",
    "CheckedLoss",
    "check_gradients",
    "check_term",
    "prepare_check",
    "private_buffers",
    "run_burn_in",
]

BURN_IN, ROWS = 24, 3
_SMALL, _LARGE = 1e-10, 1e10
"""Bounds of gradients outside which floating point is out of its active range.

Source: course notes, tip 4.
"""


@attrs.frozen
class CheckedLoss:
    """A float64 copy of a model and what is differentiated.

    `value(rows)` is the loss on the first rows of the batch.

    `floor` is round-off that the value is known to carry, `every` the number of rows there are, `least` the number that
    can be compared on, `drawing` how many random generators the value draws from.
    """

    model: Module
    value: Callable[[int], Tensor]
    every: int
    floor: float
    frozen: FixedRandomness
    least: int = 1
    drawing: int = 0


def check_gradients(
    model: Module,
    loss: Loss | str,
    batch: tuple[Raw, Raw],
    *,
    regularization: Regularization | None = None,
    rows: int = ROWS,
    burn_in: int = BURN_IN,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradient of `loss(model(x), y)` with central differences.

    On a float64 copy of the model.

    Dropout, augmentation and whatever else draws random numbers is frozen: every evaluation begins with the same state
    of all generators that the model or the loss hold. A model that acts differently in training (dropout, statistics of
    the batch) is checked in training mode, any other in evaluation mode.

    Args:
        model: left as it is.
        loss: the data loss, checked alone; a function of outputs and targets, or a name that `nn.find_loss` knows.
        batch: inputs and targets. All of it serves the burn-in; the comparison is made on the first rows only, since
            fewer rows meet fewer kinks.
        regularization: a term of the parameters such as `nn.L2(1e-3)`: checked alone too, and then the sum of both.
        rows: how many rows to compare on.
        burn_in: steps of normalised gradient descent before the comparison; 0 for none.
        seed: of the choice of entries and directions.

    Raises:
        TrainError: the model has no parameters, the loss is not finite, or two evaluations at one point differ.
    """
    data = prepare_check(model, loss, batch)
    rows = max(min(rows, data.every), data.least)
    data_check = _run_check(data, rows, burn_in, seed, "data loss")
    if regularization is None:
        return data_check
    double, frozen = data.model, data.frozen

    def both(n: int) -> Tensor:
        return data.value(n) + regularization(double)

    summed = attrs.evolve(data, value=both)
    # The copy is where the burn-in left it, so neither part needs one of its own.
    others = (
        _run_check(CheckedLoss(double, lambda n: regularization(double), 1, 0.0, frozen), 1, 0, seed, "regularisation"),
        _run_check(summed, rows, 0, seed, "sum"),
    )
    return attrs.evolve(data_check, others=others)


def prepare_check(model: Module, loss: Loss | str, batch: tuple[Raw, Raw]) -> CheckedLoss:
    """Make a float64 copy of the model, its data loss and its round-off.

    Random numbers are held still.
    """
    if not isinstance(model, Module):
        raise TrainError(
            f"gradient check: the model is {type(model).__name__}, not an nn.Module; for a function use mg.gradcheck"
        )
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise TrainError(f"gradient check: batch is a pair (inputs, targets), not {type(batch).__name__}")
    loss = find_loss(loss)
    x, y = (_double(a) for a in batch)
    double = model.astype(np.float64)
    frozen = FixedRandomness(double, loss)
    with no_grad(), np.errstate(all="ignore"):
        calm = frozen(lambda: double.eval()(from_array(x)).numpy())
        outputs = frozen(lambda: double.train()(from_array(x)).numpy())
        noisy = frozen.moved() > 0
        trains = noisy or not np.array_equal(calm, outputs, equal_nan=True)
        frozen(lambda: loss(double.train(trains)(from_array(x)), y))
    drawing = frozen.moved()
    # Losses compare outputs, so the round-off of these is in every value of the loss, however small that is.
    floor = EPS * float(np.sqrt(np.mean(outputs**2)))
    # Statistics of a batch are degenerate on one row.
    least = min(3 if noisy else 8, len(x)) if trains else 1
    return CheckedLoss(
        double, lambda n: frozen(lambda: loss(double(from_array(x[:n])), y[:n])), len(x), floor, frozen, least, drawing
    )


def _double(a: Raw) -> Array:
    a = np.asarray(a)
    return a.astype(np.float64 if a.dtype.kind == "f" else a.dtype)


def check_term(model: Module, term: Regularization, *, seed: int = 0) -> GradientCheck:
    """Check the gradient of a term that depends on the parameters alone.

    Such as `nn.L2(1e-3)`; without burn-in.
    """
    double = model.astype(np.float64).eval()
    frozen = FixedRandomness(double, term)
    objective = CheckedLoss(double, lambda n: frozen(lambda: term(double)), 1, 0.0, frozen)
    return _run_check(objective, 1, 0, seed, "regularisation")


def _run_check(of: CheckedLoss, rows: int, burn_in: int, seed: int, part: str) -> GradientCheck:
    """Burn in on every row, and compare on `rows` of them.

    Where that decides nothing, on one row and on all.
    """
    began = time.perf_counter()
    named = of.model.named_parameters()
    if not named:
        raise TrainError(f"{type(of.model).__name__} has no parameters, so there is no gradient to check")
    try:
        with np.errstate(all="ignore"):
            before, after = run_burn_in(named, lambda: of.value(of.every), burn_in)
        _refuse_randomness(of, rows)
        views = private_buffers(named)
        scale = _scale_to_use(of, named, rows)
        results = _compare_parameters(of, named, views, rows, seed)
    finally:
        of.frozen.restore()
    return GradientCheck(tuple(results), rows, before, after, time.perf_counter() - began, part, of.drawing, scale)


def _compare_parameters(
    of: CheckedLoss, named: Named, views: dict[str, Array], rows: int, seed: int
) -> list[ParameterCheck]:
    rng = np.random.default_rng(seed)
    results: dict[str, ParameterCheck] = {}
    modules = MappingProxyType(module_names(of.model))
    # Fewer rows meet fewer kinks; on all rows, a parameter that the first few do not depend on has its chance.
    for size in dict.fromkeys((rows, of.least, of.every)):
        probe = ParameterDifferences(named, views, partial(of.value, size), rng, of.floor, modules)
        for name in views:
            old = results.get(name)
            if old is None or old.status in ("inconclusive", "unused"):
                new = attrs.evolve(probe.examine(name), rows=size)
                results[name] = attrs.evolve(new, kinks=new.kinks or (old.kinks if old is not None else ()))
        if all(r.status in ("verified", "mismatch") for r in results.values()):
            break
    return list(results.values())


def _refuse_randomness(of: CheckedLoss, rows: int) -> None:
    with no_grad(), np.errstate(all="ignore"):
        first, second = of.value(rows).item(), of.value(rows).item()
    if first != second and not (math.isnan(first) and math.isnan(second)):
        raise TrainError(
            f"gradient check: two evaluations at one point give {first!r} and {second!r}, so differences mean nothing. "
            "Random numbers are frozen where they come from an np.random.Generator that the model, the loss or their "
            "functions hold: keep it in a field, or turn dropout and augmentation off"
        )


def _scale_to_use(of: CheckedLoss, named: Named, rows: int) -> float:
    """Return the power of ten that brings the largest gradient near 1.

    Where that is far off; otherwise 1.

    The check does not multiply by it itself: a tiny gradient may as well be what is left of large scores that cancel,
    whose round-off would be multiplied too.
    """
    for _, t in named:
        t.zero_grad()
    loss = of.value(rows)
    if loss.requires_grad:
        loss.backward()
    grads = [t.grad.numpy() for _, t in named if t.grad is not None]
    largest = max((float(np.max(np.abs(g), initial=0.0)) for g in grads), default=0.0)
    if largest == 0.0 or not math.isfinite(largest) or _SMALL <= largest <= _LARGE:
        return 1.0
    return 10.0 ** -math.floor(math.log10(largest))


def run_burn_in(named: Named, objective: Callable[[], Tensor], steps: int) -> tuple[float, float]:
    """Take steps of 1 % of the parameters' norm along the negative gradient.

    Until the loss has halved, with no learning rate and no optimizer: at a loss of almost 0 there is little gradient
    left to check.
    """
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


def private_buffers(named: Named) -> dict[str, Array]:
    """Move the parameters into buffers of this check.

    Their numbers can then be changed in place.
    """
    views = {}
    for name, t in named:
        value, grad = (aligned_zeros(t.size, np.float64).reshape(t.shape) for _ in range(2))
        bind_to_buffers(t, value, grad)
        views[name] = value
    return views
