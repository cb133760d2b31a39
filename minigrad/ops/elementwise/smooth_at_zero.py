"""Second derivatives where a length is 0.

The square of a length is smooth there, although the length is not.

The gradient of f(|x|) is f'(|x|) x / |x|, and at 0 it is taken to be 0. Its own derivative there is f''(0) times the
identity where f'(0) = 0 (as for squares), by de l'Hospital's rule: f'(r) / r tends to f''(0). Only the graph of f'
knows f'', so it is asked, when rules run on Tensors, at places where both the length and its gradient are 0.
"""

from __future__ import annotations

from minigrad.core.backward import gradients, topological_order
from minigrad.core.graph import Node, OpNode
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.ops.elementwise.arithmetic import masked_multiply
from minigrad.ops.elementwise.piecewise_constant import equal
from minigrad.runtime.effects import current_tracer
from minigrad.typing import V


def slope_at_zero(g: V, size: V) -> V | None:
    """dg/dsize where both are 0, and 0 elsewhere; None where there is nothing to add.

    Args:
        g: the gradient that has arrived at a length.
        size: the length, of the same shape.

    Returns:
        None on arrays, where g does not depend on the length, and where no length is 0. (In programs, whose numbers
        are not known while they are traced, a length may always be 0.)
    """
    if not isinstance(g, Tensor) or not isinstance(size, Tensor) or not g.requires_grad:
        return None
    flat: Tensor = equal(size.detach(), 0.0) * equal(g.detach(), 0.0)
    if current_tracer() is None and not flat.data.any():
        return None
    bend: Tensor | None = None
    for slope in gradients([g], [flat], _same_lengths(g, size), create_graph=True):
        if isinstance(slope, Tensor):
            bend = slope if bend is None else bend + slope
    return None if bend is None else masked_multiply(bend, flat)


def _same_lengths(g: Tensor, size: Tensor) -> list[Tensor]:
    """Collect the nodes below g that are the length of one thing.

    It may have been computed once or several times.
    """
    node = size._node
    if not isinstance(node, OpNode):
        return [size]
    below = topological_order((g._node,))
    return [tensor_of(n) for n in below if _is_same(n, node)]


def _is_same(n: Node, node: OpNode) -> bool:
    return isinstance(n, OpNode) and n.op is node.op and n.parents == node.parents and n.kwargs == node.kwargs
