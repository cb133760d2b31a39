"""Layers that have PyTorch's name and options: each case is built and called in one way on both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from minigrad import nn
from minigrad.core import tensor
from minigrad.runtime.parameters import assign


@attrs.frozen
class NamedCase:
    """A layer of `torch.nn` and of `minigrad.nn`.

    Attributes:
        name: of the case.
        layer: of the class, in both libraries.
        args: of the constructor, in both.
        shapes: of the inputs, or an array of symbols.
        options: keyword arguments of the constructor, in both.
        call: keyword arguments of the call, in both.
        nested: what to build first and pass as the first argument: a class and its arguments.
        lengths: of the rows, for recurrent layers, which PyTorch packs.
        training: in which mode.
        rtol: how near PyTorch is.
    """

    name: str
    layer: str
    args: tuple[object, ...] = ()
    shapes: tuple[object, ...] = ()
    options: Mapping[str, Any] = attrs.Factory(dict)
    call: Mapping[str, Any] = attrs.Factory(dict)
    nested: tuple[str, tuple[object, ...]] | None = None
    lengths: tuple[int, ...] = ()
    training: bool = True
    rtol: float = 1e-10

    def build(self, library: Any) -> Any:
        """The layer, in `nn` or `torch.nn`."""
        options = dict(self.options)
        if library is not nn and self.layer in _BATCH_FIRST:
            options["batch_first"] = True
        first: tuple[object, ...] = ()
        if self.nested is not None:
            inner = {"batch_first": True} if library is not nn else {}
            first = (getattr(library, self.nested[0])(*self.nested[1], **inner),)
        return getattr(library, self.layer)(*first, *self.args, **options)

    def ours(self) -> nn.Module:
        """The layer of minigrad in float64, with random parameters."""
        with nn.seeded(3):
            layer: nn.Module = self.build(nn).astype(np.float64)
        rng = np.random.default_rng(5)
        for p in layer.parameters():
            assign(p, p.numpy() + 0.3 * rng.normal(size=p.shape))
        return layer.train(self.training)

    def inputs(self) -> list[np.ndarray]:
        """Random arrays; symbols as they are."""
        rng = np.random.default_rng(1)
        return [rng.normal(size=s) if isinstance(s, tuple) else np.asarray(s) for s in self.shapes]


_BATCH_FIRST = {
    "RNN",
    "GRU",
    "LSTM",
    "MultiheadAttention",
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
    "Transformer",
}


def evaluate(case: NamedCase) -> dict[str, np.ndarray]:
    """Outputs of minigrad's layer, gradients of its inputs and parameters."""
    layer = case.ours()
    inputs = [tensor(x, requires_grad=x.dtype.kind == "f") for x in case.inputs()]
    if case.lengths:
        y, state = layer.run(*inputs, lengths=np.array(case.lengths))  # type: ignore[attr-defined]
        outputs = [y, *(state if isinstance(state, tuple) else (state,))]
    else:
        result: object = layer(*inputs, **case.call)
        outputs = list(result) if isinstance(result, tuple) else [result]
    loss = sum_of(outputs, lambda y, w: (y * w).sum())
    loss.backward()
    record = {f"output {i}": y.numpy() for i, y in enumerate(outputs)}
    record |= {f"input {i}": x.grad.numpy() for i, x in enumerate(inputs) if x.grad is not None}
    return record | {n: p.grad.numpy() for n, p in layer.named_parameters() if p.grad is not None}


def sum_of(outputs: list[Any], weigh: Callable[[Any, np.ndarray], Any]) -> Any:
    """All outputs as one number, each with weights of its own."""
    rng = np.random.default_rng(9)
    total: Any = 0.0
    for y in outputs:
        total = weigh(y, rng.normal(size=tuple(y.shape))) + total
    return total


UNSEEN = np.array([[False, False, True, True, False], [False, False, False, False, False]])
PADDED = np.array([[False, False, False, False, True], [False, False, False, True, True]])
FORBIDDEN = np.triu(np.ones((4, 4), bool), 1)
SYMBOLS = np.array([[0, 3, 3, 1], [2, 2, 5, 0], [1, 1, 1, 1]])
SMALL = {"dim_feedforward": 7, "dropout": 0.0}
IMAGES, VOLUMES, ROWS = (2, 3, 5, 6), (2, 2, 3, 4, 3), (2, 3, 7)


def _case(name: str, *args: object, shape: object = None, **rest: Any) -> NamedCase:
    layer = name.split(" ")[0].rstrip(",")
    fields = {f.name for f in attrs.fields(NamedCase)}
    own = {k: v for k, v in rest.items() if k in fields}
    options = {k: v for k, v in rest.items() if k not in fields}
    shapes = own.pop("shapes", (shape,))
    return NamedCase(name, layer, args, shapes, options | own.pop("options", {}), **own)


