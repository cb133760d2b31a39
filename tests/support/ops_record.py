"""Numbers that tell whether value, gradient and second gradient are PyTorch's, few enough to be recorded.

Of one call, with fixed directions v, w and u: <v, f>, <g, u> for the gradients g of <v, f>, and <h, u> for the
gradients h of <g, w>. A wrong entry anywhere moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from minigrad.typing import Array
from support.ops_catalog import Entry
from support.ops_check import cotangent, derivatives, direction, inner
from support.ops_draw import Call, Draw

RECORD = Path(__file__).parents[1] / "data" / "torch_ops.npz"
CALLS = 200
"""Recorded calls of each entry."""
FAMILIES = (
    "elementwise", "reductions", "shapes", "contractions", "images", "losses", "linalg", "fourier", "remaining",
    "options",
)  # fmt: skip


def catalog() -> list[Entry]:
    """All entries of all families."""
    return [e for family in FAMILIES for e in import_module(f"support.ops_{family}").ENTRIES]


@attrs.frozen
class Question:
    """A call in float64, and the directions that its derivatives are asked along."""

    entry: Entry
    call: Call
    w: list[Array]
    u: list[Array]

    @classmethod
    def of(cls, entry: Entry, code: bytes) -> Question:
        """The call that `code` describes."""
        call = entry.calls(Draw(code))
        call = attrs.evolve(call, arrays=tuple(a.astype(np.float64) for a in call.arrays))
        w = [direction(a, a.size + 5 * k + 1) for k, a in enumerate(call.arrays)]
        u = [direction(a, 3 * a.size + 7 * k + 2) for k, a in enumerate(call.arrays)]
        return cls(entry, call, w, u)

    def fingerprint(self) -> float:
        """A number that changes with the arguments."""
        return inner(self.call.arrays, [direction(a, 11 + k) for k, a in enumerate(self.call.arrays)])[0]

    def answers(self, value: Array, first: Sequence[Array], second: Sequence[Array]) -> list[tuple[float, float]]:
        """The three numbers, each with the sum of the sizes of its terms."""
        return [inner([cotangent(value)], [value]), inner(first, self.u), inner(second, self.u)]


def ours(question: Question) -> list[tuple[float, float]]:
    """minigrad's answers."""
    found = derivatives(question.entry, question.call, question.w)
    return question.answers(found.value, found.first, found.second)


def theirs(torch: Any, question: Question) -> list[tuple[float, float]]:
    """PyTorch's answers."""
    call = question.call
    assert question.entry.pytorch is not None
    zeros: list[Array] = [np.zeros_like(a) for a in call.arrays]
    xs = [torch.tensor(a.copy(), requires_grad=True) for a in call.arrays]
    y = question.entry.pytorch(torch, *xs, *call.fixed, **call.options)
    value = y.numpy(force=True)
    if not y.requires_grad:
        return question.answers(value, zeros, zeros)
    first = torch.autograd.grad(y, xs, torch.tensor(cotangent(value).copy()), create_graph=True, allow_unused=True)
    live = [(g, torch.tensor(d.copy())) for g, d in zip(first, question.w, strict=True) if g is not None]
    live = [(g, d) for g, d in live if g.requires_grad]
    second: Sequence[Any] = zeros
    if live:
        second = torch.autograd.grad([g for g, _ in live], xs, [d for _, d in live], allow_unused=True)
    return question.answers(value, _arrays(first, zeros), _arrays(second, zeros))


def _arrays(found: Sequence[Any], zeros: list[Array]) -> list[Array]:
    return [z if g is None else g if isinstance(g, np.ndarray) else g.numpy(force=True)
            for g, z in zip(found, zeros, strict=True)]  # fmt: skip


def disagreement(found: Sequence[tuple[float, float]], expected: Sequence[float]) -> str:
    """What differs by more than 1e-9 of the size of the terms, in words; "" for nothing."""
    size = found[0][1]
    for what, (mine, scale), other in zip(("value", "gradient", "second gradient"), found, expected, strict=True):
        size = max(size, scale)
        if not abs(mine - other) <= 1e-9 * size + 1e-11:
            return f"{what}: {mine!r}, PyTorch has {other!r}"
    return ""
