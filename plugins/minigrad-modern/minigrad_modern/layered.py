"""Rules that treat each parameter as a whole, and matrices as matrices.

They have a field `layout`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import attrs
import numpy as np

from minigrad.optim import Moment, Need, Objective, Optimizer, Segment, count, decay, number
from minigrad.typing import Array

__all__ = ["Adafactor", "Lamb", "Muon"]

Leaf: TypeAlias = Array | float | int | bool


@attrs.frozen
class Moments:
    """First and second moment of the gradient."""

    m: Moment
    v: Moment


def _parts(w: Array, layout: Sequence[Segment]) -> Sequence[Segment]:
    return layout or (Segment("w", 0, w.shape),)


def _size(a: Array) -> float:
    return math.sqrt(float(np.vdot(a, a)))


@attrs.frozen
class Lamb:
    """Adam's direction r plus weight decay, scaled for each parameter by |w| / |r|.

    Source: You et al. 2020, algorithm 2, with phi the identity; the ratio is 1 where either norm is 0.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "scale-invariant"})

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-6, ge=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Moments:
        """Empty moments."""
        return Moments(Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: Moments, t: int) -> tuple[Array, Moments]:
        """A step of the same relative length for each parameter."""
        m, v = state.m.update(f.grad, self.beta1), state.v.update(f.grad**2, self.beta2)
        r = m.hat / (np.sqrt(v.hat) + self.eps) + self.weight_decay * w
        moved = w.copy()
        for part in _parts(w, self.layout):
            here, step = part.of(w), part.of(r)
            size, length = _size(here), _size(step)
            part.of(moved)[...] -= self.lr * (size / length if size > 0.0 and length > 0.0 else 1.0) * step
        return moved, Moments(m, v)


@attrs.frozen
class MuonState:
    """Momentum of the matrices; Adam's moments for the rest."""

    momentum: Moment
    m: Moment
    v: Moment


