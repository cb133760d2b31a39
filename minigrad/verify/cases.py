"""Which arguments an op is tried on: derived from its declaration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from minigrad.core.errors import RegistrationError
from minigrad.core.op import Op
from minigrad.core.types import Array, Shape
from minigrad.verify.authored import sampled
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase, refuse
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import frozen

_NUMBERS = 40
"""How many numbers of each argument the cases of an op should have seen, at least."""

BASE: Shape = (2, 3, 4)
SHAPES: tuple[tuple[str, Shape], ...] = (
    ("0-d", ()),
    ("1-d", (17,)),
    ("2-d", (1, 4)),
    ("4-d", (2, 1, 3, 2)),
    ("empty", (2, 0, 4)),
)
"""Shapes with other numbers of axes, with axes of length one, and without entries."""

BROADCASTS: tuple[tuple[Shape, Shape], ...] = (
    ((4,), (2, 3, 4)),
    ((3, 1), (2, 1, 4)),
    ((), (2, 3)),
    ((3,), (3, 3)),
    ((1, 3, 1, 1), (2, 3, 2, 2)),
    ((2, 1, 2), (1, 3, 1)),
    ((1, 1), (2, 3)),
    ((1, 3), (2, 4, 3)),
    ((1,), (2, 3)),
    ((3, 1), (2, 3, 3)),
    ((1, 2, 1), (3, 1, 2)),
    ((2, 1, 3, 1), (1, 4, 1, 2)),
    ((1, 1, 3), (2, 2, 2, 3)),
    ((1,), (0,)),
)
"""Pairs of broadcasting shapes: one for each argument in turn, one for the others.

Fewer axes, lengths of one on both sides, no axes at all.
"""


def broadcasts(count: int, thorough: bool) -> Iterator[tuple[Shape, ...]]:
    """Shapes of `count` arguments that broadcast, each argument being the odd one out once."""
    for one, rest in BROADCASTS if thorough else BROADCASTS[1:2]:
        for odd in range(count):
            yield tuple(one if i == odd else rest for i in range(count))


def draw(op: Op, rng: SeededRandom, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
    """One read-only float64 (or integer) array for each argument."""
    arrays = []
    for i, shape in enumerate(shapes):
        domain = declaration_of(op).domain(i)
        assert domain is not None
        arrays.append(frozen(domain.draw(rng, shape)))
    return tuple(arrays)


def fixed_shape(op: Op) -> bool:
    """Whether some argument prescribes its shape, so that shapes cannot be varied freely."""
    return any(d is not None and d.shape is not None for d in declaration_of(op).domains)


def base_shapes(op: Op) -> tuple[tuple[Shape, ...], ...]:
    """Shapes of the arguments for the cases that are compared with differences.

    The first meets all metadata.
    """
    if declaration_of(op).shapes:
        return declaration_of(op).shapes
    shapes: list[Shape] = []
    for i, a in enumerate(op.arguments):
        domain = declaration_of(op).domain(i)
        own = domain.shape if domain is not None else None
        shapes += [own or BASE] * (2 if a.variadic else 1)
    return (tuple(shapes),)


def metadata(op: Op) -> tuple[Mapping[str, object], ...]:
    """The declared metadata combinations, defaults filled in."""
    combinations = []
    for given in declaration_of(op).params:
        try:
            combinations.append(op.bind_kwargs(given))
        except TypeError as error:
            raise refuse(RegistrationError, op, f"params has {dict(given)!r}, but {error}") from error
    return tuple(combinations)


def difference_cases(op: Op, seed: int, thorough: bool = True) -> Iterator[CheckCase]:
    """Every case that is compared with finite differences: samples, or shapes and metadata.

    Drawn lazily.
    """
    if declaration_of(op).samples is not None:
        yield from sampled(op, seed)
        return
    options = metadata(op)
    rng = SeededRandom(seed)
    for k, shapes in enumerate(base_shapes(op)):
        for kwargs in options if k == 0 else options[:1]:
            yield CheckCase(draw(op, rng, shapes), kwargs, "base" if k == 0 else f"shapes {k}", seed)
    if thorough:
        first = base_shapes(op)[0]
        fewest = min((prod(s) for s in first if prod(s)), default=_NUMBERS)
        for k in range(min(8, _NUMBERS // fewest) if fewest < _NUMBERS // 2 else 0):
            yield CheckCase(draw(op, rng, first), options[0], f"base, draw {k + 2}", seed)


def fresh(op: Op, case: CheckCase, rng: SeededRandom) -> CheckCase:
    """Draw other numbers of equal shapes and metadata.

    A rule that keeps something by shape is caught by it.
    """
    return CheckCase(
        draw(op, rng, tuple(a.shape for a in case.arrays)), case.kwargs, f"{case.label}, second draw", case.seed
    )


def structure_shapes(op: Op, thorough: bool) -> Iterator[tuple[str, tuple[Shape, ...]]]:
    """Further shapes for an op whose arguments may have any.

    0-d, one element, empty, and broadcast pairs.
    """
    if declaration_of(op).samples is not None or declaration_of(op).shapes or fixed_shape(op):
        return
    count = len(op.arguments) + any(a.variadic for a in op.arguments)
    for label, shape in SHAPES if thorough else SHAPES[::4]:
        yield label, (shape,) * count
    if op.arguments[-1].variadic:
        yield "one array for *" + op.arguments[-1].name, (BASE,) * (count - 1)
        if thorough:
            yield "three arrays for *" + op.arguments[-1].name, (BASE,) * (count + 1)
    if count > 1:
        for shapes in broadcasts(count, thorough):
            yield "broadcast", shapes
