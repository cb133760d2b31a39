"""A program in words."""

from __future__ import annotations

from collections import Counter

from minigrad.ops.flops import count_flops
from minigrad.program.compile.executable import Plan
from minigrad.program.graph import Call, Clear, Deliver, Draw, Fused, Graph, Guard, Step, Store, Update
from minigrad.text import format_bytes

__all__ = ["explained", "flops", "line_of"]


def explained(name: str, graph: Graph, plan: Plan, seconds: float, engine: str) -> str:
    """Steps in order, one a line with the time it takes, under a summary."""
    calls = graph.calls
    counts = Counter(c.op.name for c in calls)
    groups = [s for s in graph.steps if isinstance(s, Fused)]
    within = sum(len(s.calls) for s in groups)
    results = sum(graph.values[k].nbytes for c in calls for k in c.outs)
    total = sum(flops(s, graph) for s in graph.steps)
    head = [
        f"program {name}: {len(calls)} op calls, {within} of them in {len(groups)} groups; defined in "
        f"{seconds * 1e3:.0f} ms; engine {engine}",
        f"  ops: {', '.join(f'{n} {op}' for op, n in counts.most_common())}",
        f"  memory: peak {format_bytes(plan.bytes + plan.scratch)}, {format_bytes(plan.bytes)} of it buffers and "
        f"{format_bytes(plan.scratch)} scratch of groups, for {format_bytes(results)} of results",
        f"  calls that allocate their result: {plan.allocating}",
        f"  gradients computed where the optimizer wants them: {plan.direct}",
        f"  arithmetic: {total / 1e6:.3g} MFLOP{_rate(total, plan)}",
    ]
    times = plan.step_seconds()
    lines = []
    for i, step in enumerate(graph.steps):
        time = f"{times[i] * 1e6:9.1f} us  " if times else "  "
        lines.append(f"{time}{line_of(step, graph)}")
        if isinstance(step, Fused):
            lines[-1] += f"  [{plan.notes.get(i, '')}]"
            lines.extend(f"{' ' * len(time)}  {line_of(c, graph)}" for c in step.calls)
    return "\n".join([*head, *lines])


def flops(step: Step, graph: Graph) -> int:
    """Floating-point operations of a step, as `minigrad.ops.flops` counts them."""
    if isinstance(step, Fused):
        return sum(flops(c, graph) for c in step.calls)
    if not isinstance(step, Call):
        return 0
    args, outputs = ([graph.values[k].shape for k in keys] for keys in (step.args, step.outs))
    return count_flops(step.op.name, args, outputs)


def line_of(step: Step, graph: Graph) -> str:
    """A step in one line."""
    if isinstance(step, Call):
        out = ", ".join(f"%{k} {graph.values[k].dtype}{list(graph.values[k].shape)}" for k in step.outs)
        options = "".join(f", {k}={v!r}" for k, v in step.meta.items())
        return f"{out} = {step.op.name}({', '.join(_operand(k, graph) for k in step.args)}{options})"
    if isinstance(step, Fused):
        made = ", ".join(f"%{k}" for k in step.makes)
        return f"{made} = group of {len(step.calls)} calls over {list(step.space)}"
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


def _rate(total: int, plan: Plan) -> str:
    seconds = sum(plan.step_seconds())
    return f", {total / seconds / 1e9:.3g} GFLOP/s over {seconds * 1e6:.0f} us a run" if seconds else ""
