"""Short forms that the gradients for PyTorch of these tests are written in."""

# torch has no types where mypy runs: it is no dependency.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-subclassing-any, allow-any-generics
# mypy: allow-untyped-decorators, no-warn-return-any, no-warn-unused-ignores

from __future__ import annotations

import torch
from torch.autograd import Function


def numbers(*shape, seed=0):
    """Normal numbers in float64."""
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def elementwise(forward, backward, name, save=None):
    """A Function from a formula for the value and one for the slope."""

    class Formula(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * backward(x)

    Formula.__name__ = name
    return Formula
