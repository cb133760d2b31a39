"""Drawing calls cheaply: bytes become shapes, axes, layouts, dtypes and numbers.

Hypothesis draws the bytes (many calls at a time, since its own cost for one example is that of several calls) and
shrinks them: a byte string of smaller digits is a simpler call. The same decoding from fixed bytes gives the calls
that PyTorch's recorded results belong to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import attrs
import numpy as np

from minigrad.typing import Array, Shape

P = ParamSpec("P")
T = TypeVar("T")
LAYOUTS = ("C", "F", "reversed", "spread", "rows reversed")
DTYPES: list[type[np.floating[Any]]] = [np.float64, np.float64, np.float32]
CODE = 14
"""Bytes that describe one call: ten for choices, four to seed the numbers."""


@attrs.frozen
class Call:
    """Arguments: float arrays, integer or boolean arrays after them, options by keyword."""

    arrays: tuple[Array, ...]
    options: dict[str, Any] = attrs.field(factory=dict)
    fixed: tuple[Any, ...] = ()


class Draw:
    """The choices and numbers of one call. Each choice takes a digit off the code, zero being the simplest."""

    def __init__(self, code: bytes) -> None:
        self._left = int.from_bytes(code[4:], "little")
        self._seed = int.from_bytes(code[:4], "little")

    @cached_property
    def rng(self) -> np.random.Generator:
        """Numbers of this call."""
        return np.random.default_rng(self._seed)

    def between(self, low: int, high: int) -> int:
        """An integer, both ends included."""
        self._left, digit = divmod(self._left, high - low + 1)
        return low + digit

    def among(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.between(0, len(options) - 1)]

    def flag(self) -> bool:
        """True or False."""
        return bool(self.between(0, 1))

    def shape(self, low: int = 0, high: int = 3, least: int = 1) -> Shape:
        """`low` to `high` axes of length `least` to 4."""
        return tuple(self.between(least, 4) for _ in range(self.between(low, high)))

    def some(self, count: int) -> tuple[int, ...]:
        """At least one of 0, ..., count - 1, in order."""
        members = self.between(1, 2**count - 1)
        return tuple(k for k in range(count) if members >> k & 1)

    def order(self, count: int) -> list[int]:
        """A permutation of 0, ..., count - 1."""
        rest = list(range(count))
        return [rest.pop(self.between(0, len(rest) - 1)) for _ in range(count)]

    def positions(self, low: int, high: int, shape: Shape) -> Any:
        """Integers from `low` to below `high`, as an array."""
        return np.floor(self.rng.uniform(low, high, shape)).astype(np.intp)

    def array(self, shape: Shape, kind: str = "real", dtype: type[np.floating[Any]] = np.float64) -> Array:
        """An array of a given shape, of drawn strides."""
        return laid(numbers(kind, shape, self.rng, dtype), self.among(LAYOUTS))


Calls: TypeAlias = Callable[[Draw], Call]


def cases(function: Callable[Concatenate[Draw, P], Call]) -> Callable[P, Calls]:
    """From a function of a `Draw` and parameters, a function of the parameters that gives the way to draw calls."""

    def given(*args: P.args, **options: P.kwargs) -> Calls:
        return lambda draw: function(draw, *args, **options)

    return given


def recorded_codes(name: str, count: int) -> list[bytes]:
    """The codes of the calls whose results under PyTorch are recorded: the same on every machine, for ever."""
    return [sha256(f"{name}:{k}".encode()).digest()[:CODE] for k in range(count)]


def numbers(kind: str, shape: Shape, rng: np.random.Generator, dtype: type[np.floating[Any]] = np.float64) -> Array:
    """Numbers of a kind: real, positive, unit, nonzero, above (one), distinct, probability, between (integers)."""
    x = rng.uniform(0.1, 2.0, shape)
    if kind in ("real", "nonzero", "unit", "between"):
        x = (x + (0.3 if kind == "nonzero" else 0.0)) * np.where(rng.random(shape) < 0.5, -1.0, 1.0)
    if kind == "unit":
        x = x / 2.2
    elif kind == "probability":
        x = 0.05 + 0.4 * x
    elif kind == "above":
        x = x + 1.1
    elif kind == "distinct":
        count = int(np.prod(shape))
        ranks = np.argsort(rng.random(count)) - count // 2 + 0.25
        x = (ranks * 0.1 + rng.uniform(-0.01, 0.01, count)).reshape(shape)
    elif kind == "between":
        x = np.floor(x * 2.0) + 0.1 + 0.8 * rng.random(shape)
    return np.asarray(x, dtype=dtype)


def laid(x: Array, layout: str) -> Array:
    """The same numbers behind other strides."""
    if x.ndim == 0 or layout == "C":
        return x
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "reversed":
        return np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    if layout == "rows reversed":
        return np.ascontiguousarray(x[::-1])[::-1]
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), dtype=x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]
