"""What the author of an op did not list and its users will pass.

Other options, lengths, and signs of an index.

A forward function may refuse what is derived here, and a rule may raise: that is loud. It may not answer wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array, Shape
from minigrad.verify.cases import base_shapes, draw, fixed_shape
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import frozen

_LONG = 200
"""Longer than the blocks of 64 or 128 that hand-written loops work in."""

_MOST_AXES = 8
_NUDGE = 1.375

Options = tuple[Mapping[str, object], ...]


def unlisted_metadata(op: Op, options: Options) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Options that are not listed, derived from those that are.

    The defaults, each flag flipped, negative axes, and another value for each number that is listed with one.
    """
    if not op.required and not any(m is op.defaults or _same(m, op.defaults) for m in options):
        yield "default options", op.defaults
    first = options[0]
    for name, value in first.items():
        if len({repr(m[name]) for m in options}) > 1:
            continue
        if isinstance(value, bool):
            yield f"{name} flipped", {**first, name: not value}
        elif isinstance(value, float):
            yield f"{name} changed", {**first, name: value * _NUDGE if value else _NUDGE - 1.0}
        elif isinstance(value, int) and not name.startswith("axis"):
            yield f"{name} changed", {**first, name: value + 1}
    yield from _negative_axes(op, options)


def _negative_axes(op: Op, options: Options) -> Iterator[tuple[str, Mapping[str, object]]]:
    ndim = len(base_shapes(op)[0][0])
    axes = [m for m in options if type(m.get("axis")) is int]
    if all(int(str(m["axis"])) >= 0 for m in axes):
        for m in sorted(axes, key=lambda m: -int(str(m["axis"])))[:2]:
            yield "negative axis", {**m, "axis": int(str(m["axis"])) - ndim}
    for m in options:
        several = m.get("axis")
        if isinstance(several, tuple) and several and all(type(a) is int and 0 <= a < ndim for a in several):
            yield "negative axes", {**m, "axis": tuple(a - ndim for a in several)}
            break


def _same(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    return a.keys() == b.keys() and all(a[k] is b[k] or (type(a[k]) is type(b[k]) and a[k] == b[k]) for k in a)


def unlisted_shapes(op: Op) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """Shapes beside the declared ones: axes longer by one, of one, of none, long, and square."""
    if _matrices(op) or not (declaration_of(op).shapes or fixed_shape(op)):
        return
    declared = base_shapes(op)[0]
    seen = set(base_shapes(op))
    for label, shapes in _shape_changes(declared):
        if shapes not in seen:
            seen.add(shapes)
            yield label, shapes


def _matrices(op: Op) -> bool:
    return any(d is not None and d.matrix for d in declaration_of(op).domains)


def _shape_changes(declared: tuple[Shape, ...]) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    first, *rest = declared
    yield "all axes longer by one", tuple(tuple(n + (n > 1) for n in s) for s in declared)
    places = [(i, k) for i, s in enumerate(declared) for k in range(len(s))]
    for i, k in places[:_MOST_AXES]:
        longer = (*declared[i][:k], declared[i][k] + 1, *declared[i][k + 1 :])
        yield "an axis longer by one", (*declared[:i], longer, *declared[i + 1 :])
    if all(s and s[-1] > 1 for s in declared):
        yield "last axes shorter by one", tuple((*s[:-1], s[-1] - 1) for s in declared)
    if all(len(s) > 1 for s in declared):
        yield "all square", tuple((*s[:-2], *(max(s[-2:]),) * 2) for s in declared)
    if first:
        yield "long", ((*first[:-1], _LONG), *rest)
        yield "an axis of one", ((*first[:-1], 1), *rest)
        yield "empty", tuple((0, *s[1:]) if s else s for s in declared)
        yield "empty", ((*first[:-1], 0), *rest)
    if len(first) > 1:
        yield "square", ((*first[:-2], *(max(first[-2:]),) * 2), *rest)


def unlisted_cases(op: Op, options: Options, rng: SeededRandom, seed: int) -> Iterator[CheckCase]:
    """Derived cases that are compared with differences. Drawn lazily."""
    first = base_shapes(op)[0]

    def case(label: str, shapes: tuple[Shape, ...], meta: Mapping[str, object]) -> CheckCase:
        return CheckCase(draw(op, rng, shapes), meta, label, seed, derived=True)

    for label, meta in unlisted_metadata(op, options):
        yield case(label, first, meta)
    if _matrices(op):
        yield case("stack", tuple((2, *s) for s in first), options[0])
    for label, shapes in unlisted_shapes(op):
        yield case(label, shapes, options[0])
    if not declaration_of(op).shapes and not fixed_shape(op):
        for k, meta in enumerate(options):
            for label, shape in (("square", (3, 3)), ("1-d", (5,)))[: 2 if k else 1]:
                yield case(label, tuple(shape for _ in first), meta)
        yield case("long", tuple((_LONG,) for _ in first), options[0])
    yield from _other_indices(op, case("", first, options[0]))


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
