"""The examination of a foreign function.

First the author's samples, then the framework's contract, then what was not passed.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol
from zlib import crc32

import attrs
import numpy as np

import minigrad as mg
from minigrad import GradientMismatch, InvalidRule, RegistrationError
from minigrad.typing import Array
from minigrad.verify import Certificate, verify
from minigrad_gate.certificate import ForeignCertificate, joined_powers
from minigrad_gate.foreign import ForeignFunction, RefusedAloud, as_op, first_line
from minigrad_gate.messages import reworded
from minigrad_gate.ranges import judged
from minigrad_gate.samples import SampledCalls

Shapes = tuple[tuple[int, ...], ...]


class ContractCheck(Protocol):
    """What a framework asks of a rule beyond right numbers."""

    def __call__(self, function: ForeignFunction, calls: SampledCalls) -> tuple[int, list[str]]:
        """The number of comparisons made, and what could not be examined."""
        ...


def _or_empty(domains: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return domains or {}


def _made(claims: Mapping[str, bool]) -> dict[str, bool]:
    return {claim: True for claim, made in claims.items() if made}


@attrs.frozen(kw_only=True)
class CheckRequest:
    """What the author asks for and claims.

    Attributes:
        kind: what the function is, for messages.
        framework: name of the framework, for messages.
        first_order: how to get a second derivative right in this framework, or say that there is none.
        second_order: whether second derivatives are examined.
        third_order: whether third derivatives are examined.
        derive: whether shapes, options and numbers beside the samples are tried.
        domains: where further numbers may be drawn from, by the names of arguments.
        kinks: as `minigrad.op` takes it.
        claims: claims of `minigrad.op`, such as `linear`, and whether each is made; those that are not are left out.
        seed: of the numbers drawn; by default derived from the name.
    """

    kind: str
    framework: str
    first_order: str
    second_order: bool = True
    third_order: bool = False
    derive: bool = True
    domains: Mapping[str, Any] = attrs.field(default=None, converter=_or_empty)
    kinks: Any = ()
    claims: Mapping[str, bool] = attrs.field(factory=dict, converter=_made)
    seed: int | None = None


def examine(
    function: ForeignFunction, patterns: Sequence[SampledCalls], request: CheckRequest, contract: ContractCheck,
    of_pattern: Callable[[ForeignFunction, SampledCalls], ForeignFunction],
) -> ForeignCertificate:  # fmt: skip
    """Examine a function on all patterns of its samples.

    Args:
        function: its call may not fit any pattern yet.
        patterns: at least one.
        request: what the author asks for.
        contract: the framework's own checks.
        of_pattern: gives the function with the arguments and options of a pattern.

    Returns:
        The certificate.

    Raises:
        RegistrationError: the refusal, in the framework's words.
    """
    __tracebackhide__ = True  # pytest shows the line of the test instead
    start = time.perf_counter()
    seed = crc32(function.name.encode()) if request.seed is None else request.seed
    certificates: list[Certificate] = []
    notes: list[str] = []
    refused: list[str] = []
    checks = 0
    second = "checked" if request.second_order else "not asked for"
    try:
        # Samples that the author never thought of make frameworks warn of much.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for calls in patterns:
                one = of_pattern(function, calls)
                _refuse_chance(one, calls)
                why = _second_order_refused(one, calls) if request.second_order else ""
                second = f"refused aloud: {why}" if why else second
                run = _Examination(one, calls, request, seed, request.second_order and not why)
                certificates.append(run.samples())
                more, left_out = contract(one, calls)
                checks += more
                notes += left_out
                if request.derive:
                    derived, left_out = run.derived()
                    certificates += derived
                    notes += left_out
    except RegistrationError as error:
        told = reworded(
            error, request.kind, function.name, function.framework.rule_word, request.framework, request.first_order
        )
        raise told from error.__cause__
    for c in certificates:
        refused += (r.replace("raises RefusedAloud: ", "raises ").replace("RefusedAloud: ", "") for r in c.refused)
    return ForeignCertificate(
        function.name, request.kind, seed, sum(c.cases for c in certificates),
        checks + sum(c.checks for c in certificates), joined_powers(certificates),
        sum(c.kinks for c in certificates), second, tuple(dict.fromkeys(refused)), tuple(dict.fromkeys(notes)),
        time.perf_counter() - start,
    )  # fmt: skip


def _refuse_chance(function: ForeignFunction, calls: SampledCalls) -> None:
    """Refuse a function that gives two values on its first sample.

    No difference of it means anything.
    """
    arrays, options = calls.arrays[0], calls.options[0]
    try:
        pair = [function.forward(*arrays, **options) for _ in range(2)]
    except RefusedAloud as error:
        raise InvalidRule(
            f"op {function.name!r} is refused: it raises on a sample: {error}\n  next: declare shapes= or samples="
        ) from error.__cause__
    first, second = (y if isinstance(y, tuple) else (y,) for y in pair)
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        if not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            raise InvalidRule(
                f"op {function.name!r} is refused: it is not deterministic: equal arguments, other values of output "
                f"{k}\n  next: take random numbers and running statistics as arguments"
            )


def _second_order_refused(function: ForeignFunction, calls: SampledCalls) -> str:
    """What the function says when a second derivative is asked for; "" if it gives one."""
    arrays, options = calls.arrays[0], calls.options[0]
    outputs = function.forward(*arrays, **options)
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    cotangents = [np.ones_like(o) for o in several]
    real = tuple(i for i in range(len(arrays)) if i not in function.integers)
    for wanted in (real,) if function.framework.joint else ((i,) for i in real):
        first = function.gradient(wanted, len(several))
        try:
            first.forward(*cotangents, *arrays, **options)
        except Exception:  # the check of first order tells it better
            return ""
        again = tuple(range(len(several) + len(arrays))) if function.framework.joint else (0,)
        ones = [np.ones_like(arrays[i]) for i in wanted]
        try:
            first.gradient(tuple(i for i in again if i not in first.integers), len(wanted)).forward(
                *ones, *cotangents, *arrays, **options
            )
        except Exception as error:
            return first_line(error, 110)
    return ""


class _Examination:
    """One pattern of calls under examination."""

    def __init__(
        self, function: ForeignFunction, calls: SampledCalls, request: CheckRequest, seed: int, second_order: bool
    ) -> None:
        self.function = function
        self.calls = calls
        self.request = request
        self.seed = seed
        self.second_order = second_order

    def _verify(self, declaration: Mapping[str, Any], function: ForeignFunction, joint: bool) -> Certificate:
        op = as_op(function, joint, kinks=self.request.kinks, **{**self.request.claims, **declaration})
        return verify(
            op, self.seed, self.second_order, third_order=self.request.third_order,
            few_shapes=getattr(self.function.framework, "compiles", False),
        )  # fmt: skip

    def samples(self) -> Certificate:
        """Examine the samples as they were passed."""
        calls = self.calls
        samples = [mg.Sample(*a, **o) for a, o in zip(calls.arrays, calls.options, strict=True)]
        domains: dict[str, Any] = {calls.pattern.tensors[i]: mg.integer_index() for i in calls.integers}
        for i, name in enumerate(calls.pattern.tensors):
            suggested, _ = judged([arrays[i] for arrays in calls.arrays])
            if suggested.matrix:  # only symmetric steps stay among such matrices
                domains[name] = suggested
        declaration = {"samples": lambda rng: samples, **domains, **self.request.domains}
        return self._verify(declaration, self.function, self.function.framework.joint)

    def derived(self) -> tuple[list[Certificate], list[str]]:
        """Examine what was not passed: other shapes, options and numbers.

        Returns:
            The certificates of the widest examinations that could be made, and what was left out.
        """
        certificates: list[Certificate] = []
        left_out: list[str] = []
        for declaration, function in self._declarations():
            try:
                certificates.append(self._verify(declaration, function, joint=True))
            except GradientMismatch:
                raise
            except InvalidRule as error:
                if not _is_no_refusal(error, declaration):
                    raise
                left_out.append(self._left_out(declaration, error))
            except RegistrationError as error:
                left_out.append(self._left_out(declaration, error))
            else:
                entrywise = "elementwise" in declaration
                if function is not self.function:
                    left_out.append("broadcasting: refused aloud")
                # Where each new shape costs a compilation, one examination of what was not passed has to do.
                if not entrywise or self.function.framework.joint:
                    break
        return certificates, left_out

    def _left_out(self, declaration: Mapping[str, Any], error: RegistrationError) -> str:
        what = "entry by entry" if "elementwise" in declaration else "shapes and numbers that were not passed"
        why = first_line(error).split("is refused: ")[-1].replace("RefusedAloud on a sample: ", "")
        ranges = {n: d.kind for n, d in declaration.items() if n in self.calls.pattern.tensors}
        return f"{what}, with {', '.join(f'{n} {kind}' for n, kind in ranges.items())}: {why}"

    def _declarations(self) -> Iterator[tuple[dict[str, Any], ForeignFunction]]:
        """Declarations as an op, the widest first, each with the function it is of."""
        names = self.calls.pattern.tensors
        wide, narrow = {}, {}
        for i, name in enumerate(names):
            wide[name], narrow[name] = judged([arrays[i] for arrays in self.calls.arrays])
        wide, narrow = {**wide, **self.request.domains}, {**narrow, **self.request.domains}
        options = {repr(sorted(o.items())): o for o in self.calls.options}
        params = {"params": list(options.values())}
        shapes: list[Shapes] = [tuple(a.shape for a in arrays) for arrays in self.calls.arrays]
        shaped = {"shapes": list(dict.fromkeys(shapes))}
        if self.request.claims.get("elementwise") or self._looks_elementwise():
            function = self.function if self._broadcasts() else self.function.on_broadcast()
            yield {"elementwise": True, **params, **wide}, function
        yield {**params, **shaped, **wide}, self.function
        if narrow != wide:
            yield {**params, **shaped, **narrow}, self.function

    def _broadcasts(self) -> bool:
        """Whether the function and its gradients take arguments that are to be broadcast."""
        arrays, options = self.calls.arrays[0], self.calls.options[0]
        real = tuple(range(len(arrays)))
        try:
            for odd in real if len(arrays) > 1 else ():
                mixed = [a[..., :1] if k == odd else a for k, a in enumerate(arrays)]
                y = np.asarray(self.function.forward(*mixed, **options))
                self.function.gradient(real, 1).forward(y, *mixed, **options)
        except RefusedAloud:
            return False
        return True

    def _looks_elementwise(self) -> bool:
        """Whether on the first sample each output entry depends on the entries at its place only."""
        arrays, options = self.calls.arrays[0], self.calls.options[0]
        shape = np.broadcast_shapes(*(a.shape for a in arrays)) if _broadcast(arrays) else None
        y = self.function.forward(*arrays, **options)
        if self.calls.integers or isinstance(y, tuple) or y.shape != shape or y.size < 2 or y.dtype.kind != "f":
            return False
        for i, x in enumerate(arrays):
            if x.shape != shape:
                return False
            for place in {0, x.size // 2, x.size - 1}:
                moved = x.copy()
                moved.flat[place] *= 1.0 + 2.0**-6
                changed = self.function.forward(*arrays[:i], moved, *arrays[i + 1 :], **options) != y
                if np.any(np.delete(np.ravel(changed), place)):
                    return False
        return True


def _broadcast(arrays: Sequence[Array]) -> bool:
    try:
        np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        return False
    return True


def _is_no_refusal(error: RegistrationError, declaration: Mapping[str, Any]) -> bool:
    """Whether the function only raises on arguments that its author never spoke of.

    Or lacks a claim that was guessed.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RefusedAloud):
            return True
        cause = cause.__cause__
    return bool(declaration.get("elementwise")) and "claims elementwise" in str(error)
