"""What the author of an op did not list and its users will pass.

Other options, lengths, and signs of an index.

A forward function may refuse what is derived here, and a rule may raise: that is loud. It may not answer wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from minigrad.core.op import Op
from minigrad.core.types import Array, Shape
from minigrad.verify.cases import base_shapes, draw
from minigrad.verify.code_constants import constants
from minigrad.verify.covering import Coverage, CoveringArray, Row, aliases, listed_values, option_values
from minigrad.verify.declare import declaration_of
from minigrad.verify.derived_shapes import CUBE, LONG, NAMED, STACK, TELLING, UNSTACKED, Options, unlisted_shapes
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, frozen

_SMALLER = 0.25
_MOST_PAIRS = 60
"""Rows of the covering array beyond those that change one thing alone."""

_MOST_OPTIONS = 32
_ANY = frozenset(("real", "positive", "nonzero", "distinct"))
"""Domains that the numbers which float32 cannot hold are in, too."""

_DRAWS = 4
_MOST_SMALL = 256
COSTLY = 0.05
"""Seconds that rules may take on a short case where longer ones are tried.

Second derivatives are not compared where they take more.
"""


def unlisted_metadata(op: Op, options: Options) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Options that are not listed.

    Neighbours of those that are, and pairs of values that never stood together.
    """
    names, values = _factors(op, options)
    for row in CoveringArray(tuple(map(len, values)), _MOST_OPTIONS):
        kwargs = {name: values[f][v] for f, (name, v) in enumerate(zip(names, row, strict=True))}
        if not any(_same(kwargs, m) for m in options):
            yield _label(options[0], kwargs), kwargs
    for name, other in _aliases(op, options):
        yield f"{name} changed", {**options[0], name: other}


def _is_long(shape: tuple[str, tuple[Shape, ...]]) -> bool:
    return shape[0] == LONG or shape[0].startswith(NAMED)


def _aliases(op: Op, options: Options) -> Iterator[tuple[str, object]]:
    for name, listed in listed_values(options, op.defaults).items():
        for other in aliases(listed):
            yield name, other


def _factors(op: Op, options: Options) -> tuple[list[str], list[list[object]]]:
    """Names of the options, and the values to try of each."""
    factors = option_values(options, op.defaults, len(base_shapes(op)[0][0]), constants(op)[0])
    return list(factors), list(factors.values())


def _label(first: Mapping[str, object], kwargs: Mapping[str, object]) -> str:
    return (
        ", ".join(f"{name} changed" for name in kwargs if repr(kwargs[name]) != repr(first[name])) or "default options"
    )


def _same(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    return a.keys() == b.keys() and all(a[k] is b[k] or repr(a[k]) == repr(b[k]) for k in a)


class DerivedCases:
    """Derived cases that are compared with differences, drawn lazily.

    A covering array over shapes and options.

    What cannot be compared is to be reported by `refuse` before the next is taken.
    """

    def __init__(self, op: Op, options: Options, rng: SeededRandom, seed: int, few_shapes: bool = False) -> None:
        self.op, self.options, self.rng, self.seed = op, options, rng, seed
        names, values = _factors(op, options)
        unlisted = sorted(unlisted_shapes(op, options), key=_is_long)  # first those that say what length costs
        if few_shapes:
            unlisted = list({label: (label, shapes) for label, shapes in unlisted[::-1] if label in TELLING}.values())
        self.shapes = [("base", base_shapes(op)[0]), *unlisted]
        self.names, self.values = names, values
        sizes = (len(self.shapes), *map(len, values))
        telling = next((k for k, (label, _) in enumerate(self.shapes) if label == CUBE), 0)
        self._array = CoveringArray(sizes, 2 * sum(sizes) + _MOST_PAIRS, telling)
        self._row: Row = ()
        self._label = ""
        self._unwelcome: set[str] = set()
        self.left_out: list[str] = []
        self._slowest = 0.0

    def __iter__(self) -> Iterator[CheckCase]:
        for row in self._array:
            self._row = row
            (which, *chosen), first = row, self.options[0]
            label, shapes = self.shapes[which]
            self._label = label
            if any(label.startswith(u) for u in self._unwelcome):
                self._array.refuse(row)
                continue
            if _is_long((label, shapes)) and self._slowest > COSTLY:
                self._array.refuse(row)
                self.left_out.append(f"{label}: shorter ones took {self._slowest:.2g} s each")
                continue
            kwargs = {name: self.values[f][v] for f, (name, v) in enumerate(zip(self.names, chosen, strict=True))}
            if which or not any(_same(kwargs, m) for m in self.options):
                changed = "" if not any(chosen) else _label(first, kwargs)
                text = ", ".join(part for part in (label if which else "", changed) if part)
                yield CheckCase(self._drawn(shapes), kwargs, text, self.seed, derived=True)
        self._row = ()
        telling = {0: "", self._array.telling: f"{self.shapes[self._array.telling][0]}, "}
        for name, other in _aliases(self.op, self.options):
            for which, label in telling.items():
                arrays, kwargs = self._drawn(self.shapes[which][1]), {**self.options[0], name: other}
                yield CheckCase(arrays, kwargs, f"{label}{name} changed", self.seed, derived=True)
        for _ in range(_DRAWS):  # what a rule gives the first entry may happen to be right for it
            base = CheckCase(draw(self.op, self.rng, self.shapes[0][1]), self.options[0], "", self.seed, derived=True)
            yield from _other_indices(self.op, base)

    def _drawn(self, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
        """Samples, of smaller numbers where changes meet.

        A softmax of large ones is that of a single entry, and hides the others.
        """
        arrays = draw(self.op, self.rng, shapes)
        kinds = (getattr(declaration_of(self.op).domain(i), "kind", "") for i in range(len(arrays)))
        pairs = zip(arrays, kinds, strict=True)
        if self.in_company:
            return tuple(frozen(a * _SMALLER) if kind == "real" else a for a, kind in pairs)
        return tuple(frozen(self.rng.with_low_bits(a)) if kind in _ANY else a for a, kind in pairs)

    def note(self, e: EvaluatedCase) -> None:
        """Take down how long the rules took: where that is much, no longer axes are tried."""
        self._slowest = max(self._slowest, e.seconds)

    @property
    def in_company(self) -> bool:
        """Whether the last case puts changes together that were compared one by one."""
        return self._array.is_pair(self._row)

    def refuse(self, unwelcome: bool) -> None:
        """Note that the last case could not be compared.

        It is `unwelcome` if the function itself refuses it. Where one axis more (or less) of all arguments is refused,
        several are: what forward and rule do then is an accident.
        """
        if self._row:
            self._array.refuse(self._row, unwelcome)
            self._unwelcome |= (
                {f"{kind} (" for kind in (STACK, UNSTACKED) if self._label == f"{kind} (1)"} if self._alone() else set()
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
            others = (
                ("negative indices", a - high),
                ("one index counted from the end", np.where(a == a.max(initial=0), a - high, a)),
                ("indices in int32", a.astype(np.int32)),
                *((("indices without a sign", a.astype(np.uint8)),) if high <= _MOST_SMALL else ()),
                *_orders(a),
            )
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
