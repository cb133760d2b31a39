"""The gate: `verify` examines an op and its rules, and certifies what it has seen."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from zlib import crc32

import numpy as np

from minigrad.core.certificate import Certificate, Power
from minigrad.core.errors import InconclusiveCheck, InvalidRule, RegistrationError
from minigrad.core.mode import MODE, switched
from minigrad.core.op import Op
from minigrad.verify.cases import difference_cases, draw, fresh, metadata
from minigrad.verify.draws import Draws
from minigrad.verify.elementwise import broadcast_case, examine_entries, repeat_arranged, repeat_broadcast
from minigrad.verify.far import check_far
from minigrad.verify.general import ENOUGH, examine
from minigrad.verify.kinks import check_kinks, check_pairs, check_zeros
from minigrad.verify.purity import check_cotangents, check_memory
from minigrad.verify.report import Case, refuse
from minigrad.verify.second import check_second_order, check_second_order_elsewhere
from minigrad.verify.structure import (
    check_linear,
    repeat_float32,
    repeat_integers,
    repeat_layouts,
    repeat_mixed,
    repeat_shared,
    sweep_shapes,
)
from minigrad.verify.subject import ENTRIES, Examined, Subject
from minigrad.verify.unlisted import unlisted_cases, unlisted_metadata

_MOST_DRAWS = 8


def verify(
    op: Op, seed: int | None = None, second_order: bool = True, thorough: bool = True, entries: int = ENTRIES
) -> Certificate:
    """Examine an op and its rules without registering it.

    Args:
        op: made by `minigrad.op`.
        seed: of the samples; by default derived from the name, so that a check can be repeated.
        second_order: whether to check the gradient of the rules too.
        thorough: all shapes, broadcasts and layouts, and a second draw. Without, a telling few of each, which is what
            minigrad's own families get at import; the tests and `minigrad selftest` examine them thoroughly.
        entries: samples of an elementwise op, a multiple of 8.

    Returns:
        The certificate. Raises a `RegistrationError` as `register` does.
    """
    start = time.perf_counter()
    seed = crc32(op.name.encode()) if seed is None else seed
    _check_rules_declared(op)
    subject = Subject(op, entries)
    evidence = (op.forward, op.rules, op.claims)
    rng = Draws(seed ^ 0x5BD1E995)  # apart from the stream that the first cases are drawn from
    mode = MODE.get()
    alone = mode is None or mode.unverified is None  # outside register(), any op may stand in for a registered one
    # Whatever goes on around the first use of an op (no_grad, a trace, mg.debug) is none of the gate's business.
    free = switched(grad=True, unverified=_anything if alone else None, interceptor=False)
    with np.errstate(all="ignore"), _unheard(thorough), free:
        try:
            examined, checks, refused = _examine_all(subject, rng, seed, thorough)
            powers = _powers(subject, examined)
            _refuse_powerless(op, powers, examined[0].case)
            cases = _one_per_metadata(examined) if op.claims.kinks else []
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
                    checks += check_pairs(subject, first, rng) + check_far(subject, first, rng)
            checks += check_memory(subject, first, rng, thorough)
            if second_order:
                _check_second_order(subject, _one_per_metadata(examined), rng)
                if op.claims.elementwise and op.claims.samples is None and len(op.arguments) > 1:
                    check_second_order(subject, broadcast_case(subject, examined[0], rng), rng)
                if thorough:
                    check_second_order_elsewhere(subject, first, rng)
        except RegistrationError:
            raise
        except Exception as error:
            raise refuse(
                InvalidRule, op, f"its forward function raises {type(error).__name__} on a sample: {error}",
                remedy="declare shapes= or samples= with arguments that the op accepts, and params= that fit them",
            ) from error  # fmt: skip
    return Certificate(
        op, seed, len(examined), checks + len(examined), powers, kinks, tuple(refused),
        second_order, time.perf_counter() - start, evidence,
    )  # fmt: skip


@contextmanager
def _unheard(thorough: bool) -> Iterator[None]:
    """Without warnings: the mean of nothing, tried on behalf of an op, is no news to its author."""
    if not thorough:  # which tries nothing of the kind, and has no time for it
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _anything(op: Op) -> bool:
    return True


def _check_rules_declared(op: Op) -> None:
    declared = {n for rule in op.rules for n in rule.names}
    for a in op.arguments:
        if a.differentiable and a.name not in declared and not op.claims.piecewise_constant:
            raise refuse(
                InvalidRule, op, "it has no rule", argument=a.name,
                remedy=f"write @{op.name}.vjp({a.name!r}), or give the argument an integer or boolean domain",
            )  # fmt: skip
        if not a.differentiable and a.name in declared:
            raise refuse(
                InvalidRule, op, "it has a rule although its domain is integer or boolean", argument=a.name,
                remedy="remove the rule: integers have no gradient",
            )  # fmt: skip
    if op.claims.piecewise_constant and op.rules:
        raise refuse(InvalidRule, op, "it claims piecewise_constant=True and has rules", remedy="drop one of them")


def _examine_all(subject: Subject, rng: Draws, seed: int, thorough: bool) -> tuple[list[Examined], int, list[str]]:
    claims = subject.op.claims
    if subject.by_entry:
        return _examine_elementwise(subject, rng, seed, thorough)
    cases = list(difference_cases(subject.op, seed, thorough))
    if thorough and claims.samples is None:
        cases.append(fresh(subject.op, cases[0], rng))
        cases += unlisted_cases(subject.op, metadata(subject.op), rng, seed)
    examined: list[Examined] = []
    refused: list[str] = []
    for case in cases:
        if not case.derived:
            quick = bool(examined) and not thorough
            examined.append(examine(subject, case, rng, claims.samples is None, quick))
        elif why := _refused_by_op(subject, case):
            refused.append(f"{case.label}: {why}")
        elif isinstance(e := _examine_derived(subject, case, rng), str):
            refused.append(e)
        else:
            examined.append(e)
    if thorough and claims.samples is None:
        for e in [e for e in examined if not e.case.derived]:
            examined += _until_every_entry_counts(e, partial(_examine_afresh, subject, e.case, rng))
    if not examined:
        raise refuse(InconclusiveCheck, subject.op, "there is no sample to check", remedy="samples= must yield some")
    more, too = sweep_shapes(subject, examined[0], rng, thorough)
    refused += too
    checks = len(refused)
    for k, e in enumerate(examined):
        if k == 0 or (thorough and not e.case.derived):
            checks += repeat_layouts(subject, e, thorough)
        if k == 0 or claims.samples is not None:
            checks += repeat_float32(subject, e)
        checks += repeat_shared(subject, e)
        if thorough and k == 0:
            checks += repeat_mixed(subject, e)
            tried, too = repeat_integers(subject, e)
            checks, refused = checks + tried, refused + too
        if claims.linear:
            checks += check_linear(subject, e)
    if claims.elementwise:
        _check_entries_independent(subject, examined[0])
    return examined + more, checks, refused


def _examine_afresh(subject: Subject, case: Case, rng: Draws) -> Examined:
    return examine(subject, fresh(subject.op, case, rng), rng, redraw=True)


def _until_every_entry_counts(first: Examined, another: Callable[[], Examined]) -> list[Examined]:
    """Further draws until each entry of each argument has had a gradient in one of them, as far as that can be had.

    A maximum or a branch leaves entries without a gradient, and a rule that is wrong for one of them unseen.
    """
    found: list[Examined] = []
    dark = {i: g == 0.0 for i, g in first.grads.items()}
    idle = 0
    while idle < 2 and len(found) < _MOST_DRAWS and any(d.any() for d in dark.values()):
        found.append(another())
        remaining = {i: d & (found[-1].grads[i] == 0.0) for i, d in dark.items()}
        idle = idle + 1 if all(np.array_equal(d, remaining[i]) for i, d in dark.items()) else 0
        dark = remaining
    return found


def _examine_derived(subject: Subject, case: Case, rng: Draws) -> Examined | str:
    """What the author did not declare may be refused aloud, by forward function or rule; never answered wrongly."""
    try:
        outputs = subject.forward(case)
        try:
            grads = subject.run(case, rng, outputs).grads
        except InvalidRule as error:
            if error.__cause__ is None:
                raise
            # Where one rule raises, the others still answer whoever wants no gradient for that argument.
            for alone in subject.by_rule() if len(subject.op.rules) > 1 else ():
                _examine_derived(alone, case, rng)
            raise
        if not all(np.isfinite(a).all() for a in (*outputs, *grads.values())):
            return f"{case.label}: output or gradient is not finite"
        return examine(subject, case, rng, redraw=True)
    except InvalidRule as error:
        if error.__cause__ is None:
            raise
        return f"{case.label}: the rule raises {type(error.__cause__).__name__}: {error.__cause__}"
    except InconclusiveCheck:
        return f"{case.label}: inconclusive"


def _refused_by_op(subject: Subject, case: Case) -> str:
    try:
        subject.forward(case)
    except RegistrationError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _examine_elementwise(
    subject: Subject, rng: Draws, seed: int, thorough: bool
) -> tuple[list[Examined], int, list[str]]:
    examined: list[Examined] = []
    checks = 0
    refused: list[str] = []
    listed = metadata(subject.op)
    for meta in listed:
        examined.append(examine_entries(subject, meta, rng, seed, thorough))
        checks += _repeat_entries(subject, examined[-1], rng, thorough)
        if thorough:
            examined += _until_every_entry_counts(examined[-1], partial(examine_entries, subject, meta, rng, seed))
    for label, meta in unlisted_metadata(subject.op, listed) if thorough else ():
        probe = Case(draw(subject.op, Draws(seed), ((5,),) * len(subject.op.arguments)), meta, label, seed)
        why = _refused_by_op(subject, probe)
        try:
            examined += [] if why else [examine_entries(subject, meta, rng, seed, thorough)]
        except InconclusiveCheck:
            why = "inconclusive"
        refused += [f"{label}: {why}"] if why else []
    if thorough:
        tried, too = repeat_integers(subject, examined[0])
        checks, refused = checks + tried, refused + too
    return examined, checks, refused


def _repeat_entries(subject: Subject, e: Examined, rng: Draws, thorough: bool) -> int:
    checks = repeat_arranged(subject, e, thorough) + repeat_broadcast(subject, rng, e.case.meta, e.case.seed, thorough)
    checks += repeat_float32(subject, e) + repeat_shared(subject, e)
    checks += repeat_mixed(subject, e) if thorough else 0
    return checks + (check_linear(subject, e) if subject.op.claims.linear else 0)


def _check_entries_independent(subject: Subject, examined: Examined) -> None:
    """The claim elementwise=True for an op with its own samples: changing one entry changes that output entry only."""
    case = examined.case
    for i in examined.grads:
        x = case.arrays[i]
        if x.shape != examined.outputs[0].shape or x.size < 2:
            continue
        for place in {0, x.size // 2, x.size - 1}:
            moved = x.copy()
            moved.flat[place] += 2.0**-6
            arrays = [moved if k == i else a for k, a in enumerate(case.arrays)]
            changed = subject.forward(case, arrays)[0] != examined.outputs[0]
            if np.any(np.delete(changed.ravel(), place)):
                raise refuse(
                    InvalidRule, subject.op, "it claims elementwise=True, but one entry changes other outputs",
                    case=case, argument=subject.name(i), remedy="drop the claim",
                )  # fmt: skip


def _refuse_powerless(op: Op, powers: tuple[Power, ...], case: Case) -> None:
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


def _powers(subject: Subject, examined: list[Examined]) -> tuple[Power, ...]:
    seen: dict[str, list[float]] = {a.name: [] for a in subject.op.arguments if a.differentiable}
    for e in examined:
        for i, p in e.power.items():
            if p < np.inf:
                seen[subject.op.arguments[min(i, len(subject.op.arguments) - 1)].name].append(p)
    return tuple(Power(n, len(p), min(p, default=np.inf), max(p, default=np.inf)) for n, p in seen.items())


def _check_second_order(subject: Subject, cases: list[Examined], rng: Draws) -> None:
    """Every case must agree; a sample of the author's own that is flat there may be undecided if another is decided."""
    undecided: InconclusiveCheck | None = None
    decided = 0
    for e in cases:
        try:
            check_second_order(subject, e, rng)
            decided += 1
        except InconclusiveCheck as error:
            if subject.op.claims.samples is None:
                raise
            undecided = error
    if undecided is not None and not decided:
        raise undecided


def _one_per_metadata(examined: list[Examined]) -> list[Examined]:
    found: dict[str, Examined] = {}
    for e in examined:
        kind = "base" if e.case.derived else e.case.label.split(", ")[0]
        key = kind + repr(sorted(e.case.meta.items(), key=lambda item: item[0]))
        if all(a.size for a in e.case.arrays):
            found.setdefault(key, e)
    return list(found.values())
