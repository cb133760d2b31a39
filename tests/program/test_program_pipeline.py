"""The order of passes: why each stands where it does is written down, and only what is written down matters."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.program.compile.bind import bind
from minigrad.program.compile.executable import LIBERTIES, CompileOptions
from minigrad.program.define import Program
from minigrad.program.graph import Graph
from minigrad.program.passes.pipeline import CLEANUP, FORMER_NAMES, PASS_NAMES, PIPELINE, Pass, run_pipeline

README = Path(mg.__file__).parent / "program" / "README.md"


def shuffled(seed: int) -> tuple[Pass, ...]:
    """The passes in a random order in which each still follows those it says it needs."""
    rng, left, order = random.Random(seed), list(PIPELINE), list[Pass]()
    while left:
        ready = [p for p in left if not {q.name for q in left} & set(p.after)]
        order.append(rng.choice(ready))
        left.remove(order[-1])
    return tuple(order)


def conv_step() -> tuple[Any, list[Any]]:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
    )
    net = net.astype(np.float64)
    rng = np.random.default_rng(0)

    def step(x: Any, labels: Any) -> list[mg.Tensor]:
        net.zero_grad()
        loss = mg.cross_entropy(net(mg.tensor(x) if isinstance(x, np.ndarray) else x), labels)
        loss.backward()
        return [loss, *(p.grad for p in net.parameters() if p.grad is not None)]

    return step, [rng.standard_normal((8, 2, 8, 8)), rng.integers(0, 3, 8)]


def recurrent_step() -> tuple[Any, list[Any]]:
    parts = nn.Embedding(5, 4, rng=0).astype(np.float64), nn.LSTM(4, 6, rng=1).astype(np.float64)
    head = nn.Linear(6, 5, rng=2).astype(np.float64)
    parameters = [p for m in (*parts, head) for p in m.parameters()]
    rng = np.random.default_rng(0)

    def step(x: Any, labels: Any) -> list[mg.Tensor]:
        for p in parameters:
            p.zero_grad()
        loss = mg.cross_entropy(mg.gelu(head(parts[1](parts[0](x)))), labels)
        loss.backward()
        return [loss, *(p.grad for p in parameters if p.grad is not None)]

    return step, [rng.integers(0, 5, (3, 7)), rng.integers(0, 5, (3, 7))]


def traced(step: Any, arrays: list[Any]) -> Graph:
    """The graph before all passes."""
    program: Program[..., Any] = mg.define(step, disable=(*PASS_NAMES, *LIBERTIES))
    program(*arrays)
    return program.graph


@pytest.mark.parametrize("made", [conv_step, recurrent_step])
def test_independent_passes_may_change_places(made: Any) -> None:
    step, arrays = made()
    graph = traced(step, arrays)

    expected = bind(graph, CompileOptions()).run(tuple(arrays))
    orders = {tuple(p.name for p in order): order for order in map(shuffled, range(12))}
    assert len(orders) > 6
    for order in orders.values():
        rewritten = run_pipeline(graph, (), order)
        assert len(rewritten.calls) != len(graph.calls)
        for a, b in zip(bind(rewritten, CompileOptions()).run(tuple(arrays)), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


def test_each_pass_follows_what_it_needs_and_says_why() -> None:
    seen: set[str] = set()
    for one in PIPELINE:
        assert set(one.after) <= seen, one.name
        seen.add(one.name)
    assert len(PASS_NAMES) == len({*PASS_NAMES, *LIBERTIES}) - len(LIBERTIES)
    text = README.read_text()
    for one in (*CLEANUP, *PIPELINE):
        assert f"| `{one.name}` | {one.why_here} |" in text, f"{one.name}: program/README.md gives another reason"


def test_former_names_of_passes_work_and_warn() -> None:
    assert set(FORMER_NAMES.values()) <= set(PASS_NAMES)
    with pytest.warns(DeprecationWarning, match="'bias' is now 'sums_as_matmul'"):
        program = mg.define(lambda x: x, disable=("bias",))
    assert program.disabled == {"sums_as_matmul"}
    with pytest.warns(DeprecationWarning, match=r"define\(without=...\) is now define\(disable=...\)"):
        program = mg.define(lambda x: x, without=("fuse",))
    with pytest.warns(DeprecationWarning, match="Program.disabled"):
        assert program.switched_off == {"fuse"}
    with pytest.raises(ValueError, match="no pass is called 'speed'"):
        mg.define(lambda x: x, disable=("speed",))
