"""How each layer's numbers are named and laid out in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import attrs
import numpy as np

from minigrad import Tensor, nn
from minigrad.nn.module_tree import children_of
from minigrad.typing import Array

__all__ = ["Slot", "list_slots"]

Read: TypeAlias = Callable[[Sequence[Array]], Array]
Write: TypeAlias = Callable[[Array], tuple[Array, ...]]

WORDS: Mapping[type[nn.Module], Mapping[str, str]] = MappingProxyType({
    nn.MultiHeadAttention: {
        "output": "out_proj", "input_weight": "in_proj_weight", "input_bias": "in_proj_bias",
        "query_weight": "q_proj_weight", "key_weight": "k_proj_weight", "value_weight": "v_proj_weight",
    },
    nn.TransformerEncoderLayer: {},
    nn.TransformerDecoderLayer: {"cross_attention": "multihead_attn", "third_norm": "norm3"},
    nn.TransformerBlock: {},
    nn.BatchNorm1d: {"num_batches": "num_batches_tracked"},
    nn.BatchNorm2d: {"num_batches": "num_batches_tracked"},
    nn.BatchNorm3d: {"num_batches": "num_batches_tracked"},
})  # fmt: skip
"""Layer -> minigrad's name of a field -> PyTorch's, where they differ."""

_TRANSFORMER = {
    "attention": "self_attn",
    "first_norm": "norm1",
    "second_norm": "norm2",
    "widen": "linear1",
    "narrow": "linear2",
}
_TRANSPOSED = {
    nn.Linear: ("weight",),
    nn.MultiHeadAttention: ("input_weight", "query_weight", "key_weight", "value_weight"),
}
_RECURRENT = (nn.RNN, nn.GRU, nn.LSTM, nn.RNNCell, nn.GRUCell, nn.LSTMCell)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@attrs.frozen
class Slot:
    """One Tensor of a minigrad model and what stands for it in PyTorch.

    Attributes:
        name: minigrad's, such as `layers.0.weight`; empty where PyTorch alone counts something.
        tensor: the Tensor, or None where PyTorch alone counts something.
        keys: PyTorch's names, such as `0.weight`; a recurrent bias has two, which add up.
        shapes: of the arrays under these names.
        read: makes minigrad's array of PyTorch's.
        write: makes PyTorch's arrays of minigrad's.
    """

    name: str
    tensor: Tensor | None
    keys: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    read: Read
    write: Write


def list_slots(model: nn.Module) -> list[Slot]:
    """Every Tensor of the model, in the order of its fields; tied ones once for each place."""
    return list(_visit(model, "", "", frozenset()))


def _visit(module: nn.Module, ours: str, theirs: str, above: frozenset[int]) -> Iterator[Slot]:
    if id(module) in above:
        return
    above |= {id(module)}
    if isinstance(module, _RECURRENT):
        yield from _recurrent(module, ours, theirs)
        return
    words: dict[str, str] = {}
    if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer | nn.TransformerBlock):
        words |= _TRANSFORMER
    for cls, own in WORDS.items():
        words |= own if isinstance(module, cls) else {}
    for field, value in children_of(module):
        # PyTorch names the layers of a Sequential by position alone.
        inner = "" if isinstance(module, nn.Sequential) and field == "layers" else words.get(field, field)
        yield from _member(module, field, value, _join(ours, field), _join(theirs, inner), above)
    if isinstance(module, _BATCH_NORMS) and module.track_running_stats and module.num_batches is None:
        key = _join(theirs, "num_batches_tracked")
        yield Slot("", None, (key,), ((),), lambda arrays: arrays[0], lambda _: (np.zeros((), np.int64),))


def _member(
    owner: nn.Module, field: str, value: object, ours: str, theirs: str, above: frozenset[int]
) -> Iterator[Slot]:
    if isinstance(value, Tensor):
        if isinstance(owner, _BATCH_NORMS) and field == "num_batches":
            yield Slot(ours, value, (theirs,), ((),), _as_count, lambda a: (a.reshape(()).astype(np.int64),))
            return
        transposed = any(isinstance(owner, cls) and field in names for cls, names in _TRANSPOSED.items())
        yield _transposed(ours, theirs, value) if transposed else _plain(ours, theirs, value)
    elif isinstance(value, nn.Module):
        yield from _visit(value, ours, theirs, above)
    elif isinstance(value, list | tuple | dict):
        for key, part in children_of(value):
            yield from _member(owner, "", part, _join(ours, key), _join(theirs, key), above)


def _recurrent(layer: nn.Module, ours: str, theirs: str) -> Iterator[Slot]:
    assert isinstance(layer, _RECURRENT)
    if isinstance(layer, nn.RNNCell | nn.GRUCell | nn.LSTMCell):
        yield from _direction(layer, ours, theirs, "")
        return
    ways = 1 + layer.bidirectional
    for number, run in enumerate((layer, *layer.further)):
        suffix = f"_l{number // ways}{'_reverse' * (number % ways)}"
        yield from _direction(run, ours if number == 0 else _join(ours, f"further.{number - 1}"), theirs, suffix)


def _direction(run: nn.Module, ours: str, theirs: str, suffix: str) -> Iterator[Slot]:
    assert isinstance(run, _RECURRENT)
    for name, key in (("input_weight", "weight_ih"), ("state_weight", "weight_hh")):
        yield _transposed(_join(ours, name), _join(theirs, key + suffix), getattr(run, name))
    if run.bias is None:
        return
    keys = (_join(theirs, f"bias_ih{suffix}"), _join(theirs, f"bias_hh{suffix}"))
    shapes = (run.bias.shape, run.bias.shape)
    if isinstance(run, nn.GRU | nn.GRUCell):
        inside = run.hidden_size  # the last block of bias_hh stands within the reset gate, so it is a Tensor of its own
        yield Slot(
            _join(ours, "bias"), run.bias, keys, shapes, lambda a: _gru_bias(a, inside), lambda b: (b, np.zeros_like(b))
        )
        gates = run.bias.size
        yield Slot(
            _join(ours, "state_bias"),
            run.state_bias,
            keys[1:],
            shapes[1:],
            lambda a: a[0][-inside:],
            lambda b: (np.concatenate([np.zeros(gates - inside, b.dtype), b]),),
        )
    else:
        yield Slot(_join(ours, "bias"), run.bias, keys, shapes, lambda a: a[0] + a[1], lambda b: (b, np.zeros_like(b)))


def _gru_bias(arrays: Sequence[Array], inside: int) -> Array:
    both = arrays[0] + arrays[1]
    both[-inside:] = arrays[0][-inside:]
    return both


def _plain(ours: str, theirs: str, value: Tensor) -> Slot:
    return Slot(ours, value, (theirs,), (value.shape,), lambda arrays: arrays[0], lambda a: (a,))


def _transposed(ours: str, theirs: str, value: Tensor) -> Slot:
    return Slot(ours, value, (theirs,), (value.shape[::-1],), lambda arrays: arrays[0].T, lambda a: (a.T,))


def _as_count(arrays: Sequence[Array]) -> Array:
    return arrays[0].reshape((1,))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