CASES = [
    # recurrent
    _case("RNNCell", 3, 4, shapes=((2, 3), (2, 4))),
    _case("RNNCell relu", 3, 4, nonlinearity="relu", bias=False, shapes=((2, 3), (2, 4))),
    _case("GRUCell", 3, 4, shapes=((2, 3), (2, 4))),
    _case("GRUCell without bias", 3, 4, bias=False, shapes=((2, 3), (2, 4))),
    _case("LSTMCell", 3, 4, shape=(2, 3)),
    _case("RNN relu, two layers", 3, 4, num_layers=2, nonlinearity="relu", shape=(2, 5, 3)),
    _case("GRU both ways", 3, 4, bidirectional=True, shape=(2, 5, 3)),
    _case("LSTM both ways, three layers", 3, 4, num_layers=3, bidirectional=True, shape=(2, 5, 3)),
    _case("LSTM without bias", 3, 4, bias=False, shape=(2, 5, 3)),
    _case("RNN lengths", 3, 4, lengths=(3, 5), shape=(2, 5, 3)),
    _case("GRU both ways, lengths", 3, 4, num_layers=2, bidirectional=True, lengths=(5, 1, 3), shape=(3, 5, 3)),
    _case("LSTM both ways, lengths", 3, 4, num_layers=2, bidirectional=True, lengths=(2, 5, 4), shape=(3, 5, 3)),
    # attention
    _case("MultiheadAttention weights", 6, 2, shapes=((2, 4, 6), (2, 5, 6), (2, 5, 6)), call={"need_weights": True}),
    _case("MultiheadAttention values, weights by head", 6, 2, shapes=((2, 4, 6), (2, 5, 6), (2, 5, 6)),
          call={"need_weights": True, "average_attn_weights": False, "key_padding_mask": UNSEEN}),
    _case("MultiheadAttention masks, without bias", 6, 3, bias=False, shapes=((2, 4, 6),) * 3,
          call={"need_weights": True, "attn_mask": FORBIDDEN, "key_padding_mask": PADDED[:, 1:]}),
    _case("MultiheadAttention added mask", 6, 2, shapes=((2, 4, 6),) * 3,
          call={"need_weights": True, "attn_mask": np.linspace(-1.0, 1.0, 64).reshape(4, 4, 4)}),
    _case("MultiheadAttention other lengths", 6, 2, kdim=5, vdim=4, shapes=((2, 4, 6), (2, 5, 5), (2, 5, 4)),
          call={"need_weights": True, "key_padding_mask": UNSEEN}),
    _case("MultiheadAttention other keys, without bias", 6, 3, kdim=3, bias=False,
          shapes=((2, 4, 6), (2, 5, 3), (2, 5, 6)), call={"need_weights": True}),
    _case("MultiheadAttention learnt key", 6, 2, add_bias_kv=True, shapes=((2, 4, 6), (2, 5, 6), (2, 5, 6)),
          call={"need_weights": True, "key_padding_mask": UNSEEN}),
    _case("MultiheadAttention zeros, forbidden", 6, 2, add_zero_attn=True, shapes=((2, 4, 6),) * 3,
          call={"need_weights": True, "attn_mask": FORBIDDEN, "average_attn_weights": False}),
    _case("MultiheadAttention all options", 6, 3, kdim=2, vdim=3, add_bias_kv=True, add_zero_attn=True,
          shapes=((2, 4, 6), (2, 4, 2), (2, 4, 3)),
          call={"need_weights": True, "attn_mask": np.linspace(-1.0, 1.0, 96).reshape(6, 4, 4)}),
    _case("TransformerEncoderLayer", 6, 2, **SMALL, shape=(2, 5, 6)),
    _case("TransformerEncoderLayer normalized first", 6, 3, **SMALL, norm_first=True, activation="gelu", bias=False,
          layer_norm_eps=0.1, shape=(2, 5, 6)),
    _case("TransformerEncoderLayer masks", 6, 2, **SMALL, shape=(2, 4, 6),
          call={"src_mask": FORBIDDEN, "src_key_padding_mask": PADDED[:, 1:]}),
    _case("TransformerDecoderLayer", 6, 2, **SMALL, shapes=((2, 4, 6), (2, 5, 6)),
          call={"tgt_mask": FORBIDDEN, "memory_key_padding_mask": UNSEEN}),
    _case("TransformerDecoderLayer normalized first", 6, 2, **SMALL, norm_first=True, shapes=((2, 4, 6), (2, 5, 6))),
    _case("TransformerEncoder", 2, nested=("TransformerEncoderLayer", (6, 2, 7, 0.0)), shape=(2, 5, 6)),
    _case("TransformerDecoder", 2, nested=("TransformerDecoderLayer", (6, 2, 7, 0.0)), shapes=((2, 4, 6), (2, 5, 6))),
    _case("Transformer", 6, 2, 1, 2, 7, 0.0, shapes=((2, 5, 6), (2, 4, 6)), call={"tgt_mask": FORBIDDEN}),
    # padding
    *(_case(f"{kind}{d}d", width, shape=shape)
      for kind in ("ReflectionPad", "ReplicationPad", "CircularPad", "ZeroPad")
      for d, width, shape in ((1, (2, 1), ROWS), (2, (1, 2, 0, 1), IMAGES), (3, 1, VOLUMES))),
    _case("ConstantPad1d", 2, 0.5, shape=ROWS),
    _case("ConstantPad2d", (1, -1, 2, 0), -1.5, shape=IMAGES),
    _case("ConstantPad3d", (1, 0, 0, 1, 2, -1), 3.0, shape=VOLUMES),
    _case("ZeroPad2d cut", (-1, 2, 1, -2), shape=IMAGES),
    # other sizes
    _case("Upsample", 8, shape=ROWS),
    _case("Upsample by scale", scale_factor=(1.5, 2.0), shape=IMAGES),
    _case("Upsample down", (2, 4), mode="nearest-exact", shape=IMAGES),
    _case("Upsample linear", 11, mode="linear", shape=ROWS),
    _case("Upsample bilinear", scale_factor=2.5, mode="bilinear", shape=IMAGES),
    _case("Upsample bilinear, corners", (7, 1), mode="bilinear", align_corners=True, shape=IMAGES),
    _case("Upsample bicubic", (7, 9), mode="bicubic", shape=IMAGES),
    _case("Upsample bicubic, corners", scale_factor=1.7, mode="bicubic", align_corners=True, shape=IMAGES),
    _case("Upsample trilinear", (4, 2, 5), mode="trilinear", shape=VOLUMES),
    _case("UpsamplingNearest2d", scale_factor=2, shape=IMAGES),
    _case("UpsamplingBilinear2d", (3, 4), shape=IMAGES),
    # reshaping
    _case("Unflatten", 1, (3, 2), shape=(2, 6, 2)),
    _case("Flatten", 2, 3, shape=VOLUMES),
    _case("PixelShuffle", 2, shape=(2, 8, 3, 2)),
    _case("PixelUnshuffle", 2, shape=(2, 3, 4, 6)),
    _case("ChannelShuffle", 3, shape=(2, 6, 3, 2)),
    _case("Unfold", (2, 3), padding=1, stride=(1, 2), shape=IMAGES),
    _case("Fold", (4, 5), (2, 3), stride=(1, 2), shape=(2, 12, 6)),
    # of two inputs
    _case("Bilinear", 3, 4, 5, shapes=((2, 6, 3), (2, 6, 4))),
    _case("Bilinear without bias", 3, 4, 5, bias=False, shapes=((2, 3), (2, 4))),
    _case("CosineSimilarity", dim=-1, shapes=((4, 3), (4, 3))),
    _case("PairwiseDistance", shapes=((4, 3), (4, 3))),
    _case("PairwiseDistance cubes", 3.0, keepdim=True, shapes=((4, 3), (4, 3))),
    # other layers
    _case("EmbeddingBag", 6, 3, shape=SYMBOLS),
    _case("EmbeddingBag sum, padding", 6, 3, mode="sum", padding_idx=1, shape=SYMBOLS),
    _case("EmbeddingBag mean, padding", 6, 3, mode="mean", padding_idx=1, shape=SYMBOLS),
    _case("EmbeddingBag max", 6, 3, mode="max", shape=SYMBOLS[:2]),
    _case("MaxPool1d dilated", 3, dilation=2, padding=1, stride=1, shape=ROWS),
    _case("MaxPool2d dilated", (2, 3), dilation=(3, 1), stride=(1, 2), shape=IMAGES),
    _case("MaxPool2d dilated, to the end", 2, dilation=2, stride=2, padding=1, ceil_mode=True, shape=IMAGES),
    _case("MaxPool3d dilated, to the end", 2, dilation=(1, 2, 1), stride=2, ceil_mode=True, shape=VOLUMES),
    _case("AvgPool2d divisor", 2, divisor_override=3, shape=IMAGES),
    _case("AvgPool2d divisor, to the end", 3, stride=2, padding=1, ceil_mode=True, divisor_override=5,
          count_include_pad=False, shape=IMAGES),
    _case("AvgPool3d divisor", 2, stride=1, divisor_override=1, shape=VOLUMES),
    _case("LPPool1d", 4.0, 2, stride=1, shape=ROWS),
    _case("LPPool2d", 2.0, (2, 3), shape=IMAGES),
    _case("LocalResponseNorm", 2, alpha=0.1, beta=0.6, k=1.5, shape=IMAGES),
    _case("Softmax2d", shape=IMAGES),
    _case("Softplus", 3.0, shape=(4, 6)),
    _case("Softplus cut", 2.0, 0.5, shape=(4, 6)),
    _case("RMSNorm", 6, eps=0.1, shape=(4, 6)),
    _case("RMSNorm of two axes", (3, 2), eps=1e-5, shape=(4, 3, 2)),
    _case("RMSNorm plain", 6, eps=1e-5, elementwise_affine=False, shape=(4, 6)),
    _case("Dropout2d", 0.5, training=False, shape=IMAGES),
    _case("AlphaDropout", 0.5, training=False, shape=(4, 6)),
    _case("BatchNorm1d without running figures", 3, track_running_stats=False, training=False, shape=(4, 3)),
    _case("BatchNorm2d plain", 3, affine=False, momentum=None, shape=IMAGES),
    _case("LayerNorm without bias", 6, bias=False, shape=(4, 6)),
    _case("LayerNorm plain", 6, elementwise_affine=False, shape=(4, 6)),
]  # fmt: skip
