"""Right gradients for PyTorch, delicate ones among them, which must be accepted."""

# torch has no types where mypy runs: it is no dependency.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-subclassing-any, allow-any-generics
# mypy: allow-untyped-decorators, no-warn-return-any, no-warn-unused-ignores

from __future__ import annotations

import numpy as np
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from support.everybody_torch_forms import elementwise, numbers

Softplus = elementwise(lambda x: torch.logaddexp(x, torch.zeros_like(x)), torch.sigmoid, "Softplus")
Sinh = elementwise(torch.sinh, torch.cosh, "Sinh")
Relu = elementwise(lambda x: x.clamp(min=0), lambda x: (x > 0).to(x.dtype), "Relu")
Log1mExp = elementwise(lambda x: torch.log(-torch.expm1(-x)), lambda x: 1 / torch.expm1(x), "Log1mExp")
Atanh = elementwise(torch.atanh, lambda x: 1 / ((1 - x) * (1 + x)), "Atanh")


class Sinc(Function):
    """sin(x)/x with a series near the removable singularity."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        safe = torch.where(x.abs() < 1e-3, torch.ones_like(x), x)
        return torch.where(x.abs() < 1e-3, 1 - x**2 / 6 + x**4 / 120, safe.sin() / safe)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        near = x.abs() < 0.3
        safe = torch.where(near, torch.ones_like(x), x)
        series = x * (-1 / 3 + x**2 * (1 / 30 + x**2 * (-1 / 840 + x**2 * (1 / 45360 - x**2 / 3991680))))
        return g * torch.where(near, series, (safe.cos() - safe.sin() / safe) / safe)


class LogSumExp(Function):
    """Shifted by the maximum."""

    @staticmethod
    def forward(ctx, x, dim):
        y = torch.logsumexp(x, dim)
        ctx.save_for_backward(x, y)
        ctx.dim = dim
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g.unsqueeze(ctx.dim) * (x - y.unsqueeze(ctx.dim)).exp(), None


class Softmax(Function):
    """By its output."""

    @staticmethod
    def forward(ctx, x):
        y = x.softmax(-1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return y * (g - (g * y).sum(-1, keepdim=True))


class MatMul(Function):
    """With needs_input_grad."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        ga = g @ b.mT if ctx.needs_input_grad[0] else None
        gb = a.mT @ g if ctx.needs_input_grad[1] else None
        return ga, gb


class MaxFirst(Function):
    """The first of several winners gets the gradient; the place is an output that has none."""

    @staticmethod
    def forward(ctx, x):
        y, place = x.max(-1)
        ctx.save_for_backward(x, place)
        ctx.mark_non_differentiable(place)
        return y, place

    @staticmethod
    def backward(ctx, g, _):
        x, place = ctx.saved_tensors
        return torch.zeros_like(x).scatter(-1, place[..., None], g[..., None])


class DoubledInPlace(Function):
    """Changes its argument, and says so."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return 2 * g


class ThroughNumPy(Function):
    """Leaves torch, and says that it has one derivative only."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.from_numpy(np.sin(x.detach().numpy()))

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.from_numpy(np.cos(x.numpy()))


class SinCos(Function):
    """Two outputs, of which one may be unused."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.set_materialize_grads(False)
        return x.sin(), x.cos()

    @staticmethod
    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        parts = ([] if g is None else [g * x.cos()]) + ([] if h is None else [-h * x.sin()])
        return sum(parts) if parts else None


class Solve(Function):
    """Implicit: the gradient of a solution is another solution."""

    @staticmethod
    def forward(ctx, a, b):
        y = torch.linalg.solve(a, b)
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx, g):
        a, y = ctx.saved_tensors
        gb = torch.linalg.solve(a.mT, g)
        return -gb @ y.mT, gb


class CubeRootByNewton(Function):
    """A value known to its last digits only."""

    @staticmethod
    def forward(ctx, x):
        y = x.abs() ** 0.3
        for _ in range(40):
            y = y - (y**3 - x) / (3 * y**2)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g / (3 * y**2)


class AddAt(Function):
    """Repeated indices add up."""

    @staticmethod
    def forward(ctx, x, index):
        ctx.save_for_backward(x, index)
        return x[index] ** 2

    @staticmethod
    def backward(ctx, g):
        x, index = ctx.saved_tensors
        return torch.zeros_like(x).index_add(0, index, 2 * g * x[index]), None


class ScaleWithVmap(Function):
    """With setup_context, jvp and a rule for vmap."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, w):
        return x * w.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w.exp(), g * x * w.exp()

    @staticmethod
    def jvp(ctx, dx, dw):
        x, w = ctx.saved_tensors
        parts = ([] if dx is None else [dx * w.exp()]) + ([] if dw is None else [dw * x * w.exp()])
        return sum(parts)


