"""Recorded calls as a program over registers, which runs on one tile of the vectors after another."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim.engine import is_finite
from minigrad.optim.lanes import Call, Function

__all__ = ["Program", "compiled"]


@attrs.frozen
class Program:
    """Calls over registers: vectors that are cut into tiles, then scratch tiles, then constants.

    Attributes:
        calls: function, registers of its operands, register of its result.
        scratch: dtypes of the scratch tiles.
        constants: values of the constant registers.
    """

    calls: tuple[tuple[Function, tuple[int, ...], int], ...]
    scratch: tuple[np.dtype[np.generic], ...]
    constants: tuple[object, ...]

    def run(self, vectors: Sequence[Array], start: int, stop: int, tile: int) -> bool:
        """Run on `vectors[:, start:stop]`, writing results back. Whether the first vector is finite there afterwards.

        Each tile is looked at while it is in cache, which costs next to nothing.
        """
        fine = True
        scratch = [np.empty(tile, dtype) for dtype in self.scratch]
        for low in range(start, stop, tile):
            high = min(low + tile, stop)
            registers: list[object] = [v[low:high] for v in vectors]
            registers += scratch if high - low == tile else [s[: high - low] for s in scratch]
            registers += self.constants
            for function, operands, result in self.calls:
                function(*[registers[i] for i in operands], out=registers[result])
            fine = is_finite(vectors[0][low:high]) and fine
        return fine


def compiled(calls: Sequence[Call], dtypes: Sequence[np.dtype[np.generic]], results: Sequence[int]) -> Program:
    """Assign registers: `results[k]` is the lane whose values input vector k shall hold in the end (k < len(results)).

    A result goes straight into its vector as soon as nobody reads the old values any more; dead calls are dropped.
    """
    calls, results, inputs = list(calls), list(results), len(dtypes)
    for k, lane in enumerate(results):
        if lane < inputs and lane != k:  # the old values of another vector: copy them before they are overwritten
            calls.append(Call(np.positive, (lane,), dtypes[lane]))
            results[k] = inputs + len(calls) - 1
    end = len(calls)
    last = {lane: end for k, lane in enumerate(results) if lane != k}
    live = []
    for i in range(end - 1, -1, -1):
        if inputs + i in last:
            live.append(i)
            for operand in calls[i].operands:
                if isinstance(operand, int):
                    last.setdefault(operand, i)
    return _allocated(calls, inputs, results, last, live[::-1])


def _allocated(calls: list[Call], inputs: int, results: list[int], last: dict[int, int], live: list[int]) -> Program:
    home = {lane: k for k, lane in reversed(list(enumerate(results))) if lane >= inputs}
    place: dict[int, int] = {k: k for k in range(inputs)}
    scratch: list[np.dtype[np.generic]] = []
    free: list[int] = []
    constants: list[object] = []
    code: list[tuple[Function, list[int], int]] = []
    for i in live:
        call, lane = calls[i], inputs + i
        operands = []
        for operand in call.operands:
            if isinstance(operand, int):
                operands.append(place[operand])
            else:
                constants.append(operand[0])
                operands.append(-len(constants))
        done = [o for o in set(call.operands) if isinstance(o, int) and o >= inputs and last[o] == i]
        released = [place[o] - inputs for o in done if place[o] >= inputs]
        if call.in_place:
            free += released
        target = home.get(lane)
        if target is not None and last.get(target, -1) <= i and (call.in_place or target not in operands):
            place[lane] = target
        else:
            fitting = [s for s in free if scratch[s] == call.dtype]
            if fitting:
                free.remove(fitting[0])
                place[lane] = inputs + fitting[0]
            else:
                scratch.append(call.dtype)
                place[lane] = inputs + len(scratch) - 1
        if not call.in_place:
            free += released
        code.append((call.function, operands, place[lane]))
    for k, lane in enumerate(results):
        if place[lane] != k:
            code.append((np.positive, [place[lane]], k))
    first = inputs + len(scratch)
    settled = [(f, tuple(o if o >= 0 else first - o - 1 for o in ops), out) for f, ops, out in code]
    return Program(tuple(settled), tuple(scratch), tuple(constants))
