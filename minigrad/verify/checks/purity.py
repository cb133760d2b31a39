"""Purity: a rule is linear in the output gradient, repeats itself, and keeps nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

import numpy as np

from minigrad.core.errors import GradientMismatch, InvalidRule, RegistrationError
from minigrad.core.types import Array
from minigrad.verify.cases import draw
from minigrad.verify.declare import declaration_of
from minigrad.verify.finite_differences import EPS
from minigrad.verify.refusal import CheckCase, refuse, worst_entry
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, identical, natural_scale, raised_by_rule

_FACTORS = np.array([-2.0, 2.0**40, 2.0**-40, 0.0, -(2.0**40)])
_FACTORS_AND_NAN = np.array([*_FACTORS, np.nan, 2.0**20])
_UNLIKELY = 3_141_592_653


def check_purity(subject: OpUnderTest, e: EvaluatedCase) -> None:
    """vjp(-2 v) must be -2 vjp(v), and must not change what vjp(v) returned."""
    again = _pulled_again(subject, e, _scaled(e.cotangents, -2.0))
    for i, g in e.grads.items():
        due = -2.0 * g
        if (again[i] == due).all():
            continue
        size = np.abs(due)
        close = 128.0 * np.finfo(g.dtype).eps * np.maximum(size, np.max(size, initial=0.0) * 1e-3)
        gap = np.abs(again[i] - due)
        if not (gap <= close).all() and not (gap <= close + 64.0 * _rule_noise(subject, e, i)).all():
            raise _not_linear(subject, e, i, "vjp(-2 g) is not -2 vjp(g)", again[i], due, close)


def check_purity_by_entry(subject: OpUnderTest, e: EvaluatedCase, with_nan: bool = False) -> None:
    """Check linearity in g of an elementwise op: -2, 0, huge and tiny factors in one pull.

    `with_nan` asks for NaN in the same pull, for want of a `check_cotangents`.
    """
    v = e.cotangents[0]
    factors = _FACTORS_AND_NAN if with_nan else _FACTORS
    factor = factors[np.arange(v.size) % factors.size].reshape(v.shape)
    again = _pulled_again(subject, e, (frozen(v * factor),))
    for i, g in e.grads.items():
        due = factor * g
        told = ~np.isnan(factor)
        if with_nan:
            _refuse_hidden(subject, e.case, i, g[~told], again[i][~told])
        if (again[i] == due)[told].all():
            continue
        close = 128.0 * np.finfo(g.dtype).eps * np.abs(factor) * np.maximum(np.abs(g), np.max(np.abs(g)) * 1e-3)
        if not (np.abs(again[i] - due) <= close)[told].all():
            numbers = (np.where(told, a, 0.0) for a in (again[i], due, close))
            problem = "-2 g, 0 g, 2**40 g and 2**-40 g do not give as many times what g gives"
            raise _not_linear(subject, e, i, problem, *numbers)


def _not_linear(
    subject: OpUnderTest, e: EvaluatedCase, index: int, problem: str, actual: Array, due: Array, close: Array
) -> RegistrationError:
    name = subject.name(index)
    return refuse(
        InvalidRule, subject.op, f"its rule is not linear in the output gradient: {problem}", case=e.case,
        argument=name, worst=worst_entry(name, e.case.arrays[index], actual, due, close + 1e-300, "due is"),
        remedy="a vector-Jacobian product multiplies g: no abs, clip, constant term, threshold or random number; "
        "nothing may be divided by g",
    )  # fmt: skip


def _pulled_again(subject: OpUnderTest, e: EvaluatedCase, v: tuple[Array, ...]) -> Mapping[int, Array]:
    before = {i: g.copy() for i, g in e.grads.items()}
    again = subject.pull(e.case, e.outputs, v)
    for i, g in e.grads.items():
        if not identical(g, before[i]):
            raise refuse(
                InvalidRule, subject.op, "its rule returns an array that its next call overwrites", case=e.case,
                argument=subject.name(i), remedy="return a new array from each call",
            )  # fmt: skip
    return again


def _rule_noise(subject: OpUnderTest, e: EvaluatedCase, index: int) -> float:
    """The round-off in a rule, by what it makes of multiples of g.

    At most 1e-12 of the gradient.

    Iterations and scaling and squaring branch on norms, of g among others, and carry more than a formula does.
    """
    level = 0.0
    for factor in (3.0, 0.375, -0.0625):
        g = subject.pull(e.case, e.outputs, _scaled(e.cotangents, factor))[index]
        level = max(level, float(np.max(np.abs(g / factor - e.grads[index]), initial=0.0)))
    return min(level, 1e-12 * float(np.max(np.abs(e.grads[index]), initial=0.0)))


def _scaled(v: tuple[Array, ...], factor: float) -> tuple[Array, ...]:
    return tuple(frozen(factor * w) if w.dtype.kind == "f" else w for w in v)


def refuse_not_finite(subject: OpUnderTest, e: EvaluatedCase) -> None:
    """Gradients must be numbers wherever the function gives numbers."""
    case = e.case
    for i, g in e.grads.items():
        if not np.isfinite(g).all():
            name = subject.name(i)
            raise refuse(
                GradientMismatch, subject.op, "its rule gives NaN or infinity where the function is finite", case=case,
                argument=name,
                worst=worst_entry(name, case.arrays[i], g, np.where(np.isfinite(g), g, np.nan), np.ones(g.shape)),
                remedy="find the overflow or the division by zero: two infinities, or zeros, that meet in the formula",
            )  # fmt: skip


def check_cotangents(subject: OpUnderTest, e: EvaluatedCase, thorough: bool) -> int:
    """Check rules on huge, tiny and absent entries of g.

    vjp(v) from two halves of v, and vjp(NaN).
    """
    if not thorough and subject.is_entrywise:
        return 0  # its entries have been through this one by one
    _add_up_halves(subject, e)
    if thorough:
        _add_up_special(subject, e)
    blind = subject.pull(e.case, e.outputs, _scaled(e.cotangents, np.nan))
    for i, g in e.grads.items():
        _refuse_hidden(subject, e.case, i, g, blind[i])
    return 3


_HUGE, _LARGE = 2.0**40, 2.0**10
_ROUGH = 1e-3
"""Share of a gradient that huge output gradients may cost a rule that goes by their norm."""

_NEARBY = (1.0, 1.375, 0.8125, 1.15625)
"""Multiples of a huge factor at which round-off differs, and a mistake does not."""

_STEADY = 0.5
"""Share of the least misfit that misfits may differ by where they are a mistake."""


def _add_up_halves(subject: OpUnderTest, e: EvaluatedCase) -> None:
    """Refuse a rule whose gradients for a huge and a tiny half of g do not add up.

    One that goes by the norm of g, as scaling and squaring does, loses digits to it: those are lost by chance.
    """
    misfit, _ = _halves_apart(subject, e, _HUGE, 1e-10)
    if misfit is None:
        return
    for factor, share in ((_LARGE, 1e-10), (_HUGE, _ROUGH)):
        worse, _ = _halves_apart(subject, e, factor, share)
        if worse is not None:
            raise worse
    misfits = [_halves_apart(subject, e, _HUGE * near, 1e-10)[1] for near in _NEARBY]
    for i in e.grads:
        each = np.array([m[i] for m in misfits])
        low, high = np.min(each, axis=0), np.max(each, axis=0)
        least = np.where(low > 0.0, low, np.where(high < 0.0, -high, 0.0))
        if np.any((least > 1e-10 * np.max(np.abs(e.grads[i]), initial=0.0)) & (high - low <= _STEADY * least)):
            raise misfit


def _halves_apart(
    subject: OpUnderTest, e: EvaluatedCase, huge: float, share: float
) -> tuple[RegistrationError | None, Mapping[int, Array]]:
    """How far a huge and a tiny half of g are off.

    Returns:
        The refusal where that is more than a share, and the misfit of each gradient.
    """
    v = e.cotangents
    odd = [(np.arange(w.size) % 2).reshape(w.shape) if w.dtype.kind == "f" else np.ones(w.shape, int) for w in v]
    halves: list[Mapping[int, Array]] = []
    for side, factor in ((0, huge), (1, 1.0 / huge)):
        half = tuple(frozen(w * ((m == side) * factor).astype(w.dtype)) for w, m in zip(v, odd, strict=True))
        halves.append({i: g / factor for i, g in subject.pull(e.case, e.outputs, half).items()})
    floor = 64.0 * float(np.finfo(np.float64).eps) * natural_scale(e.case, v, e.grads)
    misfits = {i: halves[0][i] + halves[1][i] - g for i, g in e.grads.items()}
    for i, g in e.grads.items():
        a, b = halves[0][i], halves[1][i]
        close = share * (np.max(np.abs(a), initial=0.0) + np.max(np.abs(b), initial=0.0)) + floor
        if not (np.abs(misfits[i]) <= close).all():
            problem = (
                "the gradients for two halves of g, each with zeros in place of the other, do not add up to the "
                "gradient for g"
            )
            return _not_linear(subject, e, i, problem, a + b, g, np.full(g.shape, close)), misfits
    return None, misfits


def _expanded(w: Array) -> Array:
    return np.broadcast_to(np.asarray(1.0, w.dtype), w.shape)


_STANDING_OUT: tuple[Callable[[Array], Array], ...] = (np.ones_like, _expanded, np.abs, lambda w: -np.abs(w))


def _add_up_special(subject: OpUnderTest, e: EvaluatedCase) -> None:
    """Check rules on output gradients that stand out.

    Ones, one number expanded (which is what a sum gives), one sign, a single one, zeros, and one output alone.

    Each is added to the random g: by linearity, what it changes is what it gives alone.
    """
    v = e.cotangents
    zeros = tuple(np.zeros_like(w) for w in v)
    special = [tuple(make(w) if w.dtype.kind == "f" else w for w in v) for make in _STANDING_OUT]
    special.append(zeros)
    for k, w in enumerate(v):
        if w.dtype.kind == "f" and w.size:
            one_hot = np.zeros_like(w)
            one_hot.flat[(7 * e.case.seed) % w.size] = 1.0
            special += [(*zeros[:k], part, *zeros[k + 1 :]) for part in ((one_hot, w) if len(v) > 1 else (one_hot,))]
    floor = 64.0 * EPS * natural_scale(e.case, v, e.grads)
    for parts in special:
        alone = subject.pull(e.case, e.outputs, tuple(map(frozen, parts)))
        both = subject.pull(e.case, e.outputs, tuple(frozen(w + p) for w, p in zip(v, parts, strict=True)))
        for i, g in e.grads.items():
            due = both[i] - g
            size = np.max(np.abs(g), initial=0.0) + np.max(np.abs(both[i]), initial=0.0)
            close = np.full(g.shape, 1e-10 * size + floor)
            if not (np.abs(alone[i] - due) <= close).all() and np.isfinite(due).all():
                problem = (
                    "for g of ones, of one sign, of a single one, of zeros or for one output alone it gives something "
                    "else"
                )
                raise _not_linear(subject, e, i, problem, alone[i], due, close)


def _refuse_hidden(subject: OpUnderTest, case: CheckCase, index: int, g: Array, blind: Array) -> None:
    if np.any((g != 0.0) & ~np.isnan(blind)):
        raise refuse(
            InvalidRule, subject.op,
            "its rule hides that the output gradient is NaN: it gives numbers where nothing is known",
            case=case, argument=subject.name(index),
            remedy="no nan_to_num and no comparison of g: a loss that is NaN has to show",
        )  # fmt: skip


def check_memory(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom, thorough: bool) -> int:
    """Refuse what does not repeat itself.

    Neither the forward function, nor a rule that uses what another forward call left behind.
    """
    case, outputs, v = e.case, e.outputs, e.cotangents
    for first, second in zip(outputs, subject.forward(case), strict=True):
        if not identical(first, second):
            raise refuse(
                InvalidRule, subject.op, "its forward function is not deterministic: equal arguments, other outputs",
                case=case, remedy="take random numbers and running statistics as arguments",
            )  # fmt: skip
    checks = 1
    for arrays in _elsewhere(subject, case, rng, thorough):
        other = case.on(tuple(arrays))
        try:
            left = subject.forward(other)
            alike = all(a.shape == b.shape for a, b in zip(arrays, case.arrays, strict=True))
            if thorough and alike and declaration_of(subject.op).samples is None:
                subject.run(other, rng, left)
        except RegistrationError as error:
            if not raised_by_rule(error):
                raise
        except Exception:  # arguments that the op refuses leave nothing behind
            continue
        checks += 1
        after = subject.pull(case, outputs, v, backwards=True)
        _unchanged(subject, case, e.grads, after, "after it was called on something else, or before the other rules")
    if thorough:
        checks += _check_reused_memory(subject, case, v, rng) + _check_surroundings(subject, e)
        _refuse_writing(subject, e)
    return checks


def _unchanged(
    subject: OpUnderTest, case: CheckCase, grads: Mapping[int, Array], after: Mapping[int, Array], when: str
) -> None:
    for i, g in grads.items():
        if not identical(g, after[i]):
            name = subject.name(i)
            raise refuse(
                InvalidRule, subject.op, f"its rule gives another gradient {when}", case=case, argument=name,
                worst=worst_entry(name, case.arrays[i], after[i], g, np.full(g.shape, 1e-300), "due is"),
                remedy="keep nothing between calls: compute what the rule needs from the output and the arguments",
            )  # fmt: skip


def _check_reused_memory(subject: OpUnderTest, case: CheckCase, v: tuple[Array, ...], rng: SeededRandom) -> int:
    """Put other numbers in the memory of the first, as an optimizer does.

    Nothing may be kept by identity.
    """
    if declaration_of(subject.op).samples is not None:
        return 0
    memory = [a.copy() for a in case.arrays]
    seen = [frozen(m.view()) for m in memory]
    here = case.on(tuple(seen))
    subject.pull(here, subject.forward(here), v)
    moved = draw(subject.op, rng, tuple(a.shape for a in case.arrays))
    for m, a in zip(memory, moved, strict=True):
        m[...] = a
    fresh = case.on(moved)
    try:
        outputs = subject.forward(fresh)
        again = subject.forward(here)
    except RegistrationError:
        raise
    except Exception:  # a draw that the op refuses
        return 0
    due = subject.pull(fresh, outputs, v)
    _unchanged(subject, fresh, due, subject.pull(here, again, v), "when new numbers stand in the memory of old ones")
    return 1


def _refuse_writing(subject: OpUnderTest, e: EvaluatedCase) -> None:
    """Refuse what writes into an array that it was passed, where that array can be written to."""
    arrays, v = (tuple(a.copy() for a in group) for group in (e.case.arrays, e.cotangents))
    for what, before, after in (
        ("forward function", e.case.arrays, _after(subject.forward, e.case.on(arrays), arrays)),
        ("rule", (*e.case.arrays, *e.cotangents), _after(subject.pull, e.case.on(arrays), (*arrays, *v), e.outputs, v)),
    ):
        if not all(map(identical, before, after)):
            raise refuse(
                InvalidRule, subject.op, f"its {what} writes into an array that it is passed where it can", case=e.case,
                remedy="make a new array: arguments and output gradients belong to the caller, and to other rules",
            )  # fmt: skip


def _after(function: Callable[..., object], case: CheckCase, arrays: Sequence[Array], *others: object) -> list[Array]:
    """What the arrays hold after a call."""
    function(case, *others)
    return [a.copy() for a in arrays]


def _check_surroundings(subject: OpUnderTest, e: EvaluatedCase) -> int:
    """Refuse what touches NumPy's error state or global random numbers."""
    chance = sys.modules.get("numpy.random")
    before = chance.get_state() if chance is not None else None
    if chance is not None:
        chance.seed(_UNLIKELY)  # a seed that nobody sets: seeding once more cannot look like leaving it alone
    middle = _global_numbers(chance)
    try:
        with np.errstate(all="call", call=_on_float_event):
            expected = np.geterr()
            subject.forward(e.case)
            subject.pull(e.case, e.outputs, e.cotangents)
            state = np.geterr()
        touched = _global_numbers(chance) != middle
    finally:
        if chance is not None:
            chance.set_state(before)
    if touched or state != expected:
        what = "NumPy's global random numbers" if touched else "NumPy's error state (np.seterr)"
        raise refuse(
            InvalidRule, subject.op, f"it changes {what} for the rest of the program", case=e.case,
            remedy="take random numbers as an argument; silence warnings with `with np.errstate(...)`",
        )  # fmt: skip
    return 1


def _on_float_event(kind: str, flag: int) -> None:
    """A floating-point event; the gate provokes them and does not mind."""


def _global_numbers(chance: ModuleType | None) -> object:
    if chance is None:
        return None
    name, keys, position, *_ = chance.get_state()
    return name, keys.tobytes(), position


def _elsewhere(subject: OpUnderTest, case: CheckCase, rng: SeededRandom, thorough: bool) -> list[Sequence[Array]]:
    """Other arguments of the same shapes, and of other shapes."""
    turned = [frozen(a[..., ::-1].copy()) if a.ndim else a for a in case.arrays]
    if not thorough:
        return [turned]
    shorter = [frozen(a[..., : max(1, a.shape[-1] - 1)].copy()) if a.ndim else a for a in case.arrays]
    if declaration_of(subject.op).samples is not None:
        return [turned, shorter]
    return [turned, draw(subject.op, rng, tuple(a.shape for a in case.arrays)), shorter]
