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
from minigrad.ops.arrangement.manipulation import pad
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.functions import broadcast_to, concatenate, mean, reshape, softmax, transpose
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


def _seen(mask: Any, sources: int, extra: int) -> Any:
    """A mask for `extra` keys more, which all may see."""
    if mask is None:
        return None
    numbers = where(mask, 0.0, -np.inf) if mask.dtype == np.bool_ else mask
    wide = broadcast_to(numbers, (*numbers.shape[:-1], sources))
    return pad(wide, [(0, 0)] * (wide.ndim - 1) + [(0, extra)])


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
        kdim: length of the last axis of keys, `embed_dim` if None.
        vdim: length of the last axis of values, `embed_dim` if None.
        add_bias_kv: whether each sequence of keys and values ends with a learnt one more.
        add_zero_attn: whether it ends with a key and a value of zeros.
        weight_init: as for Linear; "xavier" by default. Query, key and value are each drawn with fans of their own.
        rng: as for Linear.
        input_weight: `(embed_dim, 3 embed_dim)`, blocks for query, key and value; the transpose of PyTorch's
            in_proj_weight. None where keys or values have another length.
        query_weight: then `(embed_dim, embed_dim)`, the transpose of PyTorch's q_proj_weight.
        key_weight: then `(kdim, embed_dim)`.
        value_weight: then `(vdim, embed_dim)`.
        input_bias: `(3 embed_dim,)`, 0 at first; in_proj_bias.
        bias_k: `(1, 1, embed_dim)`, the learnt key, or None.
        bias_v: `(1, 1, embed_dim)`, the learnt value, or None.
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
    kdim: int | None = attrs.field(default=None, kw_only=True, validator=attrs.validators.optional(size))
    vdim: int | None = attrs.field(default=None, kw_only=True, validator=attrs.validators.optional(size))
    add_bias_kv: bool = attrs.field(default=False, kw_only=True)
    add_zero_attn: bool = attrs.field(default=False, kw_only=True)
    input_weight: Tensor | None = attrs.field(init=False, default=None)
    query_weight: Tensor | None = attrs.field(init=False, default=None)
    key_weight: Tensor | None = attrs.field(init=False, default=None)
    value_weight: Tensor | None = attrs.field(init=False, default=None)
    input_bias: Tensor | None = attrs.field(init=False)
    output: Linear = attrs.field(init=False)
    bias_k: Tensor | None = attrs.field(init=False, default=None)
    bias_v: Tensor | None = attrs.field(init=False, default=None)
    drop: Dropout | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        if self.embed_dim % self.num_heads:
            raise ModuleError(
                f"MultiHeadAttention: an embed_dim of {self.embed_dim} does not divide into num_heads={self.num_heads}"
            )
        draw, rng = find_initializer(self.weight_init), generator(self.rng)
        weights = [draw((width, self.embed_dim), rng) for width in self._widths()]
        if self._widths() == (self.embed_dim,) * 3:
            self.input_weight = parameter(np.hstack(weights))
        else:
            self.query_weight, self.key_weight, self.value_weight = (parameter(w) for w in weights)
        self.input_bias = parameter(np.zeros(3 * self.embed_dim)) if self.use_bias else None
        self.output = Linear(
            self.embed_dim, self.embed_dim, weight_init=self.weight_init, use_bias=self.use_bias, rng=rng
        )
        if self.add_bias_kv:
            self.bias_k, self.bias_v = (parameter(draw((1, self.embed_dim), rng)[None]) for _ in range(2))
        if self.dropout:
            self.drop = Dropout(self.dropout, rng=rng)

    def _widths(self) -> tuple[int, int, int]:
        """Lengths of the last axes of queries, keys and values."""
        return self.embed_dim, self.kdim or self.embed_dim, self.vdim or self.embed_dim

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
            source: where keys come from, `(N, sources, kdim)`; x itself by default.
            value: where values come from, `(N, sources, vdim)`; `source` by default. A mask may stand here, too.
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
        source = x if source is None else source
        value = source if value is None else value
        names = ("an input", "a source", "a value")
        for name, sequence, width in zip(names, (x, source, value), self._widths(), strict=True):
            if sequence.ndim != 3 or sequence.shape[-1] != width:
                raise ShapeError(f"{self!r} needs {name} of shape (N, time, {width}), got {sequence.shape}")
        query, key, values = self._projections(x, source, value)
        masks = [mask, *self._torch_masks(key_padding_mask, attn_mask, query.shape[0], query.shape[2], key.shape[2])]
        if self.causal or is_causal:
            masks.append(np.tril(np.ones((query.shape[2], key.shape[2]), dtype=bool)))
        joined: Any = join_masks(self, masks, (*query.shape[:3], key.shape[2]))
        if self.add_bias_kv or self.add_zero_attn:
            joined = _seen(joined, key.shape[2], self.add_bias_kv + self.add_zero_attn)
            key, values = self._lengthened(key, self.bias_k), self._lengthened(values, self.bias_v)
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

    def _projections(self, x: Tensor, source: Tensor, value: object) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and values, `(N, num_heads, time, embed_dim / num_heads)`."""
        assert isinstance(value, Tensor)
        if self.input_weight is not None and source is x and value is x:
            joint = self._split(self._part(x, 0, 3), 3)
            return getitem(joint, key=(0,)), getitem(joint, key=(1,)), getitem(joint, key=(2,))
        query = getitem(self._split(self._part(x, 0, 1), 1), key=(0,))
        if self.input_weight is not None and value is source:
            joint = self._split(self._part(source, 1, 3), 2)
            return query, getitem(joint, key=(0,)), getitem(joint, key=(1,))
        key = getitem(self._split(self._part(source, 1, 2), 1), key=(0,))
        return query, key, getitem(self._split(self._part(value, 2, 3), 1), key=(0,))

    def _lengthened(self, x: Tensor, learnt: Tensor | None) -> Tensor:
        """Keys or values with a learnt row, one of zeros, or both at their end."""
        row = (x.shape[0], x.shape[1], 1, x.shape[3])
        rows = [x]
        if learnt is not None:
            rows.append(broadcast_to(getitem(self._split(learnt, 1), key=(0,)), row))
        if self.add_zero_attn:
            rows.append(Tensor(np.zeros(row, x.dtype)))
        return concatenate(rows, 2)

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

    def _part(self, x: Tensor, first: int, end: int) -> Tensor:
        """x through blocks `first` to before `end` of the weights: of query, key, value."""
        weight, bias = self.input_weight, self.input_bias
        columns = slice(first * self.embed_dim, end * self.embed_dim)
        if weight is None:
            weight = (self.query_weight, self.key_weight, self.value_weight)[first]
            assert weight is not None
        elif (first, end) != (0, 3):
            weight = getitem(weight, key=(slice(None), columns))
        if bias is not None and (first, end) != (0, 3):
            bias = getitem(bias, key=(columns,))
        y = matmul(x, weight)
        return y if bias is None else y + bias

    def _split(self, x: Tensor, parts: int) -> Tensor:
        """`(N, time, parts * embed_dim)` -> `(parts, N, num_heads, time, embed_dim / num_heads)`."""
        rows, time = x.shape[:2]
        apart = reshape(x, (rows, time, parts, self.num_heads, self.embed_dim // self.num_heads))
        return transpose(apart, (2, 0, 3, 1, 4))

    def __repr__(self) -> str:
        options = {n: getattr(self, n) for n in ("causal", "kdim", "vdim", "add_bias_kv", "add_zero_attn")}
        told = "".join(f", {name}={value}" for name, value in options.items() if value)
        return f"MultiHeadAttention({self.embed_dim}, num_heads={self.num_heads}{told})"
