"""Second order: the rule on Tensors, differentiated, against differences of the rule.

Catches the rule that is right at first order but drops to raw arrays on the way, so that its own gradient is silently
zero, and the rule that keeps an intermediate value as a constant.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np

from minigrad.core.backward import gradients
from minigrad.core.errors import GradientMismatch, InvalidRule, RegistrationError
from minigrad.core.mode import mode_override
from minigrad.core.rules import argument_positions, call_rule, unbroadcast
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array
from minigrad.verify.checks.directional_check import (
    NEARER,
    REDRAWS,
    resample,
    undecided,
)
from minigrad.verify.checks.kinks import with_zeros
from minigrad.verify.checks.neighbours import neighbours
from minigrad.verify.checks.projection import directions, longest_step, stepped
from minigrad.verify.declare import declaration_of
from minigrad.verify.finite_differences import Verdict, compare, drowned
from minigrad.verify.refusal import CheckCase, refuse, told_apart, worst_entry
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen, natural_scale

_AROUND = 16
"""Neighbours whose second derivatives are looked at before a rule is accused."""

_SHORT = 2.0**-12
"""Step of the difference that lost derivatives are looked for with first."""


def check_second_order(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> None:
    """Refuse a rule whose gradient disagrees with differences of the rule."""
    if subject.op.claims.piecewise_constant or not examined.grads:
        return
    case = examined.case
    verdict: Verdict | None = None
    for attempt in range(REDRAWS):
        if attempt:
            if declaration_of(subject.op).samples is not None:
                break
            case = resample(subject.op, case, rng, attempt)
        own = declaration_of(subject.op).samples is not None
        probe = _Probe(subject, subject.run(case, rng) if attempt else examined, rng)
        if case.derived and probe.is_near():
            return
        for scale in (1.0, *NEARER) if own else (1.0,):
            verdict = probe.compare(scale=scale)
            if verdict.verified or verdict.mismatch:
                break
        assert verdict is not None
        if verdict.mismatch:  # before accusing: a saw whose teeth the steps skipped shows its slope at far smaller ones
            verdict = probe.compare(far=True, scale=scale)
        if verdict.mismatch:
            raise _wrong_second_derivative(subject, case, verdict)
        if verdict.verified:
            return
    assert verdict is not None
    raise undecided(subject.op, attrs.evolve(case, label="second order"), verdict)


def _wrong_second_derivative(subject: OpUnderTest, case: CheckCase, verdict: Verdict) -> RegistrationError:
    analytic, numeric = told_apart(float(verdict.analytic), float(verdict.numeric))
    return refuse(
        GradientMismatch, subject.op,
        "its rule is right, but the gradient of the rule is not: a second derivative would be wrong "
        f"(differentiating the rule gives {analytic}, differences of it give {numeric} +- {float(verdict.error):.1e})",
        case=case,
        remedy="write the rule with library ops on g, the output and the arguments themselves: "
        "no .data, no np.asarray, no value kept from the forward function",
    )  # fmt: skip


def _refuse_mismatch(subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom) -> None:
    """Where the author declared nothing only a contradiction counts."""
    probe = _Probe(subject, e, rng)
    if probe.is_near():
        return
    verdict = probe.compare(far=True)
    if verdict.mismatch and probe.is_smooth(abs(float(verdict.analytic) - float(verdict.numeric)), rng):
        raise _wrong_second_derivative(subject, probe.case, verdict)


def check_second_order_elsewhere(
    subject: OpUnderTest, examined: EvaluatedCase, elsewhere: Iterable[EvaluatedCase], rng: SeededRandom
) -> None:
    """Where second order is lost without being needed for the first: at zeros, and in float32."""
    if subject.op.claims.piecewise_constant or not examined.grads or declaration_of(subject.op).samples is not None:
        return
    for e in elsewhere:
        _refuse_mismatch(subject, e, rng)
    zeros = with_zeros(subject, examined, rng)
    if zeros is not None and all(np.isfinite(o).all() for o in subject.forward(zeros)):
        _refuse_nan(subject, zeros, rng)
    if not subject.casts:
        _compare_float32(subject, examined, rng)


def _refuse_nan(subject: OpUnderTest, case: CheckCase, rng: SeededRandom) -> None:
    e = subject.run(case, rng)
    derivatives = differentiated(subject, e, {i: rng.signed_magnitudes(g.shape) for i, g in e.grads.items()})[0]
    if all(np.isfinite(d).all() for d in derivatives.values()):
        _refuse_mismatch(subject, e, rng)
        return
    verdict = _Probe(subject, e, rng).compare()
    known = np.isfinite(verdict.numeric) and verdict.error <= 1e-3 * (1.0 + np.abs(verdict.numeric))
    if known and not np.isfinite(verdict.analytic):
        raise refuse(
            GradientMismatch, subject.op,
            "where an argument is 0 the gradient of its rule is not finite, though the rule is smooth there "
            f"(differences of it give {float(verdict.numeric):.8g} +- {float(verdict.error):.1e})",
            case=case, remedy="no logarithm, root or quotient in the rule that is infinite at 0 and multiplied by 0",
        )  # fmt: skip


def _compare_float32(subject: OpUnderTest, examined: EvaluatedCase, rng: SeededRandom) -> None:
    """Detached in float32 only: the second derivatives must be about those of float64."""
    by_dtype = []
    for dtype in (np.float64, np.float32):
        numbers = SeededRandom(examined.case.seed)
        arrays = tuple(frozen(a.astype(dtype)) if a.dtype.kind == "f" else a for a in examined.case.arrays)
        case = examined.case.on(arrays, f"second order, {np.dtype(dtype)}")
        outputs = subject.forward(case)
        v = tuple(frozen(c.astype(o.dtype)) for c, o in zip(examined.cotangents, outputs, strict=True))
        e = subject.answer(case, outputs, v)
        w = {i: numbers.signed_magnitudes(g.shape).astype(g.dtype) for i, g in e.grads.items()}
        by_dtype.append(differentiated(subject, e, w)[0])
    floor = 64.0 * float(np.finfo(np.float32).eps) * natural_scale(examined.case, examined.cotangents, by_dtype[0])
    for i, due in by_dtype[0].items():
        held = np.abs(due) < 1e37  # what overflows in float32, and what is infinite in both, is no difference
        due = np.where(held, due, 0.0)
        gap = np.linalg.norm(np.where(held, np.asarray(by_dtype[1][i], dtype=np.float64), 0.0) - due)
        if gap > 0.5 * np.linalg.norm(due) + floor * due.size**0.5:
            raise refuse(
                GradientMismatch, subject.op, "in float32 the gradient of its rule is not near that in float64",
                case=case, argument=subject.name(i), remedy="the rule must not depend on the dtype of its arguments",
            )  # fmt: skip


class _Probe:
    """The rules on one case, along one direction of arguments and output gradients."""

    def __init__(self, subject: OpUnderTest, e: EvaluatedCase, rng: SeededRandom) -> None:
        case, grads = e.case, e.grads
        self.subject, self.e = subject, e
        self.case = attrs.evolve(case, label=f"second order, {case.label}")
        self.w = {i: rng.signed_magnitudes(g.shape) for i, g in grads.items()}
        self.u = directions(subject.op, case, rng, list(grads))
        for i, a in enumerate(case.arrays):  # where numbers are 0, directions relative to them would be 0 as well
            domain = declaration_of(subject.op).domain(i)
            if i in self.u and not a.all() and not (domain is not None and domain.matrix):
                self.u[i] = np.where(a == 0.0, rng.signed_magnitudes(a.shape), self.u[i])
        self.p = tuple(rng.signed_magnitudes(o.shape) * (o.dtype.kind == "f") for o in self.e.outputs)
        self.dx, dv = differentiated(subject, attrs.evolve(e, case=self.case), self.w)
        self.terms = [self.dx[i] * self.u[i] for i in self.u]
        self.terms += [d * q for d, q in zip(dv, self.p, strict=True) if d is not None]
        self.analytic = sum(float(np.sum(t)) for t in self.terms)
        self.weights = sum(_size(t) for t in self.terms)

    def phi(self, steps: Array) -> Array:
        """<w, rule> at steps along the direction."""
        values = []
        for t in steps.ravel():
            try:
                pairs = zip(self.e.cotangents, self.p, strict=True)
                turned = tuple(frozen(np.asarray(c + t * q)) for c, q in pairs)
                values.append(self._of(stepped(self.case, self.u, float(t)), turned))
            except RegistrationError:
                raise
            except Exception:
                values.append(np.nan)  # off the domain: the step shrinks, and the case is never skipped
        return np.array(values).reshape(steps.shape)

    def _of(self, arrays: tuple[Array, ...], cotangents: tuple[Array, ...]) -> float:
        moved = self.case.on(arrays)
        r = self.subject.pull(moved, self.subject.forward(moved), cotangents)
        return sum(float(np.sum(self.w[i] * r[i])) for i in self.w)

    def is_near(self) -> bool:
        """Whether one small difference agrees to a ten-thousandth, which no lost derivative does."""
        ahead, behind = self.phi(np.array([_SHORT, -_SHORT]))
        gap = abs((ahead - behind) / (2.0 * _SHORT) - self.analytic)
        return bool(gap <= 1e-4 * self.weights + drowned(self._roundoff(), _SHORT))

    def _roundoff(self) -> float:
        """What the round-off of <w, rule> scales with."""
        of_rule = sum(_size(self.w[i] * g) for i, g in self.e.grads.items())
        return of_rule + sum(_size(self.dx[i] * self.case.arrays[i]) for i in self.u)

    def is_smooth(self, gap: float, rng: SeededRandom) -> bool:
        """Whether second derivatives are about the same nearby, as at ties they are not."""
        around = []
        for moved in neighbours(self.case, self.u, rng, _AROUND):
            e = self.subject.answer(moved, self.subject.forward(moved), self.e.cotangents)
            dx, dv = differentiated(self.subject, e, self.w)
            terms = [dx[i] * self.u[i] for i in self.u]
            terms += [d * q for d, q in zip(dv, self.p, strict=True) if d is not None]
            around.append(sum(float(np.sum(t)) for t in terms))
        return float(np.ptp(around)) <= 0.1 * gap

    def compare(self, far: bool = False, scale: float = 1.0) -> Verdict:
        """Differences with an error bar, along a direction that is `scale` times as long."""
        at_zero = sum(float(np.sum(self.w[i] * g)) for i, g in self.e.grads.items())
        return compare(
            lambda steps: self.phi(scale * steps),
            np.array(at_zero),
            np.array(scale * self.analytic),
            np.array(scale * self.weights),
            np.array(self._roundoff()),
            natural=lambda: natural_scale(self.case, self.e.cotangents, self.u),
            longest=longest_step(self.subject.op),
            far=far,
        )


def _size(a: Array) -> float:
    """sum |a|, without NaN.

    So the differences it is compared with keep their error bar.
    """
    return float(np.nansum(np.abs(a)))


def differentiated(
    subject: OpUnderTest, e: EvaluatedCase, w: dict[int, Array]
) -> tuple[dict[int, Array], list[Array | None]]:
    """Differentiate sum_i <w_i, rule_i(g, x)> by the arguments and by g, through the tape."""
    op, case, v, grads = subject.op, e.case, e.cotangents, e.grads
    with mode_override(grad=True):
        xs = tuple(Tensor(a, requires_grad=True) if i in w else a for i, a in enumerate(case.arrays))
        gs = tuple(Tensor(c, requires_grad=True) if c.dtype.kind == "f" else Tensor(c) for c in v)
        y: object = op.apply(*xs, **case.kwargs)
        g: object = gs if subject.several else gs[0]
        loss: list[Tensor] = []
        seeds: list[Array] = []
        for rule in op.rules:
            indices = argument_positions(rule, len(xs))
            if not set(indices) & set(w):
                continue
            try:
                values = call_rule(op, rule, g, y, xs, case.kwargs)
            except RegistrationError as error:
                raise subject.with_case(error, case, rule.names) from error
            except Exception as error:
                raise _not_on_tensors(subject, case, rule.names, f"raises {type(error).__name__}: {error}") from error
            for i, r in zip(indices, values, strict=True):
                if i not in w:
                    continue
                if not isinstance(r, Tensor):
                    raise _not_on_tensors(subject, case, rule.names, f"returns {type(r).__name__}")
                conformed = unbroadcast(op, subject.name(i), r, case.arrays[i])
                assert isinstance(conformed, Tensor)
                _same_value(subject, case, i, conformed, grads[i])
                loss.append(conformed)
                seeds.append(w[i])
        targets = [x for x in xs if isinstance(x, Tensor)]
        derivatives = gradients(loss, seeds, [*targets, *gs], create_graph=False)
    by_tensor = dict(zip(map(id, [*targets, *gs]), derivatives, strict=True))
    dx: dict[int, Array] = {}
    for i in w:
        d = by_tensor[id(xs[i])]
        dx[i] = np.zeros(case.arrays[i].shape) if d is None else np.asarray(d)
    dv = [by_tensor[id(t)] for t in gs]
    return dx, [None if d is None else np.asarray(d) for d in dv]


def _same_value(subject: OpUnderTest, case: CheckCase, index: int, actual: Tensor, expected: Array) -> None:
    relative = max(1e-10, 512.0 * float(np.finfo(expected.dtype).eps))
    size = np.where(np.isfinite(expected), np.abs(expected), 0.0)
    close = relative * (size + np.max(size, initial=0.0)) + 1e-300
    value = as_array(actual)
    alike = (value == expected) | (np.isnan(value) & np.isnan(expected))  # infinity on both sides is no difference
    if not (alike | (np.abs(value - expected) <= close)).all():
        name = subject.name(index)
        raise refuse(
            GradientMismatch, subject.op, "on Tensors its rule gives another value than on arrays", case=case,
            argument=name, worst=worst_entry(name, case.arrays[index], as_array(actual), expected, close, "due is"),
            remedy="write one rule for both: no isinstance, no branch on the kind of argument",
        )  # fmt: skip


def _not_on_tensors(subject: OpUnderTest, case: CheckCase, names: tuple[str, ...], what: str) -> RegistrationError:
    return refuse(
        InvalidRule, subject.op, f"on Tensors its rule {what}, so nothing could be differentiated twice", case=case,
        argument=", ".join(names),
        remedy="use minigrad's functions (mg.exp, not np.exp of .data) on g, the output and the arguments",
    )  # fmt: skip
