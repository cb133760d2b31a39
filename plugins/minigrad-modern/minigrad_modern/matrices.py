"""Rules that know which numbers are a matrix.

They project, take norms of layers, keep factors, or turn into eigenbases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from minigrad.optim import Moment, Need, Objective, Optimizer, Segment, count, decay, flag, number, share
from minigrad.typing import Array

__all__ = ["CAME", "SOAP", "AdamP", "NovoGrad"]

Arrays: TypeAlias = tuple[Array, ...]


def _parts(w: Array, layout: Sequence[Segment]) -> Sequence[Segment]:
    return layout or (Segment("w", 0, w.shape),)


def _norm(a: Array) -> float:
    return math.sqrt(float(np.sum(a * a)))


@attrs.frozen
class Moments:
    """First and second moment of the gradient."""

    m: Moment
    v: Moment


@attrs.frozen
class AdamP:
    """AdamW that does not lengthen weights whose scale makes no difference.

    Where a matrix and its gradient are nearly at right angles (each unit's weights, else the whole), the step loses
    its part along the weights, and weight decay is multiplied by `ratio`.
    Source: Heo et al. 2021, algorithm 2, in the authors' form: eps is added before the correction. A unit is the last
    axis' index of a matrix stored (inputs, outputs), and the first of anything with more axes.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "scale-invariant"})

    lr: float = number(1e-3, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    eps: float = number(1e-8, gt=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    delta: float = number(0.1, ge=0.0)
    ratio: float = share(0.1)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> Moments:
        """Empty moments."""
        return Moments(Moment.zeros(w), Moment.zeros(w))

    def update(self, w: Array, f: Objective, state: Moments, t: int) -> tuple[Array, Moments]:
        """Adam's step, without what would only lengthen the weights."""
        g = f.grad
        m, v = state.m.update(g, self.beta1), state.v.update(g**2, self.beta2)
        step = m.corrected * (math.sqrt(v.weight) / (np.sqrt(v.biased) + self.eps))
        kept = np.ones_like(w)
        for part in _parts(w, self.layout):
            if len(part.shape) > 1 and self._project(part.of(step), part.of(w), part.of(g)):
                part.of(kept)[...] = self.ratio
        return w * (1.0 - self.lr * self.weight_decay * kept) - self.lr * step, Moments(m, v)

    def _project(self, step: Array, w: Array, g: Array) -> bool:
        """Take the part along the weights out of `step`, in place.

        Only if the gradient has next to none; returns whether.
        """
        unit = w.ndim - 1 if w.ndim == 2 else 0
        others = tuple(axis for axis in range(w.ndim) if axis != unit)
        for axes in (others, tuple(range(w.ndim))):
            length, steepness = (np.sqrt(np.sum(a * a, axis=axes, keepdims=True)) for a in (w, g))
            cosine = np.abs(np.sum(w * g, axis=axes, keepdims=True))
            cosine = cosine / (np.maximum(length, self.eps) * np.maximum(steepness, self.eps))
            if cosine.max() < self.delta / math.sqrt(w.size / length.size):
                along = w / (length + self.eps)
                step -= along * np.sum(along * step, axis=axes, keepdims=True)
                return True
        return False


@attrs.frozen
class NovoGradState:
    """Momentum, and for each parameter the mean squared norm of its gradient."""

    m: Array
    squares: Arrays


@attrs.frozen
class NovoGrad:
    """v <- b2 v + (1 - b2) |g|^2, m <- b1 m + g / (sqrt(v) + eps) + weight_decay w.

    Then w <- w - lr m; one v for each parameter. Both begin with their first value.
    Source: Ginsburg et al. 2019, algorithm 1.
    `averaged=True` multiplies what is added to m by 1 - b1.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "translation", "scale-invariant"})

    lr: float = number(1e-2, ge=0.0)
    beta1: float = decay(0.95)
    beta2: float = decay(0.98)
    eps: float = number(1e-8, gt=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    averaged: bool = flag(False)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> NovoGradState:
        """Nothing seen."""
        return NovoGradState(np.zeros_like(w), tuple(np.zeros(1, w.dtype) for _ in _parts(w, self.layout)))

    def update(self, w: Array, f: Objective, state: NovoGradState, t: int) -> tuple[Array, NovoGradState]:
        """Momentum of gradients that have the same size in every parameter."""
        scaled = np.empty_like(w)
        squares = []
        for part, before in zip(_parts(w, self.layout), state.squares, strict=True):
            g = part.of(f.grad)
            now = np.full_like(before, np.sum(g * g))
            mean = now if t == 1 else self.beta2 * before + (1.0 - self.beta2) * now
            part.of(scaled)[...] = g / (np.sqrt(mean) + self.eps).reshape((1,) * g.ndim)
            squares.append(mean)
        pull = scaled + self.weight_decay * w
        share_of_new = 1.0 - self.beta1 if self.averaged else 1.0
        m = pull if t == 1 else self.beta1 * state.m + share_of_new * pull
        return w - self.lr * m, NovoGradState(m, tuple(squares))


@attrs.frozen
class CAMEState:
    """Mean step, and factors of the second moments of gradient and surprise.

    One of each for each parameter.     A vector's second moment is in `rows`; it has no other factor.
    """

    m: Array
    rows: Arrays
    columns: Arrays
    surprise_rows: Arrays
    surprise_columns: Arrays


@attrs.frozen
class CAME:
    """Adafactor whose mean step is divided by how much steps differ from it.

    Source: Luo et al. 2023, algorithm 2, as in the authors' code. Second moments of matrices are kept as row and column
    means; those of vectors whole, and their mean step is taken as it is.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "translation", "scale-invariant"})

    lr: float = number(2e-4, ge=0.0)
    beta1: float = decay(0.9)
    beta2: float = decay(0.999)
    beta3: float = decay(0.9999)
    threshold: float = number(1.0, gt=0.0)
    eps: float = number(1e-30, gt=0.0)
    surprise_eps: float = number(1e-16, gt=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> CAMEState:
        """Nothing seen."""
        parts = _parts(w, self.layout)
        rows = tuple(np.zeros(p.shape[:-1] if len(p.shape) > 1 else p.shape, w.dtype) for p in parts)
        columns = tuple(np.zeros((*p.shape[:-2], p.shape[-1]) if len(p.shape) > 1 else 0, w.dtype) for p in parts)
        surprises = tuple(
            np.zeros_like(r) if len(p.shape) > 1 else np.zeros(0, w.dtype) for r, p in zip(rows, parts, strict=True)
        )
        return CAMEState(np.zeros_like(w), rows, columns, surprises, tuple(map(np.zeros_like, columns)))

    def update(self, w: Array, f: Objective, state: CAMEState, t: int) -> tuple[Array, CAMEState]:
        """A confident step where the steps agree."""
        moved, m = w * (1.0 - self.lr * self.weight_decay), state.m.copy()
        factors: list[tuple[Array, Array, Array, Array]] = []
        for k, part in enumerate(_parts(w, self.layout)):
            g = part.of(f.grad)
            old = (state.rows[k], state.columns[k], state.surprise_rows[k], state.surprise_columns[k])
            mean = part.of(m)
            square = g * g + self.eps
            if g.ndim < 2:
                row = np.asarray(self.beta2 * old[0] + (1.0 - self.beta2) * square)  # of a single number, too
                step = self._within(g / np.sqrt(row))
                mean[...] = self.beta1 * mean + (1.0 - self.beta1) * step
                part.of(moved)[...] -= self.lr * mean
                factors.append((row, *old[1:]))
                continue
            row, column = _factored(old[0], old[1], square, self.beta2)
            step = self._within(g * _inverse_root(row, column))
            mean[...] = self.beta1 * mean + (1.0 - self.beta1) * step
            surprise = (step - mean) ** 2 + self.surprise_eps
            surprise_row, surprise_column = _factored(old[2], old[3], surprise, self.beta3)
            part.of(moved)[...] -= self.lr * mean * _inverse_root(surprise_row, surprise_column)
            factors.append((row, column, surprise_row, surprise_column))
        rows, columns, surprise_rows, surprise_columns = zip(*factors, strict=True)
        return moved, CAMEState(m, rows, columns, surprise_rows, surprise_columns)

    def _within(self, step: Array) -> Array:
        """The step with a root mean square of at most `threshold`."""
        size = _norm(step) / math.sqrt(step.size) / self.threshold
        return step / size if size > 1.0 else step


def _factored(row: Array, column: Array, square: Array, keep: float) -> tuple[Array, Array]:
    """The averages of row and column means after one more `square`."""
    return (
        keep * row + (1.0 - keep) * square.mean(axis=-1),
        keep * column + (1.0 - keep) * square.mean(axis=-2),
    )


def _inverse_root(row: Array, column: Array) -> Array:
    """1 / sqrt of the matrix that has these row and column means."""
    share_of_row = row / row.mean(axis=-1, keepdims=True)
    root: Array = 1.0 / (np.sqrt(share_of_row)[..., :, None] * np.sqrt(column)[..., None, :])
    return root


@attrs.frozen
class SOAPState:
    """Adam's moments, and for each parameter both covariances and their bases.

    The second moment is that in the bases.     Those of vectors, and of sides that are too long, are empty.
    """

    m: Moment
    v: Moment
    left: Arrays
    right: Arrays
    left_basis: Arrays
    right_basis: Arrays


@attrs.frozen
class SOAP:
    """Adam in the eigenbasis of Shampoo's preconditioners.

    Source: Vyas et al. 2024, algorithm 3, as in the authors' code: the first gradient only sets up the bases, which are
    renewed by a step of power iteration and QR every `every` steps. Tensors of more than two axes are matrices of
    their first axis and the rest. Vectors, and sides longer than `longest`, are left in their own basis.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset({"negation", "translation"})

    lr: float = number(3e-3, ge=0.0)
    beta1: float = decay(0.95)
    beta2: float = decay(0.95)
    eps: float = number(1e-8, gt=0.0)
    weight_decay: float = number(0.0, ge=0.0)
    every: int = count(10, ge=1)
    longest: int = count(10_000, ge=1)
    layout: tuple[Segment, ...] = ()

    def init(self, w: Array) -> SOAPState:
        """Empty moments and covariances."""
        parts = [_matrix(part.of(w)) for part in _parts(w, self.layout)]
        left = tuple(self._side(a.shape[0] if a.ndim == 2 else 0, w.dtype) for a in parts)
        right = tuple(self._side(a.shape[1] if a.ndim == 2 else 0, w.dtype) for a in parts)
        bases = tuple(np.zeros_like(c) for c in left), tuple(np.zeros_like(c) for c in right)
        return SOAPState(Moment.zeros(w), Moment.zeros(w), left, right, *bases)

    def update(self, w: Array, f: Objective, state: SOAPState, t: int) -> tuple[Array, SOAPState]:
        """Look around at first; then Adam's steps along the eigenvectors."""
        g, parts = f.grad, _parts(w, self.layout)
        bases = list(zip(state.left_basis, state.right_basis, strict=True))
        m, v, moved = state.m, state.v, w
        if t > 1:
            m, v = m.update(g, self.beta1), v.update(self._turned(g, parts, bases) ** 2, self.beta2)
            root = math.sqrt(v.weight)
            step = self._turned(m.corrected, parts, bases) * (root / (np.sqrt(v.biased) + self.eps))
            moved = w - self.lr * self._turned(step, parts, [(a.T, b.T) for a, b in bases])
            moved = moved * (1.0 - self.lr * self.weight_decay)
        sides: list[tuple[Array, Array]] = []
        renewed: list[tuple[Array, Array]] = []
        total = v.total
        for k, part in enumerate(parts):
            a = _matrix(part.of(g))
            left, right = state.left[k], state.right[k]
            if a.ndim == 2:
                left = self._covariance(left, a @ a.T) if left.size else left
                right = self._covariance(right, a.T @ a) if right.size else right
            sides.append((left, right))
            if t == 1:
                renewed.append((_eigenbasis(left), _eigenbasis(right)))
            elif (t - 1) % self.every == 0 and a.ndim == 2:
                pair, order = zip(
                    *(_power_step(c, q) for c, q in ((left, bases[k][0]), (right, bases[k][1]))), strict=True
                )
                total = total.copy() if total is v.total else total
                sorted_part = _matrix(part.of(total))
                for axis, places in enumerate(order):
                    sorted_part = np.take(sorted_part, places, axis=axis) if places.size else sorted_part
                part.of(total)[...] = sorted_part.reshape(part.shape)
                renewed.append((pair[0], pair[1]))
            else:
                renewed.append(bases[k])
        v = attrs.evolve(v, total=total)
        lefts, rights = zip(*sides, strict=True)
        left_bases, right_bases = zip(*renewed, strict=True)
        return moved, SOAPState(m, v, lefts, rights, left_bases, right_bases)

    def _side(self, extent: int, dtype: np.dtype[np.floating]) -> Array:
        side = extent if extent <= self.longest else 0
        return np.zeros((side, side), dtype)

    def _covariance(self, before: Array, now: Array) -> Array:
        return self.beta2 * before + (1.0 - self.beta2) * now

    @staticmethod
    def _turned(flat: Array, parts: Sequence[Segment], bases: Sequence[tuple[Array, Array]]) -> Array:
        """Every matrix A as P' A Q, for its pair (P, Q) of bases."""
        turned = np.array(flat)
        for part, (p, q) in zip(parts, bases, strict=True):
            a = _matrix(part.of(turned))
            if a.ndim == 2:
                a = p.T @ a if p.size else a
                part.of(turned)[...] = (a @ q if q.size else a).reshape(part.shape)
        return turned


def _matrix(a: Array) -> Array:
    return a.reshape(a.shape[0], -1) if a.ndim > 2 else a


def _eigenbasis(covariance: Array) -> Array:
    """Eigenvectors as columns, the largest eigenvalue first."""
    if not covariance.size:
        return covariance
    basis: Array = np.linalg.eigh(covariance + 1e-30 * np.eye(len(covariance), dtype=covariance.dtype))[1][
        :, ::-1
    ].copy()
    return basis


def _power_step(covariance: Array, basis: Array) -> tuple[Array, NDArray[np.intp]]:
    """A better basis, and the order that its vectors have in terms of the old ones."""
    if not covariance.size:
        return covariance, np.zeros(0, np.intp)
    product = covariance @ basis
    order = np.argsort(-np.sum(basis * product, axis=0), kind="stable")
    return np.linalg.qr(product[:, order])[0], order


_adamp: Optimizer[Moments] = AdamP()
_novograd: Optimizer[NovoGradState] = NovoGrad()
_came: Optimizer[CAMEState] = CAME()
_soap: Optimizer[SOAPState] = SOAP()
