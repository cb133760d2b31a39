"""`mg.define`: a step function as a program, traced for each kind of arguments and repeated from then on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import update_wrapper
from pathlib import Path
from threading import RLock
from time import perf_counter
from typing import Generic, ParamSpec, TypeVar, cast, overload

import attrs
import numpy as np

from minigrad import engines
from minigrad.core.graph import Constant
from minigrad.core.mode import MODE, mode_override
from minigrad.core.tensor import Tensor, from_array, tensor_of
from minigrad.core.types import Array
from minigrad.engines.discovery import SupportsEngine
from minigrad.program.compile.bind import plan
from minigrad.program.compile.executable import Options, Plan
from minigrad.program.errors import RetraceWarning, StepChanged, TraceError
from minigrad.program.explain import explained
from minigrad.program.graph import Graph, Update
from minigrad.program.passes import PASSES
from minigrad.program.svg import written
from minigrad.program.trace.captured import Captured
from minigrad.program.trace.captures import Reach, reach
from minigrad.program.trace.chance import Chance
from minigrad.program.trace.fake_array import StandIn
from minigrad.program.trace.tracer import Trace
from minigrad.transforms.pytree import flatten

__all__ = ["Program", "define"]

P = ParamSpec("P")
R = TypeVar("R")
_KEPT = 8
_SWITCHES = ("reuse", "in_place", "direct", "any_order")


@attrs.define(eq=False)
class Traced:
    """One trace: the graph, its plan, and what must still be so for it to hold."""

    graph: Graph
    plan: Plan
    rebuild: Callable[[list[Array]], object]
    found: Reach
    captured: tuple[Captured, ...]
    seconds: float
    kept: tuple[object, ...]


class Program(Generic[P, R]):
    """A step function that is recorded at its first call and repeated as a plan afterwards. Made by `minigrad.define`.

    Attributes:
        traces: how often the step has been traced.
        switched_off: passes that are left out.
    """

    def __init__(self, step: Callable[P, R], without: Sequence[str] = (), engine: str = "") -> None:
        unknown = set(without) - {*PASSES, *_SWITCHES}
        if unknown:
            raise ValueError(f"no pass is called {sorted(unknown)[0]!r}; there are {', '.join((*PASSES, *_SWITCHES))}")
        self.step = step
        self.switched_off = frozenset(without)
        self.traces = 0
        self._options = Options(**{name: name not in self.switched_off for name in _SWITCHES})
        self._engine = engines.create_engine(engine)
        self._named_engine = bool(engine)
        self._entries: dict[Hashable, list[Traced]] = {}
        self._latest: Traced | None = None
        self._lock = RLock()
        update_wrapper(self, step)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the step. Raises TraceError where it cannot be repeated."""
        mode = MODE.get()
        if mode is not None and mode.interceptor is not None:
            # Inside another program, or under mg.debug(): arrays are Tensors there too.
            plain = _replaced((args, dict(kwargs)), lambda array: tensor_of(Constant(array)))
            assert isinstance(plain, tuple)
            return self.step(*plain[0], **plain[1])
        with self._lock:
            arrays: list[Array] = []
            key = (mode is None or mode.grad, *_signature(args, arrays))
            if kwargs:
                key = (*key, tuple(kwargs), *_signature(tuple(kwargs.values()), arrays))
            for known in self._entries.get(key, ()):
                if known.found.holds():
                    return cast(R, self._run(known, tuple(arrays)))
            return cast(R, self._run(self._define(key, args, kwargs), tuple(arrays)))

    # -- looking at it -----------------------------------------------------------------------------------------------
    @property
    def graph(self) -> Graph:
        """The graph that ran last, after all passes. Raises TraceError before the first call."""
        return self._last().graph

    def explain(self, svg: str | Path | None = None) -> str:
        """What the program does: ops, groups, buffers, bytes, FLOPs, and where the time goes, in words.

        Args:
            svg: a file to draw it into as well. Times are there after five runs.
        """
        last = self._last()
        name = getattr(self.step, "__name__", "step")
        if svg is not None:
            written(svg, name, last.graph, last.plan)
        return explained(name, last.graph, last.plan, last.seconds, self._engine.name)

    def _last(self) -> Traced:
        if self._latest is None:
            raise TraceError("the program has not been defined yet: call it once")
        return self._latest

    # -- running it ----------------------------------------------------------------------------------------------------
    def _run(self, entry: Traced, arrays: tuple[Array, ...]) -> object:
        for captured in entry.captured:
            captured.check()
        if not entry.plan.valid():
            entry.plan = plan(entry.graph, self._options, self._engine)
        self._latest = entry
        return entry.rebuild(entry.plan.run(arrays))

    def _define(self, key: Hashable, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Traced:
        try:
            entry = self._traced(args, kwargs)
        except StepChanged:  # perhaps it has filled a cache, and is settled now
            entry = self._traced(args, kwargs)
        self._enter(key, entry)
        return entry

    def _traced(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Traced:
        began = perf_counter()
        found = reach(self.step, [*args, *kwargs.values()])
        trace, chance = Trace(), Chance(found.generators)
        given = _replaced((args, dict(kwargs)), trace.input)
        assert isinstance(given, tuple)
        with mode_override(interceptor=trace), trace.holding.hold(found):
            result = self.step(*given[0], **given[1])
            chance.check()
            found.settings.refuse_changes()
        outputs, rebuild = _returned(result, trace)
        graph = Graph(tuple(trace.values), tuple(trace.steps), tuple(outputs))
        captured = trace.captured
        trace.forget()
        for name, run in PASSES.items():
            if name not in self.switched_off:
                graph = run(graph)
        if self._named_engine:
            for update in graph.steps:
                if isinstance(update, Update) and isinstance(update.owner, SupportsEngine):
                    update.owner.use_engine(self._engine)
        made = plan(graph, self._options, self._engine)
        return Traced(
            graph,
            made,
            rebuild,
            found,
            tuple(c for c in captured if c.find() is not None),
            perf_counter() - began,
            (args, kwargs),
        )

    def _enter(self, key: Hashable, entry: Traced) -> None:
        self.traces += 1
        self._latest = entry
        self._entries.setdefault(key, []).append(entry)
        while sum(map(len, self._entries.values())) > _KEPT:
            oldest = next(iter(self._entries))
            self._entries[oldest].pop(0)
            if not self._entries[oldest]:
                del self._entries[oldest]
        if self.traces in (_KEPT + 1, 10 * _KEPT, 100 * _KEPT):
            warnings.warn(
                f"{getattr(self.step, '__name__', 'step')} has been traced {self.traces} times, the last time for "
                f"{_described(key)}. Each shape, dtype, plain number or object among the arguments makes a program of "
                "its own: pass numbers that change as arrays, and batches of one size",
                RetraceWarning,
                stacklevel=4,
            )


def _signature(args: tuple[object, ...], arrays: list[Array]) -> tuple[Hashable, ...]:
    """What of the arguments a program depends on; their numbers go to `arrays`."""
    key: list[Hashable] = []
    for a in args:
        if type(a) is np.ndarray:
            arrays.append(a)
            key.append((a.shape, a.dtype))
        elif isinstance(a, Tensor) and not a._node.requires_grad:
            arrays.append(a._node.value)
            key.append((a.shape, a.dtype, "Tensor"))
        elif isinstance(a, list | tuple):
            key.append((type(a), *_signature(tuple(a), arrays)))
        elif isinstance(a, dict):
            key.append((dict, tuple(a), *_signature(tuple(a.values()), arrays)))
        elif isinstance(a, bool | int | float | str | np.generic | None):
            key.append((type(a), a))
        else:
            key.append((type(a), id(a)))
    return tuple(key)


def _replaced(item: object, enter: Callable[[Array], Tensor]) -> object:
    """The arguments with Tensors that `enter` makes in the place of arrays, in the order of `_signature`."""
    if type(item) is np.ndarray:
        return enter(item)
    if isinstance(item, Tensor) and not item._node.requires_grad:
        return enter(item._node.value)
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        kind: Callable[..., object] = type(item)
        return kind(*(_replaced(x, enter) for x in item))
    if isinstance(item, list | tuple):
        parts = [_replaced(x, enter) for x in item]
        return parts if isinstance(item, list) else tuple(parts)
    if isinstance(item, dict):
        return {k: _replaced(v, enter) for k, v in item.items()}
    return item


def _returned(result: object, trace: Trace) -> tuple[list[int], Callable[[list[Array]], object]]:
    """The traced values in what the step returned, and a function that puts numbers in their places."""
    if isinstance(result, Tensor) and isinstance(result._node.value, StandIn):
        return [trace.index_of(result._node.value)], lambda numbers: from_array(numbers[0])
    leaves, rebuild = flatten(result)
    places: list[int] = []
    outputs: list[int] = []
    for i, leaf in enumerate(leaves):
        value = leaf._node.value if isinstance(leaf, Tensor) else leaf
        if isinstance(value, StandIn):
            places.append(i)
            leaves[i] = None  # let go of the trace
            outputs.append(trace.index_of(value))

    def back(numbers: list[Array]) -> object:
        new = list(leaves)
        for i, number in zip(places, numbers, strict=True):
            new[i] = from_array(number)
        return rebuild(new)

    return outputs, back


def _described(key: Hashable) -> str:
    return str(key)[:200]


@overload
def define(step: Callable[P, R], *, without: Sequence[str] = (), engine: str = "") -> Program[P, R]: ...
@overload
def define(*, without: Sequence[str] = (), engine: str = "") -> Callable[[Callable[P, R]], Program[P, R]]: ...
def define(
    step: Callable[P, R] | None = None, *, without: Sequence[str] = (), engine: str = ""
) -> Program[P, R] | Callable[[Callable[P, R]], Program[P, R]]:
    """Make a program of a step function: `@mg.define`.

    The first call with arguments of given shapes and dtypes goes through the step and writes down every op, backward
    and optimizer step included; then, as in all later calls, the program runs on the numbers given.
    Arrays and Tensors among the arguments (in lists, tuples and dicts too) are inputs; models and optimizers are found
    in arguments, closure and globals.

    Args:
        step: takes arrays, Tensors, models, containers; inside it arrays are Tensors. Returns Tensors (or a container).
        without: passes to leave out: those of `minigrad.program.passes`, and reuse, in_place, direct, any_order.
        engine: what runs groups of elementwise calls and updates of elementwise optimizers: "numpy", or a plugin's
            (`minigrad.engines.available()`). By default what the environment variable MINIGRAD_ENGINE names, or NumPy.

    Raises:
        UnknownEngine, EngineError: there is no such engine, or it does not work.
        TraceError: (when called) the step reads a traced value, or does something else that cannot be repeated.
    """
    if step is None:
        return lambda f: Program(f, without, engine)
    return Program(step, without, engine)
