"""What the author of an op did not list and its users will pass.

Other options, lengths, and signs of an index.

A forward function may refuse what is derived here, and a rule may raise: that is loud. It may not answer wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from math import prod

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array, Shape
from minigrad.verify.cases import base_shapes, draw, fixed_shape
from minigrad.verify.covering import option_values, pairwise_rows
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import frozen

_LONG = 200
"""Longer than the blocks of 64 or 128 that hand-written loops work in."""

STACK = "one more axis"
"""Label of cases with one more axis, compared only if the op takes them for a stack."""

_MOST_ENTRIES = 5_000
_MOST_AXES = 8
_MOST_PAIRS = 40
"""Rows of the covering array beyond those that change one thing alone."""

_MOST_OPTIONS = 16
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


def unlisted_metadata(op: Op, options: Options) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Options that are not listed.

    Neighbours of those that are, and pairs of values that never stood together.
    """
    names, values = _factors(op, options)
    for row in pairwise_rows(tuple(map(len, values)), _MOST_OPTIONS):
        meta = {name: values[f][v] for f, (name, v) in enumerate(zip(names, row, strict=True))}
        if not any(_same(meta, m) for m in options):
            yield _label(options[0], meta), meta


def _factors(op: Op, options: Options) -> tuple[list[str], list[list[object]]]:
    """Names of the options, and the values to try of each."""
    factors = option_values(options, op.defaults, len(base_shapes(op)[0][0]))
    return list(factors), list(factors.values())


def _label(first: Mapping[str, object], meta: Mapping[str, object]) -> str:
    return ", ".join(f"{name} changed" for name in meta if repr(meta[name]) != repr(first[name])) or "default options"


def _same(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    return a.keys() == b.keys() and all(a[k] is b[k] or repr(a[k]) == repr(b[k]) for k in a)


def unlisted_shapes(op: Op) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """Shapes beside the declared ones.

    Other lengths of each axis of each argument, and other numbers of axes.
    """
    declared = base_shapes(op)[0]
    if _matrices(op):
        yield "stack", tuple((2, *s) for s in declared)
        return
    seen = set(base_shapes(op))
    free = not declaration_of(op).shapes and not fixed_shape(op)
    for label, shapes in chain(_free_shapes(len(declared)) if free else (), _shape_changes(declared)):
        if shapes not in seen and sum(map(prod, shapes)) <= _MOST_ENTRIES:
            seen.add(shapes)
            yield label, shapes


def _free_shapes(count: int) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    for label, shape in _FREE:
        yield label, (shape,) * count


def _matrices(op: Op) -> bool:
    return any(d is not None and d.matrix for d in declaration_of(op).domains)


def _shape_changes(declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    first, *rest = declared
    yield "all axes longer by one", tuple(tuple(n + (n > 1) for n in s) for s in declared)
    places = [(i, k) for i, s in enumerate(declared) for k in range(len(s))]
    for i, k in places[:_MOST_AXES]:
        yield "an axis longer by one", _with_length(declared, i, k, declared[i][k] + 1)
    if all(s and s[-1] > 1 for s in declared):
        yield "last axes shorter by one", tuple((*s[:-1], s[-1] - 1) for s in declared)
    if all(len(s) > 1 for s in declared):
        yield "all square", tuple((*s[:-2], *(max(s[-2:]),) * 2) for s in declared)
    if first:
        yield "empty", tuple((0, *s[1:]) if s else s for s in declared)
    if len(first) > 1:
        yield "square", ((*first[:-2], *(max(first[-2:]),) * 2), *rest)
        yield "an axis of one", ((*first[:-1], 1), *rest)
    yield STACK, tuple((2, *s) for s in declared)
    if rest:
        yield STACK, ((2, *first), *rest)
    for length in sorted({n for s in declared for n in s}):  # where arguments share a length they keep doing so
        if all(s.count(length) < 2 for s in declared):
            changes = (("an axis of one", 1), ("an axis of two", 2), ("long", _LONG), ("empty", 0))
            for label, other in (
                *changes,
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


def _with_length(shapes: tuple[Shape, ...], i: int, k: int, length: int) -> tuple[Shape, ...]:
    return (*shapes[:i], (*shapes[i][:k], length, *shapes[i][k + 1 :]), *shapes[i + 1 :])


def unlisted_cases(op: Op, options: Options, rng: SeededRandom, seed: int) -> Iterator[CheckCase]:
    """Derived cases that are compared with differences.

    A covering array over shapes and options. Drawn lazily.
    """
    names, values = _factors(op, options)
    shapes = [("base", base_shapes(op)[0]), *unlisted_shapes(op)]
    most = len(shapes) + sum(map(len, values)) + _MOST_PAIRS
    for row in pairwise_rows((len(shapes), *map(len, values)), most):
        label, chosen = shapes[row[0]]
        meta = {name: values[f][v] for f, (name, v) in enumerate(zip(names, row[1:], strict=True))}
        if row[0] or not any(_same(meta, m) for m in options):
            changed = "" if not any(row[1:]) else _label(options[0], meta)
            text = ", ".join(part for part in (label if row[0] else "", changed) if part)
            yield CheckCase(draw(op, rng, chosen), meta, text, seed, derived=True)
    yield from _other_indices(op, CheckCase(draw(op, rng, shapes[0][1]), options[0], "", seed, derived=True))


def _other_indices(op: Op, case: CheckCase) -> Iterator[CheckCase]:
    for i, a in enumerate(case.arrays):
        domain = declaration_of(op).domain(i)
        high = getattr(domain, "high", 0)
        if not high or a.dtype.kind != "i":
            continue
        for label, index in (("negative indices", a - high), ("indices in int32", a.astype(np.int32))):
            arrays = (*case.arrays[:i], frozen(np.asarray(index)), *case.arrays[i + 1 :])
            yield CheckCase(arrays, case.meta, label, case.seed, derived=True)


def whole_numbers(x: Array) -> Array:
    """`x` rounded away from zero, as integers: counts where floats are expected."""
    whole: Array = (np.sign(x) * np.ceil(np.abs(x))).astype(np.int64)
    return whole
