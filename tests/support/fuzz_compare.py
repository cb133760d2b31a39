"""Value, gradient and Hessian-vector product of a random graph, by several ways, and where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import attrs
import numpy as np

import minigrad as mg
from minigrad.engines import EngineWithFallback, NumpyEngine
from minigrad.program.passes.pipeline import PASS_NAMES
from minigrad.typing import Array
from support.fuzz_graphs import Graph, Library, draw_graph

WITHOUT_PASSES = (*PASS_NAMES, "reuse", "in_place", "direct", "any_order")


@attrs.frozen
class Answer:
    """What a graph comes to: the value, and for each leaf the gradient and the Hessian times the graph's direction."""

    value: Array
    first: list[Array]
    second: list[Array]

    @property
    def orders(self) -> dict[str, list[Array]]:
        """The arrays by what they are."""
        return {"value": [self.value], "gradient": self.first, "Hessian-vector product": self.second}


def _step(graph: Graph) -> Any:
    library, directions = Library(), graph.directions

    def total(*leaves: Any) -> Any:
        return library.total(graph, leaves)

    def step(*leaves: Any) -> Any:
        value, first = mg.value_and_grad(total, argnums=tuple(range(len(leaves))))(*leaves)
        second = mg.hvp(total, leaves, directions)
        return [value, *cast(tuple[Any, ...], first), *(second if isinstance(second, tuple) else (second,))]

    return step


def _answer(results: Sequence[Any], count: int) -> Answer:
    arrays = [np.array(r.numpy() if isinstance(r, mg.Tensor) else r) for r in results]
    return Answer(arrays[0], arrays[1 : count + 1], arrays[count + 1 :])


def eager(graph: Graph) -> Answer:
    """On Tensors, op by op."""
    with np.errstate(all="ignore"):
        return _answer(_step(graph)(*graph.leaves), len(graph.leaves))


def on_arrays(graph: Graph) -> Array:
    """The value alone, on plain arrays."""
    with np.errstate(all="ignore"):
        return np.asarray(Library().total(graph, graph.leaves))


def program(graph: Graph, way: str) -> Answer:
    """As a program.

    Args:
        graph: what to run.
        way: "numpy" or "cc" for an engine, "tiles" for NumPy's with tiles of two numbers, "no passes".
    """
    disable = WITHOUT_PASSES if way == "no passes" else ()
    run = mg.define(_step(graph), disable=disable, engine=way if way == "cc" else "numpy")
    if way == "tiles":
        run._engine = EngineWithFallback("tiny tiles", NumpyEngine(tile_bytes=16))
    with np.errstate(all="ignore"):
        run(*graph.leaves)
        return _answer(run(*graph.leaves), len(graph.leaves))


def pytorch(graph: Graph, torch: Any, moved: float = 0.0) -> Answer:
    """On PyTorch in float64.

    Args:
        graph: what to run.
        torch: the module.
        moved: the leaves are changed by this share of themselves, which shows how far rounding may reach.
    """
    leaves = [torch.tensor(a.astype(np.float64) * (1.0 + moved * np.cos(np.arange(a.size)).reshape(a.shape)),
                           requires_grad=True) for a in graph.leaves]  # fmt: skip
    total = Library(torch).total(graph, leaves)
    first = _gradients(torch, [total], leaves, None, create_graph=True)
    directions = [torch.tensor(d.astype(np.float64)) for d in graph.directions]
    live = [(g, d) for g, d in zip(first, directions, strict=True) if g.requires_grad]
    outputs, weights = [g for g, _ in live], [d for _, d in live]
    second = _gradients(torch, outputs, leaves, weights) if live else [torch.zeros_like(x) for x in leaves]
    return Answer(total.numpy(force=True), *([t.numpy(force=True) for t in ts] for ts in (first, second)))


def _gradients(torch: Any, outputs: Any, leaves: Any, weights: Any, create_graph: bool = False) -> list[Any]:
    slopes = torch.autograd.grad(outputs, leaves, weights, create_graph=create_graph, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(slopes, leaves, strict=True)]


def difference(a: Answer, b: Answer, tolerance: float, slack: Answer | None = None) -> str:
    """What differs between two answers, "" for nothing.

    Args:
        a: an answer.
        b: the one it is measured by.
        tolerance: share of the largest entry of an order (value, gradients, products) that counts as rounding.
        slack: `b` again, of leaves moved by 1e-13 of themselves: a hundred times this difference is let pass, and a
            number where `b`, PyTorch, has NaN.
    """
    for name, mine in a.orders.items():
        theirs = b.orders[name]
        size = max((float(np.max(np.abs(t), initial=0.0, where=np.isfinite(t))) for t in theirs), default=0.0)
        for k, (x, y) in enumerate(zip(mine, theirs, strict=True)):
            if x.shape != y.shape:
                return f"{name} {k}: shape {x.shape}, not {y.shape}"
            bar = tolerance * (size + 1e-3) + np.zeros_like(y)
            if slack is not None:
                bar = bar + 100.0 * np.nan_to_num(np.abs(slack.orders[name][k] - y), nan=0.0)
            with np.errstate(invalid="ignore"):
                right = (np.abs(x - y) <= bar) | (x == y) | (np.isnan(x) & np.isnan(y))
                wrong = ~(right | (np.isnan(y) & np.isfinite(x) & (slack is not None)))
            if wrong.any():
                where = tuple(int(i) for i in np.argwhere(wrong)[0])
                return f"{name} {k} at {where}: {x[where]!r}, not {y[where]!r}"
    return ""


@attrs.frozen
class Fault:
    """A graph whose answers differ, and the fewest of its first steps with which they do."""

    graph: Graph
    way: str
    what: str

    def __str__(self) -> str:
        return f"{self.way}: {self.what}\n  {self.graph}"


def compare(seed: int, torch: Any = None, ways: Sequence[str] = (), single: bool = False) -> list[Fault]:
    """Run the graph of a number eagerly, on arrays, as programs and on PyTorch.

    Args:
        seed: the number of the graph.
        torch: the module, or None to do without.
        ways: `program`s to compare with eager steps.
        single: float32 leaves among the others; PyTorch computes in float64 all the same.
    """
    graph = draw_graph(seed, single)
    faults = []
    for way in ("PyTorch", "arrays", *ways):
        if way == "PyTorch" and torch is None:
            continue
        what = disagreement(graph, way, torch, single)
        if what:
            shortest = next(k for k in range(len(graph.steps) + 1)
                            if disagreement(graph.with_steps(k), way, torch, single))  # fmt: skip
            short = graph.with_steps(shortest)
            faults.append(Fault(short, way, disagreement(short, way, torch, single)))
    return faults


def disagreement(graph: Graph, way: str, torch: Any = None, single: bool = False) -> str:
    """What differs between eager steps and another way, or which of them raises."""
    try:
        mine = eager(graph)
        if way == "arrays":
            return difference(attrs.evolve(mine, first=[], second=[]), Answer(on_arrays(graph), [], []), 1e-12)
        if way == "PyTorch":
            theirs = pytorch(graph, torch)
            return difference(mine, theirs, 1e-3 if single else 1e-9, pytorch(graph, torch, 1e-13))
        ran = program(graph, way)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    kinds = [g.dtype for g in (*mine.first, *mine.second)] != [a.dtype for a in graph.leaves] * 2
    if kinds or [g.dtype for g in (*ran.first, *ran.second)] != [a.dtype for a in graph.leaves] * 2:
        return "gradients are not of the dtypes of the leaves"
    return difference(ran, mine, 1e-3 if single else 1e-10)
