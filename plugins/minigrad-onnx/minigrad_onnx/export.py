"""`export_onnx` and `export_run`: a model, or a run with its preparation, as ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from types import MappingProxyType
from typing import Any

import numpy as np

from minigrad import Tensor, nn, train
from minigrad.data.prepare.preparation import Preparation, TableInputs
from minigrad.data.prepare.text import TextInputs
from minigrad.data.scaling import Scaling
from minigrad.nn.module_tree import walk
from minigrad.text import nearest
from minigrad_onnx.errors import OnnxExportError, load_onnx
from minigrad_onnx.traced import Dim, Length, trace
from minigrad_onnx.write_composed import COMPOSED
from minigrad_onnx.write_elementwise import ELEMENTWISE, WriteCall
from minigrad_onnx.write_images import IMAGES
from minigrad_onnx.write_preparation import write_answers, write_rows, write_scaling
from minigrad_onnx.write_shapes import SHAPES
from minigrad_onnx.writer import CallSite, Writer

__all__ = ["WRITERS", "export_onnx", "export_run"]

OPSET = 23
"""The newest that onnxruntime runs without a warning."""

WRITERS: Mapping[str, WriteCall] = MappingProxyType({**ELEMENTWISE, **COMPOSED, **SHAPES, **IMAGES})
"""Op -> what writes it as nodes."""


def export_onnx(
    model: nn.Module,
    example: Any,
    path: str | PathLike[str] | None = None,
    *,
    scaling: Scaling | None = None,
    preparation: Preparation | None = None,
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
        preparation: of a run, whose encoded rows `example` has. The file then takes rows as people have them: an input
            for each column, `rows` of an array or pictures, `characters`; its outputs are `prediction`, for classes and
            labels `probabilities`, and the model's own.
        dynamic_batch: the first axis of all inputs may have any length; otherwise that of the example.
        input_names: names of the inputs; "x", or "x0", "x1" ... by default.
        output_names: names of the model's outputs; "y", or "y0", "y1" ... by default.

    Returns:
        The `onnx.ModelProto`, which the checker of onnx has seen.

    Raises:
        OnnxExportError: an op has no counterpart (it is named, with the line that calls it), or the model depends on
            the size of the batch in another way than by its shape, or cannot have this preparation.
        TraceError: the model looks at numbers while it runs.
        MissingOnnx: the package onnx is not installed.
    """
    onnx = load_onnx()
    arrays = [np.asarray(x) for x in (example if isinstance(example, list | tuple) else [example])]
    if preparation is not None and (scaling is not None or len(arrays) > 1 or input_names or not dynamic_batch):
        raise OnnxExportError("a preparation has inputs of its own: leave out scaling, input_names and dynamic_batch")
    raw = arrays[0].dtype
    if scaling is not None:
        arrays[0] = ((arrays[0] - scaling.offset) * scaling.factor).astype(np.float32)
    traced = trace(model, arrays, dynamic_batch)
    parameters = {id(part): name for name, part in walk(model) if isinstance(part, Tensor)}
    writer = Writer(onnx, traced, parameters)
    if preparation is None:
        inputs = _inputs(writer, _names("x", input_names, len(arrays)), raw, scaling)
    else:
        inputs = _prepared_inputs(writer, preparation)
    for call, twin in traced.calls:
        write = WRITERS.get(call.op.name)
        site = CallSite(writer, call, twin)
        if write is None or not site.is_plain:
            raise site.refusal(f"it is not among the {len(WRITERS)} that are written.{nearest(call.op.name, WRITERS)}")
        writer.bind(call.outs[0], write(site))
    answers = [] if preparation is None else _answers(writer, preparation)
    outputs = answers + _outputs(writer, output_names)
    proto = _model(writer, type(model).__name__, inputs, outputs)
    if path is not None:
        onnx.save(proto, fspath(path))
    return proto


