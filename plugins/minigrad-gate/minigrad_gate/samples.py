"""Samples taken apart: tensors are examined, options are handed on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np

import minigrad as mg
from minigrad.typing import Array
from minigrad_gate.foreign import Call, ForeignFunction, ForeignTensor, Options

IsTensor: TypeAlias = Callable[[object], bool]
ToArray: TypeAlias = Callable[[Any, str], Array]
"""The numbers of a tensor; the name of its argument is for the message."""


@attrs.frozen
class _Leaf:
    """The place of a tensor (by position) or an option (by name) in the arguments of a call."""

    key: int | str


@attrs.frozen(eq=False)
class CallPattern:
    """How the arguments of a call are put together from tensors and options.

    Attributes:
        tensors: names of the tensors.
        options: names of the options.
        positional: the positional arguments, with leaves where tensors and options stand.
        keywords: the arguments passed by name, likewise.
    """

    tensors: tuple[str, ...]
    options: tuple[str, ...]
    positional: tuple[object, ...]
    keywords: Mapping[str, object]

    def arguments(self, tensors: Sequence[ForeignTensor], options: Options) -> tuple[list[Any], dict[str, Any]]:
        """Positional and named arguments of a call with these tensors and options."""
        positional = [_filled(p, tensors, options) for p in self.positional]
        return positional, {name: _filled(p, tensors, options) for name, p in self.keywords.items()}


@attrs.frozen(eq=False)
class SampledCalls:
    """All samples of one pattern.

    Attributes:
        pattern: how they are put together.
        arrays: one tuple of arrays for each sample, floating ones in float64.
        options: the options of each sample.
    """

    pattern: CallPattern
    arrays: list[tuple[Array, ...]]
    options: list[Options]

    def function(self, template: ForeignFunction, call: Call) -> ForeignFunction:
        """The function of `template` that takes the tensors and options of these calls."""
        return attrs.evolve(
            template, arguments=self.pattern.tensors, options=self.pattern.options, call=call, integers=self.integers
        )

    @property
    def integers(self) -> frozenset[int]:
        """Positions of tensors without a gradient."""
        return frozenset(i for i, a in enumerate(self.arrays[0]) if a.dtype.kind != "f")


def _filled(part: object, tensors: Sequence[ForeignTensor], options: Options) -> Any:
    if isinstance(part, _Leaf):
        return tensors[part.key] if isinstance(part.key, int) else options[part.key]
    if isinstance(part, dict):
        return {k: _filled(v, tensors, options) for k, v in part.items()}
    if isinstance(part, list | tuple):
        return type(part)([_filled(v, tensors, options) for v in part])
    return part


class _Taker:
    """Replaces the tensors and options of one call by leaves."""

    def __init__(self, is_tensor: IsTensor, to_array: ToArray) -> None:
        self.is_tensor = is_tensor
        self.to_array = to_array
        self.names: list[str] = []
        self.arrays: list[Array] = []
        self.options: dict[str, object] = {}

    def _holds_tensor(self, value: object) -> bool:
        if isinstance(value, list | tuple):
            return any(map(self._holds_tensor, value))
        if isinstance(value, dict):
            return any(map(self._holds_tensor, value.values()))
        return self.is_tensor(value)

    def take(self, value: object, name: str) -> object:
        """`value` with leaves in place of tensors, or one leaf for an option."""
        if self.is_tensor(value):
            self.names.append(name)
            self.arrays.append(as_double(self.to_array(value, name)))
            return _Leaf(len(self.names) - 1)
        if isinstance(value, dict) and self._holds_tensor(value):
            return {k: self.take(v, f"{name}_{_identifier(k)}") for k, v in value.items()}
        if isinstance(value, list | tuple) and self._holds_tensor(value):
            return [self.take(v, f"{name}_{k}") for k, v in enumerate(value)]
        self.options[name] = value
        return _Leaf(name)


def as_double(a: Array) -> Array:
    """Floating numbers in float64; integers as they are."""
    return np.asarray(a, dtype=np.float64) if a.dtype.kind == "f" else np.asarray(a)


def _identifier(key: object) -> str:
    text = "".join(c if c.isalnum() or c == "_" else "_" for c in str(key))
    return text or "item"


def parameter_names(function: Callable[..., object], skip: int = 0) -> tuple[list[str], str]:
    """Names of the positional parameters of a function, and of its `*rest` or "".

    Args:
        function: whose signature is read; what has none gets the names x0, x1 and so on.
        skip: how many parameters come first that are no arguments (ctx).
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):
        return [], "x"
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return positional, next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")


