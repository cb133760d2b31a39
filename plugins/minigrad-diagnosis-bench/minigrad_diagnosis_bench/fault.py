"""What a mistake of the benchmark is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

from minigrad_diagnosis_bench import changes as do
from minigrad_diagnosis_bench.setting import Setting

__all__ = ["Fault"]

Proof: TypeAlias = Literal["construction", "outcome"]
_ANY = "mlp conv rnn svm regression lm"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@attrs.frozen
class Fault:
    """A mistake.

    Attributes:
        change: what it does to a setting.
        right: codes that name it.
        families: kinds of tasks it can happen to.
        proof: how a run is known to be broken.
        also: what a task must have besides.
    """

    name: str
    change: do.Change
    right: frozenset[str] = attrs.field(converter=_words)
    families: frozenset[str] = attrs.field(default=_ANY, converter=_words)
    proof: Proof = "construction"
    also: Callable[[Setting], bool] = lambda s: True

    def happens(self, s: Setting) -> bool:
        """Whether it can happen to this task."""
        return s.family in self.families and self.also(s)
