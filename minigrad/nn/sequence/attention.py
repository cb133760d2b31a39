"""Attention of several heads."""

from __future__ import annotations

from math import sqrt
from typing import Any

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.core.types import BoolArray
from minigrad.nn.errors import ModuleError
from minigrad.nn.initializers import Initializer, Source, find_initializer, generator
from minigrad.nn.layers.dropout import Dropout
from minigrad.nn.layers.linear import Linear
from minigrad.nn.module import Module, parameter
from minigrad.nn.sequence.masks import Mask, allowed, join_masks
from minigrad.nn.validators import probability, size
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.functions import mean, reshape, softmax, transpose
from minigrad.ops.index import getitem
from minigrad.ops.network.normalization import scaled_dot_product_attention
from minigrad.ops.shape import matrix_transpose

__all__ = ["MultiHeadAttention", "attention_weights"]


def attention_weights(query: Tensor, key: Tensor, mask: Mask) -> Tensor:
    """softmax(query key^T / sqrt(width)), the weights that attention gives to values."""
    scores = matmul(query * (1.0 / sqrt(query.shape[-1])), matrix_transpose(key))
    if mask is not None:
        scores = where(mask, scores, -np.inf) if mask.dtype == np.bool_ else scores + mask
    return softmax(scores, -1)


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
        dropout: probability with which a weight of attention is lost, in training.
        use_bias: whether there are biases.
        weight_init: as for Linear; "xavier" by default. Query, key and value are each drawn with fans of their own.
        rng: as for Linear.
        input_weight: `(embed_dim, 3 embed_dim)`, blocks for query, key and value; the transpose of PyTorch's
            in_proj_weight.
        input_bias: `(3 embed_dim,)`, 0 at first; in_proj_bias.
        drop: the dropout of the weights, or None.
        output: Linear(embed_dim, embed_dim); its weight is the transpose of PyTorch's out_proj.weight.
    """

    embed_dim: int = attrs.field(validator=size)
    num_heads: int = attrs.field(validator=size)
    causal: bool = attrs.field(default=False, kw_only=True)
    dropout: float = attrs.field(default=0.0, kw_only=True, validator=probability)
    use_bias: bool = attrs.field(default=True, kw_only=True)
    weight_init: str | Initializer = attrs.field(default="xavier", kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    input_weight: Tensor = attrs.field(init=False)
    input_bias: Tensor | None = attrs.field(init=False)
    output: Linear = attrs.field(init=False)
    drop: Dropout | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        if self.embed_dim % self.num_heads:
            raise ModuleError(
                f"MultiHeadAttention: an embed_dim of {self.embed_dim} does not divide into num_heads={self.num_heads}"
            )
        draw, rng = find_initializer(self.weight_init), generator(self.rng)
        self.input_weight = parameter(np.hstack([draw((self.embed_dim, self.embed_dim), rng) for _ in range(3)]))
        self.input_bias = parameter(np.zeros(3 * self.embed_dim)) if self.use_bias else None
        self.output = Linear(
            self.embed_dim, self.embed_dim, weight_init=self.weight_init, use_bias=self.use_bias, rng=rng
        )
        if self.dropout:
            self.drop = Dropout(self.dropout, rng=rng)

    def forward(
        self,
        x: Tensor,
        source: Tensor | None = None,
        value: Tensor | BoolArray | None = None,
        *,
        mask: Mask = None,
        key_padding_mask: Tensor | BoolArray | None = None,
        attn_mask: Mask = None,
        is_causal: bool = False,
        need_weights: bool = False,
        average_attn_weights: bool = True,
    ) -> Any:
        """x `(N, targets, embed_dim)` -> the same shape.

        Args:
            x: what asks, the query.
            source: where keys come from, `(N, sources, embed_dim)`; x itself by default.
            value: where values come from, of the shape of `source`, which it is by default. A mask may stand here, too.
            mask: as that of `mg.scaled_dot_product_attention`, broadcast to `(N, num_heads, targets, sources)`:
                booleans tell where attention is allowed, numbers are added to the scores.
            key_padding_mask: `(N, sources)`, True at sources that are padding, which get no attention (PyTorch's).
            attn_mask: PyTorch's mask: booleans tell where attention is forbidden, numbers are added to the scores;
                `(targets, sources)`, or `(N * num_heads, targets, sources)`.
            is_causal: position t sees positions 0 to t only in this call.
            need_weights: return the weights, too.
            average_attn_weights: the weights are means over the heads, `(N, targets, sources)`; else
                `(N, num_heads, targets, sources)`.

        Returns:
            The output; with `need_weights` the pair of output and weights.

        Raises:
            ShapeError: another embed_dim or number of axes, or a mask of another shape.
        """
        if value is not None and not (value.ndim == 3 and value.dtype.kind == "f"):
            mask, value = value, None
        for name, sequence in (("an input", x), ("a source", source), ("a value", value)):
            if sequence is not None and (sequence.ndim != 3 or sequence.shape[-1] != self.embed_dim):
                raise ShapeError(f"{self!r} needs {name} of shape (N, time, {self.embed_dim}), got {sequence.shape}")
        query, key, values = self._projections(x, source, value)
        masks = [mask, *self._torch_masks(key_padding_mask, attn_mask, query.shape[0], query.shape[2], key.shape[2])]
        if self.causal or is_causal:
            masks.append(np.tril(np.ones((query.shape[2], key.shape[2]), dtype=bool)))
        joined: Any = join_masks(self, masks, (*query.shape[:3], key.shape[2]))
        if joined is not None and joined.dtype.kind == "f" and joined.dtype != query.dtype:
            joined = joined.astype(query.dtype)
        if not need_weights and not (self.dropout and self.training):
            mixed = scaled_dot_product_attention(query, key, values, joined)
            return self.output(reshape(transpose(mixed, (0, 2, 1, 3)), x.shape))
        weights = attention_weights(query, key, joined)
        mixed = matmul(weights if self.drop is None else self.drop(weights), values)
        output = self.output(reshape(transpose(mixed, (0, 2, 1, 3)), x.shape))
        if not need_weights:
            return output
        return output, mean(weights, axis=1) if average_attn_weights else weights

    def _projections(self, x: Tensor, source: Tensor | None, value: object) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and values, `(N, num_heads, time, embed_dim / num_heads)`."""
        width = self.embed_dim
        source = x if source is None else source
        value = source if value is None else value
        if source is x and value is x:
            joint = self._split(self._part(x, slice(None)), 3)
            return getitem(joint, key=(0,)), getitem(joint, key=(1,)), getitem(joint, key=(2,))
        query = getitem(self._split(self._part(x, slice(None, width)), 1), key=(0,))
        if value is source:
            joint = self._split(self._part(source, slice(width, None)), 2)
            return query, getitem(joint, key=(0,)), getitem(joint, key=(1,))
        assert isinstance(value, Tensor)
        key = self._split(self._part(source, slice(width, 2 * width)), 1)
        return (
            query,
            getitem(key, key=(0,)),
            getitem(self._split(self._part(value, slice(2 * width, None)), 1), key=(0,)),
        )

    def _torch_masks(
        self, key_padding_mask: Mask, attn_mask: Mask, rows: int, targets: int, sources: int
    ) -> list[Mask]:
        """PyTorch's two masks in the sense of `mask`."""
        masks: list[Mask] = []
        if key_padding_mask is not None:
            if tuple(key_padding_mask.shape) != (rows, sources):
                raise ShapeError(
                    f"{self!r} needs a key_padding_mask of shape {(rows, sources)}, got {key_padding_mask.shape}"
                )
            masks.append(allowed(key_padding_mask).reshape((rows, 1, 1, sources)))
        if attn_mask is not None:
            shapes = ((targets, sources), (rows * self.num_heads, targets, sources))
            if tuple(attn_mask.shape) not in shapes:
                raise ShapeError(
                    f"{self!r} needs an attn_mask of shape {shapes[0]} or {shapes[1]}, got {attn_mask.shape}"
                )
            per_head = (rows, self.num_heads, targets, sources)
            masks.append(allowed(attn_mask if attn_mask.ndim == 2 else attn_mask.reshape(per_head)))
        return masks

    def _part(self, x: Tensor, columns: slice) -> Tensor:
        weight, bias = self.input_weight, self.input_bias
        if columns != slice(None):
            weight = getitem(weight, key=(slice(None), columns))
            bias = None if bias is None else getitem(bias, key=(columns,))
        y = matmul(x, weight)
        return y if bias is None else y + bias

    def _split(self, x: Tensor, parts: int) -> Tensor:
        """`(N, time, parts * embed_dim)` -> `(parts, N, num_heads, time, embed_dim / num_heads)`."""
        rows, time = x.shape[:2]
        apart = reshape(x, (rows, time, parts, self.num_heads, self.embed_dim // self.num_heads))
        return transpose(apart, (2, 0, 3, 1, 4))

    def __repr__(self) -> str:
        return (
            f"MultiHeadAttention({self.embed_dim}, num_heads={self.num_heads}{', causal=True' if self.causal else ''})"
        )
