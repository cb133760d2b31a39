"""What a model is made of, measured on one real batch: shapes, parameters, bytes and FLOPs of each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import attrs
import numpy as np

from minigrad.core.apply import apply
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import AnyArray, Array, Shape
from minigrad.nn.module import Module
from minigrad.nn.observe import observing
from minigrad.text import format_bytes, format_count, table

__all__ = ["LayerSummary", "Summary", "flops_of", "summarise"]


@attrs.frozen
class LayerSummary:
    """One module of a model.

    Attributes:
        name: path of fields; empty for the model itself.
        kind: name of its class.
        inputs, output: shapes in the first call; None for a module that was not called.
        calls: how often it was called.
        parameters, parameter_bytes: those of its own, without its parts.
        activation_bytes: of all results of ops inside it, its parts excluded: what backward has to keep, roughly.
        flops: of the forward pass inside it, its parts excluded. See `flops_of`.
    """

    name: str
    kind: str
    inputs: tuple[Shape, ...] | None
    output: Shape | None
    calls: int
    parameters: int
    parameter_bytes: int
    activation_bytes: int
    flops: int


@attrs.frozen
class Summary:
    """All modules of a model, in the order of their fields; as text, a table."""

    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """Number of trainable numbers; shared ones count once."""
        return sum(x.parameters for x in self.layers)

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all parameters."""
        return sum(x.parameter_bytes for x in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Bytes of the results of all ops of the forward pass."""
        return sum(x.activation_bytes for x in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of the forward pass; backward takes about twice as many again."""
        return sum(x.flops for x in self.layers)

    def __getitem__(self, name: str) -> LayerSummary:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def __str__(self) -> str:
        head = ("layer", "kind", "input", "output", "parameters", "bytes", "activations", "FLOPs")
        costs = (self.parameter_bytes, self.activation_bytes, self.flops)
        total = ("total", "", "", "", f"{self.parameters:,}", *_costs(*costs))
        lines = table(head, [*map(_row, self.layers), total], "<<<<>")
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _row(x: LayerSummary) -> tuple[str, ...]:
    given = "not called" if x.inputs is None else ", ".join(_shape(s) for s in x.inputs)
    name = (x.name or "(model)") + (f" (x{x.calls})" if x.calls > 1 else "")
    own = f"{x.parameters:,}" if x.parameters else "-"
    return (
        name,
        x.kind,
        given,
        "" if x.output is None else _shape(x.output),
        own,
        *_costs(x.parameter_bytes, x.activation_bytes, x.flops),
    )


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _costs(parameter_bytes: int, activation_bytes: int, flops: int) -> tuple[str, str, str]:
    """The last three cells of a row; a dash for nothing."""
    stored, kept = (format_bytes(size) if size else "-" for size in (parameter_bytes, activation_bytes))
    return stored, kept, format_count(flops) if flops else "-"


def summarise(model: Module, batch: tuple[Tensor | AnyArray, ...]) -> Summary:
    """See `Module.summary`."""
    meter = _Meter()
    modes = [(part, part.training) for _, part in model.named_modules()]
    given = tuple(x if isinstance(x, Tensor) else Tensor(x) for x in batch)
    try:
        model.eval()
        with observing(meter), mode_override(grad=False, interceptor=meter.ops):
            model(*given)
    finally:
        for part, training in modes:
            object.__setattr__(part, "_evaluating", not training)
    counted: set[int] = set()
    layers = []
    for name, part in model.named_modules():
        own = [t for t in _own(name, model) if id(t) not in counted]
        counted.update(map(id, own))
        layers.append(meter.tally(part).layer(name, part, own))
    return Summary(tuple(layers))


def _own(module: str, model: Module) -> list[Tensor]:
    """Parameters whose nearest module is the one of that name."""
    modules = {name for name, _ in model.named_modules()}
    found = []
    for name, t in model.named_parameters():
        owner = name
        while owner and owner not in modules:
            owner = owner.rpartition(".")[0]
        if owner == module:
            found.append(t)
    return found


@attrs.define(eq=False)
class _Tally:
    inputs: tuple[Shape, ...] | None = None
    output: Shape | None = None
    calls: int = 0
    activation_bytes: int = 0
    flops: int = 0

    def layer(self, name: str, part: Module, own: list[Tensor]) -> LayerSummary:
        count, size = sum(t.size for t in own), sum(t.size * t.dtype.itemsize for t in own)
        kind = type(part).__name__
        return LayerSummary(
            name, kind, self.inputs, self.output, self.calls, count, size, self.activation_bytes, self.flops
        )


class _Meter:
    """Watches modules, to know which is at work, and ops, to count what they do."""

    def __init__(self) -> None:
        self.tallies: dict[int, _Tally] = {}
        self.at_work: list[_Tally] = []
        self.ops = _Ops(self)

    def tally(self, module: Module) -> _Tally:
        return self.tallies.setdefault(id(module), _Tally())

    def call(self, module: Module, inputs: tuple[Tensor | AnyArray, ...]) -> Tensor:
        tally = self.tally(module)
        self.at_work.append(tally)
        try:
            y = module.forward(*inputs)
        finally:
            self.at_work.pop()
        tally.calls += 1
        if tally.inputs is None:
            tally.inputs, tally.output = tuple(as_array(x).shape for x in inputs), y.shape
        return y


class _Ops:
    """The meter's view of ops."""

    def __init__(self, meter: _Meter) -> None:
        self.meter = meter

    def call(
        self, op: Op, args: tuple[object, ...], meta: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        with mode_override(interceptor=False):
            result = apply(op, args, meta)
        outputs: tuple[Tensor, ...] = result if isinstance(result, tuple) else (result,)
        if self.meter.at_work:
            tally = self.meter.at_work[-1]
            given, values = [as_array(a) for a in args], [as_array(y) for y in outputs]
            tally.activation_bytes += sum(v.nbytes for v in values if not any(np.may_share_memory(v, a) for a in given))
            tally.flops += flops_of(op, given, values)
        return result

    def gradient(self, node: object, parent: object, g: object) -> None:
        """Gradients are not measured."""


_FREE = frozenset(
    {
        *("reshape", "transpose", "matrix_transpose", "broadcast_to", "concatenate", "astype", "windows"),
        *("getitem", "setitem", "scatter", "take", "put_along", "take_along_axis", "unpick"),
    }
)
"""Ops that only move numbers."""


def flops_of(op: Op, args: Sequence[Array], outputs: Sequence[Array]) -> int:
    """Floating-point operations of one op, a multiplication and an addition counting as two.

    Matrix products and convolutions: twice the multiplications of the textbook algorithm. Ops that only move numbers:
    none. All others: one for each entry of the largest array involved, also for exp and tanh, which cost more.
    """
    if op.name == "matmul":
        return 2 * outputs[0].size * int(args[0].shape[-1])
    if op.name == "convolve":
        return 2 * outputs[0].size * int(prod(args[1].shape[1:]))
    if op.name == "convolve_kernel":
        return 2 * outputs[0].size * int(args[0].size // args[0].shape[1])
    if op.name == "convolve_input":
        return 2 * args[0].size * int(prod(args[1].shape[1:]))
    if op.name in _FREE:
        return 0
    return max((a.size for a in (*args, *outputs)), default=0)
