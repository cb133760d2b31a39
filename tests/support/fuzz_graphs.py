"""Random graphs for the differential fuzzer: up to 12 steps of catalog functions and moves, from leaves of any shape.

A catalog function wants arguments of certain shapes and domains. It gets them from earlier values: entries are picked
by position, squashed, and put into the domain; a domain that is not known is met by a small change of a drawn array.
The same recipe, read by `Library`, runs on minigrad's Tensors, on arrays, inside a program and on PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import attrs
import numpy as np

import minigrad as mg
from minigrad.typing import Array, IndexArray, Shape
from support.fuzz_moves import MOVES, Move
from support.ops_catalog import Entry
from support.ops_check import direction
from support.ops_draw import DTYPES, LAYOUTS, Call, Draw, laid
from support.ops_record import catalog

MOST_STEPS = 12
_MOST_ENTRIES = 300
_LARGEST = 30.0


@attrs.frozen
class Feed:
    """How an argument of a catalog function comes from an earlier value.

    Attributes:
        source: the number of the value.
        positions: which of its entries, in the argument's shape.
        base: the array that was drawn as the argument.
        kind: the domain that it was drawn from.
    """

    source: int
    positions: IndexArray
    base: Array
    kind: str


@attrs.frozen
class Step:
    """A move on earlier values, or a catalog function of feeds."""

    function: Move | Entry
    sources: tuple[int, ...] = ()
    feeds: tuple[Feed, ...] = ()
    fixed: tuple[Any, ...] = ()
    options: dict[str, Any] = attrs.field(factory=dict)
    damped: bool = False

    def __str__(self) -> str:
        inputs = [str(s) for s in self.sources] or [f"{f.source}->{f.base.shape}" for f in self.feeds]
        options = "".join(f", {k}={v!r}" for k, v in self.options.items() if not isinstance(v, np.ndarray))
        return f"{self.function.name}({', '.join(inputs)}{options})" + (" damped" if self.damped else "")


@attrs.frozen
class Graph:
    """Leaves, steps, and directions for Hessian-vector products."""

    seed: int
    leaves: tuple[Array, ...]
    steps: tuple[Step, ...]

    @property
    def directions(self) -> list[Array]:
        """One direction for each leaf, in its dtype."""
        return [direction(a, a.size + 5 * k + 1).astype(a.dtype) for k, a in enumerate(self.leaves)]

    def with_steps(self, keep: int) -> Graph:
        """The graph of the first `keep` steps."""
        return attrs.evolve(self, steps=self.steps[:keep])

    def __str__(self) -> str:
        leaves = ", ".join(f"{a.dtype}{a.shape}" for a in self.leaves)
        return f"graph {self.seed}: leaves {leaves}; " + "; ".join(map(str, self.steps))


@attrs.frozen
class Library:
    """How steps run: on minigrad (arrays or Tensors), or on PyTorch."""

    torch: Any = None

    def run(self, step: Step, values: Sequence[Any]) -> Any:
        """The value of a step, given all earlier ones."""
        arguments = [values[s] for s in step.sources] or [self._fed(f, values[f.source]) for f in step.feeds]
        if self.torch is None:
            y = step.function.ours(*arguments, *step.fixed, **step.options)
            return mg.tanh(y) if step.damped else y
        theirs = step.function.pytorch if isinstance(step.function, Entry) else step.function.torch
        assert theirs is not None
        y = theirs(self.torch, *arguments, *step.fixed, **step.options)
        return self.torch.tanh(y) if step.damped else y

    def total(self, graph: Graph, leaves: Sequence[Any]) -> Any:
        """The sum of all values, each entry weighted by a fixed number."""
        values = list(leaves)
        for step in graph.steps:
            values.append(self.run(step, values))
        terms = [self._weighted(v, k) for k, v in enumerate(values)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def _weighted(self, value: Any, k: int) -> Any:
        shape = tuple(value.shape)
        weights = direction(np.empty(shape), 3 * k + 1)
        if self.torch is not None:
            return (value * self.torch.from_numpy(weights.copy()).to(value.dtype)).sum()
        return mg.sum(value * weights.astype(value.dtype))

    def _fed(self, feed: Feed, value: Any) -> Any:
        if feed.positions is _NOTHING:
            return feed.base if self.torch is None else self.torch.from_numpy(feed.base.copy())
        if self.torch is None:
            return _into_domain(mg.tanh(mg.reshape(value, -1)[feed.positions]), feed, mg.exp, feed.base)
        flat = value.reshape(-1)[self.torch.from_numpy(feed.positions)]
        base = self.torch.from_numpy(feed.base.copy())
        return _into_domain(self.torch.tanh(flat), feed, self.torch.exp, base)


_NOTHING: IndexArray = np.empty(0, int)


def _into_domain(x: Any, feed: Feed, exp: Callable[[Any], Any], base: Any) -> Any:
    if feed.kind == "real":
        return x * 1.5
    if feed.kind == "positive":
        return exp(x)
    if feed.kind == "unit":
        return x * 0.8
    if feed.kind == "above":
        return exp(x) + 1.2
    return base + x * 0.01


class _Noting(Draw):
    """A draw that notes the domain of each array."""

    def __init__(self, code: bytes) -> None:
        super().__init__(code)
        self._drawn: list[tuple[Array, str]] = []

    def array(self, shape: Shape, kind: str = "real", dtype: type[np.floating[Any]] = np.float64) -> Array:
        array = super().array(shape, kind, dtype)
        self._drawn.append((array, kind))
        return array

    def kind_of(self, argument: Array) -> str:
        """The domain that `argument` was drawn from; "careful" if it was made of what was drawn."""
        return next((kind for array, kind in self._drawn if array is argument), "careful")


@cache
def _entries() -> tuple[Entry, ...]:
    return tuple(e for e in catalog() if e.pytorch is not None)


def draw_graph(seed: int, single: bool = False) -> Graph:
    """Draw the graph of a number, the same on every machine.

    Args:
        seed: any whole number.
        single: float32 and float64 leaves mixed, in the place of float64 alone.
    """
    rng = np.random.default_rng([seed, 15])
    draw = Draw(rng.bytes(400))
    leaves = []
    for _ in range(draw.between(1, 3)):
        shape = tuple(draw.among([1, 2, 3, 4, 0 if draw.between(0, 3) == 0 else 1]) for _ in range(draw.between(0, 3)))
        dtype = draw.among(DTYPES) if single else np.float64
        leaves.append(laid(np.asarray(draw.rng.uniform(-2.0, 2.0, shape), dtype), draw.among(LAYOUTS)))
    graph = Graph(seed, tuple(leaves), ())
    values: list[Array] = list(leaves)
    for _ in range(draw.between(1, MOST_STEPS)):
        drawn = _draw_step(draw, rng, values)
        if drawn is not None:
            values.append(drawn[1])
            graph = attrs.evolve(graph, steps=(*graph.steps, drawn[0]))
    return graph


def _draw_step(draw: Draw, rng: np.random.Generator, values: list[Array]) -> tuple[Step, Array] | None:
    step = _draw_entry(rng, values) if draw.between(0, 9) < 4 else _draw_move(Draw(rng.bytes(60)), values)
    if step is None:
        return None
    value = np.asarray(Library().run(step, values))
    if value.size > _MOST_ENTRIES or value.dtype.kind != "f" or not np.isfinite(value).all():
        return None
    if np.abs(value).max(initial=0.0) > _LARGEST:
        return attrs.evolve(step, damped=True), np.tanh(value)
    return step, value


def _draw_move(draw: Draw, values: list[Array]) -> Step | None:
    move = draw.among(MOVES)
    choice = move.choose(draw, [v.shape for v in values])
    return None if choice is None else Step(move, sources=choice[0], options=choice[1])


def _draw_entry(rng: np.random.Generator, values: list[Array]) -> Step:
    entry = _entries()[int(rng.integers(len(_entries())))]
    noting = _Noting(rng.bytes(14))
    call = entry.calls(noting)
    careful = entry.name.startswith("linalg")
    kinds = ["careful" if careful else noting.kind_of(a) for a in call.arrays]
    feeds = tuple(_feed(rng, a, kind, values) for a, kind in zip(call.arrays, kinds, strict=True))
    return Step(entry, feeds=feeds, fixed=_copied(call).fixed, options=call.options)


def _copied(call: Call) -> Call:
    return attrs.evolve(call, fixed=tuple(f.copy() if isinstance(f, np.ndarray) else f for f in call.fixed))


def _feed(rng: np.random.Generator, base: Array, kind: str, values: list[Array]) -> Feed:
    source = int(rng.integers(len(values)))
    base = base.astype(np.float64)
    if not values[source].size or not base.size:
        return Feed(source, _NOTHING, base, kind)
    return Feed(source, rng.integers(values[source].size, size=base.shape), base, kind)
