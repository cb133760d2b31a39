"""The sanity checks that run before training.

What is expected, what was found, in one line each.

Sources: the course notes (sanity checks, gradient check) and A. Karpathy, A Recipe for Training Neural Networks, 2019.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache, partial

import attrs
import numpy as np

from minigrad.core.tensor import from_array
from minigrad.data import Dataset, find_issues
from minigrad.data.dataset import Kind
from minigrad.nn import (
    BinaryCrossEntropy,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Module,
    SoftmaxCrossEntropy,
    UninformedLoss,
    find_baseline,
)
from minigrad.nn.regularization import Regularization
from minigrad.train.checks.behaviour import baseline, determinism, independence
from minigrad.train.checks.check import Check, Status
from minigrad.train.checks.gradient_report import GradientCheck
from minigrad.train.checks.gradients import check_gradients, check_term
from minigrad.train.checks.overfit import EXAMPLES, Overfit, few, fit_copy
from minigrad.train.evaluation import eval_mode, evaluate
from minigrad.train.splits import Rows, Split

__all__ = ["sanity_checks"]


_ROWS = 1000
_SECONDS = 0.4


def sanity_checks(
    model: Module,
    split: Split,
    loss: Loss,
    *,
    regularization: Regularization | None = None,
    optimizer: str = "sgd",
    seed: int = 0,
) -> Iterator[Check]:
    """Run the checks one after another; together they take a second or two at most.

    The model is left as it is.

    Args:
        optimizer: the rule that the overfit check uses where adam is not installed.
        seed: of the choice of rows, entries and directions.
    """
    batch = few(split.train, _examples(model, split.train), seed)
    heart = cache(partial(fit_copy, model, batch, loss, otherwise=optimizer))
    checks: list[Callable[[], Check]] = [partial(_data, split), partial(_chance, model, split.train, loss)]
    if regularization is not None:
        checks.append(partial(_regularization, model, split.train, loss, regularization))
    checks += [
        partial(_gradients, model, split.train, loss, regularization, seed),
        lambda: _overfit(heart()),
        lambda: baseline(model, batch, loss, heart(), optimizer, _SECONDS),
        partial(independence, model, split.train, seed),
        partial(determinism, model, split.train, loss, seed),
    ]
    for check in checks:
        began = time.perf_counter()
        result = check()
        yield attrs.evolve(result, seconds=time.perf_counter() - began)


def _examples(model: Module, rows: Rows) -> int:
    """Rows that the model can be asked to learn by heart.

    20, and less where it has too few parameters for any.
    """
    size = sum(p.size for p in model.parameters())
    return max(2, min(EXAMPLES, size // (2 * max(_width(model, rows), 1))))


def _data(split: Split) -> Check:
    if split.train.x.size > 2e7:
        return Check("data", "skipped", "too large to look at every row before each run")
    loader = split.loader
    issues = find_issues(_as_dataset(split), unshuffled=0 if loader is None or loader.shuffle else loader.batch_size)
    if not issues:
        return Check("data", "ok", "values finite, labels in range, no leak between splits, classes balanced")
    status: Status = "fault" if issues[0].level == "FAULT" else "note"
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return Check("data", status, f"{issues[0].code}: {issues[0].message}{more}")


def _as_dataset(split: Split) -> Dataset:
    """Turn rows into a Dataset.

    It is as they were given, or of the kind that their shapes and dtypes suggest.
    """
    if split.dataset is not None:
        return split.dataset
    x, y = split.train.x, split.train.y
    x_val, y_val = (x[:0], y[:0]) if split.val is None else (split.val.x, split.val.y)
    kind: Kind = "text" if x.dtype.kind in "iu" else "image" if x.ndim in (3, 4) else "table"
    if not split.train.has_labels or y.ndim != 1:
        y, y_val = y.astype(np.float64), y_val.astype(np.float64)
        return Dataset("data", x, y, x_val, y_val, task="regression", kind=kind)
    classes = 1 + int(max(y.max(initial=0), y_val.max(initial=0)))
    return Dataset("data", x, y, x_val, y_val, kind=kind, class_names=[f"class {k}" for k in range(classes)])


def _sample(rows: Rows) -> Rows:
    return rows.take(np.linspace(0, len(rows) - 1, min(_ROWS, len(rows))).astype(np.intp))


def _chance(model: Module, rows: Rows, loss: Loss) -> Check:
    rows = _sample(rows)
    value = evaluate(model, rows, loss).loss
    informed = find_baseline(loss)
    if informed is None:
        return Check(
            "chance", "skipped", f"loss at init {value:.4g}; this loss does not say what chance would be", value
        )
    chance = informed.uninformed_loss(_width(model, rows), rows.y)
    constant = _constant_answer(loss, rows)
    text = f"loss at init {value:.4g}, chance is {chance.formula} = {chance.value:.4g}"
    ratio = _ratio(value, chance)
    if 0.8 <= ratio <= 1.2:
        return Check("chance", "ok", text, value, chance.value)
    if constant is not None and 0.8 <= _ratio(value, constant) <= 1.2:
        text = f"loss at init {value:.4g}, the best constant answer has {constant.formula} = {constant.value:.4g}"
        return Check("chance", "ok", text, value, constant.value)
    if ratio > 1.2:
        remedy = "the first scores are far apart; start the output layer smaller (Linear(..., gain=0.1))"
    else:
        remedy = "the untrained model already knows something: is it pretrained, or is the target among the inputs?"
    most = 3.0**0.5 if isinstance(loss, MeanAbsoluteError) else 3.0  # of squares, and of logarithms
    return Check("chance", "note" if ratio <= most else "fault", f"{text}: {remedy}", value, chance.value)


def _ratio(value: float, chance: UninformedLoss) -> float:
    return value / chance.value if chance.value > 0.0 else np.inf


def _constant_answer(loss: Loss, rows: Rows) -> UninformedLoss | None:
    """Compute the loss of the best answer that does not depend on the input.

    It is what an output bias set from the targets gives.
    """
    y = rows.y.astype(np.float64)
    if isinstance(loss, SoftmaxCrossEntropy) and rows.has_labels:
        counted = rows.y if loss.ignore_index is None else rows.y[rows.y != loss.ignore_index]
        shares = np.unique(counted, return_counts=True)[1] / counted.size
        return UninformedLoss(-float(np.sum(shares * np.log(shares))), "entropy of the classes")
    if isinstance(loss, BinaryCrossEntropy):
        p = np.clip(y.mean(axis=0), 1e-12, 1.0 - 1e-12)
        return UninformedLoss(-float(np.mean(p * np.log(p) + (1.0 - p) * np.log1p(-p))), "entropy of the targets")
    if isinstance(loss, MeanSquaredError):
        return UninformedLoss(float(np.mean(np.var(y, axis=0))), "variance of y")
    if isinstance(loss, MeanAbsoluteError):
        return UninformedLoss(float(np.mean(np.abs(y - np.median(y, axis=0)))), "mean distance from the median")
    return None


def _width(model: Module, rows: Rows) -> int:
    with eval_mode(model):
        return model(from_array(rows.x[:1])).shape[-1]


def _regularization(model: Module, rows: Rows, loss: Loss, term: Regularization) -> Check:
    data, extra = evaluate(model, _sample(rows), loss).loss, term(model).item()
    text = f"adds {extra:.4g} to a data loss of {data:.4g}"
    if extra < 0.0 or not np.isfinite(extra):
        return Check("regularization", "fault", f"{text}: a penalty must not be negative", extra)
    if extra > data:
        return Check("regularization", "fault", f"{text}: it overwhelms the data; lower its strength", extra)
    if extra == 0.0:
        return Check("regularization", "note", f"{text}: nothing is regularised", extra)
    bent = _bend(model.astype(np.float64), term)
    if bent is None:
        return Check("regularization", "ok", f"{text}; it has no field 'strength' to vary", extra)
    if bent > 1e-12:
        problem = f"ten times the strength is not ten times the term, but off by {bent:.1e} of it"
        return Check("regularization", "fault", f"{text}: {problem}", extra)
    return Check("regularization", "ok", f"{text}, and is exactly linear in its strength", extra)


def _bend(double: Module, term: Regularization) -> float | None:
    """Measure how far a regularisation term is from a straight line through 0.

    The largest relative distance at 0, 2 and 10 times its strength.
    """
    strength = getattr(term, "strength", None)
    if not attrs.has(type(term)) or not isinstance(strength, float | int):
        return None
    # Any attrs class will do that has such a field.
    changed = [attrs.evolve(term, strength=k * strength) for k in (0.0, 2.0, 10.0)]  # type: ignore[misc]
    one = term(double).item()
    return max(abs(t(double).item() - k * one) / (10.0 * one) for k, t in zip((0.0, 2.0, 10.0), changed, strict=True))


def _gradients(model: Module, rows: Rows, loss: Loss, term: Regularization | None, seed: int) -> Check:
    batch = few(rows, 20, seed)
    results = [check_gradients(model, loss, (batch.x, batch.y), seed=seed)]
    if term is not None and term(model).item() != 0.0:
        results.append(check_term(model, term, seed=seed))
    error = max(r.relative_error for r in results)
    for part, result in zip(("", "regularisation: "), results, strict=False):
        bad = _complaint(result)
        if bad:
            status: Status = "fault" if result.named("mismatch") else "note"
            return Check("gradients", status, part + bad, error, 0.0)
    directions = sum(p.directions for r in results for p in r.parameters)
    unused = results[0].named("unused")
    text = f"largest relative error {error:.1e} over {directions} directions in {len(results[0].parameters)} parameters"
    if unused:
        return Check("gradients", "note", f"{text}; the loss does not depend on {', '.join(unused)}", error, 0.0)
    return Check("gradients", "ok", f"{text}, float64, after burn-in", error, 0.0)


def _complaint(result: GradientCheck) -> str:
    wrong = [p for p in result.parameters if p.status == "mismatch"]
    if wrong and wrong[0].worst is not None:
        w, many = wrong[0].worst, f" (and {len(wrong) - 1} more parameters)" if len(wrong) > 1 else ""
        at = f"entry {list(w.index)} of {w.argument}" if w.index else f"a random direction of {w.argument}"
        return (
            f"{at}: backward gives {w.analytic:.6g}, differences {w.numeric:.6g} +- {w.error:.1e}{many}; "
            "does forward() leave Tensors on the way (.data, .numpy(), .detach(), float())?"
        )
    if result.named("inconclusive"):
        return f"inconclusive for {', '.join(result.named('inconclusive'))}: too many kinks or too much noise to tell"
    return "" if result.passed else "no parameter has a gradient on these rows, so nothing was checked"


def _overfit(r: Overfit) -> Check:
    text = f"{r.rows} examples: loss {r.first:.4g} -> {r.last:.2g} in {r.steps} steps"
    if r.solved:
        return Check("overfit", "ok", f"{text}, learnt by heart", r.last, r.target)
    if r.timed_out:
        return Check("overfit", "note", f"{text}, then its second was up (aim: {r.target:.2g})", r.last, r.target)
    if r.accuracy in (None, 1.0) and r.last <= 0.05 * r.first:
        return Check("overfit", "note", f"{text}, slowly (aim: {r.target:.2g})", r.last, r.target)
    remedy = "the model cannot even learn these by heart: look at its wiring, the targets, and its width"
    return Check("overfit", "fault", f"{text}, aim {r.target:.2g}: {remedy}", r.last, r.target)
