"""Pool first: max pooling commutes with adding a bias and with relu.

It leaves them a quarter of the work.

max relu(z + b) = relu(max z + b), to the last bit: rounding does not change the order of numbers. In the gradient the
relu's mask moves to the pooled side likewise, and the bias' gradient is summed up there. Only where rounding makes two
entries of a window equal that were not, the gradient goes to one of them instead of half to each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from minigrad.core.types import Shape
from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.kernels.internal_ops import max_pool_backward
from minigrad.program.passes.rewrite import Builder, is_call_of, producers, readers

__all__ = ["pool_before_relu"]


@attrs.frozen(eq=False)
class _PooledRelu:
    """pool(relu(z + b)) and its gradient.

    `masked` is masked_multiply(spread(g, relu, pooled), greater(z + b, 0)).
    """

    pool: Call
    z: int
    bias: int | None
    max_pool_backward: Call | None
    masked: Call | None


def pool_before_relu(graph: Graph) -> Graph:
    """Pooling goes before bias and relu, forward and backward."""
    matches = list(_matches(graph))
    if not matches:
        return graph
    values, steps = list(graph.values), list[Instruction]()
    pools = {f.pool: f for f in matches}
    gone = {f.max_pool_backward for f in matches if f.max_pool_backward is not None}
    masked = {f.masked: f for f in matches if f.masked is not None}
    pooled: dict[_PooledRelu, int] = {}
    narrow: dict[int, int] = {}
    for step in graph.steps:
        if isinstance(step, Call) and step in pools:
            pooled[pools[step]] = _forward(pools[step], Builder(step, values, steps))
        elif isinstance(step, Call) and (f := masked.get(step)) is not None and f.max_pool_backward is not None:
            narrow[step.outs[0]] = _backward(f, f.max_pool_backward, pooled[f], Builder(step, values, steps))
        elif is_call_of(step, "sum_to") and isinstance(step, Call) and _sums_windows(step, narrow, values):
            steps.append(attrs.evolve(step, args=(narrow[step.args[0]],)))
        elif step not in gone:
            steps.append(step)
    return Graph(tuple(values), tuple(steps), graph.outputs)


def _forward(f: _PooledRelu, b: Builder) -> int:
    out = f.pool.outs[0]
    q = b.op("max_pool", f.z, shape=b.shape(out), kwargs=f.pool.kwargs)
    b.op("relu", q if f.bias is None else b.op("add", q, f.bias), out=out)
    return q


def _backward(f: _PooledRelu, pool_grad: Call, pooled: int, b: Builder) -> int:
    y = f.pool.outs[0]
    g = b.op("masked_multiply", pool_grad.args[0], b.op("greater", y, b.constant(0.0, y)))
    b.steps.append(Call(max_pool_backward, (g, f.z, pooled), pool_grad.kwargs, b.call.outs, -1, b.call.where))
    return g


def _sums_windows(step: Call, narrow: Mapping[int, int], values: Sequence[Value]) -> bool:
    """Tell whether a sum of a spread gradient adds up whole windows.

    Then it may as well add up what was spread.
    """
    if step.args[0] not in narrow:
        return False
    wide, small, out = (values[k].shape for k in (step.args[0], narrow[step.args[0]], step.outs[0]))
    kept = (1,) * (len(wide) - len(out)) + out
    return all(k == 1 or w == s for k, w, s in zip(kept, wide, small, strict=True))


def _matches(graph: Graph) -> Sequence[_PooledRelu]:
    defined, read = producers(graph), readers(graph)
    candidates = (
        _one(step, graph, defined, read)
        for step in graph.steps
        if isinstance(step, Call) and is_call_of(step, "max_pool")
    )
    return [f for f in candidates if f is not None]


def _one(
    pool: Call, graph: Graph, defined: Mapping[int, Call], read: Mapping[int, Sequence[Instruction | None]]
) -> _PooledRelu | None:
    relu = defined.get(pool.args[0])
    if relu is None or not is_call_of(relu, "relu") or graph.values[pool.outs[0]].dtype.kind != "f":
        return None
    around = [s for s in read[relu.outs[0]] if s is not pool]
    if len(around) > 1 or any(s is None or not isinstance(s, Call) or s.op is not max_pool_backward for s in around):
        return None
    pool_grad = around[0] if around else None
    masked: Instruction | None = None
    if isinstance(pool_grad, Call):
        masked = read[pool_grad.outs[0]][0] if len(read[pool_grad.outs[0]]) == 1 else None
        mine = pool_grad.args[1:] == (relu.outs[0], pool.outs[0])
        if (
            not mine
            or not isinstance(masked, Call)
            or not _is_masked(masked, pool_grad.outs[0], relu.args[0], graph, defined)
        ):
            return None
    z, bias = _split(relu.args[0], pool, graph.values, defined)
    return _PooledRelu(
        pool, z, bias, pool_grad if isinstance(pool_grad, Call) else None, masked if isinstance(masked, Call) else None
    )


def _is_masked(call: Call, spread_to: int, x: int, graph: Graph, defined: Mapping[int, Call]) -> bool:
    """Whether it is the gradient where x > 0."""
    if not is_call_of(call, "masked_multiply") or spread_to != call.args[0]:
        return False
    mask = defined.get(call.args[1])
    if mask is None or not is_call_of(mask, "greater") or mask.args[0] != x:
        return False
    zero = graph.values[mask.args[1]].data
    return zero is not None and zero.size == 1 and not zero.any()


def _split(x: int, pool: Call, values: Sequence[Value], defined: Mapping[int, Call]) -> tuple[int, int | None]:
    """z and b of x = z + b, where b is the same for all entries of a window; else x and None."""
    call = defined.get(x)
    if call is not None and is_call_of(call, "add"):
        for z, b in (call.args, call.args[::-1]):
            if values[z].shape == values[x].shape and _is_even(values[b].shape, pool, len(values[x].shape)):
                return z, b
    return x, None


def _is_even(bias: Shape, pool: Call, axes: int) -> bool:
    kernel = cast(Shape, pool.kwargs["kernel"])
    lined = (1,) * (axes - len(bias)) + bias
    return all(n == 1 for n in lined[axes - len(kernel) :])
