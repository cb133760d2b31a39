"""The table of a model: shapes, parameters, bytes and FLOPs of each layer."""

from __future__ import annotations

import attrs

from minigrad.core.types import Shape
from minigrad.text import as_html, format_bytes, format_count, table

__all__ = ["LayerSummary", "Summary"]


@attrs.frozen
class LayerSummary:
    """One module of a model.

    Attributes:
        name: path of fields; empty for the model itself.
        kind: name of its class.
        inputs: shapes of the inputs of the first call; None for a module that was not called.
        output: shape of the output of the first call, or None.
        calls: how often it was called.
        parameters: number of its own trainable numbers, without those of its parts.
        parameter_bytes: bytes of these.
        activation_bytes: of all results of ops inside it, its parts excluded: what backward has to keep, roughly.
        flops: of the forward pass inside it, its parts excluded, as `minigrad.ops.flops.count_flops` counts.
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

    def _repr_html_(self) -> str:
        """The table, as a notebook shows it."""
        return as_html(str(self))

    def __str__(self) -> str:
        head = ("layer", "kind", "input", "output", "parameters", "bytes", "activations", "FLOPs")
        costs = (self.parameter_bytes, self.activation_bytes, self.flops)
        total = ("total", "", "", "", f"{self.parameters:,}", *_costs(*costs))
        lines = table(head, [*map(_row, self.layers), total], "<<<<>")
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _row(x: LayerSummary) -> tuple[str, ...]:
    inputs = "not called" if x.inputs is None else ", ".join(_shape(s) for s in x.inputs)
    name = (x.name or "(model)") + (f" (x{x.calls})" if x.calls > 1 else "")
    parameters = f"{x.parameters:,}" if x.parameters else "-"
    return (
        name,
        x.kind,
        inputs,
        "" if x.output is None else _shape(x.output),
        parameters,
        *_costs(x.parameter_bytes, x.activation_bytes, x.flops),
    )


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _costs(parameter_bytes: int, activation_bytes: int, flops: int) -> tuple[str, str, str]:
    """The last three cells of a row; a dash for nothing."""
    stored, kept = (format_bytes(size) if size else "-" for size in (parameter_bytes, activation_bytes))
    return stored, kept, format_count(flops) if flops else "-"
