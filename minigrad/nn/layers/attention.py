"""Attention, and the block that transformers repeat."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import BoolArray
from minigrad.nn.errors import ModuleError
from minigrad.nn.initializers import Initializer, Source, find_initializer, generator
from minigrad.nn.layers.activations import GELU
from minigrad.nn.layers.dropout import Dropout
from minigrad.nn.layers.linear import Linear
from minigrad.nn.layers.normalization import LayerNorm
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import probability, size
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.functions import reshape, transpose
from minigrad.ops.index import getitem
from minigrad.ops.network.normalization import scaled_dot_product_attention

__all__ = ["MultiHeadAttention", "TransformerBlock"]


@lazy.renamed_fields(width="embed_dim", heads="num_heads", init="weight_init")
@attrs.define(eq=False, repr=False)
class MultiHeadAttention(Module):
    """Attention in `num_heads` subspaces, joined and projected (Vaswani et al. 2017).

    In each subspace softmax(q k^T / sqrt(embed_dim / num_heads)) v.

    `layer(x)` is self-attention; `layer(x, source)` takes keys and values from another sequence.

    Attributes:
        embed_dim: length of the last axis of inputs and outputs.
        num_heads: number of heads; divides `embed_dim`.
        causal: position t sees positions 0 to t only.
        weight_init: as for Linear; "xavier" by default. Query, key and value are each drawn with fans of their own.
        rng: as for Linear.
        input_weight: `(embed_dim, 3 embed_dim)`, blocks for query, key and value; the transpose of PyTorch's
            in_proj_weight.
        input_bias: `(3 embed_dim,)`, 0 at first; in_proj_bias.
        output: Linear(embed_dim, embed_dim); its weight is the transpose of PyTorch's out_proj.weight.
    """

    embed_dim: int = attrs.field(validator=size)
    num_heads: int = attrs.field(validator=size)
    causal: bool = attrs.field(default=False, kw_only=True)
    weight_init: str | Initializer = attrs.field(default="xavier", kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    input_weight: Tensor = attrs.field(init=False)
    input_bias: Tensor = attrs.field(init=False)
    output: Linear = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if self.embed_dim % self.num_heads:
            raise ModuleError(
                f"MultiHeadAttention: an embed_dim of {self.embed_dim} does not divide into num_heads={self.num_heads}"
            )
        draw, rng = find_initializer(self.weight_init), generator(self.rng)
        self.input_weight = parameter(np.hstack([draw((self.embed_dim, self.embed_dim), rng) for _ in range(3)]))
        self.input_bias = parameter(np.zeros(3 * self.embed_dim))
        self.output = Linear(self.embed_dim, self.embed_dim, weight_init=self.weight_init, rng=rng)

    def forward(self, x: Tensor, source: Tensor | None = None, mask: Tensor | BoolArray | None = None) -> Tensor:
        """x `(N, targets, embed_dim)` -> the same shape.

        Args:
            source: where keys and values come from, `(N, sources, embed_dim)`; x itself by default.
            mask: as that of `mg.scaled_dot_product_attention`, broadcast to `(N, num_heads, targets, sources)`:
                booleans tell where attention is allowed (at least one source for each target), numbers are added to the
                scores.

        Raises:
            ShapeError: another embed_dim or number of axes.
        """
        for sequence in (x,) if source is None else (x, source):
            if sequence.ndim != 3 or sequence.shape[-1] != self.embed_dim:
                raise ShapeError(f"{self!r} needs an input of shape (N, time, {self.embed_dim}), got {sequence.shape}")
        if source is None:
            joint = self._split(matmul(x, self.input_weight) + self.input_bias, 3)
            query, key, value = (getitem(joint, key=(k,)) for k in range(3))
        else:
            query = getitem(self._split(self._part(x, slice(None, self.embed_dim)), 1), key=(0,))
            joint = self._split(self._part(source, slice(self.embed_dim, None)), 2)
            key, value = (getitem(joint, key=(k,)) for k in range(2))
        seen = scaled_dot_product_attention(query, key, value, mask, self.causal)
        return self.output(reshape(transpose(seen, (0, 2, 1, 3)), x.shape))

    def _part(self, x: Tensor, columns: slice) -> Tensor:
        weight = getitem(self.input_weight, key=(slice(None), columns))
        return matmul(x, weight) + getitem(self.input_bias, key=(columns,))

    def _split(self, x: Tensor, parts: int) -> Tensor:
        """`(N, time, parts * embed_dim)` -> `(parts, N, num_heads, time, embed_dim / num_heads)`."""
        rows, time = x.shape[:2]
        apart = reshape(x, (rows, time, parts, self.num_heads, self.embed_dim // self.num_heads))
        return transpose(apart, (2, 0, 3, 1, 4))

    def __repr__(self) -> str:
        return (
            f"MultiHeadAttention({self.embed_dim}, num_heads={self.num_heads}{', causal=True' if self.causal else ''})"
        )


@lazy.renamed_fields(width="embed_dim", heads="num_heads")
@attrs.define(eq=False, repr=False)
class TransformerBlock(Module):
    """x + attention(norm(x)), then x + mlp(norm(x)): a pre-norm transformer block.

    Source: Xiong et al. 2020.

    Equal to PyTorch's TransformerEncoderLayer(norm_first=True, activation="gelu", batch_first=True).

    Attributes:
        embed_dim: length of the last axis.
        num_heads: of the attention.
        causal: of the attention.
        hidden: width of the two-layer perceptron inside; 4 x embed_dim by default.
        dropout: probability, at the end of both branches (not inside, where PyTorch has two more).
        rng: as for Linear.
    """

    embed_dim: int = attrs.field(validator=size)
    num_heads: int = attrs.field(validator=size)
    hidden: int | None = attrs.field(default=None, kw_only=True)
    causal: bool = attrs.field(default=False, kw_only=True)
    dropout: float = attrs.field(default=0.0, kw_only=True, validator=probability)
    rng: Source = attrs.field(default=None, kw_only=True)
    first_norm: LayerNorm = attrs.field(init=False)
    attention: MultiHeadAttention = attrs.field(init=False)
    second_norm: LayerNorm = attrs.field(init=False)
    widen: Linear = attrs.field(init=False)
    activation: GELU = attrs.field(init=False)
    narrow: Linear = attrs.field(init=False)
    drop: Dropout = attrs.field(init=False)
    second_drop: Dropout = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        rng = generator(self.rng)
        hidden = 4 * self.embed_dim if self.hidden is None else self.hidden
        self.first_norm, self.second_norm = LayerNorm(self.embed_dim), LayerNorm(self.embed_dim)
        self.attention = MultiHeadAttention(self.embed_dim, self.num_heads, causal=self.causal, rng=rng)
        self.widen = Linear(self.embed_dim, hidden, weight_init="xavier", rng=rng)
        self.activation = GELU()
        self.narrow = Linear(hidden, self.embed_dim, weight_init="xavier", rng=rng)
        self.drop, self.second_drop = Dropout(self.dropout, rng=rng), Dropout(self.dropout, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, time, embed_dim)` -> the same shape."""
        x = x + self.drop(self.attention(self.first_norm(x)))
        return x + self.second_drop(self.narrow(self.activation(self.widen(self.second_norm(x)))))

    def __repr__(self) -> str:
        return f"TransformerBlock({self.embed_dim}, num_heads={self.num_heads}{', causal=True' if self.causal else ''})"
