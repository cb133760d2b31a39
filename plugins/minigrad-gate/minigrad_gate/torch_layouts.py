"""Tensors with equal numbers and other strides."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TypeAlias

from minigrad_gate.foreign import ForeignTensor

Layout: TypeAlias = Callable[[ModuleType, ForeignTensor], ForeignTensor]


def _transposed(torch: ModuleType, t: ForeignTensor) -> ForeignTensor:
    return t.transpose(0, -1).contiguous().transpose(0, -1) if t.dim() > 1 else t


def _stepped(torch: ModuleType, t: ForeignTensor) -> ForeignTensor:
    if not t.dim():
        return t
    wide = torch.full((*t.shape[:-1], 2 * t.shape[-1] + 1), 7.0, dtype=t.dtype)
    wide[..., 1::2] = t
    return wide[..., 1::2]


def _expanded(torch: ModuleType, t: ForeignTensor) -> ForeignTensor:
    return t[..., :1].expand(t.shape) if t.dim() and t.numel() else t


def _ones(torch: ModuleType, t: ForeignTensor) -> ForeignTensor:
    return torch.ones((), dtype=t.dtype).expand(t.shape)


def repeated(t: ForeignTensor) -> ForeignTensor:
    """Equal numbers, contiguous, in memory of their own."""
    return t.contiguous().clone()


ARGUMENT_LAYOUTS: tuple[tuple[str, Layout], ...] = (
    ("transposed", _transposed),
    ("strided and offset", _stepped),
    ("expanded", _expanded),
)
COTANGENT_LAYOUTS: tuple[tuple[str, Layout], ...] = (
    ("transposed", _transposed),
    ("strided", _stepped),
    ("expanded", _expanded),
    ("expanded all-ones", _ones),
)
