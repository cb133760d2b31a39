"""The built-in engine: NumPy calls with `out=`.

On whole arrays where these are small, else tile by tile in cache.

A chain of calls on large arrays moves every operand through memory once for each call. Cut into tiles that stay in
cache, it moves inputs and outputs once. The numbers are the same to the last bit, because the calls are the same; only
sums over everything are added up in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import ClassVar, TypeAlias
from weakref import WeakValueDictionary

import attrs
import numpy as np

from minigrad.core.types import Array, Shape
from minigrad.engines.fast_calls import bind_call, fast_function, reduction
from minigrad.engines.group import ElementwiseCall, FusionGroup, Input
from minigrad.engines.protocol import API, CompiledGroup, Thunk
from minigrad.engines.registers import RegisterAssignment, Scratch, assign_registers, padded
from minigrad.engines.threads import ParallelFor, thread_count

__all__ = ["TILE_BYTES", "NumpyEngine"]

TILE_BYTES = 1 << 18
"""Bytes of one operand of a tile.

Smaller tiles pay more for calls than they save in cache misses (measured).
"""
SHARED = 100_000
"""Places from which threads are tried: two tiles."""
Cut: TypeAlias = tuple[slice, ...]
Fetch: TypeAlias = Callable[[], Array]


class NumpyEngine:
    """Runs every group.

    Args:
        tile_bytes: how many bytes of an operand make a tile; by default TILE_BYTES.
        threads: how many may share a group in tiles; by default as many as there are processors.
    """

    api: ClassVar[tuple[int, int]] = API

    def __init__(self, tile_bytes: int | None = None, threads: int | None = None) -> None:
        self.tile_bytes = TILE_BYTES if tile_bytes is None else tile_bytes
        self.threads = thread_count() if threads is None else threads
        self._arena = np.empty(0, np.uint8)
        self._filled: WeakValueDictionary[tuple[bytes, str, Shape], Array] = WeakValueDictionary()

    def bind(self, group: FusionGroup) -> CompiledGroup:
        """The calls of a group. Never declines."""
        group = _with_fast_functions(group.flattened())
        assignment = assign_registers(group)
        width = max(group.dtype(v).itemsize for v in range(len(group.inputs) + len(group.calls)))
        limit = max(1, self.tile_bytes // width)
        cuts = list(_tiles(group, limit)) if group.size > 2 * limit else []
        return self._tiled(group, assignment, cuts) if len(cuts) > 1 else self._whole(group, assignment)

    def _whole(self, group: FusionGroup, assignment: RegisterAssignment) -> CompiledGroup:
        scratch = self._scratch(assignment.scratch)
        fixed: list[Array | Fetch] = [_source(i) for i in group.inputs]
        registers = [*fixed, *(o.array for o in group.outputs), *scratch]
        calls: list[Thunk] = []
        for call, operands, result in assignment.calls:
            out = registers[result]
            assert isinstance(out, np.ndarray)
            operand_arrays = [
                self._full(group.inputs[o], out.shape) if _wants_array(group, call, o) else registers[o]
                for o in operands
            ]
            calls += _bound(call, operand_arrays, out)
        return CompiledGroup(tuple(calls), sum(s.nbytes for s in scratch), f"{len(calls)} calls")

    def _tiled(self, group: FusionGroup, assignment: RegisterAssignment, cuts: Sequence[Cut]) -> CompiledGroup:
        tile = tuple(part.stop - part.start for part in cuts[0])
        specs = [(tuple(map(min, shape, tile)), dtype) for shape, dtype in assignment.scratch]
        workers = min(self.threads, len(cuts)) if group.size >= SHARED else 1
        scratch = self._scratch(specs * workers)
        apart = [scratch[k * len(specs) : (k + 1) * len(specs)] for k in range(workers)]
        run = _TileRunner(group, assignment, cuts, apart, tile)
        note = f"{len(assignment.calls)} calls on {len(cuts)} tiles" + (
            f", up to {workers} threads" if workers > 1 else ""
        )
        return CompiledGroup((run,), sum(s.nbytes for s in scratch), note)

    def _full(self, number: Input, shape: Shape) -> Array:
        """An array of one number, which all groups share, so that it stays in cache."""
        assert number.array is not None
        key = (number.array.tobytes(), number.dtype.str, shape)
        cached = self._filled.get(key)
        if cached is None:
            cached = self._filled[key] = np.full(shape, number.array)
        return cached

    def _scratch(self, specs: Sequence[Scratch]) -> list[Array]:
        """Arrays for temporaries.

        Groups run one after another, so all take them from the same memory.
        """
        sizes = [-(-int(np.prod(shape)) * dtype.itemsize // 64) * 64 for shape, dtype in specs]
        if sum(sizes) > self._arena.nbytes:
            raw = np.empty(sum(sizes) + 64, np.uint8)
            start = -raw.ctypes.data % 64
            self._arena = raw[start : start + sum(sizes)]
        arrays_made: list[Array] = []
        start = 0
        for (shape, dtype), size in zip(specs, sizes, strict=True):
            memory = self._arena[start : start + int(np.prod(shape)) * dtype.itemsize]
            arrays_made.append(memory.view(dtype).reshape(shape))  # type: ignore[arg-type]
            start += size
        return arrays_made


class _TileRunner:
    """The calls of a group on one tile after another."""

    def __init__(
        self,
        group: FusionGroup,
        assignment: RegisterAssignment,
        cuts: Sequence[Cut],
        scratch: Sequence[Sequence[Array]],
        tile: Shape,
    ) -> None:
        self.space = group.space
        self.calls = assignment.calls
        self.cuts = cuts
        self.scratch = scratch
        self.shared = ParallelFor(self._share, len(scratch))
        self.filled = {
            o: np.full(tile, group.inputs[o].array)
            for call, operands, _ in assignment.calls
            for o in operands
            if _wants_array(group, call, o) and _only_whole(group, o)
        }
        self.late = [(k, i.fetch) for k, i in enumerate(group.inputs) if i.fetch is not None]
        arrays = [i.array if i.array is not None else np.empty(0, i.dtype) for i in group.inputs]
        self.arrays = [_aligned(a, self.space) for a in (*arrays, *(o.array for o in group.outputs))]
        self.shares: dict[tuple[int, int], list[_Tile]] = {}
        self.parts = {
            result: np.zeros((len(cuts), *(1,) * len(self.space)), call.dtype)
            for call, _, result in assignment.calls
            if len(call.axes) == len(self.space)
        }

    def __call__(self) -> None:
        for k, fetch in self.late:
            self.arrays[k] = _aligned(fetch(), self.space)
        self.shared()
        for k, parts in self.parts.items():
            np.add.reduce(parts, axis=0, out=self.arrays[k])

    def _share(self, worker: int, of: int) -> None:
        """One worker's part of the tiles."""
        if (worker, of) not in self.shares:
            share = -(-len(self.cuts) // of)
            numbers = range(worker * share, min((worker + 1) * share, len(self.cuts)))
            self.shares[worker, of] = [self._tile(n, self.scratch[worker]) for n in numbers]
        for tile in self.shares[worker, of]:
            for k, _ in self.late:
                tile.registers[k] = _part(self.arrays[k], tile.cut)
            for call in tile.code:
                call()

    def _tile(self, number: int, scratch: Sequence[Array]) -> _Tile:
        cut, late = self.cuts[number], {k for k, _ in self.late}
        registers = [np.empty(0) if k in late else _part(a, cut) for k, a in enumerate(self.arrays)]
        registers += [_start(a, cut) for a in scratch]
        for k, array in self.filled.items():
            registers[k] = _start(array, cut)
        for k, parts in self.parts.items():
            registers[k] = parts[number]
        tile = _Tile(cut, registers)
        for call, operands, result in self.calls:
            operand_arrays = [partial(registers.__getitem__, o) if o in late else registers[o] for o in operands]
            tile.code += _bound(call, operand_arrays, registers[result])
        return tile


@attrs.define(eq=False)
class _Tile:
    """The calls of a group on one tile.

    They are ready to run once the arrays that change are in `registers`.
    """

    cut: Cut
    registers: list[Array]
    code: list[Thunk] = attrs.field(factory=list)


def _with_fast_functions(group: FusionGroup) -> FusionGroup:
    shapes = [group.shape(c.operands[0]) for c in group.calls]
    calls = (attrs.evolve(c, function=fast_function(c, shape)) for c, shape in zip(group.calls, shapes, strict=True))
    return attrs.evolve(group, calls=tuple(calls))


def _tiles(group: FusionGroup, limit: int) -> Iterator[Cut]:
    """Yield tiles of at most `limit` places.

    Whole along the later axes, one place along the earlier ones.
    """
    space = group.space
    depth = _depth(group)
    if not depth:
        return
    inner = [int(np.prod(space[k + 1 :], dtype=np.int64)) for k in range(depth)]
    axis = next((k for k in range(depth) if inner[k] <= limit), depth - 1)
    step = max(1, limit // inner[axis])
    rest = tuple(slice(0, n) for n in space[axis + 1 :])
    for outer in product(*(range(n) for n in space[:axis])):
        for low in range(0, space[axis], step):
            yield (*(slice(i, i + 1) for i in outer), slice(low, min(low + step, space[axis])), *rest)


def _depth(group: FusionGroup) -> int:
    """Count the leading axes that may be cut.

    Those that no reduction runs along and every result has.
    """
    depth = len(group.space)
    for call in group.calls:
        total = len(call.axes) == len(group.space)
        if not total:
            whole = [a == b for a, b in zip(padded(call.shape, group.space), group.space, strict=True)]
            depth = min([depth, *(k for k, same in enumerate(whole) if not same)])
    return depth


def _source(i: Input) -> Array | Fetch:
    cached = i.array if i.array is not None else i.fetch
    assert cached is not None
    return cached


def _wants_array(group: FusionGroup, call: ElementwiseCall, register: int) -> bool:
    """Tell whether a constant number should be an array.

    Only so do maximum and minimum take NumPy's quick path.
    """
    if register >= len(group.inputs) or call.function not in (np.maximum, np.minimum) or not call.shape:
        return False
    return group.inputs[register].constant and group.inputs[register].shape == ()


def _only_whole(group: FusionGroup, register: int) -> bool:
    """Tell whether a value is read by calls over the whole space alone.

    An array of the space would widen others.
    """
    return all(padded(c.shape, group.space) == group.space for c in group.calls if register in c.operands)


def _bound(call: ElementwiseCall, operands: Sequence[Array | Fetch], out: Array) -> tuple[Thunk, ...]:
    """One call on operands of which some are looked up at each run."""
    if call.axes:
        (x,) = operands
        return reduction(call, x, out) if isinstance(x, np.ndarray) else (lambda: call.reduce(x(), out),)
    if all(isinstance(a, np.ndarray) for a in operands):
        return (bind_call(call.function, operands, out),)
    function = partial(call.function, out=out)
    return (lambda: function(*[a if isinstance(a, np.ndarray) else a() for a in operands]),)


def _aligned(a: Array, space: Shape) -> Array:
    """`a` with as many axes as the space; a single number stays as it is."""
    return a if a.ndim in (0, len(space)) else a.reshape(padded(a.shape, space))


def _part(a: Array, cut: Cut) -> Array:
    if not a.ndim:
        return a
    return a[tuple([part if n > 1 else slice(None) for part, n in zip(cut, a.shape, strict=True)])]


def _start(a: Array, cut: Cut) -> Array:
    return a[tuple([slice(0, part.stop - part.start) for part in cut])]
