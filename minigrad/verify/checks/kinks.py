"""Rules at declared kinks.

The analytic value must lie between the one-sided derivatives, whatever it chooses there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from minigrad.core.errors import GradientMismatch, RegistrationError
from minigrad.core.types import Array, BoolArray
from minigrad.verify.checks.directional_check import directions, stepped
from minigrad.verify.checks.neighbours import slopes_of_pieces
from minigrad.verify.declare import Domain, declaration_of
from minigrad.verify.finite_differences import EPS, FIRST_STEP, measured_noise, one_sided
from minigrad.verify.refusal import CheckCase, WorstEntry, refuse
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, natural_scale

_UNBOUNDED = frozenset(("real", "distinct"))
_SMOOTH = 0.02
"""Share by which the slopes on both sides of a smooth point may differ."""

_ARRIVED = 0.9
"""Share of its distance that a contradicted rule keeps from step to step."""

_STEEPENING = 1.25
"""Factor by which a slope grows from step to step where there is none."""

_NOTHING = 16.0
"""Error bars up to which slopes are none that could grow."""

_SPARE = 1e-6
"""Share of the slopes around a corner that differences of them may be off."""

_STEPS = (FIRST_STEP, FIRST_STEP / 16.0, FIRST_STEP / 256.0)


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
        case = CheckCase(arrays, examined.case.meta, f"on a kink ({examined.case.label})", examined.case.seed)
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
            if not op.claims.elementwise:  # two zeros can be a tie, and two corners can hide each other in a sum
                where &= np.cumsum(where).reshape(where.shape) == 1
            arrays[i][where] = 0.0
            hit += int(np.count_nonzero(where))
    if not hit:
        return None
    return CheckCase(tuple(frozen(a) for a in arrays), examined.case.meta, "with zeros", examined.case.seed)


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
    _between(subject, e, dict.fromkeys(e.grads, u), rng)
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
        if error.__cause__ is None:
            raise
        return 0
    g = e.grads[index]
    if not np.isfinite(g).all():
        return 0
    if case.label.startswith("tie"):
        u = np.full_like(g, room)
    else:  # neighbours move at rates that cannot cancel
        u = rng.signed_magnitudes(g.shape) * np.where(np.sum(np.indices(g.shape), axis=0) % 2, room, room / 4.0)
    _between(subject, e, {index: u}, rng)
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
    _between(subject, e, u, rng)


def check_between(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom) -> None:
    """Refuse gradients that lie outside of the one-sided derivatives."""
    u = directions(subject.op, e.case, rng, list(e.grads))
    for i in u:  # where numbers are 0, directions relative to them would be 0 as well
        u[i] = np.where(e.case.arrays[i] == 0.0, rng.signed_magnitudes(u[i].shape), u[i])
    _between(subject, e, u, rng)


def _of_one_sign(v: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(frozen(np.abs(w)) for w in v)


def _on_kinks(
    subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom, k: int
) -> tuple[tuple[Array, ...], int]:
    kinks = declaration_of(subject.op).kinks
    case = examined.case
    due = list(examined.grads)
    if callable(kinks):
        moved = kinks(rng, *case.arrays, **case.meta)
        return tuple(frozen(np.array(a)) for a in moved), sum(a.size for a in moved)
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


def _is_smooth(low: Array, high: Array, was: tuple[Array, Array], bar: Array) -> BoolArray:
    """Whether both sides have about one slope, and had it at the step before.

    A gradient that is not a number is then the rule's fault; at a corner it can be its author's choice of a domain.
    """
    size = np.abs(low) + np.abs(high)
    steady = ~np.isfinite(was[0]) | (np.abs(low - was[0]) + np.abs(high - was[1]) <= _SMOOTH * size + 4.0 * bar)
    smooth: BoolArray = (high - low <= _SMOOTH * size + 4.0 * bar) & steady
    return smooth


def _between(subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], rng: SeededRandom) -> None:
    case, outputs, v, grads = e.case, e.outputs, e.cotangents, e.grads
    elementwise = subject.op.claims.elementwise and all(a.shape == outputs[0].shape for a in case.arrays)

    def phi(steps: Array) -> Array:
        if elementwise and outputs[0].ndim == 1:
            return v[0] * subject.evaluate(case, stepped(case, u, steps[:, None]))[0]
        values = []
        for t in steps:
            y = subject.evaluate(case, stepped(case, u, float(t)))
            values.append(np.concatenate([(w * o).ravel() for w, o in zip(v, y, strict=True) if o.dtype.kind == "f"]))
        return np.array(values)

    at_zero = np.concatenate([(w * o).ravel() for w, o in zip(v, outputs, strict=True) if o.dtype.kind == "f"])
    # A gradient that is not finite must meet a finite bar, or it would excuse itself.
    weights = [
        np.where(np.isfinite(grads[i]), np.abs(grads[i]), 0.0) * (np.abs(u[i]) + np.abs(case.arrays[i])) for i in u
    ]
    scale = (
        sum(weights, np.zeros(case.arrays[0].shape)).ravel() if elementwise else sum(float(w.sum()) for w in weights)
    )
    slack = np.abs(at_zero) + scale + natural_scale(case, v, u)
    if elementwise:
        analytic = sum((grads[i] * u[i] for i in u), np.zeros(case.arrays[0].shape)).ravel()
    else:
        analytic = np.array([sum(float(np.sum(grads[i] * u[i])) for i in u)])
    outside = np.ones(analytic.shape, dtype=bool)
    declared = bool(declaration_of(subject.op).kinks)
    noise_known = False
    before = np.full(analytic.shape, -np.inf)
    was = (before, before)
    sizes: list[Array] = []
    # Another corner inside the stencil falsifies the slopes: a contradiction must survive smaller steps.
    for h in _STEPS:
        left, right, bar = one_sided(phi, at_zero, h, slack)
        low, high = np.minimum(left, right) - bar, np.maximum(left, right) + bar
        if not elementwise:
            low, high = np.array([low.sum()]), np.array([high.sum()])
        slopes_exist = np.isfinite(low) & np.isfinite(high)
        outside &= slopes_exist & ~((analytic >= low) & (analytic <= high))
        # Slopes that come nearer with every step, as those of |x|^1.4 at 0 do, have not arrived.
        distance = np.maximum(low - analytic, analytic - high)
        outside &= ~(distance < _ARRIVED * before)
        outside &= np.isfinite(analytic) | declared | _is_smooth(low, high, was, np.asarray(np.max(bar)))
        bars = bar if elementwise else np.array([bar.sum()])
        sizes.append(np.maximum(np.abs(low) + np.abs(high) - _NOTHING * bars, 0.0))
        before, was = distance, (low, high)
        if not outside.any():
            break
        if not noise_known:  # the bar rested on a model of the round-off: measure it before accusing
            noise_known = True
            slack = slack + measured_noise(lambda t: phi(t + FIRST_STEP / 4.0), ()) / EPS  # off the corner itself
    if outside.any():
        # Slopes that grow by as much with every step, as those of |x|^(2/3) do at 0, end nowhere.
        outside &= ~np.all([b > _STEEPENING * a for a, b in pairwise(sizes)], axis=0)
    if outside.any():
        least, most = slopes_of_pieces(subject, e, u, rng)
        if not elementwise:
            least, most = np.array([least.sum()]), np.array([most.sum()])
        spare = _SPARE * (np.abs(least) + np.abs(most))
        outside &= ~((analytic >= np.minimum(low, least - spare)) & (analytic <= np.maximum(high, most + spare)))
    if outside.any():
        distance = np.nan_to_num(distance, nan=np.inf)
        k = int(np.argmax(np.where(outside, distance, 0.0)))
        i = next(iter(u))
        x = float(case.arrays[i].ravel()[k]) if elementwise else float("nan")
        nearest = float(low[k] if analytic[k] < low[k] else high[k])
        raise refuse(
            GradientMismatch, subject.op,
            f"{case.label.split(' (')[0]}, its directional derivative {float(analytic[k]):.8g} lies outside the "
            f"one-sided derivatives [{float(low[k]):.8g}, {float(high[k]):.8g}]",
            case=case, argument=", ".join(subject.name(j) for j in u),
            worst=WorstEntry(subject.name(i), (k,) if elementwise else (), x, float(analytic[k]), nearest, 0.0),
            remedy="at a corner any mixture of the two sides is right (ties share one gradient); "
            "elsewhere nothing may be divided by a number that can be 0",
        )  # fmt: skip
