"""The gradient check in words.

A table of parameters, relative error beside its error bar, and what it means.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from minigrad.text import table
from minigrad.train.checks.parameter_check import ParameterCheck, Status

__all__ = ["GradientCheck", "as_document", "report"]

_WORDS = {
    "verified": "agrees",
    "mismatch": "WRONG",
    "inconclusive": "cannot tell",
    "unused": "no gradient: the loss does not depend on it",
}
_HEAD = ("parameter", "shape", "relative error", "error bar", "directions", "verdict")


@attrs.frozen
class GradientCheck:
    """The result for all parameters.

    Attributes:
        parameters: one entry each.
        rows: rows of the batch that were used.
        loss_before: loss before the burn-in.
        loss_after: loss after it.
        seconds: what it took.
        part: what was checked: "data loss", "regularisation" or "sum".
        frozen: how many random generators the objective drew from; they were put back before every evaluation.
        scale: the power of ten to multiply the loss by, so that its gradients are in floating point's active range; 1
            if they are.
        others: with a regularisation term, the results for it alone and for the sum.
    """

    parameters: tuple[ParameterCheck, ...]
    rows: int
    loss_before: float
    loss_after: float
    seconds: float
    part: str = "data loss"
    frozen: int = 0
    scale: float = 1.0
    others: tuple[GradientCheck, ...] = ()

    @property
    def relative_error(self) -> float:
        """The largest relative error of all parameters, in all parts."""
        own = max((p.relative_error for p in self.parameters), default=0.0)
        return max(own, *(o.relative_error for o in self.others), 0.0)

    @property
    def passed(self) -> bool:
        """Whether every parameter that the loss depends on was verified, in all parts.

        And there is one.
        """
        own = bool(self.named("verified")) and not self.named("mismatch") and not self.named("inconclusive")
        return own and all(o.passed for o in self.others)

    def named(self, status: Status) -> tuple[str, ...]:
        """Names of the parameters with this status (in the part itself, not in `others`)."""
        return tuple(p.name for p in self.parameters if p.status == status)

    def __str__(self) -> str:
        return "\n".join(report(self))


def report(check: GradientCheck) -> Iterator[str]:
    """Yield the lines of a report for people.

    Each part in turn (data loss, regularisation, sum), then the verdict on all of it.
    """
    for part in (check, *check.others):
        yield from _part(part)
        yield ""
    yield f"verdict: {_verdict(check)}"


def _part(check: GradientCheck) -> Iterator[str]:
    frozen = f", {check.frozen} random generator{'s' * (check.frozen != 1)} frozen" if check.frozen else ""
    burnt = (
        f"burn-in {check.loss_before:.4g} -> {check.loss_after:.4g}, " if check.loss_after < check.loss_before else ""
    )
    on = "" if check.part == "regularisation" else f", {check.rows} rows"
    yield f"{check.part}: {burnt}float64{on}{frozen}"
    yield from (f"  {line}" for line in table(_HEAD, [_cells(p) for p in check.parameters]))
    for p in check.parameters:
        yield from _remarks(check, p)
    if check.scale != 1.0:
        yield (
            f"  gradients are out of floating point's active range: multiply the loss by {check.scale:.0e}, for this "
            "check and in training, where float32 may lose them"
        )


def _cells(p: ParameterCheck) -> tuple[str, ...]:
    decided = p.worst is not None and p.status != "inconclusive"
    error = f"{p.relative_error:.1e}" if decided else "-"
    bar = f"{p.error_bar:.1e}" if p.worst is not None else "-"
    return (p.name, str(p.shape), error, bar, str(p.directions), _WORDS[p.status])


def _remarks(check: GradientCheck, p: ParameterCheck) -> Iterator[str]:
    if p.status == "mismatch" and p.worst is not None:
        w = p.worst
        at = f"entry {list(w.index)}" if w.index else "along a random direction"
        yield f"  {p.name}, {at}: backward gives {w.analytic:.8g}, differences {w.numeric:.8g} +- {w.error:.1e}"
    if p.kinks:
        where = "; ".join(str(k) for k in p.kinks[:3]) + (f"; and {len(p.kinks) - 3} calls more" if p.kinks[3:] else "")
        yield f"  {p.name}: kinks inside the first step: {where}. {_answer(check, p)}"


def _answer(check: GradientCheck, p: ParameterCheck) -> str:
    if p.status == "inconclusive":
        return "No smaller step and no fewer rows avoided them"
    fewer = f"{p.rows} row{'s' * (p.rows != 1)} instead of {check.rows}, " if p.rows < check.rows else ""
    return f"Answered with {fewer}steps down to {p.step:.1e} of the parameter's size"


def _verdict(check: GradientCheck) -> str:
    parts = (check, *check.others)
    wrong = [f"{p.name} ({part.part})" for part in parts for p in part.parameters if p.status == "mismatch"]
    if wrong:
        return (
            f"wrong gradient for {', '.join(wrong)}. Look for values that leave the Tensors in forward() (.data, "
            ".numpy(), .detach(), float()), or a loss that is not what its gradient says"
        )
    open_ = [f"{p.name} ({part.part})" for part in parts for p in part.parameters if p.status == "inconclusive"]
    if open_:
        remedy = "too many kinks or too much noise. Try fewer rows, or another seed"
        if check.scale != 1.0:
            remedy = f"the differences drown in round-off. Multiply the loss by {check.scale:.0e} first"
        return f"cannot tell for {', '.join(open_)}: {remedy}"
    if not check.passed:
        return "no parameter has a gradient on these rows, so nothing was checked"
    error = check.relative_error
    return f"every gradient agrees with differences, largest relative error {error:.1e}: {_in_words(error)}"


def _in_words(error: float) -> str:
    """What the course this comes from says of a relative error at double precision."""
    if error <= 1e-7:
        return "good"
    if error <= 1e-4:
        return "fine for an objective with kinks, high for a smooth one"
    return "within the error bar, but too large to be content with"


def as_document(check: GradientCheck) -> dict[str, object]:
    """The result as plain values, for JSON."""
    return {
        "part": check.part,
        "passed": check.passed,
        "relative_error": check.relative_error,
        "rows": check.rows,
        "loss_before": check.loss_before,
        "loss_after": check.loss_after,
        "frozen": check.frozen,
        "scale": check.scale,
        "seconds": check.seconds,
        "parameters": [
            {**attrs.asdict(p), "worst": None if p.worst is None else _worst(p), "error_bar": p.error_bar}
            for p in check.parameters
        ],
        "others": [as_document(o) for o in check.others],
    }


def _worst(p: ParameterCheck) -> dict[str, object]:
    assert p.worst is not None
    w = p.worst
    return {"index": list(w.index), "analytic": w.analytic, "numeric": w.numeric, "error": w.error}