def export_run(run: str | PathLike[str] | train.SavedRun, path: str | PathLike[str] | None = None) -> Any:
    """Write a saved run with its preparation to an ONNX file.

    The file takes rows as people have them.

    Args:
        run: the folder of a run, its `best.safetensors`, or what `train.load` made of it.
        path: of the file; None writes none.

    Returns:
        The `onnx.ModelProto`. See `export_onnx` for its inputs and outputs.

    Raises:
        OnnxExportError: the run was given plain arrays and has no preparation, or an op has no counterpart.
        TrainError: there is no such run, or its file is damaged.
        MissingOnnx: the package onnx is not installed.
    """
    saved = run if isinstance(run, train.SavedRun) else train.load(run)
    if saved.preparation is None:
        raise OnnxExportError(
            f"{str(saved.path)[-100:]}: the run was given plain arrays, and has no preparation: "
            "export_onnx(run.model, example, path)"
        )
    inputs = saved.preparation.inputs
    if isinstance(inputs, TextInputs):
        example: Any = np.zeros((2, inputs.window), np.int64)
    else:
        shape = (len(inputs.features),) if isinstance(inputs, TableInputs) else inputs.layout
        example = np.zeros((2, *shape), np.float32)
    return export_onnx(saved.model, example, path, preparation=saved.preparation)


def _model(writer: Writer, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
    onnx = writer.onnx
    graph = onnx.helper.make_graph(writer.nodes, name, inputs, outputs, writer.initializers)
    opset = onnx.helper.make_opsetid("", min(OPSET, onnx.defs.onnx_opset_version()))
    version = onnx.helper.find_min_ir_version_for([opset])
    proto = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=version, producer_name="minigrad")
    onnx.checker.check_model(proto, full_check=True)
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
        writer.bind(a, write_scaling(writer, name, scaling, raw) if scaling is not None and scaled else name)
    return infos


def _prepared_inputs(writer: Writer, preparation: Preparation) -> list[Any]:
    inputs = preparation.inputs
    if isinstance(inputs, TableInputs):
        writer.taken |= {column.name for column in inputs.columns}
    ports, encoded = write_rows(writer, inputs)
    writer.batch_of = ports[0].name
    (value,) = (i for i, v in enumerate(writer.traced.graphs[0].values) if v.kind == "input")
    writer.bind(value, encoded)
    return [_info(writer.onnx, p.name, p.dtype, (Dim(1, 0), *p.shape), p.about) for p in ports]


def _answers(writer: Writer, preparation: Preparation) -> list[Any]:
    (value,), (twin,) = (graph.outputs for graph in writer.traced.graphs)
    lengths = writer.traced.lengths(value, twin)
    shape = [n for n in lengths[1:] if isinstance(n, int)]
    if len(shape) < len(lengths) - 1:
        raise OnnxExportError("outputs of the model have a batch in several axes: the preparation cannot read them")
    ports = write_answers(writer, preparation.target, writer.value(value, twin), shape)
    return [_named(writer, p.name, p.value, p.dtype, (lengths[0], *p.shape), p.about) for p in ports]


def _outputs(writer: Writer, names: Sequence[str]) -> list[Any]:
    first, second = writer.traced.graphs
    infos = []
    labels = _names("y", names, len(first.outputs))
    for label, a, b in zip(labels, first.outputs, second.outputs, strict=True):
        lengths = writer.traced.lengths(a, b)
        infos.append(_named(writer, label, writer.value(a, b), first.values[a].dtype, lengths))
    return infos


def _named(
    writer: Writer, name: str, value: str, dtype: np.dtype[Any], lengths: Sequence[Length], about: str = ""
) -> Any:
    """An output under its name, or one with a line behind it where an input has that."""
    name = writer.free(name)
    writer.nodes.append(writer.onnx.helper.make_node("Identity", [value], [name], name=name))
    return _info(writer.onnx, name, dtype, lengths, about)


def _info(onnx: Any, name: str, dtype: np.dtype[Any], lengths: Sequence[Length], about: str = "") -> Any:
    shape = [n if isinstance(n, int) else _unknown(n) for n in lengths]
    kind = onnx.TensorProto.STRING if dtype.kind == "O" else onnx.helper.np_dtype_to_tensor_dtype(dtype)
    return onnx.helper.make_tensor_value_info(name, kind, shape, doc_string=about)


def _unknown(length: Dim) -> str:
    factor = "" if length.scale == 1 else f"{length.scale}*"
    return f"{factor}batch{f'+{length.offset}' if length.offset else ''}"
