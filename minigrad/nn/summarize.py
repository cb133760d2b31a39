"""A model measured on one real batch, for `Module.summary`."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import AnyArray, Shape
from minigrad.nn.layer_observer import LayerObserver
from minigrad.nn.module import Module
from minigrad.nn.summary import LayerSummary, Summary
from minigrad.ops.flops import count_flops

__all__ = ["summarize"]


def summarize(model: Module, batch: tuple[Tensor | AnyArray, ...]) -> Summary:
    """Run `model` once in evaluation on `batch` and describe each of its modules."""
    summarizer = _Summarizer()
    inputs = tuple(x if isinstance(x, Tensor) else Tensor(x) for x in batch)
    with model.mode(training=False), summarizer.watching():
        model(*inputs)
    counted: set[int] = set()
    layers = []
    for name, part in model.named_modules():
        parameters = [t for t in _own_parameters(name, model) if id(t) not in counted]
        counted.update(map(id, parameters))
        layers.append(summarizer.stats_of(part).layer(name, part, parameters))
    return Summary(tuple(layers))


def _own_parameters(module: str, model: Module) -> list[Tensor]:
    """Parameters whose nearest module is the one of that name."""
    modules = {name for name, _ in model.named_modules()}
    parameters = []
    for name, t in model.named_parameters():
        owner = name
        while owner and owner not in modules:
            owner = owner.rpartition(".")[0]
        if owner == module:
            parameters.append(t)
    return parameters


@attrs.define(eq=False)
class _ModuleStats:
    """Sums over the calls of one module."""

    inputs: tuple[Shape, ...] | None = None
    output: Shape | None = None
    calls: int = 0
    activation_bytes: int = 0
    flops: int = 0

    def layer(self, name: str, part: Module, parameters: list[Tensor]) -> LayerSummary:
        count, size = sum(t.size for t in parameters), sum(t.size * t.dtype.itemsize for t in parameters)
        kind = type(part).__name__
        return LayerSummary(
            name, kind, self.inputs, self.output, self.calls, count, size, self.activation_bytes, self.flops
        )


class _Summarizer(LayerObserver):
    """Counts calls of modules, and adds up what the ops inside each cost."""

    def __init__(self) -> None:
        super().__init__()
        self.stats: dict[int, _ModuleStats] = {}

    def stats_of(self, module: Module) -> _ModuleStats:
        return self.stats.setdefault(id(module), _ModuleStats())

    def after_module(self, module: Module, inputs: tuple[Tensor | AnyArray, ...], output: Tensor) -> None:
        stats = self.stats_of(module)
        stats.calls += 1
        if stats.inputs is None:
            stats.inputs, stats.output = tuple(as_array(x).shape for x in inputs), output.shape

    def after(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], result: Tensor | tuple[Tensor, ...]
    ) -> None:
        if not self.active:
            return
        stats = self.stats_of(self.active[-1])
        outputs = result if isinstance(result, tuple) else (result,)
        inputs, values = [as_array(a) for a in args], [as_array(y) for y in outputs]
        fresh = (v for v in values if not any(np.may_share_memory(v, a) for a in inputs))
        stats.activation_bytes += sum(v.nbytes for v in fresh)
        stats.flops += count_flops(op.name, [a.shape for a in inputs], [v.shape for v in values])
