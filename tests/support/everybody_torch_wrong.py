"""Wrong gradients for PyTorch that `gradcheck` accepts at its defaults, each with the sample that both are given."""

# torch has no types where mypy runs: it is no dependency.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-subclassing-any, allow-any-generics
# mypy: allow-untyped-decorators, no-warn-return-any, no-warn-unused-ignores

from __future__ import annotations

import numpy as np
import torch
from torch.autograd import Function

from support.everybody_torch_forms import elementwise, numbers
from support.everybody_torch_kept import (
    KeptAsAttribute,
    KeptOnTheClass,
    MaskByShape,
    OutputAsAttribute,
    RawMemory,
    ReusedBuffer,
    SeedsTheWorld,
    ViewOfGradient,
    WritesIntoGradient,
)

CubeClipped = elementwise(lambda x: x**3, lambda x: 3 * x.clamp(-5, 5) ** 2, "CubeClipped")
LogGuarded = elementwise(lambda x: x.abs().log(), lambda x: 1 / (x + 1e-7), "LogGuarded")
Log10Rounded = elementwise(lambda x: x.exp() / 2.302585093, lambda x: x.exp() / 2.3026, "Log10Rounded")
SoftplusOverflow = elementwise(torch.nn.functional.softplus, lambda x: x.exp() / (1 + x.exp()), "SoftplusOverflow")
SinThroughFloat = elementwise(torch.sin, lambda x: x.float().cos().double(), "SinThroughFloat")
SquareOfAbsAtZero = elementwise(lambda x: x * x.abs(), lambda x: 2 * x**2 / x.abs(), "SquareOfAbsAtZero")
SeluFarOut = elementwise(torch.tanh, lambda x: torch.where(x.abs() < 6, 1 - x.tanh() ** 2, 1e-4), "TanhCutOff")
SmallNumbers = elementwise(torch.sinh, lambda x: torch.where(x.abs() < 1e-2, x, x.cosh()), "SinhNearZero")
ThirdOfSecondOrder = elementwise(torch.exp, lambda x: x.detach().exp(), "ExpDetached")


class SineByNumPy(Function):
    """First order right, second order cut."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.from_numpy(np.cos(x.detach().numpy()))


class NeedsSwapped(Function):
    """Right as long as both arguments require a gradient."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b.exp()

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        ga = g * b.exp() if ctx.needs_input_grad[1] else None
        gb = g * a * b.exp() if ctx.needs_input_grad[0] else None
        return ga, gb


class OneOutputAtATime(Function):
    """Two outputs that are both used."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin(), x.cos()

    @staticmethod
    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        if bool((g != 0).any()):
            return g * x.cos()
        return -h * x.sin()


class ClippedGradient(Function):
    """Clips what comes in."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, g):
        return 2 * g.clamp(-1, 1)


class HidesNaN(Function):
    """A loss that is NaN must show."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return torch.nan_to_num(g) * x.exp()


class SumAlong(Function):
    """Right for the last dim, which is the one passed."""

    @staticmethod
    def forward(ctx, x, dim):
        ctx.save_for_backward(x)
        return (x * x).sum(dim)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return (2 * x * g[..., None] if x.shape[0] == x.shape[1] else 2 * x * g.unsqueeze(-1)), None


class MeanOfSquare(Function):
    """Divides by a length that happens to be the right one for square matrices."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x**2).mean(0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g / x.shape[-1]


class PoolPairs(Function):
    """Gives the entry that is left over by an odd length a gradient."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        half = x.shape[-1] // 2 * 2
        return (x[..., :half:2] + x[..., 1:half:2]) ** 2

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        half = x.shape[-1] // 2 * 2
        pairs = 2 * g * (x[..., :half:2] + x[..., 1:half:2])
        full = pairs.repeat_interleave(2, -1)
        return torch.cat([full, full[..., : x.shape[-1] - half]], -1)


class MaxWithTies(Function):
    """Every winner gets the whole gradient."""

    @staticmethod
    def forward(ctx, x):
        y = x.amax(-1)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g[..., None] * (x == y[..., None])


class Gather(Function):
    """An index that occurs twice."""

    @staticmethod
    def forward(ctx, x, index):
        ctx.save_for_backward(x, index)
        return x[index] ** 2

    @staticmethod
    def backward(ctx, g):
        x, index = ctx.saved_tensors
        out = torch.zeros_like(x)
        out = out.index_copy(0, index, 2 * g * x[index])
        return out, None


class WrongJvp(Function):
    """Backward is right, forward mode is not."""

    @staticmethod
    def forward(x):
        return x.sin()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x.cos()

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return -t * x.cos()


class WrongVmap(Function):
    """One call is right, a batch along the last axis is not."""

    @staticmethod
    def forward(x):
        return x.cumsum(0)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, g):
        return g.flip(0).cumsum(0).flip(0)

    @staticmethod
    def vmap(info, in_dims, x):
        return WrongVmap.apply(x), in_dims[0]


class Float32Only(Function):
    """A fast path for float32, wrong by 3 %."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.exp()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x.exp() * (0.97 if x.dtype == torch.float32 else 1.0)


