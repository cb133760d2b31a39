"""NumPy's functions on Tensors: `np.sum(t, 0)` reaches minigrad's function.

Each row of the tables names NumPy's parameters in NumPy's order, so that positional and keyword calls both work; arrays
come before the bar. The function that answers is loaded on first call, and with it the family of ops it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from inspect import signature

import attrs
import numpy as np

from minigrad.core.errors import UnsupportedFunction, nearest
from minigrad.core.memory import weak_scalar
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor
from minigrad.ops.arguments import as_operand
from minigrad.ops.numpy.table import LINEAR_ALGEBRA, NUMPY, SPECTRA, STRIDES, UFUNCS

IGNORED_OPTIONS: Mapping[str, tuple[object, ...]] = {
    "order": ("C", "K", "A", "F"),  # where it matters the function knows it
    "subok": (False, True),
    "casting": ("same_kind", "safe"),
    "copy": (True, False),
    "optimize": (True, False, "greedy", "optimal"),
    "overwrite_input": (False,),
    "returned": (False,),
    "hermitian": (False,),
    "method": ("linear",),
    "mode": ("raise",),
    "deg": (False,),
    "tol": (100,),
    "kind": ("stable", "quicksort", "mergesort", "heapsort", "introselect"),
    "stable": (True, False),
    "axisa": (-1,),
    "axisb": (-1,),
    "axisc": (-1,),
    "where": (True,),
    "full": (False,),
    "cov": (False,),
    "sorted": (True, False),
    "device": ("cpu",),
    "writeable": (False,),
}
"""Options of NumPy that mean nothing here, and the values with which they may be given."""

_OPERANDS = frozenset(
    (
        *"abxyzvmhfAp",
        "fp",
        "xp",
        "arr",
        "ary",
        "array",
        "values",
        "val",
        "x1",
        "x2",
        "start",
        "stop",
        "weights",
        "mean",
        "condition",
        "to_end",
        "to_begin",
        "fweights",
        "aweights",
        "w",
        "ar",
        "ar1",
        "ar2",
        "a1",
        "a2",
        "filt",
        "seq_of_zeros",
        "exponents",
    )
)
"""Parameters of NumPy that are arrays."""

_PLACES = frozenset(("start",))
"""Parameters that are arrays before the bar, and integers behind it (in `rollaxis`)."""

_SEQUENCES = frozenset(("arrays", "tup", "choicelist", "condlist", "choices"))
"""Parameters of NumPy that are lists of arrays."""

_TAKE_NUMBERS = frozenset(
    f"minigrad.ops.{target}"
    for target in (
        "arrangement.gather:where_or_nonzero",
        "arrangement.spacing:linspace_along",
        "reduction.nan_reductions:clip",
    )
)
"""Functions that read a Python number beside a Tensor in that Tensor's dtype."""

_NO_VALUE = getattr(np, "_NoValue", None)


