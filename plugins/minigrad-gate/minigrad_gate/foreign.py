"""A function of another framework as an op of minigrad, which is what the gate examines.

The gradient of a foreign function for one argument is a foreign function too, of the output gradients and of all
arguments. So the rule of the op is another such op, and the gate can ask for derivatives of any order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import attrs
import numpy as np

import minigrad as mg
from minigrad.typing import Array

ForeignTensor: TypeAlias = Any
"""A tensor of the other framework: its types are not known where it is not installed."""

Options: TypeAlias = Mapping[str, object]
Call: TypeAlias = Callable[[Sequence[ForeignTensor], Options], tuple[ForeignTensor, ...]]
"""Takes tensors by position and options by name, and returns all outputs as a tuple."""


class RefusedAloud(Exception):
    """The function, or a gradient of it, raised on its arguments; the cause is what it raised."""


class Framework(Protocol):
    """What the checks need of another framework."""

    @property
    def rule_word(self) -> str:
        """What the framework calls the rule for a gradient, such as "backward"."""
        ...

    @property
    def joint(self) -> bool:
        """Whether gradients on samples are asked for in one call, or one by one."""
        ...

    def values(self, call: Call, arrays: Sequence[Array], options: Options) -> tuple[Array, ...]:
        """The outputs of `call` on arrays, as arrays."""
        ...

    def broadcast(self, tensors: Sequence[ForeignTensor]) -> Sequence[ForeignTensor]:
        """The tensors, broadcast against each other by the framework, whose gradients undo it."""
        ...

    def gradient(self, call: Call, wanted: tuple[int, ...], outputs: int) -> Call:
        """The gradients of `call` for the arguments `wanted`.

        As a call that takes the gradients of all `outputs`, then the arguments, and returns one gradient for each.
        """
        ...


@attrs.frozen(eq=False)
class ForeignFunction:
    """A differentiable function of another framework.

    Attributes:
        framework: whose function it is.
        name: for messages; an identifier.
        arguments: names of the tensors that it takes.
        options: names of everything else that it takes.
        call: the function itself.
        integers: positions of arguments that hold integers or truth values, which have no gradient.
        order: 0 for the function, 1 for a gradient of it, and so on.
    """

    framework: Framework
    name: str
    arguments: tuple[str, ...]
    options: tuple[str, ...]
    call: Call
    integers: frozenset[int] = frozenset()
    order: int = 0

    def forward(self, *arrays: Array, **options: object) -> Array | tuple[Array, ...]:
        """The outputs on arrays: an array, or a tuple of several.

        Numbers come in one floating type, as other frameworks promote none or otherwise than NumPy does.

        Raises:
            RefusedAloud: the function raised.
        """
        real = [np.asarray(a) for i, a in enumerate(arrays) if i not in self.integers]
        wide = np.result_type(*(a for a in real if a.dtype.kind == "f"), np.float32)
        alike = [np.asarray(a) if i in self.integers else np.asarray(a, dtype=wide) for i, a in enumerate(arrays)]
        try:
            outputs = self.framework.values(self.call, alike, options)
        except Exception as error:
            if "read-only" in str(error):  # the gate says what that means
                raise
            raise RefusedAloud(f"{type(error).__name__}, {first_line(error)}") from error
        return outputs[0] if len(outputs) == 1 else outputs

    def on_broadcast(self) -> ForeignFunction:
        """The function on arguments that have been broadcast before."""
        return attrs.evolve(self, call=lambda tensors, options: self.call(self.framework.broadcast(tensors), options))

    def gradient(self, wanted: tuple[int, ...], outputs: int) -> ForeignFunction:
        """The gradients for some arguments, as a function of output gradients and arguments."""
        cotangents = tuple(f"output_gradient_{self.order}_{k}" for k in range(outputs))
        return ForeignFunction(
            self.framework, f"{self.name}_gradient", (*cotangents, *self.arguments), self.options,
            self.framework.gradient(self.call, wanted, outputs), frozenset(i + outputs for i in self.integers),
            self.order + 1,
        )  # fmt: skip


class _GradientRule:
    """The vector-Jacobian product for some arguments, on arrays and on Tensors of minigrad."""

    def __init__(self, function: ForeignFunction, wanted: tuple[int, ...], joint: bool) -> None:
        self.function = function
        self.wanted = wanted
        self.joint = joint
        self._ops: dict[int, mg.Op] = {}

    def __call__(self, g: object, y: object, *xs: object, **options: object) -> object:
        gs = g if isinstance(g, tuple) else (g,)
        if len(gs) not in self._ops:
            self._ops[len(gs)] = as_op(self.function.gradient(self.wanted, len(gs)), self.joint)
        apply: Callable[..., object] = self._ops[len(gs)]
        return apply(*gs, *xs, **options)


def as_op(function: ForeignFunction, joint: bool, **declaration: Any) -> mg.Op:
    """Make an op of minigrad out of a foreign function.

    Args:
        function: it becomes the forward function of the op, its gradients become the rules.
        joint: whether one rule gives the gradients for all arguments, or each argument has a rule.
        **declaration: as `minigrad.op` takes it. Without domains, samples are announced but none are yielded.
    """

    def forward(*arrays: Array, **options: object) -> Array | tuple[Array, ...]:
        return function.forward(*arrays, **options)

    kinds = inspect.Parameter
    parameters = [kinds(a, kinds.POSITIONAL_OR_KEYWORD) for a in function.arguments]
    parameters += [kinds(o, kinds.KEYWORD_ONLY) for o in function.options]
    forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    if not declaration:
        declaration = {"samples": _no_samples}
    op = mg.op(name=function.name, **declaration)(forward)
    real = tuple(i for i in range(len(function.arguments)) if i not in function.integers)
    for wanted in (real,) if joint else ((i,) for i in real):
        op.vjp(*(function.arguments[i] for i in wanted))(_GradientRule(function, wanted, joint))
    return op


def _no_samples(rng: np.random.Generator) -> list[mg.Sample]:
    return []


def first_line(error: BaseException, limit: int = 120) -> str:
    """The first line of an error's message, cut to at most `limit` characters."""
    text = next(iter(str(error).splitlines()), "")
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def uncalled(tensors: Sequence[ForeignTensor], options: Options) -> tuple[ForeignTensor, ...]:
    """The call of a function whose arguments are not known yet.

    Raises:
        GradientError: always.
    """
    raise mg.GradientError("a function was called before its samples were taken apart")
