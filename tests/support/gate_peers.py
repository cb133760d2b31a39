"""Other gradient checkers at their defaults, fed with the cases of an op's declaration.

Each function takes a `Target` and raises when the tool (or the rule under its hands) complains. The packages are
imported when a tool is chosen: they are no dependencies of minigrad.
"""

# The peers have no types here: they are not installed where mypy runs.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls
# mypy: allow-subclassing-any, no-warn-return-any, allow-any-generics

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from support.gate_target import Target

if TYPE_CHECKING:
    from types import ModuleType

Check = Callable[[Target], None]


def torch_check(function: str, **options: object) -> Check:
    """torch.autograd.gradcheck or gradgradcheck on a custom Function whose backward is itself differentiable."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    checker = getattr(torch.autograd, function)

    def check(target: Target) -> None:
        inputs = tuple(torch.from_numpy(x).requires_grad_() for x in target.point)
        checker(_torch_function(torch, target), inputs, **options)

    return check


def _torch_function(torch, target: Target) -> Callable[..., object]:
    def arrays(*ts):
        return tuple(t.detach().numpy() for t in ts)

    def tensor(a):
        return torch.from_numpy(np.array(a))

    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y, g, *xs):
            ctx.save_for_backward(g, *xs)
            return tuple(tensor(r) for r in target.pull(*arrays(y, g, *xs)))

        @staticmethod
        def backward(ctx, *ws):
            found = target.pull_again(arrays(*ws), *arrays(*ctx.saved_tensors))
            return None, *(tensor(d) for d in found)

    class Forward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *xs):
            y = tensor(target.value(*arrays(*xs)))
            ctx.save_for_backward(y, *xs)
            return y

        @staticmethod
        def backward(ctx, g):
            y, *xs = ctx.saved_tensors
            return Backward.apply(y.detach(), g, *xs)

    return Forward.apply


def hips_check() -> Check:
    """autograd.test_util.check_grads: reverse mode, its default order 2, its default argument 0."""
    extend = import_module("autograd.extend")
    check_grads = import_module("autograd.test_util").check_grads

    def check(target: Target) -> None:
        np.random.seed(0)
        check_grads(_hips_function(extend, target), modes=["rev"])(*target.point)

    return check


def _hips_function(extend: ModuleType, target: Target) -> Callable[..., object]:
    function = extend.primitive(target.value)
    count = len(target.live)

    def component(i: int) -> Callable[..., object]:
        pulled = extend.primitive(lambda g, y, *xs: target.pull(np.asarray(y), g, *xs)[i])

        def again(k: int):
            def maker(ans, g, y, *xs):
                zero = [np.zeros_like(x) for x in xs]
                return lambda w: target.pull_again([w if j == i else zero[j] for j in range(count)], g, *xs)[k]

            return maker

        extend.defvjp(pulled, again(0), None, *(again(k + 1) for k in range(count)))
        return pulled

    parts = [component(i) for i in range(count)]
    extend.defvjp(function, *(lambda ans, *xs, p=p: lambda g: p(g, ans, *xs) for p in parts))
    return function


def jax_check() -> Check:
    """jax.test_util.check_grads: reverse mode, order 2, float64 switched on (kinder than its float32 default)."""
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    check_grads = import_module("jax.test_util").check_grads

    def check(target: Target) -> None:
        check_grads(_jax_function(jax, target), target.point, order=2, modes=["rev"])

    return check


def _jax_function(jax: ModuleType, target: Target) -> Callable[..., object]:
    def like(*arrays):
        return tuple(jax.ShapeDtypeStruct(np.shape(a), np.float64) for a in arrays)

    def called(f, shapes, *args):
        return jax.pure_callback(lambda *a: f(*(np.array(x) for x in a)), shapes, *args)

    @jax.custom_vjp
    def pulled(g, y, *xs):
        return called(lambda g, y, *xs: target.pull(y, g, *xs), like(*xs), g, y, *xs)

    def pulled_backward(kept, ws):
        g, y, *xs = kept
        again = lambda *a: target.pull_again(a[: len(ws)], *a[len(ws) :])  # noqa: E731
        dg, *dx = called(again, like(g, *xs), *ws, g, *xs)
        return dg, jax.numpy.zeros_like(y), *dx

    pulled.defvjp(lambda g, y, *xs: (pulled(g, y, *xs), (g, y, *xs)), pulled_backward)

    @jax.custom_vjp
    def function(*xs):
        return called(target.value, like(target.value(*target.point))[0], *xs)

    def forward(*xs):
        y = function(*xs)
        return y, (y, xs)

    function.defvjp(forward, lambda kept, g: tuple(pulled(g, kept[0], *kept[1])))
    return function
