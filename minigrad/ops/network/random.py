"""Random numbers for training.

Ops never draw any: these are arguments, fresh ones in each run of a defined program.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape
from minigrad.ops.elementwise.arithmetic import multiply
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.ops.functions import max as largest
from minigrad.ops.functions import softmax
from minigrad.runtime.effects import random_array
from minigrad.runtime.repetition import note_draw
from minigrad.typing import V

_TILE = 1 << 14


def random_uniform(shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Array | Tensor:
    """Numbers from [0, 1), those of `rng.random(shape)`.

    Inside a defined program a Tensor, drawn anew at each run.
    """

    def fill(out: Array) -> None:
        note_draw(rng)
        out[...] = rng.random(out.shape)

    return random_array(fill, shape, dtype)


def random_normal(shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Array | Tensor:
    """Standard normal numbers, `rng.standard_normal(shape)`.

    Inside a defined program a Tensor, drawn at each run.
    """

    def fill(out: Array) -> None:
        note_draw(rng)
        out[...] = rng.standard_normal(out.shape)

    return random_array(fill, shape, dtype)


def fill_dropout_mask(out: Array, p: float, rng: np.random.Generator) -> None:
    """Write a dropout mask into `out`, a contiguous array.

    0 with probability p and 1 / (1 - p) otherwise; p = 1 loses all.
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout: the probability p = {p} is not in [0, 1]")
    note_draw(rng)
    scale = 1.0 / (1.0 - p) if p < 1.0 else 0.0
    flat = out.reshape(-1)
    for start in range(0, flat.size, _TILE):  # in parts that stay in cache; the stream of numbers is the same
        part = flat[start : start + _TILE]
        np.multiply(rng.random(part.size) >= p, scale, out=part, casting="same_kind")


def dropout_mask(shape: Shape, p: float, rng: np.random.Generator, dtype: np.dtype[np.float64] | None = None) -> Array:
    """0 with probability p and 1 / (1 - p) otherwise, so that the mean is 1."""
    mask: Array = np.empty(shape, np.float64 if dtype is None else dtype)
    fill_dropout_mask(mask, p, rng)
    return mask


def dropout(x: V, p: float = 0.5, *, rng: np.random.Generator, training: bool = True) -> V:
    """Set entries of x to 0 with probability p and divide the others by 1 - p.

    Source: Srivastava et al., 2014.

    Args:
        x: any shape.
        p: probability of losing an entry.
        rng: source of the mask; a defined program draws a new one from it at each run.
        training: False returns x itself.
    """
    if not training or p == 0.0:
        return x
    mask = random_array(lambda out: fill_dropout_mask(out, p, rng), x.shape, x.dtype)
    return multiply(x, mask)  # type: ignore[return-value]


def gumbel_softmax(
    x: V, temperature: float = 1.0, hard: bool = False, axis: int = -1, *, rng: np.random.Generator
) -> V:
    """Draw from the classes that scores x stand for, with a slope.

    This is softmax((x + noise) / temperature), where the noise has Gumbel's distribution (Jang et al., 2017;
    Maddison et al., 2017).

    Args:
        x: logarithms of probabilities along `axis`, up to a constant.
        temperature: above 0; the lower, the nearer to a single class.
        hard: give a single class, ones and zeros, with the gradient of the softmax.
        axis: of the classes.
        rng: source of the noise; a defined program draws anew from it at each run.

    Raises:
        ValueError: the temperature is not above 0.
    """
    if not temperature > 0.0:
        raise ValueError(f"gumbel_softmax: the temperature {temperature} is not above 0")

    def fill(out: Array) -> None:
        note_draw(rng)
        out[...] = rng.gumbel(size=out.shape)

    soft: V = softmax((x + random_array(fill, x.shape, x.dtype)) / temperature, axis)
    if not hard:
        return soft
    kept: V = soft.detach() if isinstance(soft, Tensor) else soft
    chosen: V = equal(kept, largest(kept, axis, keepdims=True))
    return chosen + (soft - kept)
