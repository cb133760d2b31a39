"""Jacobian matrices from the rules: many rows in one walk over the graph.

With a spot check of the result.

The graph below an output is put in order once. Rows are then found in batches (`transforms.batching`), and one
more row, a random combination of all, is pulled back the ordinary way: if it is not the same combination of the rows
found, or if anything is not finite, all rows are pulled back the ordinary way instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minigrad.core.backward import nodes_on_path_to, run_backward, topological_order
from minigrad.core.errors import GradientError
from minigrad.core.graph import Constant, Node
from minigrad.core.mode import MODE
from minigrad.core.registry import REGISTRY
from minigrad.core.rules import Gradient
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array
from minigrad.runtime.effects import current_tracer
from minigrad.transforms.batching import batched_vjp
from minigrad.transforms.call import DifferentiatedCall

FEW_ROWS = 4
"""Up to so many rows are pulled back one by one."""

BLOCK_ENTRIES = 3 << 13
"""Entries that the largest value in the graph may take in a block.

What stays in the second-level cache (measured).
"""

LEAST_ROWS = 8
"""Rows in a block, however large the values are."""

_SEED = 0x1EAF


def jacobian_blocks(call: DifferentiatedCall) -> list[list[Gradient]]:
    """Compute for each output the Jacobians with respect to each variable.

    They have shape (*output shape, *variable shape).

    Raises:
        GradientError: the function returned nothing numeric.
    """
    if not call.outputs:
        raise GradientError(f"jacobian needs a function that returns numbers; it returned {call.output!r}")
    return [_of_output(out, call) for out in call.outputs]


def _of_output(out: Tensor, call: DifferentiatedCall) -> list[Gradient]:
    variables = call.variables
    shapes = [(*out.shape, *v.shape) for v in variables]
    if not out.requires_grad or not out.size:
        return [np.zeros(s, v.dtype) for s, v in zip(shapes, variables, strict=True)]
    sweep = _VJPSweep(out, variables, call.create_graph)
    jacobian_rows = None if call.create_graph else sweep.batched_rows()
    if jacobian_rows is not None:
        return [m.reshape(s) for m, s in zip(jacobian_rows, shapes, strict=True)]
    if call.create_graph or current_tracer() is not None:
        return [_stacked([row[i] for row in sweep.rows()], s) for i, s in enumerate(shapes)]
    stacks = [np.stack([np.asarray(r) for r in rows]) for rows in zip(*sweep.rows(), strict=True)]
    return [m.reshape(s) for m, s in zip(stacks, shapes, strict=True)]


def _stacked(rows: Sequence[Gradient], shape: tuple[int, ...]) -> Tensor:
    tensors = [r if isinstance(r, Tensor) else tensor_of(Constant(r)) for r in rows]
    flat = [REGISTRY["reshape"].apply(t, shape=(1, t.size)) for t in tensors]
    joined: Tensor = REGISTRY["concatenate"].apply(*flat, axis=0)
    return REGISTRY["reshape"].apply(joined, shape=shape)


def _numbers(g: Gradient) -> Array:
    """The numbers of `g` as an array; inside a trace, those of the run being traced."""
    tracer = current_tracer()
    if not isinstance(g, Tensor):
        return g
    return g._node.value if tracer is None else tracer.concrete_value(g._node.value)


class _VJPSweep:
    """The graph between one output and the variables, in order.

    It is ready to be pulled through many times.
    """

    def __init__(self, out: Tensor, variables: Sequence[Tensor], recorded: bool) -> None:
        self.root = out._node
        self.variables = variables
        self.create_graph = recorded
        self.wanted: set[Node] = {v._node for v in variables}
        order = topological_order((self.root,))
        self.useful = nodes_on_path_to(order, self.wanted)
        self.order = [n for n in order if n in self.useful]

    def row(self, seed: Array) -> list[Gradient]:
        """The ordinary way: gradients of <seed, output> for each variable."""
        start: dict[Node, Gradient] = {self.root: tensor_of(Constant(seed)) if self.create_graph else seed}
        grads = run_backward(self.order, start, self.create_graph, self.wanted, self.useful)
        return self._all(grads)

    def _all(self, by_node: Mapping[Node, Gradient]) -> list[Gradient]:
        return [by_node.get(v._node, np.zeros(v.shape, v.dtype)) for v in self.variables]

    def rows(self) -> list[list[Gradient]]:
        """One ordinary pull for each entry of the output."""
        return [self.row(seed) for seed in self._seeds(0, self.root.value.size)]

    def _seeds(self, start: int, stop: int) -> Array:
        value = self.root.value
        seeds: Array = np.zeros((stop - start, *value.shape), value.dtype)
        seeds.reshape(stop - start, value.size)[np.arange(stop - start), np.arange(start, stop)] = 1.0
        return seeds

    def batched_rows(self) -> list[Gradient] | None:
        """Compute all rows, stacked, for each variable.

        None where blocks do not work or cannot be trusted.
        """
        count = self.root.value.size
        mode = MODE.get()
        if count <= FEW_ROWS or (mode is not None and mode.interceptor is not None and current_tracer() is None):
            return None
        largest = max(n.value.size for n in self.order)
        length = min(count, max(LEAST_ROWS, BLOCK_ENTRIES // max(1, largest)))
        stacked: list[Gradient] = []
        try:
            blocks = [self._block(start, min(count, start + length)) for start in range(0, count, length)]
            stacked = [parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in zip(*blocks, strict=True)]
        except Exception:
            # A rule that cannot take a block; if it cannot take one row either, the ordinary way says so.
            return None
        return stacked if self._passes_spot_check([_numbers(m) for m in stacked]) else None

    def _block(self, start: int, stop: int) -> list[Gradient]:
        """Some rows for each variable."""
        block = batched_vjp(self.order, self.root, self._seeds(start, stop), self.wanted, self.useful)
        return [block.get(v._node, np.zeros((stop - start, *v.shape), v.dtype)) for v in self.variables]

    def _passes_spot_check(self, matrices: Sequence[Array]) -> bool:
        """Whether a random combination of the rows is the pull of that combination of seeds."""
        value = self.root.value
        weights = np.random.default_rng(_SEED).uniform(0.5, 1.5, value.shape).astype(value.dtype)
        weights *= np.where(np.arange(value.size).reshape(value.shape) % 2, 1.0, -1.0).astype(value.dtype)
        flat = weights.ravel()
        eps = max(float(np.finfo(t).eps) for t in {n.value.dtype for n in self.order if n.value.dtype.kind == "f"})
        for matrix, expected in zip(matrices, self.row(weights), strict=True):
            rows = matrix.reshape(len(matrix), -1)
            scale = np.abs(flat) @ np.abs(rows)
            tolerance = 1e3 * eps * (scale + np.max(scale, initial=0.0))
            gap = np.abs(flat @ rows - _numbers(expected).ravel())
            if not np.all(gap <= tolerance):
                return False
        return True


__all__ = ["BLOCK_ENTRIES", "jacobian_blocks"]
