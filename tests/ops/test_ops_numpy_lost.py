"""No function of NumPy drops a gradient in silence.

A generator puts a Tensor in each parameter of each function of NumPy's namespaces, and arrays, numbers or functions in
the others, as long as NumPy takes such arguments. Where central differences of the answer are not zero, the answer on
the Tensor has that gradient, or there is an error.
"""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minigrad as mg

SPACES = (np, np.linalg, np.fft, np.lib.stride_tricks)
VALUES = {
    "vector": np.array([0.7, 1.9, 1.2]),
    "matrix": np.array([[2.1, 0.4, 0.3], [0.5, 1.7, 0.2], [0.1, 0.6, 1.3]]),
    "number": np.array(0.6),
}
FILLERS: tuple[Any, ...] = (np.array([0, 1, 2]), np.array([0.23, 0.55, 0.97]), VALUES["matrix"] + 0.07, 1, 3)
for _array in (*VALUES.values(), *FILLERS[:3]):
    _array.flags.writeable = False  # some functions write into their argument
LEFT_OUT = {"save", "savez", "savez_compressed", "savetxt", "load", "loadtxt", "genfromtxt", "fromfile", "memmap",
            "test", "bmat", "cholesky", "eigh", "eigvalsh",
            "show_config", "show_runtime", "info", "source", "lookfor", "empty",
            "empty_like"}  # fmt: skip
"""Functions that write or read files or print, and those whose answer is
left to chance, is a matrix, or is that of a triangle in NumPy.
"""
NUMBERS = {"initial", "ddof", "correction"}
"""Parameters that NumPy reads as numbers."""


def _functions() -> Iterator[tuple[str, Any]]:
    for space in SPACES:
        for name in dir(space):
            f = getattr(space, name)
            asked = callable(f) and not isinstance(f, type | ModuleType)
            if asked and not name.startswith("_") and name not in LEFT_OUT:
                yield f"{space.__name__}.{name}", f


def _parameters(f: Any) -> tuple[list[str], list[str]]:
    """The required parameters of a function, and those with a default.

    Without those that NumPy reads as by float() beside an array, and does not ask a Tensor.
    """
    numbers = NUMBERS | {"mean"} if f is np.nanstd else NUMBERS
    if isinstance(f, np.ufunc):
        return [f"x{k}" for k in range(f.nin)], []
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return ["a"], []
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p.name for p in named if p.default is p.empty]
    optional = [
        p.name for p in parameters if p.default is not p.empty and p.name not in ("out", "like", "order", *numbers)
    ]
    return required or ["*"], optional


def _numbers(answer: Any) -> list[Any]:
    if isinstance(answer, list | tuple):
        return [n for a in answer for n in _numbers(a)]
    if isinstance(answer, mg.Tensor):
        return [answer]
    if isinstance(getattr(answer, "real", None), mg.Tensor):  # complex numbers, as two Tensors
        return [answer.real]
    try:
        array = np.asarray(answer)
    except ValueError:
        return []
    return [array] if array.dtype.kind == "f" else []


def _total(answer: Any) -> Any:
    """A sum of all real numbers of an answer in weights that tell them apart."""
    parts = _numbers(answer)
    return sum((p * np.cos(np.arange(p.size).reshape(p.shape))).sum() * (1 + k) for k, p in enumerate(parts))


def _difference(call: Any, x: np.ndarray) -> float | None:
    """The slope along a direction, by central differences at two steps; None where it cannot be told."""
    along = np.cos(3.0 * np.arange(x.size) + 0.5).reshape(x.shape)
    slopes = []
    for step in (1e-5, 3e-6):
        upper, lower = (float(_total(call(x + s * along))) for s in (step, -step))
        slopes.append((upper - lower) / (2 * step))
    known = np.isfinite(slopes).all() and abs(slopes[0] - slopes[1]) <= 1e-4 * (1 + abs(slopes[0]))
    return slopes[0] if known else None


def _calls(f: Any) -> Iterator[tuple[str, Any, np.ndarray]]:
    required, optional = _parameters(f)
    for spot in (*required, *optional):
        rest = [name for name in required if name != spot]
        if len(rest) > 2:
            continue
        for kind, x in VALUES.items():
            for others in product(FILLERS, repeat=len(rest)):
                fixed = dict(zip(rest, others, strict=True))

                def call(x: Any, spot: str = spot, fixed: Any = fixed) -> Any:
                    args = [x if name in (spot, "*") else fixed[name] for name in required]
                    return f(*args, **({spot: x} if spot not in required else {}))

                yield f"{spot}: {kind} beside {fixed}", call, x


def _lost(name: str, f: Any) -> tuple[int, list[str]]:
    """How many calls have a slope, and those that lose it."""
    sloped, lost = 0, []
    for shown, call, x in _calls(f):
        try:
            due = _difference(call, x)
        except Exception:  # NumPy does not take this
            continue
        if due is None or abs(due) < 1e-7:
            continue
        sloped += 1
        t = mg.tensor(x, requires_grad=True)
        try:
            y = _total(call(t))
        except Exception:  # refused aloud
            continue
        if isinstance(y, mg.Tensor) and y.requires_grad:
            try:
                y.backward()
            except Exception as error:
                lost.append(f"{name}({shown}) {error!r:.80}")
                continue
            along = np.cos(3.0 * np.arange(x.size) + 0.5).reshape(x.shape)
            got = float(np.sum(t.grad.numpy() * along)) if t.grad is not None else 0.0
            if abs(got - due) <= 1e-3 * (1 + abs(due)):
                continue
            shown += f" has slope {got} for {due}"
        lost.append(f"{name}({shown})")
    return sloped, lost


@pytest.mark.soak
def test_no_function_of_numpy_loses_a_gradient() -> None:
    sloped, lost = 0, []
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for name, f in _functions():
            count, wrong = _lost(name, f)
            sloped += count
            lost += wrong
    assert sloped > 1000
    assert not lost, "\n".join(lost)
