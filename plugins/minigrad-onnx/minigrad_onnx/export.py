"""`export_onnx`: a model of minigrad as an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from minigrad import Tensor, nn
from minigrad.nn.module_tree import walk
from minigrad.text import nearest
from minigrad_onnx.errors import OnnxExportError, load_onnx
from minigrad_onnx.traced import Dim, Length, trace
from minigrad_onnx.write_elementwise import ELEMENTWISE, WriteCall
from minigrad_onnx.write_images import IMAGES
from minigrad_onnx.write_shapes import SHAPES
from minigrad_onnx.writer import CallSite, Writer

__all__ = ["WRITERS", "Scaling", "export_onnx"]

OPSET = 23
"""The newest that onnxruntime runs without a warning."""

WRITERS: Mapping[str, WriteCall] = MappingProxyType({**ELEMENTWISE, **SHAPES, **IMAGES})
"""Op -> what writes it as nodes."""


class Scaling(Protocol):
    """`(x - offset) * factor`: what `minigrad.data` has fitted to the training rows."""

    @property
    def offset(self) -> Any:
        """What is subtracted."""
        ...

    @property
    def factor(self) -> Any:
        """What the difference is multiplied by."""
        ...


def export_onnx(
    model: nn.Module,
    example: Any,
    path: str | PathLike[str] | None = None,
    *,
    scaling: Scaling | None = None,
    dynamic_batch: bool = True,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
) -> Any:
    """Write a model, as it stands in evaluation mode, to an ONNX file.

    The graph is that of `mg.define`: every op that the model calls for the example, loops written out. Parameters keep
    minigrad's names.

    Args:
        model: any module.
        example: a batch of inputs, or several inputs; their shapes and dtypes are those of the file.
        path: of the file; None writes none.
        scaling: what raw inputs go through first: nodes for it come before the model's, and the file takes raw rows.
        dynamic_batch: the first axis of all inputs may have any length; otherwise that of the example.
        input_names: names of the inputs; "x", or "x0", "x1" ... by default.
        output_names: names of the outputs; "y", or "y0", "y1" ... by default.

    Returns:
        The `onnx.ModelProto`, which the checker of onnx has seen.

    Raises:
        OnnxExportError: an op has no counterpart (it is named, with the line that calls it), or the model depends on
            the size of the batch in another way than by its shape.
        TraceError: the model looks at numbers while it runs.
        MissingOnnx: the package onnx is not installed.
    """
    onnx = load_onnx()
    arrays = [np.asarray(x) for x in (example if isinstance(example, list | tuple) else [example])]
    raw = arrays[0].dtype
    if scaling is not None:
        arrays[0] = ((arrays[0] - scaling.offset) * scaling.factor).astype(np.float32)
    traced = trace(model, arrays, dynamic_batch)
    parameters = {id(part): name for name, part in walk(model) if isinstance(part, Tensor)}
    writer = Writer(onnx, traced, parameters)
    inputs = _inputs(writer, _names("x", input_names, len(arrays)), raw, scaling)
    for call, twin in traced.calls:
        write = WRITERS.get(call.op.name)
        site = CallSite(writer, call, twin)
        if write is None or not site.is_plain:
            raise site.refusal(f"it is not among the {len(WRITERS)} that are written.{nearest(call.op.name, WRITERS)}")
        writer.bind(call.outs[0], write(site))
    outputs = _outputs(writer, output_names)
    graph = onnx.helper.make_graph(writer.nodes, type(model).__name__, inputs, outputs, writer.initializers)
    opset = onnx.helper.make_opsetid("", min(OPSET, onnx.defs.onnx_opset_version()))
    proto = onnx.helper.make_model(
        graph,
        opset_imports=[opset],
        ir_version=onnx.helper.find_min_ir_version_for([opset]),
        producer_name="minigrad",
    )
    onnx.checker.check_model(proto, full_check=True)
    if path is not None:
        onnx.save(proto, fspath(path))
    return proto


def _names(letter: str, names: Sequence[str], count: int) -> list[str]:
    if names and len(names) != count:
        raise OnnxExportError(
            f"{len(names)} names for {count} {'inputs' if letter == 'x' else 'outputs'}: {list(names)}"
        )
    return list(names) or ([letter] if count == 1 else [f"{letter}{i}" for i in range(count)])


def _inputs(writer: Writer, names: Sequence[str], raw: np.dtype[Any], scaling: Scaling | None) -> list[Any]:
    traced = writer.traced
    first, second = ([i for i, v in enumerate(g.values) if v.kind == "input"] for g in traced.graphs)
    infos = []
    for position, (name, a, b) in enumerate(zip(names, first, second, strict=True)):
        value = traced.graphs[0].values[a]
        scaled = scaling is not None and position == 0
        infos.append(_info(writer.onnx, name, raw if scaled else value.dtype, traced.lengths(a, b)))
        writer.batch_of = writer.batch_of or name
        writer.bind(a, _scaled(writer, name, scaling) if scaling is not None and scaled else name)
    return infos


def _scaled(writer: Writer, name: str, scaling: Scaling) -> str:
    wide = writer.cast(name, np.float32)
    moved = writer.node("Sub", wide, writer.constant(scaling.offset, np.float32))
    return writer.node("Mul", moved, writer.constant(scaling.factor, np.float32))


def _outputs(writer: Writer, names: Sequence[str]) -> list[Any]:
    first, second = writer.traced.graphs
    infos = []
    labels = _names("y", names, len(first.outputs))
    for label, a, b in zip(labels, first.outputs, second.outputs, strict=True):
        inner = writer.value(a, b)
        writer.nodes.append(writer.onnx.helper.make_node("Identity", [inner], [label], name=label))
        infos.append(_info(writer.onnx, label, first.values[a].dtype, writer.traced.lengths(a, b)))
    return infos


def _info(onnx: Any, name: str, dtype: np.dtype[Any], lengths: Sequence[Length]) -> Any:
    shape = [n if isinstance(n, int) else _unknown(n) for n in lengths]
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(dtype), shape)


def _unknown(length: Dim) -> str:
    factor = "" if length.scale == 1 else f"{length.scale}*"
    return f"{factor}batch{f'+{length.offset}' if length.offset else ''}"