@attrs.frozen(eq=False)
class NumpyHandler:
    """Answers for a NumPy function: binds its parameters and calls `target`.

    A target is "module:function". A ufunc reads a Python number in the dtype of the Tensor beside it.
    """

    shown: str
    arrays: tuple[str, ...]
    options: tuple[str, ...]
    target: str
    is_ufunc: bool = False

    def __call__(self, *args: object, **kwargs: object) -> object:
        function, known = _resolve(self.target)
        rest: tuple[object, ...] = ()
        if self.arrays and self.arrays[0].startswith("*"):
            bound = dict(kwargs)
            arrays = _operands(args) if self.shown != "numpy.einsum" or isinstance(args[0], str) else list(args)
        else:
            if self.arrays and self.arrays[-1].startswith("*"):
                args, rest = args[: len(self.arrays) - 1], args[len(self.arrays) - 1 :]
            if self.is_ufunc:
                args = _weakly(args)
            bound = self._bind(args, kwargs)
            arrays = [self._operand(n, bound.pop(n), function) for n in self.arrays if n in bound]
            bound |= {
                n: self._operand(n, bound[n], function) for n in self.options if n in _OPERANDS - _PLACES and n in bound
            }
        dtype = bound.pop("dtype", None)
        if dtype is not None and dtype is not _NO_VALUE:
            arrays[0] = _cast(arrays[0], np.dtype(dtype))  # type: ignore[call-overload]
        options = {k: v for k, v in bound.items() if self._keep(k, v, known)}
        return function(*arrays, *rest, **options)

    def _operand(self, name: str, value: object, function: object) -> object:
        """Convert an argument as the function takes it.

        Lists and numbers beside Tensors are arrays to NumPy.
        """
        if name in _SEQUENCES and isinstance(value, list | tuple):
            return [as_operand(v) for v in value]
        if name not in _OPERANDS or value is None or value is _NO_VALUE:
            return value
        number = isinstance(value, bool | int | float)
        return value if number and (isinstance(function, Op) or self.target in _TAKE_NUMBERS) else as_operand(value)

    def _bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        names = (*self.arrays, *self.options)
        if len(args) > len(names):
            raise TypeError(f"{self.shown} takes at most {len(names)} arguments: {', '.join(names)}")
        bound = dict(zip(names, args, strict=False))
        for k, v in kwargs.items():
            if k in bound:
                raise TypeError(f"{self.shown}: argument {k!r} is given twice")
            bound[k] = v
        return bound

    def _keep(self, name: str, value: object, known: frozenset[str]) -> bool:
        if value is _NO_VALUE:
            return False
        if name in known:
            return True
        if name not in self.options or (
            value is not None and not any(value is n for n in IGNORED_OPTIONS.get(name, ()))
        ):
            raise UnsupportedFunction(f"{self.shown} on a Tensor has no option {name!r}.{nearest(name, known)}")
        return False


def _weakly(args: tuple[object, ...]) -> tuple[object, ...]:
    """Arguments with each Python number in the dtype of the Tensor beside it."""
    if all(isinstance(a, Tensor) for a in args):
        return args
    dtype = next((a.dtype for a in args if isinstance(a, Tensor)), np.dtype(float))
    return tuple(weak_scalar(a, dtype) if isinstance(a, bool | int | float) else a for a in args)


def _operands(args: tuple[object, ...]) -> list[object]:
    return [a if isinstance(a, str) else as_operand(a) for a in args]


def _cast(value: object, dtype: np.dtype[np.generic]) -> object:
    """An array, or each of a list of them, in another dtype."""
    if isinstance(value, list):
        return [_cast(v, dtype) for v in value]
    return REGISTRY["astype"](value, dtype=dtype)  # type: ignore[call-overload]


@lru_cache(maxsize=512)
def _resolve(target: str) -> tuple[Callable[..., object], frozenset[str]]:
    """The function that `target` names, which loads its family, and the options it knows."""
    module, _, name = target.partition(":")
    function: Callable[..., object] = getattr(import_module(module), name)
    if isinstance(function, Op):
        return function, frozenset((*function.defaults, *function.required))
    return function, frozenset(signature(function).parameters)


def _implement(table: Mapping[str, tuple[str, str]], home: str, module: object) -> None:
    for name, (parameters, target) in table.items():
        function = getattr(module, name, None)
        if function is None:  # NumPy 2.0 lacks some names that later versions have
            continue
        before, _, after = parameters.partition("|")
        REGISTRY.register_numpy_function(
            function,
            NumpyHandler(
                f"{home}.{name}",
                tuple(before.split()),
                tuple(after.split()),
                f"minigrad.{target}",
                isinstance(function, np.ufunc),
            ),
        )


_implement(NUMPY, "numpy", np)
_implement(UFUNCS, "numpy", np)
_implement(LINEAR_ALGEBRA, "numpy.linalg", np.linalg)
_implement(SPECTRA, "numpy.fft", np.fft)
_implement(STRIDES, "numpy.lib.stride_tricks", np.lib.stride_tricks)
for _alias, _name in {"amax": "max", "amin": "min"}.items():
    if getattr(np, _alias) is not getattr(np, _name):
        REGISTRY.register_numpy_function(getattr(np, _alias), REGISTRY.function(getattr(np, _name)))  # type: ignore[arg-type]
