"""Checks of what a model does with its rows.

Each alone, with its inputs, and the same at every repetition.
"""

from __future__ import annotations

import numpy as np

from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.nn import Loss, Module
from minigrad.runtime.parameters import assign
from minigrad.train.checks.check import Check
from minigrad.train.checks.fixed_randomness import FixedRandomness
from minigrad.train.checks.overfit import Overfit, few, fit_copy
from minigrad.train.splits import Rows

__all__ = ["baseline", "determinism", "independence"]

_STEPS, _RATE = 3, 1e-2


def independence(model: Module, rows: Rows, seed: int) -> Check:
    """Check whether a row's output is independent of the other rows of its batch.

    It must stay the same, to the last bit, when they are exchanged.

    The forward form of Karpathy's "use backprop to chart dependencies" (A Recipe for Training Neural Networks, 2019).
    Batch norm mixes rows in training by design, so it may there, but not in evaluation.
    """
    both = few(rows, 16, seed)
    n = len(both) // 2
    if n < 2:
        return Check("independence", "skipped", "there are too few different rows")
    first, second = both.x[:n], both.x[n : 2 * n].copy()
    at = n // 2
    second[at] = first[at]
    twin = model.copy()
    frozen = FixedRandomness(twin)
    calm, trained = (_moves(twin, frozen, first, second, at, training=mode) for mode in (False, True))
    if calm is None or trained is None:
        return Check("independence", "skipped", "the outputs do not have a row for each row of the inputs")
    norms = sorted({type(m).__name__ for _, m in model.named_modules() if type(m).__name__.startswith("BatchNorm")})
    if calm or (trained and not norms):
        largest = max(calm, trained)
        return Check(
            "independence",
            "fault",
            f"the output of a row moves by {largest:.2g} when the other rows of its batch are exchanged: look for a "
            "reshape or transpose that mixes rows, or a mean, softmax or norm along axis 0",
            largest,
            0.0,
        )
    text = f"the output of a row is the same, to the last bit, whatever the other {n - 1} rows of its batch are"
    if trained:
        text += f" (in evaluation; in training {', '.join(norms)} mixes rows by design)"
    return Check("independence", "ok", text, 0.0, 0.0)


def _moves(
    model: Module, frozen: FixedRandomness, first: Array, second: Array, at: int, *, training: bool
) -> float | None:
    """Measure how far the output of row `at` is from one batch to the other.

    None if outputs are not row by row.
    """
    model.train(training)

    def outputs(x: Array) -> Array:
        return frozen(lambda: model(from_array(x)).numpy())

    a, b = outputs(first), outputs(second)
    if a.ndim == 0 or len(a) != len(first):
        return None
    return float(np.max(np.abs(a[at] - b[at]), initial=0.0))


def baseline(model: Module, batch: Rows, loss: Loss, real: Overfit, otherwise: str, seconds: float) -> Check:
    """Check whether the model learns worse from inputs of zeros than from real ones.

    In as many steps.

    Source: the input-independent baseline of Karpathy's recipe (2019).

    Args:
        batch: the rows that the overfit check learnt by heart.
        real: how that went.
    """
    zeros = Rows(np.zeros_like(batch.x), batch.y)
    blind = fit_copy(model, zeros, loss, otherwise=otherwise, steps=real.steps, seconds=seconds)
    text = f"loss {real.last:.2g} with inputs, {blind.last:.2g} with zeros in their place"
    if real.last < 0.9 * blind.last:
        return Check("baseline", "ok", f"{text}, after as many steps", real.last, blind.last)
    if not np.ptp(batch.y.astype(np.float64), axis=0).any():
        return Check("baseline", "note", f"{text}: all {len(batch)} targets are alike, so no inputs are needed")
    return Check(
        "baseline",
        "fault",
        f"{text}: the inputs do not help. Do they reach the output, and do they belong to these targets?",
        real.last,
        blind.last,
    )


def determinism(model: Module, rows: Rows, loss: Loss, seed: int) -> Check:
    """Check whether two runs of a few steps are bit-equal.

    From the same weights and the same state of all generators.
    """
    batch, frozen = few(rows, 20, seed), FixedRandomness(model, loss)
    runs = [frozen(lambda: _short_run(model, batch, loss)) for _ in range(2)]
    frozen.restore()
    for step, (a, b) in enumerate(zip(*runs, strict=True), 1):
        if a != b:
            return Check(
                "determinism",
                "fault",
                f"two runs from the same seed part at step {step}: the model or the loss draws random numbers from a "
                "generator that is made anew, or depends on the time or on an order that changes; hold a seeded "
                "np.random.Generator in a field",
            )
    return Check("determinism", "ok", f"two runs of {_STEPS} steps from the same seed are equal to the last bit")


def _short_run(model: Module, batch: Rows, loss: Loss) -> list[bytes]:
    """Gradient descent on a copy; the bits of all losses and, last, of the weights."""
    twin, records = model.copy().train(), []
    for _ in range(_STEPS):
        twin.zero_grad()
        value = loss(twin(from_array(batch.x)), batch.y)
        records.append(value.numpy().tobytes())
        if not value.requires_grad:
            break
        value.backward()
        for t in twin.parameters():
            if t.grad is not None:
                assign(t, t.numpy() - _RATE * t.grad.numpy())
    records.append(b"".join(w.tobytes() for w in twin.state_dict().values()))
    return records
