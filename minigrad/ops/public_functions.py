"""What a public function takes beside Tensors and arrays: lists and numbers.

Functions of the library are written for Tensors and arrays (`minigrad.typing.V`). Under its public name each has a
wrapper, made from its annotations: a list becomes an array as NumPy makes it, a Python number takes the dtype of its
partners, and what is no numbers is refused by name. Inside the library functions call each other without it. A wrapper
has the parameters of its function, since one with `*args` takes a tenth of a small op longer; errors cost nothing until
one comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from inspect import Parameter, Signature, signature
from types import CodeType, FunctionType
from typing import Any

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ArgumentError, IndexKeyError, MinigradError, OpError, ShapeError
from minigrad.core.memory import weak_scalar
from minigrad.core.tensor import Tensor
from minigrad.core.types import TensorBase
from minigrad.ops.arguments import as_real, described
from minigrad.ops.option_values import Limit, is_checked, limit_of, refuse_problem

__all__ = ["accept_lists", "install"]

_ARRAYS = frozenset((Tensor, np.ndarray))
_NUMBERS = (bool, int, float)
_RAW = (TypeError, AttributeError, IndexError, KeyError, ValueError, ZeroDivisionError, OpError)
"""What Python, NumPy and ops raise in a function that was given something of another kind."""


@attrs.frozen
class _Input:
    """A parameter that stands for an array, or for several.

    Attributes:
        name: of the parameter.
        words: the alternatives of its annotation.
        several: whether it is a sequence of arrays.
        integers: whether its numbers are places or truth values, so that an empty list is one of integers.
    """

    name: str
    words: frozenset[str]
    several: bool
    integers: bool

    @property
    def quick(self) -> frozenset[type]:
        """The types that the wrapper passes on as they are."""
        numbers = _NUMBERS if self.words & {"float", "int"} else ()
        others = ((type(None), "None"), (slice, "slice"))
        return _ARRAYS.union(numbers, (kind for kind, word in others if word in self.words))

    def convert(self, function: str, value: object) -> object:
        """An array or Tensor of what was given; Python numbers stay."""
        if isinstance(value, TensorBase | np.ndarray | np.generic):
            return value
        if type(value) in self.quick or isinstance(value, _NUMBERS):
            return value
        if "Complex[V]" in self.words and not isinstance(value, list | tuple):
            if not isinstance(value, lazy.load("minigrad.ops.elementwise.complex", "Complex")):
                raise ArgumentError(f"{function}: {self.name} must be a Tensor, an array or a Complex, "
                                    f"got {described(value)}")  # fmt: skip
            return value
        array = as_real(function, self.name, value, complex_too="Complex[V]" in self.words)
        if self.integers and isinstance(array, np.ndarray) and not array.size and isinstance(value, list | tuple):
            return array.astype(bool if self.words & {"BoolArray"} else np.intp)
        return array


def _inputs_of(annotations: Mapping[str, str]) -> dict[str, _Input]:
    inputs = {}
    for name, annotation in annotations.items():
        words = frozenset(annotation.split(" | "))
        several = bool(words & {"Sequence[V]", "Sequence[BoolArray]", "Sequence[Array]"})
        if name != "return" and (several or words & {"V", "Array", "IndexArray", "BoolArray"}):
            integers = bool(words & {"IndexArray", "BoolArray"}) and "V" not in words
            inputs[name] = _Input(name, words, several, integers)
    return inputs


@attrs.frozen
class _Wrapper:
    """What the wrapper of one function does.

    Attributes:
        shown: the public name, for messages.
        parameters: of the function.
        annotations: of the parameters, as text.
        inputs: the parameters that are arrays.
        options: the parameters that are numbers, truth values or texts, and where they lie.
    """

    shown: str
    parameters: Mapping[str, Parameter]
    annotations: Mapping[str, str]
    inputs: Mapping[str, _Input]
    options: Mapping[str, Limit]

    def check_options(self, *values: object) -> None:
        """Look at the options, in the order of `options`.

        Raises:
            ArgumentError: one is of another kind than its annotation says.
            ShapeError: a number is out of its range.
        """
        for (name, limit), value in zip(self.options.items(), values, strict=True):
            if value is not self.parameters[name].default:
                refuse_problem(self.shown, name, value, self.annotations[name], limit)

    def convert(self, *values: Any) -> tuple[object, ...]:
        """The arguments that are arrays, in the order of the parameters, as arrays."""
        converted = [
            self._each(i, v) if i.several or self.parameters[i.name].kind is Parameter.VAR_POSITIONAL
            else i.convert(self.shown, v)
            for i, v in zip(self.inputs.values(), values, strict=True)
        ]  # fmt: skip
        partners = [v.dtype for v in converted if isinstance(v, Tensor | np.ndarray | np.generic)]
        real = [d for d in partners if d.kind == "f"] or partners
        for k, (i, v) in enumerate(zip(self.inputs.values(), converted, strict=True)):
            if isinstance(v, _NUMBERS) and not i.words & {"float", "int"}:
                converted[k] = weak_scalar(v, np.result_type(*real)) if real and not i.integers else np.asarray(v)
        return tuple(converted)

    def _each(self, entry: _Input, values: object) -> object:
        if isinstance(values, TensorBase | np.ndarray) or (values is None and "None" in entry.words):
            return values
        if isinstance(values, str | bytes | Mapping | AbstractSet) or not isinstance(values, Iterable):
            raise ArgumentError(f"{self.shown}: {entry.name} must be a list of arrays, got {described(values)}")
        arrays = [attrs.evolve(entry, name=f"{entry.name}[{k}]").convert(self.shown, v) for k, v in enumerate(values)]
        return [np.asarray(a) if isinstance(a, _NUMBERS) else a for a in arrays]

    def explain(self, error: Exception, *values: Any) -> None:
        """Say which argument does not fit, if one does not.

        Raises:
            ArgumentError: an argument is not what the annotation says, or Python has raised a TypeError of its own.
            IndexKeyError: Python has raised an IndexError of its own.
            ShapeError: an axis is beyond the array, or Python has divided by a number of axes that is 0.
        """
        for name, value in zip(self.parameters, values, strict=True):
            self._require(name, value, error)
        typed = isinstance(error, MinigradError) or (
            isinstance(error, ValueError) and not isinstance(error, IndexError)
        )
        name = self.shown.rpartition(".")[2]
        if typed or any(map(_is_callable, self.annotations.values())) or re.match(rf"\W*{name}\b", str(error)):
            return
        arguments = ", ".join(f"{n}={_shape_of(v)}" for n, v in zip(self.parameters, values, strict=True))
        index = isinstance(error, IndexError) and not isinstance(error, ValueError)
        shape = isinstance(error, ZeroDivisionError | ValueError)
        kind = IndexKeyError if index else ShapeError if shape else ArgumentError
        raise kind(f"{self.shown} cannot take ({arguments:.180}): {error}"[:299]) from error

    def _require(self, name: str, value: object, error: Exception) -> None:
        annotation = self.annotations.get(name, "Any")
        if isinstance(value, np.ndarray) and name in self.inputs and value.dtype.kind not in "fiubc":
            as_real(self.shown, name, value)
        fits = [_fits(word, value) for word in annotation.split(" | ")]
        if self.parameters[name].default is not value and not any(fits):
            raise ArgumentError(f"{self.shown}: {name} must be {annotation}, got {described(value)}") from error


def _shape_of(value: object) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return f"{value!r:.40}" if shape is None else f"{shape} {dtype}"


_INTEGERS = (int, np.integer)
_KINDS: Mapping[str, tuple[type, ...]] = {
    "int": _INTEGERS, "float": (*_INTEGERS, float, np.floating), "bool": (int, np.bool_), "str": (str,),
    "None": (type(None),), "slice": (slice,), "np.random.Generator": (np.random.Generator,),
    "Shape": (list, tuple, np.ndarray), "Axis": (*_INTEGERS, list, tuple, type(None)),
    "Sequence[int]": (list, tuple, range, np.ndarray), "Sequence[float]": (list, tuple, range, np.ndarray),
    "tuple[int, int]": (list, tuple, np.ndarray),
}  # fmt: skip


def _fits(word: str, value: object) -> bool:
    """Whether a value is what one alternative of an annotation says.

    True for those that cannot be told.
    """
    if word not in _KINDS:
        return callable(value) if _is_callable(word) else True
    if isinstance(value, np.ndarray) and value.dtype.kind not in ("fiub" if "float" in word else "iub"):
        return False
    if isinstance(value, list | tuple):
        parts = _KINDS["float"] if "float" in word else _INTEGERS
        return isinstance(value, _KINDS[word]) and all(isinstance(v, (*parts, list, tuple)) for v in value)
    return isinstance(value, _KINDS[word])


def _is_callable(annotation: str) -> bool:
    return "Callable" in annotation


def _quick_kinds(annotation: str, limit: Limit) -> frozenset[type]:
    """The kinds of an option that need no second look."""
    words = set(annotation.split(" | "))
    kinds: dict[str, type] = {"bool": bool, "str": str, "None": type(None), "Axis": type(None)}
    quick = {kind for word, kind in kinds.items() if word in words}
    if limit.low == -np.inf and words & {"int", "Axis"}:
        quick.add(int)
    return frozenset(quick)


def _text(
    name: str, parameters: Sequence[Parameter], inputs: Mapping[str, _Input], options: Mapping[str, Limit]
) -> str:
    """The source of a wrapper; its defaults are set afterwards."""
    head = Signature([p.replace(default=Parameter.empty, annotation=Parameter.empty) for p in parameters])
    before = {Parameter.VAR_POSITIONAL: "*{0}", Parameter.VAR_KEYWORD: "**{0}", Parameter.KEYWORD_ONLY: "{0}={0}"}
    passed = ", ".join(before.get(p.kind, "{0}").format(p.name) for p in parameters)  # type: ignore[call-overload]
    conditions = []
    for p in parameters:
        if p.name in inputs and (inputs[p.name].several or p.kind is Parameter.VAR_POSITIONAL):
            every = f"_quick_{p.name}_.issuperset(map(_type_, {p.name}))"
            conditions.append(f"not (_type_({p.name}) in _lists_ and {every})")
        elif p.name in inputs:
            conditions.append(f"_type_({p.name}) not in _quick_{p.name}_")
    names, everything = ", ".join(inputs), ", ".join(p.name for p in parameters)
    lines = [f"def {name}{head}:"]
    if conditions:
        lines += [f"    if {' or '.join(conditions)}:", f"        {names}, = _convert_({names})"]
    looks = [f"{o} is not _default_{o}_ and _type_({o}) not in _plain_{o}_" for o in options]
    if looks:
        lines += [f"    if {' or '.join(looks)}:", f"        _check_options_({', '.join(options)})"]
    lines += ["    try:", f"        return _function_({passed})", "    except _raw_ as _error_:",
              f"        _explain_(_error_, {everything})", "        raise"]  # fmt: skip
    return "\n".join(lines)


def accept_lists(package: str, name: str, function: Callable[..., object]) -> Callable[..., object]:
    """Wrap a function for its public name.

    Args:
        package: where the public name stands.
        name: the public name.
        function: whose annotations are text, as `from __future__ import annotations` leaves them.

    Returns:
        A function with the same parameters, documentation and, by its public name, identity under pickle.
    """
    if not isinstance(function, FunctionType):
        return function
    parameters = dict(signature(function).parameters)
    annotations = {k: v for k, v in function.__annotations__.items() if isinstance(v, str)}
    inputs = _inputs_of({p: annotations.get(p, "") for p in parameters})
    own_name = function.__name__
    options = {
        p: limit_of(own_name, p) for p in parameters if p not in inputs and is_checked(annotations.get(p, ""))
        and parameters[p].kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    }  # fmt: skip
    wrapper = _Wrapper(f"{package}.{name}".removeprefix("minigrad."), parameters, annotations, inputs, options)
    place = f"{__file__.removesuffix('.py')}/{wrapper.shown}"  # in the package: errors are traced to the user's line
    module = compile(_text(name, list(parameters.values()), inputs, options), place, "exec")
    code = next(c for c in module.co_consts if isinstance(c, CodeType))
    names: dict[str, object] = {f"_quick_{i.name}_": i.quick for i in inputs.values()}
    names |= {"_function_": function, "_convert_": wrapper.convert, "_explain_": wrapper.explain, "_raw_": _RAW,
              "_type_": type, "_lists_": (list, tuple), "_check_options_": wrapper.check_options}  # fmt: skip
    names |= {f"_default_{o}_": parameters[o].default for o in options}
    names |= {f"_plain_{o}_": _quick_kinds(annotations[o], limit) for o, limit in options.items()}
    public = FunctionType(code, names, name, function.__defaults__)
    public.__kwdefaults__ = function.__kwdefaults__
    public.__doc__, public.__annotations__ = function.__doc__, function.__annotations__
    public.__module__, public.__qualname__ = package, name
    public.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps
    return public


def install(package: str, names: dict[str, object], public: Sequence[str]) -> None:
    """Give the public functions among the variables of a package their wrappers."""
    for name in public:
        value = names[name]
        if isinstance(value, FunctionType):
            names[name] = accept_lists(package, name, value)
