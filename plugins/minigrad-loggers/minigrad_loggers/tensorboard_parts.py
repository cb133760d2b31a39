"""What TensorBoard shows besides numbers: the model as a graph of ops, and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, sqrt
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.charts.png import png
from minigrad.program import TraceError
from minigrad.program.graph import Call, Graph, defs, uses
from minigrad.program.passes.pipeline import PASS_NAMES
from minigrad.train import Run
from minigrad.train.output.model_charts import confusion_counts, images_of
from minigrad.typing import Array
from minigrad_loggers.figures import load_tool

__all__ = ["Pixels", "graph_of", "pictures_of"]

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
_TILES, _TILE_SIDE = 64, 56


# -- the graph ---------------------------------------------------------------------------------------------------------
def graph_of(run: Run) -> bytes | None:
    """The model's ops for two training rows, in evaluation mode, as a serialized `GraphDef`.

    None where the model cannot be a program, because it looks at numbers while it runs.
    """
    program = mg.define(lambda x: run.model(x), disable=PASS_NAMES)
    with run.model.mode(training=False), mg.no_grad():
        try:
            program(mg.tensor(run.split.train.x[:2]))
        except TraceError:
            return None
    graph = program.graph
    names = {id(p): name for name, p in run.model.named_parameters()}
    protos: Any = load_tool("tensorboard.compat.proto.graph_pb2", "tensorboard")
    return bytes(protos.GraphDef(node=list(_nodes(graph, names))).SerializeToString())


def _nodes(graph: Graph, names: Mapping[int, str]) -> Iterator[Any]:
    node: Any = load_tool("tensorboard.compat.proto.node_def_pb2", "tensorboard").NodeDef
    labels: dict[int, str] = {}
    for number, value in enumerate(graph.values):
        if value.kind == "result":
            continue
        known = None if value.tensor is None else names.get(id(value.tensor))
        labels[number] = (known or f"{value.kind}_{number}").replace(".", "/")
    shown: set[int] = set()
    for place, step in enumerate(graph.steps):
        for number in uses(step):
            if number not in shown and graph.values[number].kind != "result":
                shown.add(number)
                yield node(name=labels[number], op=graph.values[number].kind)
        kind = step.op.name if isinstance(step, Call) else type(step).__name__
        labels.update(dict.fromkeys(defs(step), f"{kind}_{place}"))
        yield node(name=f"{kind}_{place}", op=kind, input=[labels[n] for n in uses(step)])


# -- pictures ----------------------------------------------------------------------------------------------------------
def pictures_of(run: Run) -> dict[str, bytes]:
    """Name -> PNG of what there is to see of a run.

    Weights of the first layer that look at pixels, and which class was taken for which.
    """
    pictures: dict[str, bytes] = {}
    first = next((w for w in run.model.state_dict().values() if w.ndim >= 2), None)
    images = None if first is None else images_of(first)
    if images is not None:
        pictures["first layer"] = png(_opaque(_tiled(images[:_TILES])))
    rows = run.split.val or run.split.train
    counts = confusion_counts(run, rows) if rows.y.dtype.kind in "iu" else None
    if counts is not None:
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
        pictures["true class by predicted class"] = png(_opaque(_enlarged(shares)))
    return pictures


def _tiled(images: Array) -> Array:
    """Pictures `(count, height, width)` or with colors last, side by side; each from 0 to 1."""
    low = images.min(axis=tuple(range(1, images.ndim)), keepdims=True)
    high = images.max(axis=tuple(range(1, images.ndim)), keepdims=True)
    shown = (images - low) / np.maximum(high - low, 1e-30)
    across = ceil(sqrt(len(shown)))
    missing = -len(shown) % across
    shown = np.concatenate([shown, np.zeros((missing, *shown.shape[1:]), shown.dtype)])
    lines = shown.reshape(-1, across, *shown.shape[1:])
    joined: Array = np.concatenate([np.concatenate(list(line), axis=1) for line in lines], axis=0)
    return joined


def _enlarged(shares: Array) -> Array:
    side = max(1, _TILE_SIDE * 4 // len(shares))
    large: Array = shares.repeat(side, axis=0).repeat(side, axis=1)
    return large


def _opaque(values: Array) -> Pixels:
    """Numbers from 0 to 1, gray or in color, as red, green, blue and opacity."""
    color = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    pixels = np.full((*values.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = np.rint(255.0 * np.clip(color, 0.0, 1.0))
    return pixels
