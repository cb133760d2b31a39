"""What a contestant is: for a case and its numbers, a function that makes one step and returns its loss.

Where it takes part in whole trainings, also one that trains on a batch, and one that predicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Batch", "Build", "Numbers", "Step", "Training", "Unsupported", "parameters"]

Numbers = Mapping[str, NDArray[np.float64]]
"""Arrays by name: "x", "y", parameters "p0", "p1", ...; float32 or integers, though the type says float64."""
Step = Callable[[], float]
Build = Callable[[str, Numbers, str], Step]
"""(case, numbers, variant) -> step. Raises Unsupported with the reason."""


Batch = NDArray[Any]


class Training(NamedTuple):
    """A net to be trained, by `build_training(case, numbers, variant)`: a step on a batch, and scores of classes."""

    step: Callable[[Batch, Batch], object]
    predict: Callable[[Batch], Batch]


class Unsupported(Exception):
    """This contestant has no such case; says why."""


def parameters(numbers: Numbers) -> list[NDArray[np.float64]]:
    """The arrays p0, p1, ... in order."""
    count = sum(name[0] == "p" for name in numbers)
    return [numbers[f"p{k}"].copy() for k in range(count)]