class KernelOfThree(Function):
    """A moving sum whose backward knows one width only."""

    @staticmethod
    def forward(ctx, x, width):
        ctx.save_for_backward(x)
        ctx.width = width
        return (x * x).unfold(0, width, 1).sum(-1)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        padded = torch.nn.functional.pad(g, (2, x.shape[0] - g.shape[0]))
        return 2 * x * padded.unfold(0, 3, 1).sum(-1)[: x.shape[0]], None


class ForgetsScale(Function):
    """An option whose value 1 was the only one tried."""

    @staticmethod
    def forward(ctx, x, scale=1.0):
        ctx.save_for_backward(x)
        return (scale * x).sin()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x.cos(), None


WRONG = [
    (CubeClipped, [(numbers(3, 4),)], "a slope clipped at 5"),
    (LogGuarded, [(numbers(3, 4).abs() + 0.5,)], "an epsilon that the function has not"),
    (Log10Rounded, [(numbers(3, 4),)], "a constant of five digits"),
    (SoftplusOverflow, [(numbers(3, 4),)], "infinity / infinity from 710 on"),
    (SinThroughFloat, [(numbers(3, 4),)], "rounded through float32"),
    (SquareOfAbsAtZero, [(numbers(3, 4),)], "0 / 0 at 0"),
    (SeluFarOut, [(numbers(3, 4),)], "a branch far out"),
    (SmallNumbers, [(numbers(3, 4),)], "a branch near 0"),
    (ThirdOfSecondOrder, [(numbers(3, 4),)], "second order detached"),
    (SineByNumPy, [(numbers(3, 4),)], "second order cut by NumPy"),
    (KeptAsAttribute, [(numbers(3, 4),)], "an argument kept as ctx.x"),
    (OutputAsAttribute, [(numbers(3, 4),)], "an output kept as ctx.y"),
    (KeptOnTheClass, [(numbers(3, 4),)], "kept on the class"),
    (MaskByShape, [(numbers(3, 4),)], "kept by shape"),
    (NeedsSwapped, [(numbers(3), numbers(3, seed=1))], "needs_input_grad of the other argument"),
    (OneOutputAtATime, [(numbers(3, 4),)], "one output hides the other"),
    (ClippedGradient, [(numbers(3, 4),)], "clips the output gradient"),
    (HidesNaN, [(numbers(3, 4),)], "hides NaN"),
    (WritesIntoGradient, [(numbers(3, 4),)], "writes into the output gradient"),
    (ViewOfGradient, [(numbers(3, 4),)], "strides of the output gradient"),
    (RawMemory, [(numbers(3, 4),)], "strides of the argument"),
    (SumAlong, [(numbers(3, 4), 1)], "another dim"),
    (MeanOfSquare, [(numbers(3, 3),)], "a length of another axis"),
    (PoolPairs, [(numbers(2, 4),)], "an odd length"),
    (MaxWithTies, [(numbers(3, 4),)], "ties"),
    (Gather, [(numbers(4, 2), torch.tensor([2, 0, 3]))], "an index that repeats"),
    (SeedsTheWorld, [(numbers(3, 4), 7)], "seeds torch's random numbers"),
    (ReusedBuffer, [(numbers(3, 4),)], "returns a buffer that it keeps"),
    (WrongJvp, [(numbers(3, 4),)], "a wrong jvp"),
    (WrongVmap, [(numbers(3, 4),)], "a wrong vmap"),
    (Float32Only, [(numbers(3, 4),)], "float32 only"),
    (KernelOfThree, [(numbers(6), 3)], "another width"),
    (ForgetsScale, [(numbers(3, 4), 1.0)], "another value of an option"),
]
"""Function, samples, and what is wrong with it."""
