"""Wrong gradients for PyTorch that keep, share or overwrite what is not theirs."""

# torch has no types where mypy runs: it is no dependency.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-subclassing-any, allow-any-generics
# mypy: allow-untyped-decorators, no-warn-return-any, no-warn-unused-ignores

from __future__ import annotations

from typing import ClassVar

import torch
from torch.autograd import Function

from support.everybody_torch_forms import numbers


class KeptAsAttribute(Function):
    """ctx.x escapes the check for changes in place."""

    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * g * ctx.x**2


class OutputAsAttribute(Function):
    """So does ctx.y."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.y = y.detach()
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * ctx.y + 0 * x


class KeptOnTheClass(Function):
    """The second call overwrites what the first one keeps."""

    kept = numbers(1)

    @staticmethod
    def forward(ctx, x):
        KeptOnTheClass.kept = x
        ctx.save_for_backward(x)
        return x.cos()

    @staticmethod
    def backward(ctx, g):
        return -g * KeptOnTheClass.kept.sin()


class MaskByShape(Function):
    """The mask of the first call of a shape serves all later ones."""

    masks: ClassVar[dict] = {}

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        MaskByShape.masks.setdefault(tuple(x.shape), x > 0)
        return x.clamp(min=0) ** 2

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * x * MaskByShape.masks[tuple(x.shape)]


class WritesIntoGradient(Function):
    """The gradient of the output belongs to others too."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        with torch.no_grad():
            g.mul_(x.cos())
        return g.clone()


class ViewOfGradient(Function):
    """y.sum() gives an expanded gradient, which has no view."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x * x).reshape(-1)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * torch.as_strided(g, x.shape, x.contiguous().stride())


class RawMemory(Function):
    """Reads the argument by its position in memory."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * torch.as_strided(x, x.shape, x.contiguous().stride())


class SeedsTheWorld(Function):
    """Dropout with a seed of its own, which it gives to everybody."""

    @staticmethod
    def forward(ctx, x, seed):
        torch.manual_seed(seed)
        mask = (torch.rand(x.shape) < 0.5).to(x.dtype)
        ctx.save_for_backward(mask)
        return x * mask

    @staticmethod
    def backward(ctx, g):
        (mask,) = ctx.saved_tensors
        return g * mask, None


class ReusedBuffer(Function):
    """The next backward overwrites the gradient that this one returned."""

    buffers: ClassVar[dict] = {}

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        key = tuple(x.shape), x.dtype
        buffer = ReusedBuffer.buffers.setdefault(key, torch.empty(x.shape, dtype=x.dtype))
        with torch.no_grad():
            buffer.copy_(g * (1 - x.tanh() ** 2))
        return buffer.view(x.shape)
