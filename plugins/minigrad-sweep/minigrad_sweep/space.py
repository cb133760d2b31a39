"""What a search may change, and between which bounds: `lr=1e-5:1e-1`, `hidden=32,64,128`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import MinigradError, nearest

__all__ = ["Choice", "Range", "Space", "SpaceError", "Value", "parse_space"]

Value: TypeAlias = float | int | str

WHOLE = frozenset({"batch_size", "epochs", "warmup", "accumulate", "seed", "hidden", "patience", "size"})
"""Settings that are whole numbers."""


class SpaceError(MinigradError):
    """A search space that cannot be searched."""


@attrs.frozen
class Range:
    """Numbers between two bounds, log-uniform.

    As many between 1e-4 and 1e-3 as between 1e-3 and 1e-2.

    Source: Bergstra & Bengio 2012 (random search); the course notes' "search on log scale".
    """

    low: float
    high: float
    whole: bool = False

    @property
    def whole_ends(self) -> tuple[Value, Value]:
        """The bounds, as whole numbers where all are."""
        return (max(1, round(self.low)), round(self.high)) if self.whole else (self.low, self.high)

    def draw(self, rng: np.random.Generator) -> Value:
        """One number."""
        value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return max(1, round(value)) if self.whole else value

    def around(self, best: Value, factor: float) -> Range:
        """The part of it within `factor` of a value, in its logarithm."""
        reach = (self.high / self.low) ** (0.5 * factor)
        value = float(best)
        return attrs.evolve(self, low=max(self.low, value / reach), high=min(self.high, value * reach))


@attrs.frozen
class Choice:
    """Some values, all alike."""

    values: tuple[Value, ...]

    def draw(self, rng: np.random.Generator) -> Value:
        """One of them."""
        return self.values[int(rng.integers(len(self.values)))]

    def around(self, best: Value, factor: float) -> Choice:
        """This choice: values that are not numbers have no neighbourhood."""
        return self


Space: TypeAlias = Mapping[str, Range | Choice]


def parse_space(words: Sequence[str], known: Sequence[str]) -> dict[str, Range | Choice]:
    """The space that words such as `lr=1e-5:1e-1` and `optimizer=adam,sgd` describe.

    Args:
        words: `NAME=LOW:HIGH` or `NAME=A,B,C`.
        known: names of settings that may be searched; those of the optimizer, `optimizer.NAME`, always may.

    Returns:
        Name -> what is drawn for it.

    Raises:
        SpaceError: a setting that is not among `known`, bounds that make no sense, or nothing to search.
    """
    space: dict[str, Range | Choice] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not text:
            raise SpaceError(f"{word!r} is not of the form NAME=LOW:HIGH or NAME=A,B,C")
        if name not in known and not name.startswith("optimizer."):
            raise SpaceError(f"there is no setting {name!r} to search.{nearest(name, known)} Known: {', '.join(known)}")
        space[name] = (
            _parse_range(name, text) if ":" in text else Choice(tuple(_parse_value(name, v) for v in text.split(",")))
        )
    if not space:
        raise SpaceError("nothing to search: give at least one NAME=LOW:HIGH, such as lr=1e-5:1e-1")
    return space


def _parse_range(name: str, text: str) -> Range:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise SpaceError(f"{name}={text}: bounds must be two numbers, LOW:HIGH") from None
    if not (0.0 < low < high and math.isfinite(high)):
        raise SpaceError(f"{name}={text}: a logarithmic range needs 0 < LOW < HIGH")
    return Range(low, high, name in WHOLE)


def _parse_value(name: str, text: str) -> Value:
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return text
    if name in WHOLE and number != int(number):
        raise SpaceError(f"{name}={text}: must be whole numbers")
    return int(number) if name in WHOLE else number
