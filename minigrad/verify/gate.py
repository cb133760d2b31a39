"""The gate: `verify` examines an op and its rules, and certifies what it has seen."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from zlib import crc32

import numpy as np

from minigrad.core.errors import InconclusiveCheck, InvalidRule, RegistrationError
from minigrad.core.mode import MODE, mode_override
from minigrad.core.op import Op
from minigrad.verify.cases import draw, metadata
from minigrad.verify.certificate import Certificate, Power, evidence_of
from minigrad.verify.checks.batching import check_accumulation, check_batching
from minigrad.verify.checks.directional_check import ENOUGH
from minigrad.verify.checks.entrywise_check import broadcast_case
from minigrad.verify.checks.extreme_scales import check_far
from minigrad.verify.checks.kinks import check_kinks, check_pairs, check_zeros
from minigrad.verify.checks.metamorphic import check_float32_bias
from minigrad.verify.checks.purity import check_cotangents, check_memory
from minigrad.verify.checks.second_order import check_second_order, check_second_order_elsewhere
from minigrad.verify.checks.second_order_entrywise import check_second_order_by_entry
from minigrad.verify.checks.special_entries import check_special_entries
from minigrad.verify.checks.special_numbers import check_low_bits, check_special_numbers, evaluated_if_possible
from minigrad.verify.checks.third_order import check_third_order
from minigrad.verify.declare import declaration_of
from minigrad.verify.derived_cases import COSTLY
from minigrad.verify.derived_shapes import STACK, UNSTACKED
from minigrad.verify.refusal import CheckCase, refuse
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import ENTRIES, EvaluatedCase, OpUnderTest
from minigrad.verify.sweep import examine_all

_TAME = 1e4
"""How much larger than usual gradients may be where a second derivative is asked for."""

_MOST_THIRD = 4
"""Combinations of options whose third derivatives are compared."""

_MOST_OTHERS = 8
"""Listed options, beside the first, that far and round numbers are tried with."""

_MOST_SPECIAL = 2
"""Those of them that rows of zeros, of ones and the like are tried with."""

_MOST_STACKS = 8
"""Stacks with other options that second derivatives are compared for."""

_SHAPES = ((3, 3), (2, 3, 2), (200,), (2, 1, 2, 2), (1, 2, 1, 2, 2), (2, 1, 1, 2, 1, 2))
"""Shapes that the second derivatives of an elementwise op are compared in."""


def verify(
    op: Op,
    seed: int | None = None,
    second_order: bool = True,
    thorough: bool = True,
    entries: int = ENTRIES,
    third_order: bool = True,
    few_shapes: bool = False,
) -> Certificate:
    """Examine an op and its rules without registering it.

    Args:
        op: made by `minigrad.op`.
        seed: of the samples; by default derived from the name, so that a check can be repeated.
        second_order: whether to check the gradient of the rules too.
        thorough: all shapes, broadcasts and layouts, and a second draw. Without, a telling few of each, which is what
            minigrad's own families get at import; the tests and `minigrad selftest` examine them thoroughly.
        entries: samples of an elementwise op, a multiple of 8.
        third_order: whether a thorough check goes on to third derivatives; not without second ones.
        few_shapes: of the shapes that are not declared only the most telling ones, for functions that are compiled for
            each.

    Returns:
        The certificate. Raises a `RegistrationError` as `register` does.
    """
    start = time.perf_counter()
    seed = crc32(op.name.encode()) if seed is None else seed
    _check_rules_declared(op)
    subject = OpUnderTest(op, entries, few_shapes)
    batching: int | None = None
    evidence = evidence_of(op)
    rng = SeededRandom(seed ^ 0x5BD1E995)  # apart from the stream that the first cases are drawn from
    mode = MODE.get()
    # Outside register(), any op may stand in for a registered one.
    alone = mode is None or mode.allow_unverified is None
    # Whatever goes on around the first use of an op (no_grad, a trace, mg.debug) is none of the gate's business.
    free = mode_override(grad=True, allow_unverified=_anything if alone else None, interceptor=False)
    with np.errstate(all="ignore"), _warnings_ignored(thorough), free:
        try:
            examined, checks, refused, coverage = examine_all(subject, rng, seed, thorough)
            powers = _powers(subject, examined)
            _refuse_powerless(op, powers, examined[0].case)
            cases = _one_per_metadata(examined) if declaration_of(op).kinks else []
            kinks = sum(
                check_kinks(subject, e, rng, 3 if thorough or not k else 1)
                for k, e in enumerate(cases if thorough else cases[:2])
            )
            first = examined[0]
            if op.rules:
                if thorough or not op.claims.linear:
                    checks += check_zeros(subject, first, rng)
                checks += check_cotangents(subject, first, thorough)
                if thorough:
                    special, count = _check_numbers(subject, first, _one_per_metadata(examined), rng)
                    checks += count
            checks += check_memory(subject, first, rng, thorough)
            checks += check_accumulation(subject, examined, seed)
            if thorough:
                batching = check_batching(subject, (e.case for e in examined), seed)
            if second_order:
                compared = _one_per_metadata(examined)
                _check_second_order(subject, compared, rng)
                if op.claims.elementwise and declaration_of(op).samples is None and len(op.arguments) > 1:
                    check_second_order(subject, broadcast_case(subject, examined[0], rng), rng)
                if thorough and op.rules:
                    tame = (e for e in special if _size(e) <= _TAME * _size(first))
                    others = (*tame, *(e for e in examined if e.case.derived and e not in compared))
                    check_second_order_elsewhere(subject, first, _alone(subject, others, first, rng), rng)
                    if subject.is_entrywise:
                        checks += check_second_order_by_entry(subject, first, rng)
                    if third_order:
                        checks += check_third_order(subject, _one_per_metadata(examined)[:_MOST_THIRD], rng)
        except RegistrationError:
            raise
        except Exception as error:
            raise refuse(
                InvalidRule, op, f"its forward function raises {type(error).__name__} on a sample: {error}",
                remedy="declare shapes= or samples= with arguments that the op accepts, and params= that fit them",
            ) from error  # fmt: skip
    return Certificate(
        op, seed, len(examined), checks + len(examined), powers, kinks, (*refused, *dict.fromkeys(subject.notes)),
        second_order, time.perf_counter() - start, evidence, batching, coverage,
    )  # fmt: skip


def _check_numbers(
    subject: OpUnderTest, first: EvaluatedCase, cases: list[EvaluatedCase], rng: SeededRandom
) -> tuple[list[EvaluatedCase], int]:
    """Ties, numbers of other sizes and lengths, and numbers that stand out.

    All are tried with the first options, some with the other listed ones.

    Returns:
        What was compared at numbers that stand out, and the number of checks.
    """
    checks = check_pairs(subject, first, rng) + check_far(subject, first, rng)
    checks += check_low_bits(subject, first, rng) + check_float32_bias(subject, first, rng)
    if subject.is_entrywise:
        checks += check_special_entries(subject, first, rng)
    special = [] if subject.is_entrywise else check_special_numbers(subject, first, rng)
    others = [e for e in cases if e is not first and not e.case.derived]
    if declaration_of(subject.op).samples is None:
        listed = {repr(options) for options in metadata(subject.op)}
        others = [e for e in others if repr(e.case.kwargs) in listed]
    for e in others[:_MOST_OTHERS]:
        checks += check_far(subject, e, rng, thorough=False) + check_cotangents(subject, e, thorough=True)
        if subject.is_entrywise:
            checks += check_special_entries(subject, e, rng)
    for e in () if subject.is_entrywise else others[:_MOST_SPECIAL]:
        special += check_special_numbers(subject, e, rng)
    return special, checks + len(special)


@contextmanager
def _warnings_ignored(thorough: bool) -> Iterator[None]:
    """Suppress NumPy's warnings during a thorough check.

    The gate tries inputs (an empty array, say) that the author of the op did not ask for.
    """
    if not thorough:  # which tries nothing of the kind, and has no time for it
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _alone(
    subject: OpUnderTest, cases: Iterable[EvaluatedCase], first: EvaluatedCase, rng: SeededRandom
) -> Iterator[EvaluatedCase]:
    """Cases for second order that the author did not declare.

    Those that change one thing only, and some that change options of a stack.
    """
    if subject.is_entrywise:
        for shape in _SHAPES:
            case = first.case.on(draw(subject.op, rng, (shape,) * len(first.case.arrays)), f"shape {shape}")
            e = evaluated_if_possible(subject, case, rng)
            if e is not None:
                yield e
        return
    full = [e for e in cases if all(a.size for a in e.case.arrays)]
    subject.notes += [
        f"{e.case.label}, at second order: its rules took {e.seconds:.2g} s" for e in full if e.seconds > COSTLY
    ]
    full = [e for e in full if e.seconds <= COSTLY]
    yield from (e for e in full if "," not in e.case.label)
    stacks = [e for e in full if "," in e.case.label and e.case.label.startswith((STACK, UNSTACKED))]
    yield from stacks[:: max(1, -(-len(stacks) // _MOST_STACKS))]


def _size(e: EvaluatedCase) -> float:
    """The largest entry of the gradients."""
    return max((float(np.max(np.abs(g), initial=0.0)) for g in e.grads.values()), default=0.0)


def _anything(op: Op) -> bool:
    return True


def _check_rules_declared(op: Op) -> None:
    declared = {n for rule in op.rules for n in rule.names}
    for a in op.arguments:
        if a.differentiable and a.name not in declared and not op.claims.piecewise_constant:
            raise refuse(
                InvalidRule, op, "it has no rule", argument=a.name,
                remedy=f"write @{op.name}.vjp({a.name!r}); without a gradient it is an option (keyword-only), or has "
                "an integer or boolean domain",
            )  # fmt: skip
        if not a.differentiable and a.name in declared:
            raise refuse(
                InvalidRule, op, "it has a rule although its domain is integer or boolean", argument=a.name,
                remedy="remove the rule: integers have no gradient",
            )  # fmt: skip
    if op.claims.piecewise_constant and op.rules:
        raise refuse(InvalidRule, op, "it claims piecewise_constant=True and has rules", remedy="drop one of them")


def _refuse_powerless(op: Op, powers: tuple[Power, ...], case: CheckCase) -> None:
    if op.claims.piecewise_constant:
        return
    for power in powers:
        if power.resolution > ENOUGH:
            raise refuse(
                InconclusiveCheck, op,
                f"no sample could have revealed a relative error below {power.resolution:.1e}: the gradient vanishes, "
                "or drowns in round-off",
                case=case, argument=power.argument,
                remedy="declare a domain or samples= where the output really depends on the argument",
            )  # fmt: skip


def _powers(subject: OpUnderTest, examined: list[EvaluatedCase]) -> tuple[Power, ...]:
    seen: dict[str, list[float]] = {a.name: [] for a in subject.op.arguments if a.differentiable}
    for e in examined:
        for i, p in e.power.items():
            if p < np.inf:
                seen[subject.op.arguments[min(i, len(subject.op.arguments) - 1)].name].append(p)
    return tuple(Power(n, len(p), min(p, default=np.inf), max(p, default=np.inf)) for n, p in seen.items())


def _check_second_order(subject: OpUnderTest, cases: list[EvaluatedCase], rng: SeededRandom) -> None:
    """Check second order on every case.

    A sample or further shape of the author's own that is flat there may be undecided if another is decided.
    """
    undecided: InconclusiveCheck | None = None
    decided = 0
    for e in cases:
        try:
            check_second_order(subject, e, rng)
            decided += 1
        except InconclusiveCheck as error:
            if declaration_of(subject.op).samples is None and e is cases[0]:
                raise
            undecided = error
    if undecided is not None and not decided:
        raise undecided


def _one_per_metadata(examined: list[EvaluatedCase]) -> list[EvaluatedCase]:
    by_options: dict[str, EvaluatedCase] = {}
    for e in examined:
        kind = "base" if e.case.derived else e.case.label.split(", ")[0]
        key = kind + repr(sorted(e.case.kwargs.items(), key=lambda item: item[0]))
        if all(a.size for a in e.case.arrays):
            by_options.setdefault(key, e)
    return list(by_options.values())
