"""What a refusal says: op, argument, case, numbers, worst entry, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.op import Op
from minigrad.core.types import Array


@attrs.frozen(eq=False, repr=False)
class CheckCase:
    """One set of arguments.

    Arrays, metadata, a label that says what it is there to test, and the seed.

    `derived`: not declared by the author, so the forward function may refuse it.
    """

    arrays: tuple[Array, ...]
    kwargs: Mapping[str, object]
    label: str
    seed: int
    derived: bool = False

    def on(self, arrays: tuple[Array, ...], label: str = "") -> CheckCase:
        """Replace the arrays, and the label if one is given."""
        return CheckCase(arrays, self.kwargs, label or self.label, self.seed, self.derived)

    def __str__(self) -> str:
        shapes = ", ".join(f"{a.shape} {a.dtype}" for a in self.arrays)
        options = "".join(f", {k}={v!r}" for k, v in self.kwargs.items())
        return f"{self.label}: {shapes}{options}; seed {self.seed}"


@attrs.frozen
class WorstEntry:
    """The entry of an argument where rule and differences are furthest apart."""

    argument: str
    index: tuple[int, ...]
    x: float
    analytic: float
    numeric: float
    error: float
    against: str = "differences give"

    @property
    def relative(self) -> float:
        """|fa - fn| / max(|fa|, |fn|), the course notes' relative error."""
        return relative_error(self.analytic, self.numeric)

    def __str__(self) -> str:
        at = f"{self.argument}[{', '.join(map(str, self.index))}]" if self.index else self.argument
        analytic, numeric = told_apart(self.analytic, self.numeric)
        return (
            f"{at} = {self.x:.6g}: the rule gives {analytic}, {self.against} {numeric} "
            f"+- {self.error:.1e} (relative error {self.relative:.2g}{_guess(self.analytic, self.numeric)})"
        )


def told_apart(a: float, b: float) -> tuple[str, str]:
    """Two numbers as text, with eight digits or two beyond those that are equal."""
    for digits in range(6, 16):
        if f"{a:.{digits}g}" != f"{b:.{digits}g}":
            break
    return f"{a:.{digits + 2}g}", f"{b:.{digits + 2}g}"


def relative_error(analytic: float, numeric: float) -> float:
    """|fa - fn| / max(|fa|, |fn|), 0 when both are 0 (course notes, gradient check, tip 2)."""
    largest = max(abs(analytic), abs(numeric))
    return abs(analytic - numeric) / largest if largest else 0.0


def _guess(analytic: float, numeric: float) -> str:
    if analytic == 0.0 or numeric == 0.0:
        return ", the rule gives no gradient at all" if analytic == 0.0 else ""
    ratio = analytic / numeric
    for factor, words in (
        (-1.0, ": the sign is wrong"),
        (2.0, ": twice too large"),
        (0.5, ": half of what it should be"),
        (-2.0, ": wrong sign and twice too large"),
    ):
        if abs(ratio - factor) < 1e-6:
            return words
    return ""


@attrs.frozen
class GateFinding:
    """A refusal as data, for programs; `str(error)` says as much to people."""

    op: str
    kind: str
    argument: str = ""
    case: str = ""
    worst: WorstEntry | None = None


def refuse(
    kind: type[RegistrationError],
    op: Op,
    problem: str,
    *,
    case: CheckCase | None = None,
    argument: str = "",
    worst: WorstEntry | None = None,
    remedy: str = "",
) -> RegistrationError:
    """Make an error of class `kind`.

    Its message has four lines; `.finding` holds as much as data.
    """
    where = f", argument {argument!r}" if argument else ""
    lines = [f"op {op.name!r}{where} is refused: {problem}"]
    if worst is not None:
        lines.append(f"  worst entry: {worst}")
    if case is not None:
        lines.append(f"  case: {case}")
    if remedy:
        lines.append(f"  next: {remedy}")
    error = kind("\n".join(lines))
    error.finding = GateFinding(op.name, kind.__name__, argument, str(case) if case else "", worst)
    return error


def worst_entry(
    argument: str, x: Array, analytic: Array, numeric: Array, error: Array, against: str = "differences give"
) -> WorstEntry:
    """The entry with the largest gap in units of its error bar.

    `against` says what `numeric` is.
    """
    gap = np.abs(analytic - numeric) / np.maximum(error, 1e-300)
    gap = np.where(np.isnan(gap), np.inf, gap)
    index = np.unravel_index(int(np.argmax(gap)), gap.shape)
    return WorstEntry(
        argument,
        tuple(int(i) for i in index),
        float(x[index]),
        float(analytic[index]),
        float(numeric[index]),
        float(error[index]),
        against,
    )
