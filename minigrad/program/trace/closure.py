"""Closures of optimizers that evaluate the loss themselves: the recorded calls, applied again to real Tensors.

Such a rule asks for the loss, its gradient or its Hessian wherever and as often as it likes. What it gets is the
closure as a graph that core can differentiate to any order: no faster than eager, and the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from minigrad.core.apply import apply
from minigrad.core.graph import Constant
from minigrad.core.tensor import Tensor, from_array, tensor_of
from minigrad.core.types import Array
from minigrad.program.errors import TraceError
from minigrad.program.graph import Call, Draw, Guard, Step, Value, filled, used

__all__ = ["Replay", "recorded"]


@attrs.frozen(eq=False)
class Replay:
    """A closure's steps. `feeds` are the values it takes from outside, in the order in which `loss` is given them."""

    values: tuple[Value, ...]
    steps: tuple[Call | Draw | Guard, ...]
    output: int
    feeds: tuple[int, ...]

    def loss(self, arrays: Sequence[Array]) -> Tensor:
        """What the closure returns, for these numbers and the parameters as they stand."""
        found: dict[int, Tensor] = {k: from_array(a.copy()) for k, a in zip(self.feeds, arrays, strict=True)}
        for step in self.steps:
            if isinstance(step, Call):
                self._apply(step, found)
            elif isinstance(step, Draw):
                drawn = self.values[step.out].empty()
                step.fill(drawn)
                found[step.out] = from_array(drawn)
            else:
                step.check(self._operand(step.value, found)._node.value)
        return self._operand(self.output, found)

    def _apply(self, call: Call, found: dict[int, Tensor]) -> None:
        given = [self._operand(k, found) for k in call.args]
        meta = filled(call.meta, [t._node.value for t in given]) if call.extra >= 0 else call.meta
        result: object = apply(call.op, tuple(given[: len(call.positional)]), meta)
        results = result if isinstance(result, tuple) else (result,)
        found.update(zip(call.outs, results, strict=True))

    def _operand(self, k: int, found: dict[int, Tensor]) -> Tensor:
        value = self.values[k]
        if k in found:
            return found[k]
        if value.holder is not None:
            return value.holder
        assert value.number is not None
        return tensor_of(Constant(value.number))


def recorded(values: Sequence[Value], steps: Sequence[Step], output: int) -> Replay:
    """The replay of a closure that was traced as `steps`. Raises TraceError for effects that it may not have."""
    kept: list[Call | Draw | Guard] = []
    made: set[int] = set()
    feeds: dict[int, None] = {}
    for step in steps:
        if not isinstance(step, Call | Draw | Guard):
            raise TraceError(
                f"a closure for opt.step() did more than compute the loss ({type(step).__name__.lower()}): leave "
                "backward() and updates to the optimizer"
            )
        kept.append(step)
        feeds.update((k, None) for k in used(step) if k not in made and values[k].is_computed)
        made.update(step.outs if isinstance(step, Call) else (step.out,) if isinstance(step, Draw) else ())
    if output not in made and values[output].is_computed:
        feeds[output] = None
    return Replay(tuple(values), tuple(kept), output, tuple(feeds))
