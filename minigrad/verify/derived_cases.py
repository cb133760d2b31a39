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
from minigrad.verify.covering import Coverage, CoveringArray, Row, option_values
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import frozen

_LONG = 211
"""Longer than the blocks of hand-written loops, and no multiple of them."""

_BLOCK = 64
"""A whole number of the blocks and vectors that hand-written loops work in."""

_LENGTHS = (
    ("an axis of one", 1),
    ("an axis of two", 2),
    ("an axis of three", 3),
    ("long", _LONG),
    ("a block", _BLOCK),
    ("empty", 0),
)

_SMALLER = 0.25
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
_MOST_PAIRS = 60
"""Rows of the covering array beyond those that change one thing alone."""

_MOST_OPTIONS = 32
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
    for row in CoveringArray(tuple(map(len, values)), _MOST_OPTIONS):
        kwargs = {name: values[f][v] for f, (name, v) in enumerate(zip(names, row, strict=True))}
        if not any(_same(kwargs, m) for m in options):
            yield _label(options[0], kwargs), kwargs


def _factors(op: Op, options: Options) -> tuple[list[str], list[list[object]]]:
    """Names of the options, and the values to try of each."""
    factors = option_values(options, op.defaults, len(base_shapes(op)[0][0]))
    return list(factors), list(factors.values())


def _label(first: Mapping[str, object], kwargs: Mapping[str, object]) -> str:
    return (
        ", ".join(f"{name} changed" for name in kwargs if repr(kwargs[name]) != repr(first[name])) or "default options"
    )


def _same(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    return a.keys() == b.keys() and all(a[k] is b[k] or repr(a[k]) == repr(b[k]) for k in a)


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
    for label, shapes in chain(_free_shapes(len(declared)) if free else (), _shape_changes(declared), fitting):
        if shapes not in seen and sum(map(prod, shapes)) <= _MOST_ENTRIES:
            seen.add(shapes)
            yield label, shapes


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
    if all(declared) and len({s[0] for s in declared}) == 1:
        for lost in range(1, 1 + min(map(len, declared))):
            yield f"{UNSTACKED} ({lost})", tuple(s[lost:] for s in declared)
    elif declared[0]:
        yield UNSTACKED, (declared[0][1:], *declared[1:])


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


_TELLING = (CUBE, "all axes longer by one", "an axis of one", "long", "empty", f"{STACK} (1)", f"{UNSTACKED} (1)")
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


class DerivedCases:
    """Derived cases that are compared with differences, drawn lazily.

    A covering array over shapes and options.

    What cannot be compared is to be reported by `refuse` before the next is taken.
    """

    def __init__(self, op: Op, options: Options, rng: SeededRandom, seed: int, few_shapes: bool = False) -> None:
        self.op, self.options, self.rng, self.seed = op, options, rng, seed
        names, values = _factors(op, options)
        unlisted = list(unlisted_shapes(op, options))
        if few_shapes:
            unlisted = list({label: (label, shapes) for label, shapes in unlisted[::-1] if label in _TELLING}.values())
        self.shapes = [("base", base_shapes(op)[0]), *unlisted]
        self.names, self.values = names, values
        sizes = (len(self.shapes), *map(len, values))
        telling = next((k for k, (label, _) in enumerate(self.shapes) if label == CUBE), 0)
        self._array = CoveringArray(sizes, 2 * sum(sizes) + _MOST_PAIRS, telling)
        self._row: Row = ()
        self._label = ""
        self._unwelcome: set[str] = set()

    def __iter__(self) -> Iterator[CheckCase]:
        for row in self._array:
            self._row = row
            (which, *chosen), first = row, self.options[0]
            label, shapes = self.shapes[which]
            self._label = label
            if any(label.startswith(u) for u in self._unwelcome):
                self._array.refuse(row)
                continue
            kwargs = {name: self.values[f][v] for f, (name, v) in enumerate(zip(self.names, chosen, strict=True))}
            if which or not any(_same(kwargs, m) for m in self.options):
                changed = "" if not any(chosen) else _label(first, kwargs)
                text = ", ".join(part for part in (label if which else "", changed) if part)
                yield CheckCase(self._drawn(shapes), kwargs, text, self.seed, derived=True)
        self._row = ()
        base = CheckCase(draw(self.op, self.rng, self.shapes[0][1]), self.options[0], "", self.seed, derived=True)
        yield from _other_indices(self.op, base)

    def _drawn(self, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
        """Samples, of smaller numbers where changes meet.

        A softmax of large ones is that of a single entry, and hides the others.
        """
        arrays = draw(self.op, self.rng, shapes)
        if not self.in_company:
            return arrays
        kinds = (getattr(declaration_of(self.op).domain(i), "kind", "") for i in range(len(arrays)))
        return tuple(frozen(a * _SMALLER) if kind == "real" else a for a, kind in zip(arrays, kinds, strict=True))

    @property
    def in_company(self) -> bool:
        """Whether the last case puts changes together that were compared one by one."""
        return self._array.is_pair(self._row)

    def refuse(self, unwelcome: bool) -> None:
        """Note that the last case could not be compared.

        It is `unwelcome` if the function itself refuses it. Where one axis more (or less) is refused, several are: what
        forward and rule do then is an accident.
        """
        if self._row:
            self._array.refuse(self._row, unwelcome)
            self._unwelcome |= (
                {kind for kind in (STACK, UNSTACKED) if self._label == f"{kind} (1)"} if self._alone() else set()
            )

    def _alone(self) -> bool:
        return not any(self._row[1:])

    def coverage(self) -> Coverage:
        """Which pairs of shapes and options were compared."""
        factors = {"argument shapes": tuple(f"{label} {shapes}" for label, shapes in self.shapes)}
        for name, values in zip(self.names, self.values, strict=True):
            factors[name] = tuple(map(repr, values))
        return self._array.coverage(factors)


def _other_indices(op: Op, case: CheckCase) -> Iterator[CheckCase]:
    for i, a in enumerate(case.arrays):
        high = getattr(declaration_of(op).domain(i), "high", 0)
        if a.dtype.kind == "b":
            others = _masks(a)
        elif high and a.dtype.kind == "i":
            others = (("negative indices", a - high), ("indices in int32", a.astype(np.int32)), *_orders(a))
        else:
            continue
        for label, other in others:
            arrays = (*case.arrays[:i], frozen(np.asarray(other)), *case.arrays[i + 1 :])
            yield CheckCase(arrays, case.kwargs, label, case.seed, derived=True)


def _orders(a: Array) -> tuple[tuple[str, Array], ...]:
    """Indices that a short cut may be meant for: in order, backwards, all the same."""
    rising = np.sort(a, axis=None).reshape(a.shape)
    return (
        ("indices in order", rising),
        ("indices backwards", np.flip(rising)),
        ("equal indices", np.full_like(a, a.max(initial=0))),
    )


def _masks(a: Array) -> tuple[tuple[str, Array], ...]:
    """Masks that let everything through, nothing, or a single entry but the first."""
    single = np.zeros_like(a)
    single[(-1,) * a.ndim if a.size else ...] = True
    return (
        ("everything masked", np.ones_like(a)),
        ("nothing masked", np.zeros_like(a)),
        ("a single entry masked", single),
    )


def whole_numbers(x: Array) -> Array:
    """`x` rounded away from zero, as integers: counts where floats are expected."""
    whole: Array = (np.sign(x) * np.ceil(np.abs(x))).astype(np.int64)
    return whole
