"""`import_onnx`: an ONNX file as a module of minigrad."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

import attrs
import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.text import nearest
from minigrad_onnx.errors import OnnxImportError, load_onnx
from minigrad_onnx.read_nodes import READERS

__all__ = ["OnnxModel", "import_onnx"]


@attrs.frozen(eq=False)
class Node:
    """A node of the graph.

    Attributes:
        kind: ONNX's name of the operator.
        inputs: names; empty where one is left out.
        output: name.
        options: attributes.
    """

    kind: str
    inputs: tuple[str, ...]
    output: str
    options: Mapping[str, Any]


@attrs.define(eq=False, repr=False)
class OnnxModel(nn.Module):
    """The graph of an ONNX file.

    Floating initializers of one axis and more are parameters and can be trained, but for constants of `export_onnx`.

    Attributes:
        weights: initializers by name.
        constants: integers, booleans and scalars by name.
        nodes: in an order in which they can run.
        inputs: names.
        outputs: names.
    """

    weights: dict[str, mg.Tensor]
    constants: dict[str, Any]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def forward(self, *inputs: mg.Tensor) -> Any:
        """Run the graph.

        Args:
            inputs: in the order of the file.

        Returns:
            The output, or a tuple of several.

        Raises:
            OnnxImportError: another number of inputs, or a node that fails; it is named.
        """
        if len(inputs) != len(self.inputs):
            raise OnnxImportError(f"the graph has the inputs {', '.join(self.inputs)}; got {len(inputs)}")
        values: dict[str, Any] = {"": None, **self.constants, **self.weights}
        values.update(zip(self.inputs, inputs, strict=True))
        for node in self.nodes:
            operands = [values[name] for name in node.inputs]
            values[node.output] = _run(node, operands)
        results = tuple(values[name] for name in self.outputs)
        return results[0] if len(results) == 1 else results

    def __repr__(self) -> str:
        return f"OnnxModel({', '.join(self.inputs)} -> {', '.join(self.outputs)}; {len(self.nodes)} nodes)"


def import_onnx(source: str | PathLike[str] | Any) -> OnnxModel:
    """Read an ONNX file, or an `onnx.ModelProto`, as a module that can be trained.

    Raises:
        OnnxImportError: it is no valid model, or a node is not among those that are read; it is named.
        MissingOnnx: the package onnx is not installed.
    """
    onnx = load_onnx()
    proto: Any = source
    if isinstance(source, str | PathLike):
        try:
            proto = onnx.load(fspath(source))
            onnx.checker.check_model(proto)
        except FileNotFoundError:
            raise
        except Exception as error:  # protobuf and the checker raise errors of their own
            said = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise OnnxImportError(f"{fspath(source)}: not a valid ONNX model: {said}") from error
    graph = proto.graph
    held = {i.name: np.array(onnx.numpy_helper.to_array(i)) for i in graph.initializer}
    nodes = []
    for node in graph.node:
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            held[node.output[0]] = _constant(onnx, options)
        else:
            nodes.append(_node(onnx, node, options))
    ours = proto.producer_name == "minigrad"  # whose parameters have names, and whose constants have numbers
    weights = {
        name: nn.parameter(a, a.dtype)
        for name, a in held.items()
        if a.dtype.kind == "f" and a.ndim and not (ours and name.startswith("constant_"))
    }
    constants = {n: mg.tensor(a) if a.dtype.kind == "f" else a for n, a in held.items() if n not in weights}
    inputs = tuple(i.name for i in graph.input if i.name not in held)
    return OnnxModel(weights, constants, tuple(nodes), inputs, tuple(o.name for o in graph.output))


def _constant(onnx: Any, options: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    (name, value), *_ = options.items()
    if name == "value":
        return np.array(onnx.numpy_helper.to_array(value))
    return np.array(value, np.float32 if name.startswith("value_float") else np.int64)


def _node(onnx: Any, node: Any, options: dict[str, Any]) -> Node:
    if node.op_type == "Cast":
        options["to"] = onnx.helper.tensor_dtype_to_np_dtype(options["to"])
    elif node.op_type == "ConstantOfShape":
        value = options.get("value")
        options["value"] = np.zeros(1, np.float32) if value is None else onnx.numpy_helper.to_array(value)
    elif node.op_type not in READERS or node.domain not in ("", "ai.onnx"):
        raise OnnxImportError(f"node {node.name or node.output[0]!r}: operator {node.op_type} is not read."
                              f"{nearest(node.op_type, READERS)}")  # fmt: skip
    if any(node.output[1:]):
        raise OnnxImportError(f"node {node.name or node.output[0]!r}: {node.op_type} with several outputs is not read")
    return Node(node.op_type, tuple(node.input), node.output[0], options)


def _run(node: Node, operands: list[Any]) -> Any:
    try:
        if node.kind == "Cast":
            return _cast(operands[0], node.options["to"])
        if node.kind == "ConstantOfShape":
            return _filled(operands[0], node.options["value"])
        return READERS[node.kind](operands, node.options)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        said = str(error).splitlines()[0][:150] if str(error) else type(error).__name__
        raise OnnxImportError(f"node {node.kind} that gives {node.output!r} cannot run: {said}") from error


def _cast(x: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(x, mg.Tensor):
        return x.astype(dtype) if dtype.kind == "f" else x.detach().numpy().astype(dtype)
    cast = np.asarray(x).astype(dtype)
    return mg.tensor(cast) if dtype.kind == "f" else cast


def _filled(shape: Any, value: np.ndarray[Any, Any]) -> Any:
    filled = np.full([int(n) for n in np.asarray(shape)], value.reshape(-1)[0], value.dtype)
    return mg.tensor(filled) if filled.dtype.kind == "f" else filled
