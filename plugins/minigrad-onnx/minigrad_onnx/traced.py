"""A model as a graph of ops, traced with two batch sizes to see what depends on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs
import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.program.graph import Assert, Call, Graph, Value
from minigrad.program.passes.pipeline import PASS_NAMES
from minigrad.typing import Array
from minigrad_onnx.errors import OnnxExportError

__all__ = ["Dim", "Length", "TracedModel", "trace"]

_KEPT_PASSES = {"simplify", "fold_constants", "cse", "dce"}


@attrs.frozen
class Dim:
    """A length that grows with the batch: `scale * batch + offset`.

    Attributes:
        scale: not 0.
        offset: what does not depend on the batch.
    """

    scale: int
    offset: int


Length: TypeAlias = "int | Dim"


@attrs.frozen(eq=False)
class TracedModel:
    """One graph, traced for two batches.

    Attributes:
        graphs: one for each; the same one twice where the batch is fixed.
        batches: their sizes.
    """

    graphs: tuple[Graph, Graph]
    batches: tuple[int, int]

    @property
    def calls(self) -> list[tuple[Call, Call]]:
        """Every op call, in both traces."""
        first, second = ([s for s in g.steps if isinstance(s, Call)] for g in self.graphs)
        return list(zip(first, second, strict=True))

    def values(self, first: int, second: int) -> tuple[Value, Value]:
        """What both traces know of a value."""
        return self.graphs[0].values[first], self.graphs[1].values[second]

    def lengths(self, first: int, second: int) -> tuple[Length, ...]:
        """The shape of a value, with the batch as an unknown."""
        a, b = self.values(first, second)
        return tuple(self._length(m, n) for m, n in zip(a.shape, b.shape, strict=True))

    def _length(self, m: int, n: int) -> Length:
        if m == n:
            return m
        small, large = self.batches
        scale = (n - m) // (large - small)
        return Dim(scale, m - scale * small)


def trace(model: nn.Module, example: Sequence[Array], dynamic: bool) -> TracedModel:
    """Trace a model in evaluation mode, for two batch sizes where `dynamic`.

    Raises:
        OnnxExportError: it draws random numbers or writes into buffers even then, or its ops depend on the batch size.
        TraceError: it looks at numbers while it runs, so that no graph can hold it.
    """
    batches = (2, 3) if dynamic else (len(example[0]) if example[0].ndim else 0,) * 2
    first = _graph(model, [_rows(x, batches[0]) for x in example] if dynamic else list(example))
    if not dynamic:
        return TracedModel((first, first), batches)
    second = _graph(model, [_rows(x, batches[1]) for x in example])
    if [_name(s) for s in first.steps] != [_name(s) for s in second.steps]:
        raise OnnxExportError(
            "the model computes by other ops for a batch of 3 rows than for one of 2, so one file cannot hold both: "
            "pass dynamic_batch=False to fix the batch of the example"
        )
    return TracedModel((first, second), batches)


def _graph(model: nn.Module, example: Sequence[Array]) -> Graph:
    def run(*inputs: mg.Tensor) -> object:
        return model(*inputs)

    program = mg.define(run, disable=set(PASS_NAMES) - _KEPT_PASSES)
    with model.mode(training=False), mg.no_grad():
        program(*map(mg.tensor, example))
    for step in program.graph.steps:
        if not isinstance(step, Call | Assert):
            raise OnnxExportError(
                f"the model has an effect that no ONNX graph can hold ({type(step).__name__}: random numbers or a "
                "buffer that is written), in evaluation mode too"
            )
    return program.graph


def _rows(x: Array, count: int) -> Array:
    if not x.ndim or not len(x):
        raise OnnxExportError(f"an example needs a first axis with rows, got shape {x.shape}; or dynamic_batch=False")
    rows: Array = x[np.arange(count) % len(x)]
    return rows


def _name(step: object) -> str:
    return step.op.name if isinstance(step, Call) else type(step).__name__
