"""Several models as one: what they say, averaged (course notes, model ensembles)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs
import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.nn.errors import ModuleError
from minigrad.nn.module import Module
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.functions import log_softmax, logsumexp, mean

__all__ = ["Ensemble", "average_state_dicts"]


@attrs.define(eq=False, repr=False, init=False)
class Ensemble(Module):
    """The mean prediction of several models.

    They differ in seeds or settings, or are checkpoints of one run.
    With kind "probabilities" the output is log of the mean of the members' softmax: scores whose softmax is the mean
    itself, so that losses and accuracy work as with one model. With "outputs" it is the mean of the outputs.
    """

    members: tuple[Module, ...]
    kind: Literal["probabilities", "outputs"]

    def __init__(self, *members: Module, kind: Literal["probabilities", "outputs"] = "probabilities") -> None:
        if not members:
            raise ModuleError("Ensemble: there are no members; give it at least one model")
        if kind not in ("probabilities", "outputs"):
            raise ModuleError(f"Ensemble: kind={kind!r}: expected 'probabilities' or 'outputs'")
        self.members, self.kind = members, kind

    def forward(self, x: Tensor) -> Tensor:
        """The mean over the members for a batch, of the shape that each member gives."""
        outputs = [member(x) for member in self.members]
        if self.kind == "outputs":
            return mean(stack(outputs, axis=0), axis=0)
        return logsumexp(stack([log_softmax(o, axis=-1) for o in outputs], axis=0), axis=0) - float(
            np.log(len(outputs))
        )

    def __repr__(self) -> str:
        return f"Ensemble({', '.join(map(repr, self.members))})"


def average_state_dicts(states: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Average several `state_dict`s of one model, entry by entry, in their dtypes.

    Worth it for checkpoints from the end of one run (course notes; Izmailov et al. 2018); means of models that were
    trained apart are of no use. Whole-number entries are taken from the last state.

    Raises:
        ModuleError: names or shapes differ, or there are no states.
    """
    if not states:
        raise ModuleError("average_state_dicts: there are no states")
    last = states[-1]
    for state in states:
        if {n: a.shape for n, a in state.items()} != {n: a.shape for n, a in last.items()}:
            raise ModuleError("average_state_dicts: the states are of different models (names or shapes differ)")
    return {
        name: np.mean([state[name] for state in states], axis=0).astype(a.dtype) if a.dtype.kind == "f" else a.copy()
        for name, a in last.items()
    }
