"""Rules at declared kinks.

The analytic value must lie between the one-sided derivatives, whatever it chooses there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.types import Array
from minigrad.verify.authored import moved_onto_kinks
from minigrad.verify.checks.corners import refuse_outside
from minigrad.verify.checks.projection import directions
from minigrad.verify.declare import Domain, declaration_of
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, raised_by_rule

_UNBOUNDED = frozenset(("real", "distinct"))
_JOINT = 2

_AGAIN = 2
"""Further directions in which a gradient that is NaN is asked about."""


def check_kinks(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom, draws: int = 3) -> int:
    """Compare the rules at kinks; returns how many entries were placed on one.

    Directions are `ones`, which keeps ties tied, and random ones.

    Phi `ones` the output gradient has one sign: with both, the gradient that a rule makes up in one group of tied
    entries could cancel that of another.
    """
    kinks = declaration_of(subject.op).kinks
    if isinstance(kinks, str | list | tuple) and not kinks:
        return 0
    placed = 0
    for k in range(draws):
        arrays, count = _on_kinks(subject, examined, rng, k)
        case = CheckCase(arrays, examined.case.kwargs, f"on a kink ({examined.case.label})", examined.case.seed)
        _check_at(subject, case, rng, ones=k == 0)
        placed += count
    return placed


def check_zeros(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> int:
    """Compare the rules where a quarter of the entries are exactly 0.

    It is the commonest number in a network.

    A rule that divides by its argument or output is NaN there; a corner at 0 is answered as any kink is. Entries (for
    an op that is not elementwise: cases) at which the function itself is not finite are left alone.
    """
    if subject.op.claims.piecewise_constant:
        return 0
    case = with_zeros(subject, examined, rng)
    if case is None:
        return 0
    if not subject.op.claims.elementwise and not all(np.all(np.isfinite(o)) for o in subject.forward(case)):
        return 0
    _check_at(subject, case, rng, ones=False)
    return 1


def with_zeros(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> CheckCase | None:
    """The case with zeros among its entries, or None when no domain contains 0."""
    op = subject.op
    arrays = [a.copy() for a in examined.case.arrays]
    hit = 0
    for i in examined.grads:
        domain = declaration_of(op).domain(i)
        if domain is not None and domain.contains_zero and arrays[i].ndim:
            where = rng.uniform(arrays[i].shape) < 0.25
            if op.claims.elementwise:
                where.reshape(-1)[:_JOINT] = True  # in all arguments at once
            if not where.any() and where.size:
                where.reshape(-1)[-1] = True
            if not op.claims.elementwise:  # two zeros can be a tie, and two corners can hide each other in a sum
                where &= np.cumsum(where).reshape(where.shape) == 1
            arrays[i][where] = 0.0
            hit += int(np.count_nonzero(where))
    if not hit:
        return None
    return CheckCase(tuple(frozen(a) for a in arrays), examined.case.kwargs, "with zeros", examined.case.seed)


def check_pairs(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> int:
    """Two zeros next to each other, ties at the top and at the bottom.

    For an elementwise op, equal arguments.

    Phi `ones`, which keeps ties tied, nearly every function has a derivative at a tie, declared or not: entries that
    share a maximum or a rank share its gradient. Where rule or function is not finite the author's domain excludes it.
    """
    if subject.op.claims.piecewise_constant or declaration_of(subject.op).samples is not None:
        return 0
    if subject.op.claims.elementwise:
        return _check_equal_arguments(subject, examined, rng)
    checks = 0
    for i in examined.grads:
        x = examined.case.arrays[i]
        domain = declaration_of(subject.op).domain(i)
        if domain is None or domain.matrix or not x.size:
            continue
        for axis in {0, x.ndim - 1} if x.ndim else ():
            if x.shape[axis] < 2:
                continue
            for label, moved in _pairs(x, axis, domain.contains_zero):
                arrays = tuple(frozen(moved) if k == i else a for k, a in enumerate(examined.case.arrays))
                checks += _check_pair(subject, examined.case.on(arrays, label), i, rng, _room(domain, rng, moved))
    return checks


def _check_equal_arguments(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> int:
    first, *rest = examined.grads
    arrays = examined.case.arrays
    if not rest or any(arrays[i].shape != arrays[first].shape for i in rest):
        return 0
    equal = tuple(arrays[first] if i in rest else a for i, a in enumerate(arrays))
    case = examined.case.on(equal, "tie between arguments")
    outputs = subject.forward(case)
    if outputs[0].ndim != 1 or not np.isfinite(outputs[0]).all():
        return 0
    e = subject.run(case, rng, outputs)
    u = directions(subject.op, case, rng, [first])[first]
    refuse_outside(subject, e, dict.fromkeys(e.grads, u), rng)
    return 1


def _pairs(x: Array, axis: int, zeros: bool) -> Iterator[tuple[str, Array]]:
    rows = np.moveaxis(x, axis, -1)
    order = rows.argsort(-1)
    middle = rows.shape[-1] // 2
    places = (
        ("tie at the top", order[..., -1], None),
        ("tie at the bottom", order[..., 0], None),
        ("tie in the middle", order[..., middle], order[..., middle - 1]),
    )
    for label, place, other in places:
        moved = rows.copy()
        beside = (place + 1) % rows.shape[-1] if other is None else other
        np.put_along_axis(moved, beside[..., None], np.take_along_axis(rows, place[..., None], -1), -1)
        yield label, np.moveaxis(moved, -1, axis)
    if zeros:
        moved = rows.copy()
        moved[(0,) * (rows.ndim - 1)][:2] = 0.0
        yield "two zeros", np.moveaxis(moved, -1, axis)


def _room(domain: Domain, rng: SeededRandom, x: Array) -> float:
    """How large a rate all entries can share without leaving the domain."""
    return 1.0 if domain.kind in _UNBOUNDED else float(np.abs(domain.direction(rng, x)).min())


def _check_pair(subject: OpUnderTest, case: CheckCase, index: int, rng: SeededRandom, room: float) -> int:
    try:
        outputs = subject.forward(case)
    except RegistrationError:
        raise
    except Exception:  # not in the domain of the op
        return 0
    if not all(np.isfinite(o).all() for o in outputs):
        return 0
    v = subject.cotangents(rng, outputs)
    if case.label.startswith("tie"):
        v = _of_one_sign(v)
    try:
        e = subject.answer(case, outputs, v)
    except RegistrationError as error:
        if not raised_by_rule(error):
            raise
        return 0
    g = e.grads[index]
    if not np.isfinite(g).all():
        return 0
    if case.label.startswith("tie"):
        u = np.full_like(g, room)
    else:  # neighbours move at rates that cannot cancel
        u = rng.signed_magnitudes(g.shape) * np.where(np.sum(np.indices(g.shape), axis=0) % 2, room, room / 4.0)
    refuse_outside(subject, e, {index: u}, rng)
    return 1


def _check_at(subject: OpUnderTest, case: CheckCase, rng: SeededRandom, ones: bool) -> None:
    outputs = subject.forward(case)
    v = subject.cotangents(rng, outputs)
    if ones:
        v = _of_one_sign(v)
    e = subject.answer(case, outputs, v)
    u = directions(subject.op, case, rng, list(e.grads))
    if ones:
        u = {i: np.ones_like(d) for i, d in u.items()}
    refuse_outside(subject, e, u, rng)
    for _ in range(_AGAIN if not ones and any(np.isnan(g).any() for g in e.grads.values()) else 0):
        # Slopes that nearly cancel look as those of a corner do, where NaN is let in: ask along other directions.
        again = subject.answer(case, outputs, subject.cotangents(rng, outputs))
        refuse_outside(subject, again, directions(subject.op, case, rng, list(e.grads)), rng)


def _of_one_sign(v: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(frozen(np.abs(w)) for w in v)


def _on_kinks(
    subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom, k: int
) -> tuple[tuple[Array, ...], int]:
    kinks = declaration_of(subject.op).kinks
    case = examined.case
    due = list(examined.grads)
    if callable(kinks):
        moved = moved_onto_kinks(subject.op, case, case.seed + k)
        return moved, sum(a.size for a in moved)
    arrays = [a.copy() for a in case.arrays]
    if kinks == "ties":
        if len(due) > 1:
            for j in due[1:]:
                if arrays[j].shape == arrays[due[0]].shape:
                    arrays[j][...] = arrays[due[0]]
        else:
            # First everything equal, so that every group of entries that is compared has its tie at the top.
            several = np.array([0.75]) if k == 0 else np.array([0.25, 0.75, 1.25])
            levels = rng.choice(several, arrays[due[0]].shape)
            arrays[due[0]][...] = levels
    else:
        for i in due:
            hit = rng.uniform(arrays[i].shape) < 0.75
            values = np.array(kinks, dtype=np.float64)
            arrays[i][hit] = rng.choice(values, arrays[i].shape)[hit]
    count = int(arrays[due[0]].size)
    return tuple(frozen(a) for a in arrays), count