@attrs.frozen
class Muon:
    """Momentum whose matrices are orthogonalised.

    Other parameters follow Adam, at `adam_ratio` times the rate.
    Source: Jordan et al. 2024: Nesterov momentum d = b m^ + (1 - b) g, five Newton-Schulz iterations with the quintic
    3.4445 x - 4.775 x^3 + 2.0315 x^5, times sqrt(max(1, columns / rows)). As in optax, m is corrected as of the next
    step and g as of this one. (PyTorch corrects neither, scales by rows / columns and iterates in bfloat16.)
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "translation", "scale-invariant"})

    lr: float = number(2e-2, ge=0.0)
    momentum: float = number(0.95, ge=0.0, lt=1.0)
    iterations: int = count(5, ge=1)
    eps: float = number(1e-8, gt=0.0)
    adam_ratio: float = number(0.05, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> MuonState:
        """Empty moments."""
        return MuonState(Moment.zeros(w), Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: MuonState, t: int) -> tuple[Array, MuonState]:
        """Equal steps in all directions of each matrix."""
        g, b = f.grad, self.momentum
        momentum = state.momentum.update(g, b)
        m, v = state.m.update(g, self.beta1), state.v.update(g**2, self.beta2)
        ahead = b / (b * momentum.weight + 1.0 - b) * momentum.value + (1.0 - b) / momentum.weight * g
        adam = m.hat / (np.sqrt(v.hat) + self.eps)
        moved = w.copy()
        for part in _parts(w, self.layout):
            if len(part.shape) == 2:
                d = orthogonalised(part.of(ahead), self.iterations, self.eps)
                rows, columns = part.shape
                part.of(moved)[...] -= self.lr * math.sqrt(max(1.0, columns / rows)) * d
            else:
                part.of(moved)[...] -= self.lr * self.adam_ratio * part.of(adam)
        return moved, MuonState(momentum, m, v)


def orthogonalised(x: Array, iterations: int, eps: float) -> Array:
    """Roughly U V^T of the singular value decomposition of `x`, shape `(rows, columns)`."""
    y = x.T if x.shape[0] > x.shape[1] else x
    y = y / (_size(y) + eps)
    for _ in range(iterations):
        a = y @ y.T
        y = 3.4445 * y + (-4.775 * a + 2.0315 * (a @ a)) @ y
    result: Array = y.T if x.shape[0] > x.shape[1] else y
    return result


@attrs.frozen
class Factors:
    """Second moments of each parameter.

    Of rows and columns of a matrix, of the entries of another.

    Attributes:
        rows: an array for each parameter, empty for those that are no matrices.
        columns: likewise.
        entries: likewise, empty for matrices.
    """

    rows: tuple[Array, ...]
    columns: tuple[Array, ...]
    entries: tuple[Array, ...]


@attrs.frozen
class Adafactor:
    """Adam without a first moment, the second one factored into rows and columns.

    Source: Shazeer & Stern 2018, algorithms 4 and 5, in PyTorch's form: decay 1 - t^-0.8, update clipped to a root
    mean square of `clip`, step max(floor, rms(w)) min(lr, 1/sqrt(t)).
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "scale-invariant"})
    state_version: ClassVar[int] = 2

    lr: float = number(1e-2, ge=0.0)
    decay: float = number(0.8, gt=0.0)
    floor: float = number(1e-3, ge=0.0)
    clip: float = number(1.0, gt=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Factors:
        """Nothing seen."""
        parts = _parts(w, self.layout)
        shapes = [p.shape if len(p.shape) == 2 else (0, 0) for p in parts]
        return Factors(
            tuple(np.zeros(height, w.dtype) for height, _ in shapes),
            tuple(np.zeros(width, w.dtype) for _, width in shapes),
            tuple(np.zeros(0 if len(p.shape) == 2 else p.size, w.dtype) for p in parts),
        )

    def update(self, w: Array, f: Objective, state: Factors, t: int) -> tuple[Array, Factors]:
        """Each parameter by its own scale."""
        take = float(t) ** -self.decay
        tiny = float(np.finfo(w.dtype).eps)
        moved = (1.0 - self.lr * self.weight_decay) * w
        factors = []
        for part, row, column, entry in zip(
            _parts(w, self.layout), state.rows, state.columns, state.entries, strict=True
        ):
            g = part.of(f.grad)
            scratch = np.square(
                g, out=np.empty_like(g)
            )  # for squares, variances and the step: fresh memory costs as much as the arithmetic
            if len(part.shape) == 2:
                height, width = part.shape
                row = row + take * (np.add.reduce(scratch, axis=1) / width - row)
                column = column + take * (np.add.reduce(scratch, axis=0) / height - column)
                np.multiply(row[:, None], column, out=scratch)
                scratch /= max(float(np.mean(row)), tiny)
            else:
                entry = entry + take * (scratch.reshape(-1) - entry)
                scratch[...] = entry.reshape(part.shape)
            factors.append((row, column, entry))
            np.maximum(scratch, tiny * tiny, out=scratch)
            np.sqrt(scratch, out=scratch)
            step = np.divide(g, scratch, out=scratch)
            root = math.sqrt(part.size)
            length = max(self.floor, _size(part.of(w)) / root) * min(self.lr, 1.0 / math.sqrt(t))
            step *= length / max(1.0, _size(step) / (root * self.clip))
            part.of(moved)[...] -= step
        rows, columns, entries = zip(*factors, strict=True)
        return moved, Factors(rows, columns, entries)

    def migrate(self, version: int, tree: Mapping[str, Leaf]) -> Mapping[str, Leaf]:
        """Version 1 held the rows, columns and entries of all parameters joined."""
        migrated: dict[str, Leaf] = {}
        at = {"rows": 0, "columns": 0, "entries": 0}
        for k, part in enumerate(self.layout):
            height, width = part.shape if len(part.shape) == 2 else (0, 0)
            for name, size in (("rows", height), ("columns", width), ("entries", 0 if width else part.size)):
                migrated[f"{name}.{k}"] = np.asarray(tree[name])[at[name] : at[name] + size].copy()
                at[name] += size
        return migrated


_lamb: Optimizer[Moments] = Lamb()
_muon: Optimizer[MuonState] = Muon()
_adafactor: Optimizer[Factors] = Adafactor()
