"""Modules that stand in for HIPS autograd's, made of minigrad, for `tests/tools/hips_suite.py`."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minigrad
import minigrad_special
from minigrad import linalg
from minigrad.transforms.pytree import flatten
from support.hips_checks import check_equivalent, check_grads, combo_check, is_complex, scalar_close

mg: Any = minigrad


def _skips(key: str) -> Callable[..., Any]:
    """A function that skips the test which calls it."""

    def call(*args: object, **kwargs: object) -> Any:
        pytest.skip(key)

    return call


class _Part(ModuleType):
    """A module with what is given, and then what another one has; names that neither has skip the test if called."""

    def __init__(self, name: str, behind: Any = None, key: str = "own", **names: object) -> None:
        super().__init__(name)
        self.__path__: Any = []
        self._behind, self._key = behind, key
        self.__dict__.update(names)
        sys.modules[name] = self

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")):
            raise AttributeError(name)
        if self._behind is not None and hasattr(self._behind, name):
            return getattr(self._behind, name)
        if self._behind is not None:
            raise AttributeError(f"{self.__name__} has no {name}")
        return _skips(self._key)


def _array(x: Any, *args: Any, **kwargs: Any) -> Any:
    """numpy.array, which does not ask the members of a list."""
    if isinstance(x, list | tuple) and any(isinstance(leaf, mg.Tensor) for leaf in flatten(x)[0]):
        return mg.stack([mg.tensor(part) if not isinstance(part, mg.Tensor) else part for part in map(_array, x)])
    return x if isinstance(x, mg.Tensor) else np.array(x, *args, **kwargs)


def _unary(operator: Callable[..., Any]) -> Callable[..., Any]:
    """From an operator on functions of one argument, one on functions of many, with `argnum`."""

    def nary(f: Callable[..., Any], argnum: int | Sequence[int] = 0, *more: Any, **options: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            def of_one(x: Any) -> Any:
                changed = list(args)
                for k, v in zip([argnum] if isinstance(argnum, int) else argnum,
                                [x] if isinstance(argnum, int) else x, strict=True):  # fmt: skip
                    changed[k] = v
                return f(*changed, **kwargs)

            x = args[argnum] if isinstance(argnum, int) else tuple(args[k] for k in argnum)
            _refuse_complex(x)
            return operator(of_one, x, *more, **options)

        return call

    return nary


def _refuse_complex(x: Any) -> None:
    if any(is_complex(leaf) for leaf in flatten(x)[0]):
        pytest.skip("complex")


def _elementwise(f: Any, x: Any) -> Any:
    return mg.grad(lambda t: mg.sum(f(t)))(x)


def _pull(f: Any, x: Any) -> Any:
    value, pull = mg.vjp(f, x)
    return (lambda g: pull(g)[0]), value


def _push(f: Any, x: Any) -> Any:
    return lambda v: mg.jvp(f, (x,), (v,))


def _deriv(f: Any, x: Any) -> Any:
    return mg.jvp(f, (x,), (x * 0.0 + 1.0,))[1]


def _tensor_jacobian(f: Any, argnum: int = 0) -> Any:
    def call(*args: Any) -> Any:
        *rest, v = args
        jacobian = mg.jacobian(f, argnum)(*rest)
        return np.tensordot(v, jacobian, axes=np.ndim(v))

    return call


def _hessian_product(f: Any, argnum: int = 0) -> Any:
    def call(*args: Any) -> Any:
        *rest, v = args
        return np.tensordot(mg.hessian(f, argnum)(*rest), v, axes=np.ndim(v))

    return call


def _gauss_newton(f: Any, g: Any = lambda x: 0.5 * mg.sum(x * x, axis=-1), f_argnum: int = 0) -> Any:
    def at(x: Any) -> Any:
        def product(v: Any) -> Any:
            value, tangent = mg.jvp(f, (x,), (v,))
            return mg.vjp(f, x)[1](mg.hvp(g, (value,), (tangent,)))[0]

        return product

    return at


def _hvp_maker(f: Any, argnum: int = 0) -> Any:
    def at(*args: Any) -> Any:
        def of_one(x: Any) -> Any:
            return f(*args[:argnum], x, *args[argnum + 1 :])

        return (lambda v: mg.hvp(of_one, (args[argnum],), (v,))), mg.grad(of_one)(args[argnum])

    return at


def _of_reals(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        _refuse_complex(args)
        return f(*args, **kwargs)

    return call


def _grad_and_aux(f: Any, argnum: int = 0) -> Any:
    return mg.grad(f, argnum, has_aux=True)


def _value_and_grad(f: Any, argnum: Any = 0) -> Any:
    return _of_reals(mg.value_and_grad(f, argnum))


def _jacobian(f: Any, argnum: Any = 0) -> Any:
    return mg.jacobian(f, argnum)


def _grad(f: Any, argnum: Any = 0) -> Any:
    return _of_reals(mg.grad(f, argnum))


def _polygamma(n: int, x: Any) -> Any:
    return minigrad_special.polygamma(x, n=n)


def _isinstance(x: Any, kind: Any) -> bool:
    return builtins.isinstance(x, kind) or (builtins.isinstance(x, mg.Tensor) and kind in (float, np.ndarray))


def install() -> None:
    """Put the modules where `import autograd` finds them."""
    random = _Part("autograd.numpy.random", np.random)
    algebra = _Part("autograd.numpy.linalg", np.linalg)
    fourier = _Part("autograd.numpy.fft", np.fft)
    numpy = _Part("autograd.numpy", np, array=_array, random=random, linalg=algebra, fft=fourier)
    core = _Part("autograd.core", key="vspace", make_vjp=_pull, make_jvp=_push)
    tracer = _Part("autograd.tracer", key="primitive", isbox=lambda x: builtins.isinstance(x, mg.Tensor))
    extend = _Part("autograd.extend", key="primitive")
    util = _Part("autograd.test_util", check_grads=check_grads, check_equivalent=check_equivalent,
                 combo_check=combo_check, scalar_close=scalar_close)  # fmt: skip
    wrap = _Part("autograd.wrap_util", unary_to_nary=_unary)
    kinds: dict[str, Any] = {"list": list, "tuple": tuple, "dict": dict, "isinstance": _isinstance}
    builtin = _Part("autograd.builtins", **kinds)
    misc = _Part("autograd.misc")
    scipy = _scipy()
    _Part(
        "autograd", grad=_grad, value_and_grad=_value_and_grad, jacobian=_jacobian, hessian=_unary(_hessian),
        elementwise_grad=_unary(_elementwise), deriv=_unary(_deriv), make_vjp=_unary(_pull), make_jvp=_unary(_push),
        make_hvp=_hvp_maker, make_ggnvp=_gauss_newton, hessian_tensor_product=_hessian_product,
        hessian_vector_product=_hessian_product, tensor_jacobian_product=_tensor_jacobian,
        vector_jacobian_product=_tensor_jacobian, grad_and_aux=_grad_and_aux, checkpoint=mg.checkpointed,
        holomorphic_grad=_skips("complex"), numpy=numpy, core=core, tracer=tracer, extend=extend, test_util=util,
        wrap_util=wrap, misc=misc, scipy=scipy, **{**kinds, "builtins": builtin},
    )  # fmt: skip


def _hessian(f: Any, x: Any) -> Any:
    return mg.hessian(f)(x)


def _scipy() -> ModuleType:
    import scipy.special
    import scipy.stats

    class Special:
        """minigrad-special first."""

        def __getattr__(self, name: str) -> Any:
            for where in (minigrad_special, mg):
                if hasattr(where, name):
                    return getattr(where, name)
            return getattr(scipy.special, name)

    special = _Part("autograd.scipy.special", Special(), psi=minigrad_special.digamma, polygamma=_polygamma)
    algebra = _Part("autograd.scipy.linalg", linalg)
    signal = _Part("autograd.scipy.signal", key="own")
    integrate = _Part("autograd.scipy.integrate", odeint=partial(mg.odeint))
    normal = _Part("autograd.scipy.stats.multivariate_normal", key="stats")
    names = ("norm", "beta", "gamma", "chi2", "poisson", "t", "dirichlet")
    laws = {n: _Part(f"autograd.scipy.stats.{n}", key="stats") for n in names}
    laws["dirichlet"].rvs = scipy.stats.dirichlet.rvs  # type: ignore[attr-defined]  # called when tests are collected
    stats = _Part("autograd.scipy.stats", key="stats", multivariate_normal=normal, **laws)
    return _Part("autograd.scipy", special=special, linalg=algebra, signal=signal, integrate=integrate, stats=stats)
