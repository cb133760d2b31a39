"""Dropout, and how a check fixes its masks."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, Shape
from minigrad.nn.initializers import Source, generator
from minigrad.nn.module import Module
from minigrad.nn.validators import share
from minigrad.ops.elementwise.arithmetic import multiply
from minigrad.ops.network.random import fill_dropout_mask
from minigrad.runtime.blocks import block
from minigrad.runtime.effects import random_array

__all__ = ["Dropout", "fixed_masks", "reseed"]


@attrs.define(eq=False)
class _FixedMask:
    """That a block fixes the masks of a layer.

    And of the copies that are made of it inside the block.

    Attributes:
        seed: of the masks.
        active: whether the block has not ended.
    """

    seed: int
    active: bool = True

    def __deepcopy__(self, memo: dict[int, object]) -> _FixedMask:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _FixedMask, (self.seed, False)


@attrs.define(eq=False, repr=False)
class Dropout(Module):
    """In training, entries are 0 with probability p, and the rest divided by 1 - p.

    Source: Srivastava et al. 2014.
    In evaluation the identity. The masks come from a generator of this layer's own, so that one seed gives one run and
    no other user of random numbers disturbs it. A gradient check evaluates the model many times and needs the same mask
    each time: `with nn.fixed_masks(model): ...`, or `nn.reseed(model, seed)` before each evaluation.

    Attributes:
        p: probability of losing an entry, in [0, 1]; 1 loses all.
        rng: a seed or a generator from which that of the layer is derived, or None for the enclosing `nn.seeded`.
        generator: source of the masks; its state belongs into a checkpoint.
    """

    p: float = attrs.field(default=0.5, validator=share)
    rng: Source = attrs.field(default=None, kw_only=True)
    generator: np.random.Generator = attrs.field(init=False)
    _fixed_seed: int | None = attrs.field(init=False, default=None)
    _fixed_blocks: tuple[_FixedMask, ...] = attrs.field(init=False, default=())

    def __attrs_post_init__(self) -> None:
        self.generator = np.random.default_rng(int(generator(self.rng).integers(2**63)))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, which stays."""
        if not self.training or self.p == 0.0:
            return x
        return multiply(x, random_array(self._mask, self._mask_shape(x), x.dtype))

    def _mask_shape(self, x: Tensor) -> Shape:
        return x.shape

    def _mask(self, out: Array) -> None:
        seeds: list[int | None] = [b.seed for b in self._fixed_blocks if b.active]
        seeds = seeds or [self._fixed_seed]
        fill_dropout_mask(out, self.p, self.generator if seeds[-1] is None else np.random.default_rng(seeds[-1]))

    def reseed(self, seed: int) -> None:
        """Start the masks anew from a seed."""
        self.generator = np.random.default_rng(seed)

    def fix_masks(self, seed: int | None) -> None:
        """From now on the same mask for every input of one shape; None to draw fresh ones again."""
        self._fixed_seed = seed

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p:g})"


def _layers(model: Module) -> list[Dropout]:
    return [part for _, part in model.named_modules() if isinstance(part, Dropout)]


def reseed(model: Module, seed: int) -> None:
    """Start the masks of all dropout layers of `model` anew.

    Each layer gets a seed of its own, derived from `seed`.
    """
    for layer, child in _seeds(model, seed):
        layer.reseed(child)


@block
def fixed_masks(model: Module, seed: int = 0) -> Iterator[None]:
    """Let every dropout layer of `model` use one mask (for each shape) inside the block.

    The model is then a function of its input.
    Its training generator is not touched. A layer that is called twice in one pass uses the same mask twice.

    >>> with nn.fixed_masks(model):
    ...     mg.gradcheck(lambda x: model(x), batch)
    """
    masks = [(layer, _FixedMask(child)) for layer, child in _seeds(model, seed)]
    try:
        for layer, mask in masks:
            layer._fixed_blocks = (*layer._fixed_blocks, mask)
        yield
    finally:
        for layer, mask in masks:
            mask.active = False
            layer._fixed_blocks = tuple(b for b in layer._fixed_blocks if b.active)


def _seeds(model: Module, seed: int) -> list[tuple[Dropout, int]]:
    layers = _layers(model)
    children = np.random.SeedSequence(seed).generate_state(len(layers) + 1, np.uint64)
    return [(layer, int(child)) for layer, child in zip(layers, children[1:], strict=True)]