class LayerNorm(Function):
    """The classic formula."""

    @staticmethod
    def forward(ctx, x, w):
        mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
        ctx.save_for_backward(x, w)
        return (x - mean) / (var + 1e-5).sqrt() * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        scale = (x.var(-1, keepdim=True, unbiased=False) + 1e-5).rsqrt()
        z = (x - x.mean(-1, keepdim=True)) * scale
        h = g * w
        gx = (h - h.mean(-1, keepdim=True) - z * (h * z).mean(-1, keepdim=True)) * scale
        return gx, (g * z).sum(tuple(range(x.dim() - 1)))


def spd(n):
    """A symmetric positive definite matrix."""
    a = numbers(n, n)
    return a @ a.T + n * torch.eye(n, dtype=torch.float64)


def two_layers(x, first, second):
    """A function of three tensors."""
    return ((x @ first).tanh() @ second).softmax(-1)


torch.manual_seed(0)
RIGHT = [
    (Softplus, [(numbers(3, 4),)]),
    (Sinh, [(numbers(3, 4),)]),
    (Relu, [(numbers(3, 4),)]),
    (Log1mExp, [(numbers(3, 4).abs() + 0.1,)]),
    (Atanh, [(numbers(3, 4).tanh(),)]),
    (Sinc, [(numbers(3, 4),)]),
    (LogSumExp, [(numbers(3, 4), 1), (numbers(3, 4), 0)]),
    (Softmax, [(numbers(3, 4),)]),
    (MatMul, [(numbers(2, 3), numbers(3, 4))]),
    (MaxFirst, [(numbers(3, 4),)]),
    (DoubledInPlace, [(numbers(3, 4),)]),
    (ThroughNumPy, [(numbers(3, 4),)]),
    (SinCos, [(numbers(3, 4),)]),
    (Solve, [(spd(3) + numbers(3, 3), numbers(3, 2))]),
    (CubeRootByNewton, [(numbers(3, 4).abs() + 0.5,)]),
    (AddAt, [(numbers(4, 2), torch.tensor([2, 0, 3, 0]))]),
    (ScaleWithVmap, [(numbers(3, 4), numbers(3, 4, seed=1))]),
    (LayerNorm, [(numbers(3, 4), numbers(4))]),
    (torch.linalg.cholesky, [(spd(3),)]),
    (torch.linalg.inv, [(numbers(3, 3) + 3 * torch.eye(3, dtype=torch.float64),)]),
    (torch.linalg.slogdet, [(numbers(3, 3),)]),
    (two_layers, [(numbers(2, 3), numbers(3, 4), numbers(4, 2))]),
    (torch.nn.functional.cross_entropy, [(numbers(3, 4), torch.tensor([1, 0, 3]))]),
    (torch.nn.functional.huber_loss, [(numbers(3, 4), numbers(3, 4, seed=1))]),
    (torch.nn.Linear(4, 2), [(numbers(3, 4),)]),
    (torch.nn.LayerNorm(4), [(numbers(3, 4),)]),
    (torch.nn.Conv1d(2, 3, 3, padding=1), [(numbers(2, 2, 5),)]),
    (torch.nn.GRUCell(3, 2), [(numbers(2, 3), numbers(2, 2))]),
    (torch.nn.BatchNorm1d(3), [(numbers(4, 3),)]),
]
"""Function or module, and samples."""
