"""`Program.explain()`: the steps of a program, one a line, under a summary."""

from __future__ import annotations

from collections import Counter

from minigrad.ops.flops import count_flops
from minigrad.program.compile.executable import Executable
from minigrad.program.graph import (
    AccumulateGrad,
    Assert,
    AssignBuffer,
    Call,
    FillRandom,
    FusedCall,
    Graph,
    HostCall,
    Instruction,
    ZeroGrad,
)
from minigrad.text import format_bytes

__all__ = ["flops_of", "format_program", "line_of"]


def format_program(name: str, graph: Graph, executable: Executable, seconds: float, engine: str) -> str:
    """Steps in order, one a line with the time it takes, under a summary."""
    calls = graph.calls
    counts = Counter(c.op.name for c in calls)
    groups = [s for s in graph.steps if isinstance(s, FusedCall)]
    within = sum(len(s.calls) for s in groups)
    results = sum(graph.values[k].nbytes for c in calls for k in c.outs)
    total = sum(flops_of(s, graph) for s in graph.steps)
    head = [
        f"program {name}: {len(calls)} op calls, {within} of them in {len(groups)} groups; defined in "
        f"{seconds * 1e3:.0f} ms; engine {engine}",
        f"  ops: {', '.join(f'{n} {op}' for op, n in counts.most_common())}",
        f"  memory: peak {format_bytes(executable.bytes + executable.scratch)}, {format_bytes(executable.bytes)} of it "
        f"buffers and {format_bytes(executable.scratch)} scratch of groups, for {format_bytes(results)} of results",
        f"  calls that allocate their result: {executable.n_allocating}",
        f"  gradients computed where the optimizer wants them: {executable.n_direct}",
        f"  arithmetic: {total / 1e6:.3g} MFLOP{_rate(total, executable)}",
    ]
    head += [f"  at once: {note}" for note in executable.link_notes()]
    times = executable.step_seconds()
    lines = []
    for i, step in enumerate(graph.steps):
        time = f"{times[i] * 1e6:9.1f} us  " if times else "  "
        lines.append(f"{time}{line_of(step, graph)}")
        if isinstance(step, FusedCall):
            lines[-1] += f"  [{executable.notes.get(i, '')}]"
            lines.extend(f"{' ' * len(time)}  {line_of(c, graph)}" for c in step.calls)
    return "\n".join([*head, *lines])


def flops_of(step: Instruction, graph: Graph) -> int:
    """Floating-point operations of a step, as `minigrad.ops.flops` counts them."""
    if isinstance(step, FusedCall):
        return sum(flops_of(c, graph) for c in step.calls)
    if not isinstance(step, Call):
        return 0
    shapes = [[graph.values[k].shape for k in numbers] for numbers in (step.positional, step.outs)]
    return count_flops(step.op.name, *shapes)


def line_of(step: Instruction, graph: Graph) -> str:
    """A step in one line."""
    if isinstance(step, Call):
        out = ", ".join(f"%{k} {graph.values[k].dtype}{list(graph.values[k].shape)}" for k in step.outs)
        options = "".join(f", {k}={v!r}" for k, v in step.kwargs.items())
        return f"{out} = {step.op.name}({', '.join(_operand(k, graph) for k in step.args)}{options})"
    if isinstance(step, FusedCall):
        results = ", ".join(f"%{k}" for k in step.defs)
        return f"{results} = group of {len(step.calls)} calls over {list(step.space)}"
    if isinstance(step, AccumulateGrad):
        return f"gradient of shape {graph.values[step.value].shape} {'<-' if step.fresh else '+='} %{step.value}"
    if isinstance(step, ZeroGrad):
        return "zero_grad"
    if isinstance(step, HostCall):
        return f"update by {step.name}"
    if isinstance(step, FillRandom):
        return f"%{step.out} {list(graph.values[step.out].shape)} drawn"
    if isinstance(step, Assert):
        return f"check of %{step.value}"
    assert isinstance(step, AssignBuffer)
    return f"held Tensor of shape {step.tensor.shape} <- %{step.value}"


def _operand(k: int, graph: Graph) -> str:
    value = graph.values[k]
    if value.kind == "constant" and value.data is not None and value.data.ndim == 0:
        return f"{value.data.item():g}"
    return f"%{k}" if value.kind == "result" else f"{value.kind} %{k}"


def _rate(total: int, executable: Executable) -> str:
    seconds = sum(executable.step_seconds())
    return f", {total / seconds / 1e9:.3g} GFLOP/s over {seconds * 1e6:.0f} us a run" if seconds else ""
