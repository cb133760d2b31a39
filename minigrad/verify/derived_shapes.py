"""Which shapes an op is tried on beside those that its author declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from math import prod

from minigrad.core.op import Op
from minigrad.core.types import Shape
from minigrad.verify.cases import base_shapes, fixed_shape
from minigrad.verify.code_constants import constants
from minigrad.verify.declare import declaration_of

_LONG = 211
"""Longer than the blocks of hand-written loops, and no multiple of them."""

LONG = "long"
"""Label of cases with a long axis."""

NAMED = "more than"
"""Beginning of the labels of cases with an axis longer than a number in the code."""

_BLOCK = 64
"""A whole number of the blocks and vectors that hand-written loops work in."""

_LENGTHS = (
    ("an axis of one", 1),
    ("an axis of two", 2),
    ("an axis of three", 3),
    (LONG, _LONG),
    ("a block", _BLOCK),
    ("empty", 0),
)

_MOST_NAMED, _MOST_LENGTHS = 2_000, 2
"""The longest axis that the code of an op can ask for, and how many such are tried."""

_MOST_CUBE = 400
_MOST_COUNT = 6

STACK = "one more axis"
"""Label of cases with more axes, compared only if the op takes them for a stack."""

STACKS = f"{STACK} to broadcast"
"""Label of cases whose stacks differ, compared only if the op broadcasts them."""

UNSTACKED = "one axis less"
"""Label of cases with fewer axes, compared only if the lost axes are those of a stack."""

_PREFIXES: tuple[Shape, ...] = ((2,), (1, 2), (2, 1, 2), (1, 2, 1, 2))
_MOST_RANK = 6

_MOST_ENTRIES = 5_000
_MOST_AXES = 8
_FREE: tuple[tuple[str, Shape], ...] = (
    ("square", (3, 3)),
    ("1-d", (5,)),
    ("4-d", (2, 1, 3, 2)),
    ("5-d", (2, 1, 2, 1, 3)),
    ("6-d", (1, 2, 1, 2, 1, 3)),
    ("long", (_LONG,)),
    ("two axes of one", (1, 3, 1)),
)

Options = tuple[Mapping[str, object], ...]


def unlisted_shapes(op: Op, options: Options) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """Shapes beside the declared ones.

    Other lengths of each axis of each argument, among them such as whole options fit in, and other numbers of axes.
    """
    declared = base_shapes(op)[0]
    if _matrices(op):
        yield from _matrix_shapes(declared)
        return
    seen = set(base_shapes(op))
    free = not declaration_of(op).shapes and not fixed_shape(op)
    counts = sorted({v for m in options for v in m.values() if type(v) is int and 1 < v <= _MOST_COUNT})
    fitting = _fitting(declared, counts[:2])
    named = _named_lengths(op, declared)
    for label, shapes in chain(_free_shapes(len(declared)) if free else (), _shape_changes(declared), fitting, named):
        if shapes not in seen and sum(map(prod, shapes)) <= _MOST_ENTRIES:
            seen.add(shapes)
            yield label, shapes


def _named_lengths(op: Op, declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """Last axes just above the numbers that the code of the op names."""
    lengths = [int(n) for n in constants(op)[1] if _LONG <= n <= _MOST_NAMED and n == int(n)]
    last = declared[0][-1] if declared[0] else 0
    for length in lengths[:_MOST_LENGTHS] if last else ():
        if all(s.count(last) < 2 for s in declared):
            yield f"{NAMED} {length}", tuple(tuple(length + 1 if n == last else n for n in s) for s in declared)


def _free_shapes(count: int) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    for label, shape in _FREE:
        yield label, (shape,) * count


def _matrices(op: Op) -> bool:
    return any(d is not None and d.matrix for d in declaration_of(op).domains)


def _matrix_shapes(declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """Stacks of matrices, and matrices of other sizes."""
    yield STACK, tuple((2, *s) for s in declared)
    yield STACK + " twice", tuple((2, 1, *s) for s in declared)
    size = max(declared[0][-1:], default=0)
    for other in (1, 2, size + 1):
        if other != size:
            yield f"matrices of {other} rows", tuple(tuple(other if n == size else n for n in s) for s in declared)


def _numbers_of_axes(declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """More axes in front of all arguments, or of the first; fewer, where all have them."""
    rank = max(map(len, declared))
    for prefix in _PREFIXES:
        if rank + len(prefix) <= _MOST_RANK:
            yield f"{STACK} ({len(prefix)})", tuple((*prefix, *s) for s in declared)
    if len(declared) > 1:
        yield STACK, ((2, *declared[0]), *declared[1:])
        if rank + 2 <= _MOST_RANK:
            for odd in range(len(declared)):
                yield STACKS, tuple((2, 1 if k == odd else 3, *s) for k, s in enumerate(declared))
        yield from _shared_axes(declared)
    if all(declared) and len({s[0] for s in declared}) == 1:
        for lost in range(1, 1 + min(map(len, declared))):
            yield f"{UNSTACKED} ({lost})", tuple(s[lost:] for s in declared)
    elif declared[0]:
        yield UNSTACKED, (declared[0][1:], *declared[1:])


def _shared_axes(declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """One axis of all arguments at once, where it has one length in all, as in stacks."""
    for k in range(min(map(len, declared))):
        if len({s[k] for s in declared}) == 1 and declared[0][k] > 1:
            for other in (1, declared[0][k] + 1):
                yield f"a shared axis of {other}", tuple((*s[:k], other, *s[k + 1 :]) for s in declared)


def _shape_changes(declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    first, *rest = declared
    yield from _cubes(declared)
    yield "all axes longer by one", tuple(tuple(n + (n > 1) for n in s) for s in declared)
    places = [(i, k) for i, s in enumerate(declared) for k in range(len(s))]
    for i, k in places[:_MOST_AXES]:
        yield "an axis longer by one", _with_length(declared, i, k, declared[i][k] + 1)
    if all(s and s[-1] > 1 for s in declared):
        yield "last axes shorter by one", tuple((*s[:-1], s[-1] - 1) for s in declared)
    if all(len(s) > 1 for s in declared):
        yield "all square", tuple((*s[:-2], *(max(s[-2:]),) * 2) for s in declared)
    if len(first) > 1:
        yield "square", ((*first[:-2], *(max(first[-2:]),) * 2), *rest)
        yield "an axis of one", ((*first[:-1], 1), *rest)
    if any(n > 1 for s in declared for n in s):
        yield "all axes of one", tuple(tuple(min(n, 1) for n in s) for s in declared)
    if len(first) > 2:
        yield "two axes of one", tuple((*s[:-3], *(1 if k != 1 else n for k, n in enumerate(s[-3:]))) for s in declared)
    for length in sorted({n for s in declared for n in s}):  # where arguments share a length they keep doing so
        if all(s.count(length) < 2 for s in declared):
            for label, other in (
                *_LENGTHS,
                ("an axis shorter by one", length - 1),
                ("an axis longer by one", length + 1),
            ):
                yield label, tuple(tuple(other if n == length else n for n in s) for s in declared)
    for i, k in places[:_MOST_AXES]:
        length = declared[i][k]
        others = (*declared[:i], *declared[i + 1 :])
        if declared[i].count(length) > 1 and not any(length in s for s in others):
            for label, other in (("an axis of one", 1), ("long", _LONG)):
                yield label, _with_length(declared, i, k, other)
    if first:
        yield "empty", tuple((0, *s[1:]) if s else s for s in declared)
    yield from _numbers_of_axes(declared)
    yield from _broadcasting(declared)


CUBE = "all axes of one length"
"""Label of cases in which a gradient with its axes in another order has the right shape."""

WIDENED = "an argument to broadcast"
"""Label of cases that are compared only if the op broadcasts that argument."""


TELLING = (CUBE, "all axes longer by one", "an axis of one", "long", "empty", f"{STACK} (1)", f"{UNSTACKED} (1)")
"""Labels of the shapes that are tried where each costs much, the first of each."""


def _cubes(declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """All axes of one length: where they are, a transposed gradient has the right shape."""
    lengths = sorted({n for s in declared for n in s if n > 1}, reverse=True)
    for length in lengths:
        if max(length ** len(s) for s in declared) <= _MOST_CUBE:
            yield CUBE, tuple((length,) * len(s) for s in declared)
            return


def _fitting(declared: tuple[Shape, ...], counts: list[int]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """Last axes that hold a window or a group once, twice, and as often as it is long."""
    if declared[0]:
        length = declared[0][-1]
        for count in counts:
            for other in (count, 2 * count, count * count):
                yield f"an axis of {other}", tuple((*s[:-1], other) if s and s[-1] == length else s for s in declared)


def _broadcasting(declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """One argument with an axis less, or with an axis of one that others have longer."""
    for i, shape in enumerate(declared if len(declared) > 1 else ()):
        others = declared[:i], declared[i + 1 :]
        if shape:
            yield WIDENED, (*others[0], shape[1:], *others[1])
        for k, length in enumerate(shape[:_MOST_AXES]):
            if length > 1 and any(length in s for s in (*others[0], *others[1])):
                yield WIDENED, _with_length(declared, i, k, 1)


def _with_length(shapes: tuple[Shape, ...], i: int, k: int, length: int) -> tuple[Shape, ...]:
    return (*shapes[:i], (*shapes[i][:k], length, *shapes[i][k + 1 :]), *shapes[i + 1 :])
