"""A program in words."""

from __future__ import annotations

from collections import Counter

import numpy as np

from minigrad.program.graph import Call, Clear, Deliver, Draw, Graph, Guard, Step, Store, Update
from minigrad.program.kernels import kernel_of
from minigrad.program.plan import Plan

__all__ = ["explained", "flops"]


def explained(name: str, graph: Graph, plan: Plan, seconds: float) -> str:
    """Steps in order, one a line, under a summary."""
    calls = graph.calls
    counts = Counter(c.op.name for c in calls)
    results = sum(graph.values[k].nbytes for c in calls for k in c.outs)
    written = sum(kernel_of(c, graph.values) is not None for c in calls)
    head = [
        f"program {name}: {len(calls)} op calls, {written} into planned buffers; defined in {seconds * 1e3:.0f} ms",
        f"  ops: {', '.join(f'{n} {op}' for op, n in counts.most_common())}",
        f"  memory: {_size(plan.bytes)} of buffers for {_size(results)} of results",
        f"  gradients computed where the optimizer wants them: {plan.direct}",
        f"  matrix products: {sum(flops(c, graph) for c in calls) / 1e6:.3g} MFLOP",
    ]
    return "\n".join([*head, *(f"  {_line(s, graph)}" for s in graph.steps)])


def flops(call: Call, graph: Graph) -> int:
    """Multiplications and additions of a matrix product; 0 for other ops."""
    if call.op.name != "matmul":
        return 0
    inner = graph.values[call.args[0]].shape[-1]
    return 2 * inner * int(np.prod(graph.values[call.outs[0]].shape, dtype=np.int64))


def _line(step: Step, graph: Graph) -> str:
    if isinstance(step, Call):
        out = ", ".join(f"%{k} {graph.values[k].dtype}{list(graph.values[k].shape)}" for k in step.outs)
        options = "".join(f", {k}={v!r}" for k, v in step.meta.items())
        return f"{out} = {step.op.name}({', '.join(_operand(k, graph) for k in step.args)}{options})"
    if isinstance(step, Deliver):
        return f"gradient of shape {graph.values[step.value].shape} {'<-' if step.fresh else '+='} %{step.value}"
    if isinstance(step, Clear):
        return "zero_grad"
    if isinstance(step, Update):
        return f"update by {step.name}"
    if isinstance(step, Draw):
        return f"%{step.out} {list(graph.values[step.out].shape)} drawn"
    if isinstance(step, Guard):
        return f"check of %{step.value}"
    assert isinstance(step, Store)
    return f"held Tensor of shape {step.holder.shape} <- %{step.value}"


def _operand(k: int, graph: Graph) -> str:
    value = graph.values[k]
    if value.kind == "constant" and value.number is not None and value.number.ndim == 0:
        return f"{value.number.item():g}"
    return f"%{k}" if value.kind == "result" else f"{value.kind} %{k}"


def _size(nbytes: int) -> str:
    return f"{nbytes / 1024:.1f} KiB" if nbytes < 1 << 20 else f"{nbytes / (1 << 20):.1f} MiB"
