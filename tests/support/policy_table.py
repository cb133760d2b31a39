"""What every function answers at special numbers, beside the limit that is right, PyTorch and JAX.

tests/data/op_policy.json holds all of it, which tests/tools/op_policy_reference.py writes, and
minigrad/ops/SPECIAL_NUMBERS.md prints it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf, isfinite, isinf, isnan, nan
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from mpmath import mp

import minigrad
from support.oracle_exact import DIGITS, FEWER, as_float, exact
from support.oracle_functions import UNARY, Function
from support.oracle_jet import variables
from support.oracle_special import SPECIAL
from support.policy_peers import NUMBERS

mg: Any = minigrad
DATA = Path(__file__).parents[1] / "data" / "op_policy.json"
PAGE = Path(__file__).parents[2] / "minigrad" / "ops" / "SPECIAL_NUMBERS.md"
Answers = dict[str, list[list[str]]]
"""For each function the values and the slopes at NUMBERS, as texts of floats; an empty text where anything is right."""

_WHOLE = [
    "erfinv",
    "erfcinv",
    "ndtr",
    "ndtri",
    "digamma",
    "gammaln",
    "gamma",
    "rgamma",
    "expit",
    "log_expit",
    "logit",
    "entr",
]
TRIED: list[Function] = [f for f in UNARY if not f.name.endswith("of negative")]
_ANYTHING_OUTSIDE = frozenset({"nan_to_num", "gammaln", "digamma", "gamma", "rgamma", "power -0.5"})
"""Functions of positive numbers here whose values elsewhere are a matter of convention (pow(-inf, -0.5) is 0 in C)."""
TRIED += [f for f in SPECIAL if f.name in _WHOLE]
"""Functions that the oracle knows all over their domain."""


def ask_minigrad() -> Answers:
    """What minigrad answers now."""
    x = np.array(NUMBERS)
    answers: Answers = {}
    with np.errstate(all="ignore"):
        for f in TRIED:
            slope = mg.grad(lambda t, f=f: mg.sum(f.call(t)))
            answers[f.name] = [_texts(np.asarray(f.call(x))), _texts(np.asarray(slope(x)))]
    return answers


def find_right() -> Answers:
    """What is right: exact values, limits at the infinities, NaN at NaN and outside of the domain."""
    return {f.name: [[_text(r[k]) for r in (_right(f, x) for x in NUMBERS)] for k in (0, 1)] for f in TRIED}


def _right(f: Function, x: float) -> tuple[float | None, float | None]:
    if isnan(x) or not f.low <= x <= f.high:
        return (None if f.name in _ANYTHING_OUTSIDE else nan), None
    if x in f.poles:
        value, slope, _ = f.poles[x]
        mirrored = f.parity if x == 0 and np.signbit(x) and f.parity else 0
        if x == 0 and np.signbit(x) and not f.parity:
            return value, None  # the slope at -0 of what is not defined below
        return (value * mirrored, -slope * mirrored) if mirrored else (value, slope)
    if isinf(x):
        return _limit(f, x)
    value, slope, _ = exact(f.exact, [x], FEWER if f in SPECIAL else DIGITS)
    return value, slope


def _limit(f: Function, x: float) -> tuple[float | None, float | None]:
    """Value and slope far out, where two places agree; infinite where they grow; NaN where they swing."""
    try:
        with mp.workdps(60):
            near, far = (f.exact(*variables([mp.mpf(s) * (1 if x > 0 else -1)])) for s in ("1e4000", "3.7e4003"))
        pairs = ((near.value, far.value), (near.slope[0], far.slope[0]))
        value, slope = (_settled(a, b) for a, b in pairs)
    except (ArithmeticError, ValueError, TypeError, MemoryError):
        return None, None
    return (inf if f.name == "nan_to_num" else value) if value is not None else None, slope


def _settled(a: Any, b: Any) -> float:
    nearer, farther = as_float(a), as_float(b)
    if nearer == farther:
        return nearer
    if abs(b) > abs(a) > 300 and (a > 0) == (b > 0):
        return inf if a > 0 else -inf
    return nan


def _text(number: float | None) -> str:
    return "" if number is None else repr(float(number))


def _texts(numbers: Any) -> list[str]:
    return [repr(float(v)) for v in numbers]


def agree(a: str, b: str) -> bool:
    """Whether two answers are the same number to six digits; the sign of 0 does not count."""
    if not a or not b:
        return True
    x, y = float(a), float(b)
    if isnan(x) or isnan(y) or not (isfinite(x) and isfinite(y)):
        return a == b
    return abs(x - y) <= 1e-6 * abs(y)


@attrs.frozen
class Difference:
    """An entry in which a library answers otherwise than minigrad.

    Attributes:
        function: its name.
        part: "value" or "slope".
        number: where.
        library: "PyTorch" or "JAX".
        theirs: its answer.
        ours: minigrad's.
        right: the right one, empty where the function has a corner, no limit, or no such place.
    """

    function: str
    part: str
    number: float
    library: str
    theirs: str
    ours: str
    right: str

    @property
    def reason(self) -> str:
        """Why minigrad differs."""
        if not self.right:
            return "outside of the domain, or no limit: any answer"
        if agree(self.ours, self.right):
            return "minigrad's is the exact value or limit"
        if agree(self.theirs, self.right):
            return "worse"
        return "neither is the limit"


def load() -> dict[str, Answers]:
    """The stored answers by library."""
    answers: dict[str, Answers] = json.loads(DATA.read_text())
    return answers


def differences(answers: dict[str, Answers]) -> Iterator[Difference]:
    """All entries in which PyTorch or JAX answers otherwise."""
    for key, library in (("torch", "PyTorch"), ("jax", "JAX")):
        for name, theirs in answers[key].items():
            ours, right = answers["minigrad"].get(name), answers["right"].get(name)
            if ours is None or right is None:
                continue
            for k, part in enumerate(("value", "slope")):
                for i, number in enumerate(NUMBERS):
                    if not agree(theirs[k][i], ours[k][i]) or not agree(ours[k][i], theirs[k][i]):
                        yield Difference(name, part, number, library, theirs[k][i], ours[k][i], right[k][i])


def page(answers: dict[str, Answers]) -> str:
    """The page as Markdown."""
    apart = list(differences(answers))
    entries = sum(2 * len(NUMBERS) for key in ("torch", "jax") for n in answers[key] if n in answers["minigrad"])
    counts = {r: sum(d.reason == r for d in apart) for r in sorted({d.reason for d in apart} | {"worse"})}
    lines = [
        "# Special numbers", "",
        "Value / slope of functions of one number at zeros, infinities, NaN, and the smallest and largest float64.",
        "Written by `tests/tools/op_policy_reference.py`, and compared with the functions in every test run.", "",
        f"Of {entries} entries beside PyTorch 2.13 and JAX 0.10, {len(apart)} differ. Entries where minigrad is worse: "
        f"{counts.pop('worse')}. " + "; ".join(f"{r}: {n}" for r, n in counts.items()) + ".", "",
        "| function | " + " | ".join(_short(repr(x)) for x in NUMBERS) + " |", "|" + "---|" * (len(NUMBERS) + 1),
    ]  # fmt: skip
    for name, (values, slopes) in answers["minigrad"].items():
        cells = [f"{_short(v)} / {_short(s)}" for v, s in zip(values, slopes, strict=True)]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    lines += ["", "## Where PyTorch or JAX answers otherwise", ""]
    lines += ["| function | at | | minigrad | PyTorch | JAX | why |", "|---|---|---|---|---|---|---|"]
    merged: dict[tuple[str, str, str], dict[str, Difference]] = {}
    for d in apart:
        merged.setdefault((d.function, repr(d.number), d.part), {})[d.library] = d
    for (name, number, part), by in merged.items():
        theirs = [_short(by[x].theirs) if x in by else "" for x in ("PyTorch", "JAX")]
        first = next(iter(by.values()))
        row = [f"`{name}`", _short(number), part, _short(first.ours), *theirs, first.reason]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _short(text: str) -> str:
    number = float(text)
    return "NaN" if isnan(number) else f"{number:.4g}"
