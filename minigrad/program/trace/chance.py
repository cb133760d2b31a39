"""Random generators during a trace: what a step draws past minigrad would be the same in every run, so is refused."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence

import numpy as np

from minigrad.program.errors import TraceError

__all__ = ["Chance"]


class Chance:
    """Watches NumPy's and Python's global generators and those that the step can reach."""

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self._generators = tuple(generators)
        self._seen = self._states()

    def check(self) -> None:
        """Raise TraceError if anybody has drawn numbers."""
        if self._states() != self._seen:
            raise TraceError(
                "the step draws random numbers with NumPy or Python, which a program would repeat unchanged. Draw them "
                "outside and pass them in, or use mg.random_uniform, mg.random_normal or mg.dropout with your "
                "generator: these draw anew at each run"
            )

    def _states(self) -> list[Hashable]:
        legacy = np.random.get_state(legacy=True)
        assert isinstance(legacy, tuple)
        states: list[Hashable] = [hash(random.getstate()), (legacy[1].tobytes(), *legacy[2:])]
        states.extend(repr(g.bit_generator.state) for g in self._generators)
        return states
