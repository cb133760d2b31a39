"""`mg.register`: check ops and enter them in the registry, all of a group or none.

Rules of a group may call each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs
import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.runtime import call_errors, fastpath
from minigrad.runtime.batch_rules import has_batch_rule
from minigrad.verify.certificate import Certificate, certificate_of
from minigrad.verify.checks.batching import batching_cases, check_batching
from minigrad.verify.gate import verify
from minigrad.verify.subject import OpUnderTest

call_errors.install()


def register(*ops: Op, seed: int | None = None) -> None:
    """Verify ops and enter them in the registry: all of them, or none.

    Ops whose rules use each other are registered in one call. Each rule is compared with finite differences, at first
    and second order, over the declared shapes and metadata; see `minigrad.verify`.

    Args:
        *ops: made by `minigrad.op`.
        seed: of the samples; by default derived from the name of the op.

    Raises:
        GradientMismatch: a rule disagrees with differences.
        InconclusiveCheck: the check could not have failed: the domain, kinks or samples need to be declared better.
        InvalidRule: a rule is missing, impure, or returns the wrong thing.
        RegistrationError: the name is taken, or the declaration makes no sense.
    """
    _register_atomically(ops, seed, defer_second_order=False)


def admit(op: Op, certificate: Certificate) -> None:
    """Enter a verified op in the registry and give it its fast paths."""
    REGISTRY.add(op, certificate)
    fastpath.install(op)


def register_passing(ops: Iterable[Op]) -> list[RegistrationError]:
    """Register the ops that pass, and return the refusals of the others.

    So a plugin's ops are let in.

    An op whose rule uses a refused one is refused as well, since it is verified without it in the next round.
    """
    remaining = list(ops)
    refusals: list[RegistrationError] = []
    while remaining:
        together = frozenset(remaining)
        passed: list[tuple[Op, Certificate]] = []
        for op in remaining:
            try:
                REGISTRY.check_unregistered(op)
                with mode_override(allow_unverified=together.__contains__):
                    passed.append((op, verify(op)))
            except RegistrationError as error:
                refusals.append(error)
        if len(passed) == len(remaining):
            for op, certificate in passed:
                admit(op, certificate)
            break
        remaining = [op for op, _ in passed]
    return refusals


def register_builtin(ops: Iterable[Op]) -> None:
    """Register minigrad's own families.

    Second order and batching are checked just before they are first needed.
    """
    _register_atomically(tuple(ops), None, defer_second_order=True)


def _register_atomically(ops: tuple[Op, ...], seed: int | None, defer_second_order: bool) -> None:
    for op in ops:
        if not isinstance(op, Op):
            raise RegistrationError(
                f"register() takes ops made by @minigrad.op(...), not {type(op).__name__}: decorate the function first"
            )
        if op.registered:
            raise RegistrationError(f"op {op.name!r} is registered already")
        REGISTRY.check_unregistered(op)
    _refuse_collisions(ops)
    together = frozenset(ops)
    with mode_override(allow_unverified=together.__contains__):
        certificates = [verify(op, seed, not defer_second_order, thorough=not defer_second_order) for op in ops]
    for op, certificate in zip(ops, certificates, strict=True):
        if defer_second_order and not op.claims.piecewise_constant:
            op.check_second_order = _second_order_later(op, certificate.seed)
        if defer_second_order and has_batch_rule(op):
            op.check_batching = _batching_later(op, certificate)
        admit(op, certificate)


def _refuse_collisions(ops: tuple[Op, ...]) -> None:
    names = [op.name for op in ops]
    functions = [op.numpy for op in ops if op.numpy is not None]
    for op in ops:
        if names.count(op.name) > 1:
            raise RegistrationError(f"two ops named {op.name!r} in one register() call")
        if op.numpy is not None and functions.count(op.numpy) > 1:
            shown = getattr(op.numpy, "__name__", op.numpy)
            raise RegistrationError(f"two ops in one register() call stand for numpy.{shown}")


def _second_order_later(op: Op, seed: int) -> Callable[[], None]:
    def check() -> None:
        op.check_second_order = None  # first, since the check itself differentiates
        try:
            REGISTRY.replace_certificate(op, verify(op, seed, second_order=True))
            op.check_batching = None  # which this has done as well
        except BaseException:
            op.check_second_order = check
            raise

    return check


def _batching_later(op: Op, certificate: Certificate) -> Callable[[], None]:
    def check() -> None:
        with np.errstate(all="ignore"), mode_override(grad=True, interceptor=False):
            compared = check_batching(OpUnderTest(op), batching_cases(op, certificate.seed), certificate.seed)
        REGISTRY.replace_certificate(op, attrs.evolve(certificate_of(op), batching=compared))
        op.check_batching = None

    return check
