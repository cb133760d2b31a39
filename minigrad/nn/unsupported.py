"""What people look for in modules and in `nn`, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from minigrad.text import nearest

__all__ = ["MODULE_HINTS", "NAME_HINTS", "attribute_hint", "raise_missing"]

_ONE_DEVICE = "there is one device, main memory"

# fmt: off
MODULE_HINTS: Mapping[str, str] = MappingProxyType({
    "to": f"use astype(dtype); {_ONE_DEVICE}",
    "cuda": _ONE_DEVICE,
    "cpu": "its numbers are in main memory already",
    "double": "use astype('float64'), which returns a copy",
    "float": "use astype('float32'), which returns a copy",
    "half": "use astype('float16'), which returns a copy",
    "type": "use astype(dtype), which returns a copy",
    "register_buffer": "a Tensor in a field is a buffer: self.name = minigrad.tensor(value)",
    "register_parameter": "a field is enough: self.name = nn.parameter(value)",
    "register_module": "a field is enough: self.name = module",
    "add_module": "a field is enough: self.name = module",
    "register_forward_pre_hook": "use register_forward_hook, or nn.module_hook for all modules",
    "register_full_backward_hook": "minigrad.debug() looks at gradients as they flow",
    "register_backward_hook": "minigrad.debug() looks at gradients as they flow",
    "get_submodule": "use dict(model.named_modules())[name]",
    "get_parameter": "use dict(model.named_parameters())[name]",
    "get_buffer": "use dict(model.named_buffers())[name]",
    "share_memory": "minigrad.parallel trains in several processes",
    "compile": "use minigrad.define on the step",
    "fit": "minigrad.train.fit(model, data, epochs=20)",
    "predict": "model(x) in eval mode; of a saved run minigrad.load(run).predict(rows)",
    "evaluate": "minigrad.train.evaluate(model, (x, y), 'softmax')",
    "save": "fit(..., callbacks=[train.RunFolder(path)]) saves a model to be used, minigrad.checkpoint a run",
    "save_weights": "fit(..., callbacks=[train.RunFolder(path)]) saves a model to be used, minigrad.checkpoint a run",
    "load_weights": "model.load_state_dict(weights)",
    "device": "there is one device, main memory",
    "xpu": "there is one device, main memory",
    "freeze": "for p in model.parameters(): p.requires_grad = False, or leave it out of the optimizer",
})

NAME_HINTS: Mapping[str, str] = MappingProxyType({
    "AdaptiveLogSoftmaxWithLoss": "use nn.Linear and nn.cross_entropy over all classes",
    "Buffer": "a Tensor in a field is a buffer: self.name = minigrad.tensor(value)",
    "Container": "use nn.Sequential, nn.ModuleList or nn.ModuleDict",
    "CrossMapLRN2d": "use nn.LocalResponseNorm",
    "Conv": "use nn.Conv1d, nn.Conv2d or nn.Conv3d",
    "Dense": "use nn.Linear(in_features, out_features)",
    "Input": "a layer knows its inputs: nn.Linear(in_features, out_features)",
    "LayerNormalization": "use nn.LayerNorm",
    "BatchNormalization": "use nn.BatchNorm1d or nn.BatchNorm2d",
    "DataParallel": "minigrad.parallel trains in several processes",
    "FractionalMaxPool2d": "use nn.AdaptiveMaxPool2d",
    "FractionalMaxPool3d": "use nn.AdaptiveMaxPool3d",
    "MaxUnpool1d": "use nn.ConvTranspose1d or nn.Upsample",
    "MaxUnpool2d": "use nn.ConvTranspose2d or nn.Upsample",
    "MaxUnpool3d": "use nn.ConvTranspose3d or nn.Upsample",
    "NLLLoss2d": "use nn.NLLLoss",
    "ParameterDict": "a plain dict of nn.parameter(...) in a field does as well",
    "ParameterList": "a plain list of nn.parameter(...) in a field does as well",
    "RNNBase": "use nn.RNN, nn.GRU or nn.LSTM",
    "RNNCellBase": "use nn.RNNCell, nn.GRUCell or nn.LSTMCell",
    "RReLU": "use nn.LeakyReLU or nn.PReLU",
    "SyncBatchNorm": "use nn.BatchNorm2d, or nn.GroupNorm, which does not depend on the batch",
    "TripletMarginWithDistanceLoss": "write minigrad.relu(d(anchor, positive) - d(anchor, negative) + margin).mean()",
    "functional": "the functions are in minigrad itself: minigrad.relu, minigrad.cross_entropy",
    "F": "the functions are in minigrad itself: minigrad.relu, minigrad.cross_entropy",
    "CrossEntropy": "use nn.CrossEntropyLoss, or minigrad.cross_entropy",
    "MSE": "use nn.MSELoss, or minigrad.mse_loss",
    "init": "pass weight_init=nn.xavier (he, normal, orthogonal, zeros ...) to a layer",
    "utils": "minigrad.optim.ClipNorm and ClipValue clip gradients",
})
"""Name in PyTorch's `nn` that is not here -> what to write instead."""
# fmt: on


def raise_missing(name: str) -> object:
    """Answer for a name that `minigrad.nn` does not have.

    Raises:
        AttributeError: always: says what to write instead of a name of PyTorch's, or the nearest public name.
    """
    hint = NAME_HINTS.get(name)
    if hint is None and name.startswith("Lazy"):
        hint = f"use nn.{name.removeprefix('Lazy')} and say how many inputs there are"
    if hint is not None:
        raise AttributeError(f"module 'minigrad.nn' has no {name!r}: {hint}")
    raise AttributeError(f"module 'minigrad.nn' has no {name!r}.{nearest(name, dir(import_module('minigrad.nn')))}")


def attribute_hint(module: object, name: str) -> str:
    """The text of the error for `module.name`, which there is not.

    It says what to write instead, or the nearest name.
    """
    kind = type(module).__name__
    if name.startswith("_"):
        return f"{kind!r} object has no attribute {name!r}"
    if name in MODULE_HINTS:
        return f"{kind} has no attribute {name!r}: {MODULE_HINTS[name]}"
    public = [a for a in dir(type(module)) if not a.startswith("_")]
    return f"{kind!r} object has no attribute {name!r}.{nearest(name, public)}"
