"""An op under examination.

Its forward function and rules, run on read-only arrays under the contract of a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from time import thread_time
from typing import TypeGuard

import attrs
import numpy as np

from minigrad.core.errors import InvalidRule, RegistrationError
from minigrad.core.op import Op
from minigrad.core.rules import argument_positions, broadcasts_to, call_rule, unbroadcast
from minigrad.core.types import Array
from minigrad.verify.declare import declaration_of
from minigrad.verify.refusal import CheckCase, refuse
from minigrad.verify.seeded_random import SeededRandom

ENTRIES = 40
"""Samples of an elementwise op; a multiple of 8."""


def frozen(a: Array) -> Array:
    """Make `a` read-only.

    A forward function or rule that writes into it raises at the guilty line.
    """
    owned = np.asarray(a)
    owned.setflags(write=False)
    return owned


def identical(a: Array, b: Array) -> bool:
    """Whether two arrays hold the same numbers; NaN counts as equal to NaN."""
    if a.shape != b.shape:
        return False
    return bool((a == b).all()) or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def raised_by_rule(error: RegistrationError) -> bool:
    """Whether a refusal stands for an error that a rule raised by itself.

    It may, where nothing was declared. One that tried to write into what it was given raised only because the
    arrays of the gate are read-only.
    """
    cause = error.__cause__
    return cause is not None and not (isinstance(cause, ValueError) and "read-only" in str(cause))


def is_plain_array(x: object) -> TypeGuard[Array]:
    """An array or NumPy scalar, and no subclass.

    A matrix or masked array means other things by `*` and `sum`.
    """
    return type(x) is np.ndarray or isinstance(x, np.generic)


@attrs.frozen(eq=False, repr=False)
class EvaluatedCase:
    """A case, and what op and rules gave on it.

    Once that has been compared, with the power of the comparison per argument.

    `grads` and `power` go by the positions of the differentiable arguments. `seconds` of processor time went into
    `grads`.
    """

    case: CheckCase
    outputs: tuple[Array, ...]
    cotangents: tuple[Array, ...]
    grads: Mapping[int, Array]
    power: Mapping[int, float] = attrs.field(factory=dict)
    seconds: float = 0.0


class WrongShape(ValueError):
    """A gradient whose shape the engine itself refuses when it meets it.

    An error, not a wrong answer.
    """


class OpUnderTest:
    """The op, and how to call it.

    Every method raises `InvalidRule` when op or rule breaks its contract.
    """

    def __init__(self, op: Op, entries: int = ENTRIES, few_shapes: bool = False) -> None:
        self.op = op
        self.entries = entries
        self.few_shapes = few_shapes
        self.several = False
        self.notes: list[str] = []
        self._due: dict[tuple[str, ...], list[int]] = {}

    @property
    def casts(self) -> bool:
        """Whether the op's purpose is to change the dtype (it has the metadata `dtype`)."""
        return "dtype" in self.op.required or "dtype" in self.op.defaults

    @property
    def is_entrywise(self) -> bool:
        """Whether entries answer for themselves.

        The op claims to be elementwise, and takes any shapes and numbers.
        """
        declaration = declaration_of(self.op)
        return self.op.claims.elementwise and declaration.samples is None and not declaration.shapes

    def name(self, index: int) -> str:
        """The name of the argument at a position."""
        arguments = self.op.arguments
        if index < len(arguments) and not arguments[index].variadic:
            return arguments[index].name
        return f"{arguments[-1].name}[{index - len(arguments) + 1}]"

    def differentiable(self, case: CheckCase) -> list[int]:
        """Positions of the arguments that a gradient is due for."""
        kinds = tuple([a.dtype.kind for a in case.arrays])
        if kinds not in self._due:
            last = len(self.op.arguments) - 1
            self._due[kinds] = [
                i for i, k in enumerate(kinds) if k == "f" and self.op.arguments[min(i, last)].differentiable
            ]
        return self._due[kinds]

    def forward(self, case: CheckCase, arrays: Sequence[Array] | None = None) -> tuple[Array, ...]:
        """All outputs, as arrays."""
        given = case.arrays if arrays is None else arrays
        try:
            y = self.op.forward(*given, **case.kwargs)
        except ValueError as error:
            if "read-only" in str(error):
                raise refuse(
                    InvalidRule, self.op, "its forward function writes into an argument", case=case,
                    remedy="work on a copy: arguments belong to the caller",
                ) from error  # fmt: skip
            raise
        self.several = isinstance(y, tuple)
        outputs: tuple[Array, ...] = y if isinstance(y, tuple) else (y,)
        for o in outputs:
            if not is_plain_array(o) or o.dtype.kind not in "fiub":
                kind = f"dtype {o.dtype}" if is_plain_array(o) else type(o).__name__
                raise refuse(InvalidRule, self.op, f"its forward function returns {kind}, not a real array", case=case)
        return tuple(frozen(o) for o in outputs)

    def evaluate(self, case: CheckCase, arrays: Sequence[Array]) -> tuple[Array, ...]:
        """The outputs at other numbers, unchecked: for the many evaluations that differences take."""
        y = self.op.forward(*arrays, **case.kwargs)
        return y if isinstance(y, tuple) else (y,)

    def cotangents(self, rng: SeededRandom, outputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Random output gradients of both signs; zeros for outputs that are not real numbers."""
        return tuple(
            frozen(rng.signed_magnitudes(o.shape).astype(o.dtype) if o.dtype.kind == "f" else np.zeros_like(o))
            for o in outputs
        )

    def pull(
        self, case: CheckCase, outputs: tuple[Array, ...], v: tuple[Array, ...], backwards: bool = False
    ) -> dict[int, Array]:
        """Gradients for all differentiable arguments, each checked for type, shape and dtype.

        `backwards` runs the rules in reverse order.
        """
        g: object = v if self.several else v[0]
        y: object = outputs if self.several else outputs[0]
        due = set(self.differentiable(case))
        if self.op.claims.piecewise_constant:
            return {i: np.zeros_like(case.arrays[i]) for i in due}
        grads: dict[int, Array] = {}
        for rule in self.op.rules[::-1] if backwards else self.op.rules:
            indices = argument_positions(rule, len(case.arrays))
            if not due.intersection(indices):
                continue
            try:
                values = call_rule(self.op, rule, g, y, case.arrays, case.kwargs)
            except RegistrationError as error:
                raise self.with_case(error, case, rule.names) from error
            except Exception as error:
                raise self._rule_raised(case, rule.names, error) from error
            for i, r in zip(indices, values, strict=True):
                if i in due:
                    grads[i] = self._gradient(case, i, r)
        return grads

    def run(self, case: CheckCase, rng: SeededRandom, outputs: tuple[Array, ...] | None = None) -> EvaluatedCase:
        """Outputs (unless given) and gradients on `case`, for random output gradients."""
        outputs = self.forward(case) if outputs is None else outputs
        return self.answer(case, outputs, self.cotangents(rng, outputs))

    def answer(self, case: CheckCase, outputs: tuple[Array, ...], cotangents: tuple[Array, ...]) -> EvaluatedCase:
        """Gradients on `case` for these output gradients."""
        start = thread_time()
        grads = self.pull(case, outputs, cotangents)
        return EvaluatedCase(case, outputs, cotangents, grads, seconds=thread_time() - start)

    def by_rule(self) -> Iterator[OpUnderTest]:
        """Split the op into ops with one rule each.

        So it is met by a caller who wants a gradient for one argument only.
        """
        for rule in self.op.rules:
            twin = copy(self.op)
            twin.rules = (rule,)
            yield OpUnderTest(twin, self.entries, self.few_shapes)

    def with_case(self, error: RegistrationError, case: CheckCase, names: tuple[str, ...]) -> RegistrationError:
        """The engine's own complaint about a rule, with the case it arose in."""
        if error.finding is not None:
            return error
        return refuse(
            type(error), self.op, f"its rule breaks the contract of a rule: {error}", case=case,
            argument=", ".join(names), remedy="return one array for each argument that the rule is declared for",
        )  # fmt: skip

    def _rule_raised(self, case: CheckCase, names: tuple[str, ...], error: Exception) -> RegistrationError:
        argument = ", ".join(names)
        if isinstance(error, ValueError) and "read-only" in str(error):
            problem = "its rule writes into an array it was given"
            remedy = "make a new array: the output gradient and the arguments are shared with other rules"
        else:
            problem = f"its rule raises {type(error).__name__}: {error}"
            remedy = "the rule must handle every case the forward function accepts"
        return refuse(InvalidRule, self.op, problem, case=case, argument=argument, remedy=remedy)

    def _gradient(self, case: CheckCase, index: int, r: object) -> Array:
        x = case.arrays[index]
        argument = self.name(index)
        if not (is_plain_array(r) or type(r) in (float, int)):
            raise refuse(
                InvalidRule, self.op, f"its rule returns {type(r).__name__}, not an array", case=case,
                argument=argument, remedy="return the gradient for the argument, an array of its shape",
            )  # fmt: skip
        a = np.asarray(r)
        if a.shape == x.shape and a.dtype == x.dtype:
            return a
        if a.shape != x.shape and not broadcasts_to(self.op, x.shape, a.shape):
            raise refuse(
                InvalidRule, self.op, f"its rule returns shape {a.shape} for an argument of shape {x.shape}",
                case=case, argument=argument,
                remedy="return the argument's own shape (or the broadcast shape, which the engine sums)",
            ) from WrongShape(f"gives {a.shape} for an argument of shape {x.shape}")  # fmt: skip
        wide = np.result_type(*(b.dtype for b in case.arrays if b.dtype.kind == "f"))
        alike = all(b.dtype == wide for b in case.arrays if b.dtype.kind == "f")
        if a.dtype != wide and a.dtype != x.dtype and alike and not self.casts:
            raise refuse(
                InvalidRule, self.op, f"its rule returns dtype {a.dtype} for arguments of dtype {wide}", case=case,
                argument=argument, remedy="keep the dtype: Python scalars do, NumPy float64 scalars and arrays do not",
            )  # fmt: skip
        conformed = unbroadcast(self.op, argument, a, x)
        return np.asarray(conformed)


def natural_scale(case: CheckCase, v: tuple[Array, ...], indices: Iterable[int]) -> float:
    """|v| max|x|, in units of which a function may carry round-off whatever its value."""
    largest = max((float(np.max(np.abs(case.arrays[i]), initial=0.0)) for i in indices), default=0.0)
    return largest * max((float(np.max(np.abs(c), initial=0.0)) for c in v if c.dtype.kind == "f"), default=0.0)
