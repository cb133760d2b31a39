"""The PyTorch side of `nn_named_cases`: the layer with minigrad's numbers, its outputs and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import nn
from support.nn_named_cases import NamedCase, sum_of

_WORDS = {
    "attention": "self_attn",
    "cross_attention": "multihead_attn",
    "output": "out_proj",
    "first_norm": "norm1",
    "second_norm": "norm2",
    "third_norm": "norm3",
    "widen": "linear1",
    "narrow": "linear2",
    "input_weight": "in_proj_weight",
    "input_bias": "in_proj_bias",
    "query_weight": "q_proj_weight",
    "key_weight": "k_proj_weight",
    "value_weight": "v_proj_weight",
}


def _name(layer: nn.Module, name: str) -> tuple[str, bool]:
    """PyTorch's name of a parameter, and whether it is transposed there."""
    *path, last = name.split(".")
    if isinstance(layer, nn.RNN | nn.GRU | nn.LSTM | nn.RNNCell | nn.GRUCell | nn.LSTMCell):
        kind = {"input_weight": "weight_ih", "state_weight": "weight_hh", "bias": "bias_ih", "state_bias": "bias_hh"}
        suffix = ""
        if isinstance(layer, nn.RNN | nn.GRU | nn.LSTM):
            number, ways = int(path[1]) + 1 if path else 0, 1 + layer.bidirectional
            suffix = f"_l{number // ways}{'_reverse' * (number % ways)}"
        return kind[last] + suffix, "weight" in last
    owner = dict(layer.named_modules())[".".join(path)]
    projections = ("input_weight", "query_weight", "key_weight", "value_weight")
    transposed = last in projections or (isinstance(owner, nn.Linear) and last == "weight")
    return ".".join(_WORDS.get(word, word) for word in (*path, last)), transposed


def _fill(torch: Any, layer: nn.Module, twin: Any) -> None:
    theirs = dict(twin.named_parameters())
    with torch.no_grad():
        for name, p in theirs.items():
            if name.startswith("bias_hh"):
                p.zero_()
        for name, p in layer.named_parameters():
            key, transposed = _name(layer, name)
            numbers = torch.tensor((p.numpy().T if transposed else p.numpy()).copy())
            target = theirs[key][-len(numbers) :] if name.endswith("state_bias") else theirs[key]
            assert target.shape == numbers.shape, (name, key)
            target.copy_(numbers)


def evaluate(torch: Any, case: NamedCase) -> dict[str, np.ndarray]:
    """Outputs of PyTorch's layer, gradients of its inputs and parameters under minigrad's names."""
    layer = case.ours()
    twin = case.build(torch.nn).double().train(case.training)
    _fill(torch, layer, twin)
    inputs = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in case.inputs()]
    if case.lengths:
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            inputs[0], torch.tensor(case.lengths), batch_first=True, enforce_sorted=False
        )
        rows, state = twin(packed)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(rows, batch_first=True, total_length=inputs[0].shape[1])
        ends = state if isinstance(state, tuple) else (state,)
        outputs = [y, *(s if case.options.get("num_layers", 1) > 1 else s[0] for s in ends)]
    else:
        call = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in case.call.items()}
        result = twin(*inputs, **call)
        recurrent = isinstance(layer, nn.RNN | nn.GRU | nn.LSTM)
        outputs = [result[0]] if recurrent else list(result) if isinstance(result, tuple) else [result]
    sum_of(outputs, lambda y, w: (y * torch.tensor(w)).sum()).backward()
    record = {f"output {i}": y.detach().numpy() for i, y in enumerate(outputs)}
    record |= {f"input {i}": x.grad.numpy() for i, x in enumerate(inputs) if x.grad is not None}
    theirs = {name: p.grad.numpy() for name, p in twin.named_parameters() if p.grad is not None}
    for name, p in layer.named_parameters():
        key, transposed = _name(layer, name)
        g = theirs[key][-p.shape[0] :] if name.endswith("state_bias") else theirs[key]
        record[name] = g.T if transposed else g
    return record
