"""`mg.define`: a step function as a program.

It is traced for each kind of arguments and repeated from then on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Hashable, Mapping
from contextlib import nullcontext
from functools import update_wrapper
from pathlib import Path
from threading import RLock
from time import perf_counter
from typing import Generic, ParamSpec, TypeVar, cast, overload

import attrs

from minigrad import engines
from minigrad.core.errors import ArgumentError
from minigrad.core.graph import Constant
from minigrad.core.mode import MODE, mode_override
from minigrad.core.tensor import Tensor, tensor_of
from minigrad.core.types import Array
from minigrad.engines.discovery import SupportsEngine
from minigrad.lazy import warn_renamed
from minigrad.program.compile.bind import bind
from minigrad.program.compile.executable import LIBERTIES, CompileOptions, Executable
from minigrad.program.errors import RetraceWarning, StepChanged, TraceError, UsesGraphOutside
from minigrad.program.explain import format_program
from minigrad.program.fork import fork_safe
from minigrad.program.graph import Graph, HostCall
from minigrad.program.passes.pipeline import FORMER_NAMES, PASS_NAMES, run_pipeline
from minigrad.program.svg import write_svg
from minigrad.program.trace.captures import Captures, find_captures
from minigrad.program.trace.clock_calls import refuse_clock_calls
from minigrad.program.trace.guards import ArrayGuard, RandomStateGuard
from minigrad.program.trace.results import Results, results_of
from minigrad.program.trace.signature import InputForms, replace_arrays, signature
from minigrad.program.trace.tracer import StepTracer
from minigrad.text import as_html

__all__ = ["Program", "define"]

P = ParamSpec("P")
R = TypeVar("R")
_KEPT = 8


@attrs.define(eq=False)
class ConcreteProgram:
    """One trace of a step.

    Attributes:
        graph: after all passes.
        executable: the graph bound to memory.
        results: makes what the step returns from the outputs of a run.
        captures: what the step can reach, and the guards on it.
        array_guards: arrays that became constants, and must not change.
        seconds: that tracing and compiling took.
        kept: arguments whose ids are part of the key, so that no other object takes them.
    """

    graph: Graph
    executable: Executable
    results: Results
    captures: Captures
    array_guards: tuple[ArrayGuard, ...]
    seconds: float
    kept: tuple[object, ...]

    def holds(self) -> bool:
        """Whether everything that the trace depended on is as it was."""
        return self.captures.hold() and (not self.array_guards or all(guard.holds() for guard in self.array_guards))


class Program(Generic[P, R]):
    """A step function that is recorded at its first call and repeated afterwards.

    Made by `minigrad.define`.

    Attributes:
        step: the function.
        traces: how often the step has been traced.
        disabled: passes and liberties that are left out.
    """

    def __init__(self, step: Callable[P, R], disable: Collection[str] = (), engine: str = "") -> None:
        self.step = step
        self.disabled = _pass_names(disable)
        self.traces = 0
        self._options = CompileOptions.without(self.disabled)
        self._engine = engines.create_engine(engine)
        self._named_engine = bool(engine)
        self._entries: dict[Hashable, list[ConcreteProgram]] = {}
        self._continuing: set[Hashable] = set()  # signatures with which the step continues a graph from outside
        self._latest: ConcreteProgram | None = None
        self._forms: InputForms | None = None  # of the arguments of the latest call
        self._lock = RLock()
        update_wrapper(self, step)
        fork_safe(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the step.

        Raises:
            TraceError: the step cannot be repeated.
        """
        mode = MODE.get()
        if mode is not None and mode.interceptor is not None:
            # Inside another program, or under mg.debug(): arrays are Tensors there too.
            return self._run_step(args, kwargs)
        records = mode is None or mode.grad
        with self._lock:
            entry, quick = self._latest, self._forms
            if entry is not None and not kwargs and quick is not None and quick.records == records:
                inputs = quick.match(args)
                if inputs is not None and entry.holds():
                    return cast(R, self._run(entry, inputs))
            self._forms = None
            arrays: list[Array] = []
            tracked: list[Tensor] = []
            key = (records, *signature(args, arrays, tracked))
            if kwargs:
                key = (*key, tuple(kwargs), *signature(tuple(kwargs.values()), arrays, tracked))
            if (tracked and records) or (self._continuing and key in self._continuing):
                return self._run_step(args, kwargs)
            for entry in self._entries.get(key, ()):
                if entry.holds():
                    self._forms = None if kwargs else InputForms.of(records, args)
                    return cast(R, self._run(entry, tuple(arrays)))
            try:
                entry = self._define(key, args, kwargs)
            except UsesGraphOutside:
                self._continuing.add(key)
                return self._run_step(args, kwargs)
            return cast(R, self._run(entry, tuple(arrays)))

    def _run_step(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> R:
        """Run the step as it is, on Tensors.

        Gradients flow through it to what was computed outside.
        """
        with_tensors = _arrays_as_tensors((args, dict(kwargs)))
        assert isinstance(with_tensors, tuple)
        return self.step(*with_tensors[0], **with_tensors[1])

    # -- looking at it -----------------------------------------------------------------------------------------------
    @property
    def graph(self) -> Graph:
        """The graph that ran last, after all passes.

        Raises:
            TraceError: the program has not been called yet.
        """
        return self._last().graph

    @property
    def switched_off(self) -> frozenset[str]:
        """The former name of `disabled`."""
        warn_renamed("Program.switched_off", "Program.disabled")
        return self.disabled

    def explain(self, svg: str | Path | None = None) -> str:
        """Describe in words what the program does, and where the time goes.

        Ops, groups, buffers, bytes, FLOPs.

        Args:
            svg: a file to draw it into as well. Times are there after five runs.

        Raises:
            TraceError: before the first call.
        """
        last = self._last()
        name = getattr(self.step, "__name__", "step")
        if svg is not None:
            write_svg(svg, name, last.graph, last.executable)
        return format_program(name, last.graph, last.executable, last.seconds, self._engine.name)

    def _repr_html_(self) -> str:
        """What the program does, as a notebook shows it."""
        return as_html(self.explain() if self.traces else repr(self))

    def _last(self) -> ConcreteProgram:
        if self._latest is None:
            raise TraceError("the program has not been defined yet: call it once")
        return self._latest

    # -- running it ----------------------------------------------------------------------------------------------------
    def _run(self, entry: ConcreteProgram, arrays: tuple[Array, ...]) -> object:
        self._latest = entry
        if not entry.executable.valid():
            entry.executable = bind(entry.graph, self._options, self._engine)
        results = entry.results
        saved = results.before(arrays)
        return results.make(entry.executable.run(arrays), saved)

    def _define(self, key: Hashable, args: tuple[object, ...], kwargs: Mapping[str, object]) -> ConcreteProgram:
        try:
            entry = self._trace(args, kwargs)
        except StepChanged:  # perhaps it has filled a cache, and is settled now
            entry = self._trace(args, kwargs)
        self._enter(key, entry)
        return entry

    def _trace(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> ConcreteProgram:
        start = perf_counter()
        captures = find_captures(self.step, [*args, *kwargs.values()])
        tracer, random_guard = StepTracer(), RandomStateGuard(captures.sources)
        recorder = tracer.recorder
        fakes = replace_arrays((args, dict(kwargs)), tracer.input)
        assert isinstance(fakes, tuple)
        with mode_override(interceptor=tracer), tracer.lifted.lifted(captures):
            with refuse_clock_calls() if captures.mentions_clock else nullcontext():
                result = self.step(*fakes[0], **fakes[1])
            random_guard.check()
            captures.values.refuse_changes()
            results = results_of(result, tracer)
        recorder.forget_numbers()
        graph = Graph(tuple(recorder.values), tuple(recorder.steps), results.outputs)
        graph = run_pipeline(graph, self.disabled)
        if self._named_engine:
            for step in graph.steps:
                if isinstance(step, HostCall) and isinstance(step.owner, SupportsEngine):
                    step.owner.use_engine(self._engine)
        executable = bind(graph, self._options, self._engine)
        guards = tuple(guard for guard in recorder.array_guards if guard.find() is not None)
        return ConcreteProgram(graph, executable, results, captures, guards, perf_counter() - start, (args, kwargs))

    def _enter(self, key: Hashable, entry: ConcreteProgram) -> None:
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


def _arrays_as_tensors(item: object) -> object:
    """Arguments with Tensors in the place of arrays; Tensors stay what they are."""
    return replace_arrays(item, lambda array: tensor_of(Constant(array)), tensors=False)


def _described(key: Hashable) -> str:
    return str(key)[:200]


def _pass_names(names: Collection[str]) -> frozenset[str]:
    """Names of passes and liberties, former names of passes replaced.

    Raises:
        ValueError: there is no such pass.
    """
    allowed = (*PASS_NAMES, *LIBERTIES)
    for name in names:
        if name in FORMER_NAMES:
            warn_renamed(f"the pass {name!r}", repr(FORMER_NAMES[name]), stacklevel=5)
        elif name not in allowed:
            raise ValueError(f"no pass is called {name!r}; there are {', '.join(allowed)}")
    return frozenset(FORMER_NAMES.get(name, name) for name in names)


@overload
def define(
    step: Callable[P, R], *, disable: Collection[str] = (), engine: str = "", without: Collection[str] | None = None
) -> Program[P, R]: ...
@overload
def define(
    *, disable: Collection[str] = (), engine: str = "", without: Collection[str] | None = None
) -> Callable[[Callable[P, R]], Program[P, R]]: ...
def define(
    step: Callable[P, R] | None = None,
    *,
    disable: Collection[str] = (),
    engine: str = "",
    without: Collection[str] | None = None,
) -> Program[P, R] | Callable[[Callable[P, R]], Program[P, R]]:
    """Make a program of a step function: `@mg.define`.

    The first call with arguments of given shapes and dtypes goes through the step and writes down every op, backward
    and optimizer step included; then, as in all later calls, the program runs on the numbers given.
    Arrays and Tensors among the arguments (in lists, tuples and dicts too) are inputs; models and optimizers are found
    in arguments, closure and globals.

    Args:
        step: takes arrays, Tensors, models, containers; inside it arrays are Tensors. Returns Tensors (or a container).
        disable: passes to leave out (names in `minigrad/program/README.md`), and the liberties reuse, in_place, direct
            and any_order of the memory planner. The answers stay.
        engine: what runs groups of elementwise calls and updates of elementwise optimizers: "numpy", or a plugin's
            (`minigrad.engines.available()`). By default what the environment variable MINIGRAD_ENGINE names, or "auto":
            the C engine where it is installed and there is a compiler, else NumPy.
        without: the former name of `disable`.

    Raises:
        UnknownEngine: there is no such engine.
        EngineError: the engine does not work.
        ValueError: there is no such pass.
        TraceError: (when called) the step reads a traced value, or does something else that cannot be repeated.
    """
    if without is not None:
        warn_renamed("define(without=...)", "define(disable=...)")
        disable = (*disable, *without)
    if step is not None and not callable(step):
        raise ArgumentError(f"mg.define takes a function, got a {type(step).__name__}")
    if step is None:
        return lambda f: Program(f, disable, engine)
    return Program(step, disable, engine)