def calls_of(
    raw: Iterable[tuple[tuple[object, ...], Mapping[str, object]]],
    names: tuple[list[str], str],
    is_tensor: IsTensor,
    to_array: ToArray,
) -> list[SampledCalls]:
    """Samples sorted by pattern.

    Those with a tensor where others have None are examined apart.

    Args:
        raw: positional and named arguments of each sample.
        names: of the parameters, as `parameter_names` gives them.
        is_tensor: tells tensors from options.
        to_array: the numbers of a tensor.
    """
    sorted_calls: dict[object, SampledCalls] = {}
    positional, rest = names
    for args, kwargs in raw:
        taker = _Taker(is_tensor, to_array)
        places = [*positional, *(f"{rest or 'x'}{k}" for k in range(max(0, len(args) - len(positional))))]
        parts = tuple(taker.take(a, name) for name, a in zip(places, args, strict=False))
        keywords = {name: taker.take(a, name) for name, a in kwargs.items()}
        pattern = CallPattern(tuple(taker.names), tuple(taker.options), parts, keywords)
        key = repr((pattern.tensors, pattern.options, parts, keywords, [a.dtype.kind for a in taker.arrays]))
        calls = sorted_calls.setdefault(key, SampledCalls(pattern, [], []))
        calls.arrays.append(tuple(taker.arrays))
        calls.options.append(taker.options)
    return list(sorted_calls.values())


def raw_samples(
    positional: tuple[object, ...], samples: object, is_tensor: IsTensor, call: str
) -> list[tuple[tuple[object, ...], Mapping[str, object]]]:
    """All ways to give samples as a list of positional and named arguments.

    Args:
        positional: one sample, given as the arguments themselves.
        samples: a list of samples (each a tuple of arguments, a `minigrad.Sample` or a single tensor), one tuple of
            arguments, one tensor, or a function of a NumPy generator that yields samples.
        is_tensor: tells tensors from options.
        call: for the message, such as "check_torch(Exp)".

    Raises:
        InconclusiveCheck: there is no sample.
        InvalidRule: `samples` is nothing of that.
    """
    raw: list[tuple[tuple[object, ...], Mapping[str, object]]] = [(positional, {})] if positional else []
    if callable(samples) and not is_tensor(samples):
        samples = list(samples(np.random.default_rng(0)))
    if isinstance(samples, tuple) or is_tensor(samples) or isinstance(samples, mg.Sample):
        samples = [samples]
    if samples is not None and not isinstance(samples, Iterable):
        raise mg.InvalidRule(f"{call}: samples= takes a list of tuples of arguments, not {type(samples).__name__}")
    for sample in samples or ():
        if isinstance(sample, mg.Sample):
            raw.append((sample.arrays, sample.metadata))
        elif isinstance(sample, tuple):
            raw.append((sample, {}))
        else:
            raw.append(((sample,), {}))
    if not raw:
        one = f"{call[:-1]}, x)"
        raise mg.InconclusiveCheck(
            f"{call} has no sample to check it on. Pass the arguments of a call, {one}, or several calls: "
            "samples=[(x, 2), (y, 3)], where x and y are tensors and numbers are options"
        )
    return raw


def refuse_unusable(patterns: Sequence[SampledCalls], kind: str, name: str, example: str) -> None:
    """Refuse samples in which nothing can be differentiated.

    Args:
        patterns: all samples.
        kind: what the function is.
        name: of the function.
        example: how to make a tensor of a number.

    Raises:
        GradientError: no argument is a tensor of floating numbers.
    """
    for calls in patterns:
        if len(calls.integers) == len(calls.pattern.tensors):
            told = [f"{n} of {a.dtype}" for n, a in zip(calls.pattern.tensors, calls.arrays[0], strict=True)]
            shown = ", ".join([*told, *(f"option {o}" for o in calls.pattern.options)]) or "nothing"
            raise mg.GradientError(
                f"{kind} {name!r}: nothing in the sample can be differentiated: it has {shown[:100]}. Pass tensors of "
                f"floating numbers; a number of Python is an option, {example} is a tensor"
            )


def identifier(name: str) -> str:
    """A name that can be that of an op."""
    text = "".join(c if c.isalnum() else "_" for c in name.strip("<>"))
    return text if text.isidentifier() and text != "lambda" else "function"
