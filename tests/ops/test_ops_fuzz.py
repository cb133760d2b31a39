"""Random graphs of ops: eager steps, plain arrays, programs, the C engine and, where it is installed, PyTorch agree.

`tests/tools/fuzz_graphs.py` runs any number of them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from shutil import which
from typing import Any

import attrs
import pytest

import minigrad as mg
from support.fuzz_compare import Fault, compare, disagreement
from support.fuzz_graphs import Graph, Step, draw_graph

EVERYDAY, BLOCK = 24, 100
WAYS = ["numpy", "tiles", "no passes"]
if find_spec("minigrad_cc") is not None and which("cc") is not None:
    WAYS.append("cc")


def _torch() -> Any:
    return import_module("torch") if find_spec("torch") is not None else None


def _report(faults: list[Fault]) -> str:
    return "\n".join(map(str, faults))


@pytest.mark.parametrize("seed", range(0, EVERYDAY, 4))
def test_some_graphs(seed: int) -> None:
    way = WAYS[seed // 4 % len(WAYS)]
    faults = [f for s in range(seed, seed + 4) for f in compare(s, _torch(), [way], single=s % 4 == 3)]
    assert not faults, _report(faults)


def test_graphs_are_the_same_everywhere() -> None:
    graph = draw_graph(4)
    assert str(graph) == str(draw_graph(4))
    assert len(graph.steps) <= 12


def test_a_wrong_step_is_seen() -> None:
    graph = next(g for g in map(draw_graph, range(100)) if any(s.function.name == "tanh" for s in g.steps))
    assert not disagreement(graph, "numpy")

    def bent(x: Any) -> Any:
        return mg.tanh(x) * (1.0 if isinstance(x, mg.Tensor) else 1.0 + 1e-9)

    def change(step: Step) -> Step:
        return (
            attrs.evolve(step, function=attrs.evolve(step.function, ours=bent))
            if step.function.name == "tanh"
            else step
        )

    wrong: Graph = attrs.evolve(graph, steps=tuple(map(change, graph.steps)))
    assert disagreement(wrong, "arrays").startswith("value 0")


@pytest.mark.soak
@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("block", range(20))
def test_many_graphs(block: int, single: bool) -> None:
    seeds = range(1000 + block * BLOCK, 1000 + (block + 1) * BLOCK)
    faults = [f for s in seeds for f in compare(s, _torch(), WAYS, single)]
    assert not faults, _report(faults)
