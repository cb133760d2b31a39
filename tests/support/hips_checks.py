"""The checks of HIPS autograd's `test_util`, by differences, on minigrad's derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad.transforms.pytree import flatten

mg: Any = minigrad
STEP, NEAR = 1e-6, 1e-6


def is_complex(x: Any) -> bool:
    """Whether x is a complex number or an array of them."""
    return not isinstance(x, list | tuple | dict) and bool(np.iscomplexobj(_plain(x)))


def scalar_close(a: Any, b: Any) -> bool:
    """HIPS's measure: near by either."""
    a, b = float(np.asarray(_plain(a))), float(np.asarray(_plain(b)))
    return bool(abs(a - b) < NEAR or abs(a - b) / abs(a + b) < NEAR)


def _plain(x: Any) -> Any:
    return x.detach().numpy() if isinstance(x, mg.Tensor) else x


def _numbers(tree: Any) -> list[Any]:
    return [np.asarray(_plain(leaf), dtype=float) for leaf in flatten(tree)[0]]


def _random_like(tree: Any) -> Any:
    leaves, rebuild = flatten(tree)
    drawn = [np.random.standard_normal(np.shape(_plain(leaf))) for leaf in leaves]
    return rebuild([d if d.ndim else float(d) for d in drawn])


def _inner(a: Any, b: Any) -> float:
    return sum(float(np.vdot(x, y)) for x, y in zip(_numbers(a), _numbers(b), strict=True))


def _moved(x: Any, u: Any, step: float) -> Any:
    leaves, rebuild = flatten(x)
    return rebuild([_plain(a) + step * d for a, d in zip(leaves, _numbers(u), strict=True)])


def check_equivalent(x: Any, y: Any) -> None:
    """Of one structure and shape, and near along a random direction."""
    a, b = _numbers(x), _numbers(y)
    assert [v.shape for v in a] == [v.shape for v in b], f"{x} and {y} differ in shape"
    v = [np.random.standard_normal(z.shape) for z in a]
    assert scalar_close(_inner(a, v), _inner(b, v)), f"{x} is not {y}"


def _slope(f: Callable[[Any], Any], x: Any, u: Any) -> Any:
    ahead, behind = _numbers(f(_moved(x, u, STEP / 2))), _numbers(f(_moved(x, u, -STEP / 2)))
    return [(a - b) / STEP for a, b in zip(ahead, behind, strict=True)]


def _check(f: Callable[[Any], Any], x: Any, modes: Sequence[str], order: int) -> None:
    if any(is_complex(leaf) for leaf in [*flatten(x)[0], *flatten(f(x))[0]]):
        pytest.skip("complex")
    u, v = _random_like(x), _random_like(f(x))
    slope = _slope(f, x, u)
    if "fwd" in modes:
        tangent = mg.jvp(f, (x,), (u,))[1]
        assert scalar_close(_inner(tangent, v), sum(float(np.vdot(a, b)) for a, b in zip(slope, _numbers(v),
                                                                                          strict=True)))  # fmt: skip
        if order > 1:
            _check(lambda pair: mg.jvp(f, (pair[0],), (pair[1],))[1], (x, u), modes, order - 1)
    if "rev" in modes:
        gradient = mg.vjp(f, x)[1](v)[0]
        assert [g.shape for g in _numbers(gradient)] == [a.shape for a in _numbers(x)]
        numeric = sum(float(np.vdot(a, b)) for a, b in zip(slope, _numbers(v), strict=True))
        assert scalar_close(_inner(gradient, u), numeric), f"gradient {_inner(gradient, u)}, differences {numeric}"
        if order > 1:
            _check(lambda pair: mg.vjp(f, pair[0])[1](pair[1])[0], (x, v), modes, order - 1)


def check_grads(f: Callable[..., Any], argnum: int | Sequence[int] = 0, modes: Sequence[str] = ("fwd", "rev"),
                order: int = 2) -> Callable[..., None]:  # fmt: skip
    """A function that checks `f` at the arguments it is given, for the arguments `argnum`."""
    if not isinstance(argnum, int) and argnum and isinstance(next(iter(argnum)), str):
        argnum, modes = 0, argnum  # type: ignore[assignment]  # called as check_grads(f, modes)
    chosen = [argnum] if isinstance(argnum, int) else list(argnum)

    def check(*args: Any, **kwargs: Any) -> None:
        if any(map(is_complex, args)):
            pytest.skip("complex")

        def of_chosen(x: Any) -> Any:
            changed = list(args)
            for k, value in zip(chosen, [x] if isinstance(argnum, int) else x, strict=True):
                changed[k] = value
            return f(*changed, **kwargs)

        _check(of_chosen, args[chosen[0]] if isinstance(argnum, int) else tuple(args[k] for k in chosen), modes, order)

    return check


def combo_check(f: Callable[..., Any], *options: Any, **named: Any) -> Callable[..., None]:
    """A function that checks all combinations of arguments; those with complex numbers are left out."""
    check = check_grads(f, *options, **named)

    def every(*lists: Sequence[Any], **choices: Sequence[Any]) -> None:
        pairs = [[(k, v) for v in values] for k, values in choices.items()]
        for args in product(*lists):
            if not any(map(is_complex, args)):
                for kwargs in product(*pairs):
                    check(*args, **dict(kwargs))

    return every
