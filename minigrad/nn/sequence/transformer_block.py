"""The block that language models repeat."""

from __future__ import annotations

import attrs

from minigrad import lazy
from minigrad.core.tensor import Tensor
from minigrad.nn.initializers import Source, generator
from minigrad.nn.layers.activations import GELU
from minigrad.nn.layers.dropout import Dropout
from minigrad.nn.layers.linear import Linear
from minigrad.nn.layers.normalization import LayerNorm
from minigrad.nn.module import Module
from minigrad.nn.sequence.attention import MultiHeadAttention
from minigrad.nn.validators import probability, size

__all__ = ["TransformerBlock"]


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
