"""PyTorch's transformer: encoder and decoder layers, stacks of them, and both together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

import attrs
import numpy as np

from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.nn.errors import ModuleError
from minigrad.nn.initializers import Source, generator
from minigrad.nn.layers.dropout import Dropout, reseed
from minigrad.nn.layers.linear import Linear
from minigrad.nn.layers.normalization import LayerNorm
from minigrad.nn.module import Module
from minigrad.nn.sequence.attention import MultiHeadAttention
from minigrad.nn.sequence.masks import Mask
from minigrad.nn.validators import positive, probability, size
from minigrad.ops.elementwise.piecewise_linear import relu
from minigrad.ops.network.activation import gelu

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation: TypeAlias = Callable[[Tensor], Tensor]
L = TypeVar("L", bound=Module)

_ACTIVATIONS: dict[str, Activation] = {"relu": relu, "gelu": gelu}


@attrs.define(eq=False, repr=False)
class _TransformerLayer(Module):
    """What encoder and decoder layers share: attention to itself, and a perceptron."""

    embed_dim: int = attrs.field(validator=size)
    num_heads: int = attrs.field(validator=size)
    hidden: int = attrs.field(default=2048, validator=size)
    dropout: float = attrs.field(default=0.1, validator=probability)
    activation: str | Activation = "relu"
    eps: float = attrs.field(default=1e-5, kw_only=True, validator=positive)
    norm_first: bool = attrs.field(default=False, kw_only=True)
    use_bias: bool = attrs.field(default=True, kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    attention: MultiHeadAttention = attrs.field(init=False)
    widen: Linear = attrs.field(init=False)
    narrow: Linear = attrs.field(init=False)
    first_norm: LayerNorm = attrs.field(init=False)
    second_norm: LayerNorm = attrs.field(init=False)
    drop: Dropout = attrs.field(init=False)
    first_drop: Dropout = attrs.field(init=False)
    second_drop: Dropout = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if self.activation not in _ACTIVATIONS if isinstance(self.activation, str) else not callable(self.activation):
            raise ModuleError(
                f"{type(self).__name__}.activation must be 'relu', 'gelu' or a function, got {self.activation!r}"
            )
        self.rng = rng = generator(self.rng)
        self.attention = self._attention()
        self.widen = Linear(self.embed_dim, self.hidden, weight_init="xavier", use_bias=self.use_bias, rng=rng)
        self.narrow = Linear(self.hidden, self.embed_dim, weight_init="xavier", use_bias=self.use_bias, rng=rng)
        self.first_norm, self.second_norm = self._norm(), self._norm()
        self.drop, self.first_drop, self.second_drop = (Dropout(self.dropout, rng=rng) for _ in range(3))

    def _attention(self) -> MultiHeadAttention:
        return MultiHeadAttention(
            self.embed_dim, self.num_heads, dropout=self.dropout, use_bias=self.use_bias, rng=self.rng
        )

    def _norm(self) -> LayerNorm:
        return LayerNorm(self.embed_dim, eps=self.eps, use_bias=self.use_bias)

    def _add(self, x: Tensor, norm: LayerNorm, branch: Callable[[Tensor], Tensor]) -> Tensor:
        """x + branch(norm(x)), or norm(x + branch(x))."""
        return x + branch(norm(x)) if self.norm_first else norm(x + branch(x))

    def _perceptron(self, x: Tensor) -> Tensor:
        bend = _ACTIVATIONS[self.activation] if isinstance(self.activation, str) else self.activation
        return self.narrow(self.drop(bend(self.widen(x))))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.embed_dim}, num_heads={self.num_heads}, hidden={self.hidden})"


_LAYER_DOC = """embed_dim: length of the last axis; PyTorch's d_model.
        num_heads: of the attention; PyTorch's nhead.
        hidden: width of the perceptron inside; PyTorch's dim_feedforward.
        dropout: probability, of weights of attention, inside the perceptron and behind each branch.
        activation: of the perceptron: "relu", "gelu" or a function.
        eps: of the normalizations; PyTorch's layer_norm_eps.
        norm_first: normalize what goes into a branch, not the sum.
        use_bias: whether there are biases.
        rng: as for Linear."""


@attrs.define(eq=False, repr=False)
class TransformerEncoderLayer(_TransformerLayer):
    __doc__ = f"""Attention of a sequence to itself, then a perceptron for each place (Vaswani et al. 2017).

    Attributes:
        {_LAYER_DOC}
    """

    def forward(
        self,
        src: Tensor,
        src_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        *,
        is_causal: bool = False,
    ) -> Tensor:
        """src `(N, time, embed_dim)` -> the same shape.

        Args:
            src: the sequences.
            src_mask: `(time, time)`, True where attention is forbidden, or numbers to add to the scores.
            src_key_padding_mask: `(N, time)`, True at places that are padding.
            is_causal: place t sees places 0 to t only.
        """

        def look(x: Tensor) -> Tensor:
            masks = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask}
            return self.first_drop(self.attention(x, **masks, is_causal=is_causal))

        x = self._add(src, self.first_norm, look)
        return self._add(x, self.second_norm, lambda x: self.second_drop(self._perceptron(x)))


@attrs.define(eq=False, repr=False)
class TransformerDecoderLayer(_TransformerLayer):
    __doc__ = f"""Attention to itself, attention to the encoder's output, then a perceptron (Vaswani et al. 2017).

    Attributes:
        {_LAYER_DOC}
    """

    cross_attention: MultiHeadAttention = attrs.field(init=False)
    third_norm: LayerNorm = attrs.field(init=False)
    third_drop: Dropout = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.cross_attention = self._attention()
        self.third_norm, self.third_drop = self._norm(), Dropout(self.dropout, rng=self.rng)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        *,
        tgt_is_causal: bool = False,
    ) -> Tensor:
        """tgt `(N, targets, embed_dim)` -> the same shape.

        Args:
            tgt: the sequences.
            memory: what the encoder gave, `(N, sources, embed_dim)`.
            tgt_mask: `(targets, targets)`, True where attention is forbidden, or numbers to add to the scores.
            memory_mask: `(targets, sources)`, likewise.
            tgt_key_padding_mask: `(N, targets)`, True at places that are padding.
            memory_key_padding_mask: `(N, sources)`, likewise.
            tgt_is_causal: place t of tgt sees places 0 to t only.
        """

        def look(x: Tensor) -> Tensor:
            masks = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask}
            return self.first_drop(self.attention(x, **masks, is_causal=tgt_is_causal))

        def look_across(x: Tensor) -> Tensor:
            masks = {"attn_mask": memory_mask, "key_padding_mask": memory_key_padding_mask}
            return self.second_drop(self.cross_attention(x, memory, **masks))

        x = self._add(tgt, self.first_norm, look)
        x = self._add(x, self.second_norm, look_across)
        return self._add(x, self.third_norm, lambda x: self.third_drop(self._perceptron(x)))


def _copies(layer: L, count: int, rng: Source) -> tuple[L, ...]:
    """`count` copies with the same initial weights and dropout masks of their own."""
    if count < 1:
        raise ModuleError(f"a stack needs a layer at least, got num_layers={count}")
    seeds = generator(rng).integers(2**63, size=count)
    copies = tuple(layer.copy() for _ in range(count))
    for copy, seed in zip(copies, seeds, strict=True):
        reseed(copy, int(seed))
    return copies


_STACK_DOC = """num_layers: how many.
        norm: a normalization of the output, or None.
        layers: the copies; all begin with the weights of the given layer, as in PyTorch."""


@attrs.define(eq=False, repr=False, init=False)
class TransformerEncoder(Module):
    __doc__ = f"""Copies of an encoder layer, one after another.

    Attributes:
        {_STACK_DOC}
    """

    num_layers: int
    norm: Module | None
    layers: tuple[TransformerEncoderLayer, ...]

    def __init__(
        self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None, *, rng: Source = None
    ) -> None:
        self.num_layers, self.norm = num_layers, norm
        self.layers = _copies(encoder_layer, num_layers, rng)

    def forward(
        self, src: Tensor, src_mask: Mask = None, src_key_padding_mask: Mask = None, *, is_causal: bool = False
    ) -> Tensor:
        """src `(N, time, embed_dim)` -> the same shape; masks as for `TransformerEncoderLayer`."""
        for layer in self.layers:
            src = layer(src, src_mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal)
        return src if self.norm is None else self.norm(src)

    def __repr__(self) -> str:
        return f"TransformerEncoder({self.layers[0]!r}, {self.num_layers})"


@attrs.define(eq=False, repr=False, init=False)
class TransformerDecoder(Module):
    __doc__ = f"""Copies of a decoder layer, one after another.

    Attributes:
        {_STACK_DOC}
    """

    num_layers: int
    norm: Module | None
    layers: tuple[TransformerDecoderLayer, ...]

    def __init__(
        self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None, *, rng: Source = None
    ) -> None:
        self.num_layers, self.norm = num_layers, norm
        self.layers = _copies(decoder_layer, num_layers, rng)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        *,
        tgt_is_causal: bool = False,
    ) -> Tensor:
        """tgt `(N, targets, embed_dim)` -> the same shape; masks as for `TransformerDecoderLayer`."""
        masks = {
            "tgt_mask": tgt_mask,
            "memory_mask": memory_mask,
            "tgt_key_padding_mask": tgt_key_padding_mask,
            "memory_key_padding_mask": memory_key_padding_mask,
        }
        for layer in self.layers:
            tgt = layer(tgt, memory, **masks, tgt_is_causal=tgt_is_causal)
        return tgt if self.norm is None else self.norm(tgt)

    def __repr__(self) -> str:
        return f"TransformerDecoder({self.layers[0]!r}, {self.num_layers})"


@attrs.define(eq=False, repr=False)
class Transformer(Module):
    """An encoder and a decoder, each with a normalization at its end (Vaswani et al. 2017).

    Attributes:
        embed_dim: length of the last axis; PyTorch's d_model.
        num_heads: of the attention; PyTorch's nhead.
        num_encoder_layers: how many.
        num_decoder_layers: how many.
        hidden: width of the perceptrons; PyTorch's dim_feedforward.
        dropout: probability, as for `TransformerEncoderLayer`.
        activation: "relu", "gelu" or a function.
        norm_first: as for `TransformerEncoderLayer`.
        eps: of the normalizations.
        use_bias: whether there are biases.
        rng: as for Linear.
        encoder: a `TransformerEncoder`.
        decoder: a `TransformerDecoder`.
    """

    embed_dim: int = attrs.field(default=512, validator=size)
    num_heads: int = attrs.field(default=8, validator=size)
    num_encoder_layers: int = attrs.field(default=6, validator=size)
    num_decoder_layers: int = attrs.field(default=6, validator=size)
    hidden: int = attrs.field(default=2048, validator=size)
    dropout: float = attrs.field(default=0.1, validator=probability)
    activation: str | Activation = "relu"
    norm_first: bool = attrs.field(default=False, kw_only=True)
    eps: float = attrs.field(default=1e-5, kw_only=True, validator=positive)
    use_bias: bool = attrs.field(default=True, kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    encoder: TransformerEncoder = attrs.field(init=False)
    decoder: TransformerDecoder = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        rng = generator(self.rng)
        sizes = (self.embed_dim, self.num_heads, self.hidden, self.dropout, self.activation)
        encoder = TransformerEncoderLayer(
            *sizes, eps=self.eps, norm_first=self.norm_first, use_bias=self.use_bias, rng=rng
        )
        decoder = TransformerDecoderLayer(
            *sizes, eps=self.eps, norm_first=self.norm_first, use_bias=self.use_bias, rng=rng
        )
        norms = [LayerNorm(self.embed_dim, eps=self.eps, use_bias=self.use_bias) for _ in range(2)]
        self.encoder = TransformerEncoder(encoder, self.num_encoder_layers, norms[0], rng=rng)
        self.decoder = TransformerDecoder(decoder, self.num_decoder_layers, norms[1], rng=rng)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Mask = None,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        *,
        src_is_causal: bool = False,
        tgt_is_causal: bool = False,
    ) -> Tensor:
        """src `(N, sources, embed_dim)` and tgt `(N, targets, embed_dim)` -> the shape of tgt.

        Masks as for the encoder and decoder layers.
        """
        memory = self.encoder(
            src, src_mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(length: int) -> Array:
        """The causal mask in numbers, 0 and -inf, to be added to scores.

        `tgt_is_causal=True` is shorter.
        """
        mask: Array = np.triu(np.full((length, length), -np.inf), 1)
        return mask

    def __repr__(self) -> str:
        return f"Transformer({self.embed_dim}, num_heads={self.num_heads}, hidden={self.hidden})"
