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
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.ops.numpy.table import LINEAR_ALGEBRA, NUMPY, SPECTRA, UFUNCS

IGNORED_OPTIONS: Mapping[str, tuple[object, ...]] = {
    "order": ("C", "K"),
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
}
"""Options of NumPy that mean nothing here, and the values with which they may be given."""

_NO_VALUE = getattr(np, "_NoValue", None)


@attrs.frozen(eq=False)
class NumpyHandler:
    """Answers for a NumPy function: binds its parameters and calls `target`.

    A target is "module:function".
    """

    shown: str
    arrays: tuple[str, ...]
    options: tuple[str, ...]
    target: str

    def __call__(self, *args: object, **kwargs: object) -> object:
        function, known = _resolve(self.target)
        if self.arrays and self.arrays[-1].startswith("*"):
            arrays, given = list(args), kwargs
        else:
            given = self._bind(args, kwargs)
            arrays = [given.pop(n) for n in self.arrays if n in given]
        dtype = given.pop("dtype", None)
        if dtype is not None and dtype is not _NO_VALUE:
            arrays[0] = REGISTRY["astype"](arrays[0], dtype=np.dtype(dtype))  # type: ignore[call-overload]
        options = {k: v for k, v in given.items() if self._keep(k, v, known)}
        return function(*arrays, **options)

    def _bind(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, object]:
        names = (*self.arrays, *self.options)
        if len(args) > len(names):
            raise TypeError(f"{self.shown} takes at most {len(names)} arguments: {', '.join(names)}")
        given = dict(zip(names, args, strict=False))
        for k, v in kwargs.items():
            if k in given:
                raise TypeError(f"{self.shown}: argument {k!r} is given twice")
            given[k] = v
        return given

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
            function, NumpyHandler(f"{home}.{name}", tuple(before.split()), tuple(after.split()), f"minigrad.{target}")
        )


_implement(NUMPY, "numpy", np)
_implement(UFUNCS, "numpy", np)
_implement(LINEAR_ALGEBRA, "numpy.linalg", np.linalg)
_implement(SPECTRA, "numpy.fft", np.fft)
for _alias, _name in {"amax": "max", "amin": "min"}.items():
    if getattr(np, _alias) is not getattr(np, _name):
        REGISTRY.register_numpy_function(getattr(np, _alias), REGISTRY.function(getattr(np, _name)))  # type: ignore[arg-type]
