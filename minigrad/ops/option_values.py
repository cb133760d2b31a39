"""What the options of functions and layers may be, by their annotation and their name.

An option that is accepted in silence and then ignored, rounded or made NaN of is an error here: `eps=nan`, `stride=-1`,
`keepdims="no"`, `True` for a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import attrs
import numpy as np

from minigrad.core.errors import ArgumentError, ShapeError
from minigrad.core.types import TensorBase

__all__ = ["Limit", "is_checked", "limit_of", "problem_with", "refuse_problem", "require_option"]

_INTEGERS = (int, np.integer)
_REALS = (int, float, np.integer, np.floating)
_SEQUENCES = (list, tuple, range, np.ndarray)
_NUMBER_WORDS = frozenset(("float", "int", "Sequence[int]", "Sequence[float]", "Shape", "Axis", "tuple[int, int]"))
_WORDS = _NUMBER_WORDS | {"bool", "str", "None"}


@attrs.frozen
class Limit:
    """Where the numbers of an option lie.

    Attributes:
        low: the smallest.
        high: the largest.
        open_low: whether the smallest itself is excluded.
        finite: whether infinity is excluded.
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    finite: bool = True

    def holds(self, value: float) -> bool:
        """Whether a number fits; NaN never does."""
        above = value > self.low if self.open_low else value >= self.low
        return bool(above and value <= self.high and not (self.finite and math.isinf(value)))

    def __str__(self) -> str:
        if self.high < math.inf:
            return f"in {'(' if self.open_low else '['}{self.low:g}, {self.high:g}]"
        if self.low == -math.inf:
            return "finite"
        return f"{'above' if self.open_low else 'at least'} {self.low:g}"


_ANY, _POSITIVE, _NOT_NEGATIVE = Limit(finite=False), Limit(0.0, open_low=True), Limit(0.0)
_COUNT, _SHARE = Limit(1.0), Limit(0.0, 1.0)
_FINITE = Limit()

# fmt: off
_LIMITS: Mapping[str, Limit] = MappingProxyType({
    **dict.fromkeys(("kernel", "kernel_size", "stride", "dilation", "window_shape", "step", "output_size", "groups",
                     "size", "substeps", "divisor_override"), _COUNT),
    **dict.fromkeys(("output_padding", "eps", "gamma", "lambd", "repeats", "num", "decay"), _NOT_NEGATIVE),
    **dict.fromkeys(("temperature", "period", "scale_factor"), _POSITIVE),
    **dict.fromkeys(("p", "delta", "norm_type"), Limit(0.0, open_low=True, finite=False)),
    **dict.fromkeys(("label_smoothing", "dropout"), _SHARE),
    **dict.fromkeys(("low", "high", "initial", "min", "max", "first", "last", "nan", "posinf", "neginf", "discont",
                     "constant_values", "end_values", "value", "ord", "start", "stop", "fill"), _ANY),
    "celu.alpha": _POSITIVE,
    "smooth_l1_loss.beta": Limit(0.0, finite=False),
    **dict.fromkeys(("dropout.p", "Dropout.p", "Dropout1d.p", "Dropout2d.p", "Dropout3d.p", "AlphaDropout.p",
                     "FeatureAlphaDropout.p"), _SHARE),
    "Softplus.beta": _POSITIVE,
    "conv.padding": _NOT_NEGATIVE,
    "avg_pool.padding": _NOT_NEGATIVE,
    "max_pool.padding": _NOT_NEGATIVE,
    "conv_transpose.padding": _NOT_NEGATIVE,
    "unfold.padding": _NOT_NEGATIVE,
    "fold.padding": _NOT_NEGATIVE,
    "Upsample.size": _COUNT,
})
"""Name of an option, or of function and option -> where its numbers lie.

Finite for all others.
"""
# fmt: on


def limit_of(owner: str, option: str) -> Limit:
    """Where the numbers of an option lie."""
    return _LIMITS.get(f"{owner}.{option}") or _LIMITS.get(option) or _FINITE


def require_option(owner: str, option: str, value: object) -> None:
    """Refuse what is no real number within the limits of an option of an op.

    Raises:
        ArgumentError: it is no number.
        ShapeError: it is out of its range, or NaN.
    """
    limit = limit_of(owner, option)
    if type(value) is not float or not limit.holds(value):
        refuse_problem(owner, option, value, "float", limit)


def refuse_problem(shown: str, option: str, value: object, annotation: str, limit: Limit) -> None:
    """Raise what is wrong with the value of an option, if anything is (see `problem_with`).

    Raises:
        ArgumentError: it is of another kind than the annotation says.
        ShapeError: it is out of its range, or NaN.
    """
    problem = problem_with(value, annotation, limit)
    if problem is not None:
        kind = ArgumentError if problem == annotation else ShapeError
        raise kind(f"{shown}: {option} must be {problem}, not {value!r:.60}")


def is_checked(annotation: str) -> bool:
    """Whether all alternatives of an annotation are numbers, truth values, texts or None."""
    words = annotation.split(" | ")
    return bool(annotation) and all(w in _WORDS for w in words) and words != ["None"]


def problem_with(value: object, annotation: str, limit: Limit) -> str | None:
    """What an option must be, if it is not that.

    Args:
        value: of the option.
        annotation: alternatives between bars, for which `is_checked` holds.
        limit: of its numbers.

    Returns:
        The end of a sentence, "must be ...", or None.
    """
    words = annotation.split(" | ")
    if value is None:
        return None if "None" in words or "Axis" in words else annotation
    if isinstance(value, str):
        return None if "str" in words else annotation
    if "bool" in words:
        return None if isinstance(value, bool | np.bool_) or (type(value) is int and value in (0, 1)) else annotation
    if isinstance(value, bool | np.bool_):
        return annotation
    numbers = _REALS if any("float" in w for w in words) else _INTEGERS
    if isinstance(value, numbers):
        fits = any(w in ("float", "int", "Axis") for w in words)
        return annotation if not fits else None if limit.holds(float(value)) else str(limit)
    if isinstance(value, TensorBase | np.ndarray) and getattr(value, "shape", None) == ():
        kind = getattr(value, "dtype", np.dtype(object)).kind
        return None if kind in ("fiu" if "float" in words else "iu") else annotation
    several = any("[" in w or w in ("Shape", "Axis") for w in words)
    if not several or not isinstance(value, _SEQUENCES):
        return annotation
    one = "float" if numbers is _REALS else "int"
    problems = {problem_with(v, one, limit) for v in value} - {None}
    return None if not problems else annotation if one in problems else str(limit)
