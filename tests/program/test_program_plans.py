"""What the planner does with memory, and what it tells engines, looked at step by step while programs run."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.engines import CompiledGroup, EngineWithFallback, FusionGroup, NumpyEngine
from minigrad.engines.products import OneBlasThread
from minigrad.engines.protocol import API
from minigrad.program.compile import bind as planner
from minigrad.program.compile import executable
from minigrad.program.compile.aliasing import view_calls
from minigrad.program.compile.bind import bind
from minigrad.program.compile.executable import LIBERTIES, CompileOptions
from minigrad.program.graph import Assert, Call, FusedCall, Graph, defs, eval_call, uses
from minigrad.program.kernels import kernel_of
from support.program_audit import audited, operand_array, owner_of

_mg: Any = mg
"""minigrad without its types, which containers would need casts for."""
HELD = mg.tensor(np.linspace(-1.0, 1.0, 24).reshape(6, 4))
WEIGHT = mg.tensor(np.linspace(0.5, -0.5, 16).reshape(4, 4), requires_grad=True)


def views(x: Any, ids: Any) -> list[Any]:
    a = mg.tanh(x)
    return [a.T @ a, a.reshape(-1, 3)[1:] * 2.0, mg.exp(x.T.reshape(3, -1)), x[2:, ::-1] * a[2:], x[3] + a[1]]


def chain(x: Any, ids: Any) -> Any:
    for _ in range(4):
        x = mg.tanh(x @ WEIGHT) * 0.5 + x
    return [x, mg.sum(x * x, axis=0), mg.max(x, axis=1)]


def products(x: Any, ids: Any) -> Any:
    a = x @ WEIGHT
    b = a @ WEIGHT
    c = mg.transpose(b) @ a
    return (c @ c) @ (c + WEIGHT)


def rows(x: Any, ids: Any) -> Any:
    return [mg.embedding(ids, HELD) * x, x[np.array([0, 5, 5])] @ WEIGHT, _mg.take(x, ids % 4, axis=1)]


def joins(x: Any, ids: Any) -> Any:
    """In place, along another axis, with an argument, and in place again."""
    a, b = mg.exp(x), x @ WEIGHT
    whole = mg.concatenate([np.ones((1, 4)), a * 2.0, b], axis=0)
    wide = mg.concatenate([a, x], axis=1)
    long = mg.concatenate([x, x * 0.5], axis=0)
    return [whole, wide, long, mg.concatenate([x @ WEIGHT @ WEIGHT, mg.tanh(b)], axis=0)]


def without_kernels(x: Any, ids: Any) -> Any:
    s = _mg.sort(mg.tanh(x), axis=0)
    return [_mg.cumsum(s, axis=1) * 2.0, _mg.linalg.inv(mg.transpose(x) @ x + 3.0 * np.eye(4)) @ WEIGHT, s[1:3] + 1.0]


def held(x: Any, ids: Any) -> Any:
    return [HELD.T.reshape(8, 3) * 2.0, x + HELD[::-1], mg.transpose(HELD) @ x]


def swapped(x: Any, ids: Any) -> Any:
    y = mg.swapaxes(mg.broadcast_to(mg.tanh(x), (2, 6, 4)), 0, 1)
    return [y.reshape(3, 16), y * 1.0, mg.sum(y, axis=(0, 2))]


def large(x: Any, ids: Any) -> Any:
    """On arguments that are read where they are."""
    return [x[1:, ::-3] @ mg.transpose(x[1:, ::-3]), x.T.reshape(3, -1) * 2.0, x.reshape(-1, 7)[2], x[np.array([1, 1])]]


def empty(x: Any, ids: Any) -> Any:
    none = mg.tanh(x[:0])
    return [none.reshape(4, -1), none.T * 2.0, mg.concatenate([none, x[:1]], axis=0)]


def in_place(x: Any, ids: Any) -> Any:
    """Results over operands that die, one of which is met once more upside down."""
    a, b = x @ WEIGHT, mg.exp(x @ WEIGHT)
    c = mg.arctan2(a, a[::-1])
    return [
        mg.relu(c @ WEIGHT) @ WEIGHT,
        mg.sum(c @ WEIGHT),
        mg.hypot(c @ WEIGHT, b),
        mg.tanh(c) + mg.tanh(c[::-1]) * 2.0,
    ]


STEPS = {
    f.__name__: f for f in (views, chain, products, rows, joins, without_kernels, held, swapped, large, empty, in_place)
}
OPTIONS = [CompileOptions(), *(CompileOptions.without([name]) for name in LIBERTIES)]


def arguments(name: str, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((6, 700 if name == "large" else 4)), rng.integers(0, 6, 6)]


@lru_cache
def graph_of(name: str) -> Graph:
    """After all passes, as the planner is given it."""
    program: Any = mg.define(STEPS[name], engine="numpy")
    program(*arguments(name, 0))
    graph: Graph = program.graph
    return graph


@pytest.fixture(autouse=True)
def timed_twice(monkeypatch: pytest.MonkeyPatch, linked_at_once: None) -> None:
    """Two runs call by call, then linked ones, whatever the engine."""
    monkeypatch.setattr(executable, "_TIMED", 2)


@pytest.mark.parametrize("name", STEPS)
def test_after_each_step_all_that_is_still_read_is_what_the_graph_says(name: str) -> None:
    graph = graph_of(name)
    for options in OPTIONS:
        audit = audited(graph, options)
        for seed in range(3):
            x, ids = arguments(name, seed)
            audit.run([x if seed else np.asfortranarray(x), ids])
            assert audit.faults == []
        pieces = audit.owned().values()
        assert sum(owner_of(piece[0]).nbytes - 64 for piece in pieces) == audit.made.bytes
        assert all(min(a.ctypes.data for a in piece if 0 not in a.strides) % 8 == 0 for piece in pieces)
        fresh = [s for s in graph.steps if isinstance(s, Call) and s.outs[0] in audit.replaced]
        assert audit.made.n_allocating == sum(not audit.looks_into_operands(s) for s in fresh)
        assert len(audit.made.step_seconds()) == len(graph.steps)
        if options == CompileOptions():
            assert audit.made.bytes <= most_at_once(graph) + joined(graph)
        entered = [k for k, v in enumerate(graph.values) if v.kind in ("input", "state")]
        assert all(audit.made.registers[k].flags.c_contiguous for k in entered)


def most_at_once(graph: Graph) -> int:
    """Bytes of the results that are wanted at the same time, where these are most."""
    last = {k: i for i, step in enumerate(graph.steps) for k in uses(step)} | dict.fromkeys(graph.outputs, len(graph))
    alive: set[int] = set()
    most = 0
    for i, step in enumerate(graph.steps):
        alive |= set(defs(step))
        most = max(most, sum(graph.values[k].nbytes for k in alive))
        alive = {k for k in alive if last.get(k, -1) > i}
    return most


def joined(graph: Graph) -> int:
    """Bytes of joins, which may have memory of their own."""
    return sum(graph.values[c.outs[0]].nbytes for c in graph.calls if c.op.name == "concatenate")


def test_each_join_that_can_is_made_in_place() -> None:
    made = audited(graph_of("joins"), CompileOptions()).made
    joins = [i for i, s in enumerate(graph_of("joins").steps) if isinstance(s, Call) and s.op.name == "concatenate"]
    assert [made.spans[i] == made.spans[i + 1] for i in joins] == [True, False, False, True]


@pytest.mark.parametrize("rows", [6, 5000])
def test_a_label_that_is_too_large_is_seen_at_each_run(rows: int) -> None:
    """In arguments that are copied, and in those that are read where they are."""
    table = mg.tensor(np.eye(4))
    program: Any = mg.define(lambda ids: mg.sum(mg.embedding(ids, table)), engine="numpy")
    for k in range(4):
        assert program(np.full(rows, k)).item() == rows
        with pytest.raises(IndexError):
            program(np.full(rows, 4 + k))


def test_results_over_operands_that_die_save_memory() -> None:
    for name in ("chain", "rows"):
        used = {options.in_place: audited(graph_of(name), options).made.bytes for options in OPTIONS[::2]}
        assert used[True] < used[False], name


VIEWING = ("reshape", "transpose", "matrix_transpose", "broadcast_to", "windows", "getitem", "swapaxes")


@pytest.mark.parametrize("name", STEPS)
def test_views_are_what_numpy_makes_views_of(name: str) -> None:
    """No more, so that no memory is taken for another's; and no fewer, so that nothing is copied in vain."""
    graph = graph_of(name)
    kernels = {c: k for c in graph.steps if isinstance(c, Call) and (k := kernel_of(c, graph.values)) is not None}
    found, forms = view_calls(graph, kernels)
    audit = audited(graph, CompileOptions(reuse=False))
    audit.run(arguments(name, 0))
    registers = audit.made.registers
    for i, step in enumerate(graph.steps):
        if not isinstance(step, Call):
            continue
        if step not in kernels:
            threads = [c.uses_blas_threads for c in audit.made.code[audit.made.spans[i] : audit.made.spans[i + 1]]]
            assert threads == ([step not in found] if threads else [])
        x = registers[step.args[0]]
        forward = eval_call(step, [registers[a] for a in step.args])[0]
        is_view = forward.base is not None and x.size > 0 and (not forward.size or np.shares_memory(forward, x))
        assert (step in found) == (step.op.name in VIEWING and is_view and step.args[0] in forms), step
        known = step in found or step in kernels
        assert all((k in forms) == known for k in step.outs)
    for number, form in forms.items():
        assert (form.shape, form.dtype) == (registers[number].shape, registers[number].dtype)
        assert 1 in form.shape or form.strides == registers[number].strides


@pytest.mark.parametrize("name", STEPS)
def test_engines_are_told_where_operands_are(name: str) -> None:
    """Each call with a routine whose operands lie in fixed memory, or in one argument's, is described as it is."""
    graph = graph_of(name)
    audit = audited(graph, CompileOptions(reuse=False))
    for seed in range(2):
        audit.run(arguments(name, seed))
    for i, (step, calls) in enumerate(zip(graph.steps, audit.described, strict=True)):
        kernel = kernel_of(step, graph.values) if isinstance(step, Call) else None
        if isinstance(step, Assert):
            (call,) = calls
            assert (call.name, call.out, call.options) == ("within", None, {"high": 6, "ignored": None})
            np.testing.assert_array_equal(operand_array(call.operands[0]), arguments(name, 1)[1])
            continue
        has_code = audit.made.spans[i] < audit.made.spans[i + 1]
        if not isinstance(step, Call) or kernel is None or not has_code:
            assert calls == []
            continue
        tellable = bool(kernel.routine) and not kernel.more
        assert len(calls) == (tellable and all(audit.has_place(a) for a in step.args))
        for call in calls:
            assert (call.name, call.options.keys()) == (kernel.routine, kernel.details.keys())
            assert call.out is not None
            out = audit.made.registers[step.outs[0]]
            assert call.out.shape == (kernel.shape or out.shape)
            assert (call.out.ctypes.data, call.out.size) == (out.ctypes.data, out.size)
            for operand, k in zip(call.operands, step.args, strict=True):
                np.testing.assert_array_equal(operand_array(operand), audit.made.registers[k])


class Counting:
    """An engine that notes what it is given, and has NumPy do it.

    Attributes:
        given: for each group its functions, and the shape it runs over.
    """

    api: ClassVar[tuple[int, int]] = API

    def __init__(self) -> None:
        self.given: list[tuple[list[str], tuple[int, ...]]] = []

    def bind(self, group: FusionGroup) -> CompiledGroup:
        """The calls of a group, under a note."""
        self.given.append(([getattr(c.function, "__name__", "") for c in group.calls], group.space))
        return attrs.evolve(NumpyEngine().bind(group), note=f"number {len(self.given)}", bytes=100 * len(self.given))


@pytest.mark.parametrize("name", STEPS)
def test_an_engine_is_given_groups_and_lone_calls_of_each_entry(name: str) -> None:
    graph, engine = graph_of(name), Counting()
    audit = audited(graph, CompileOptions(), EngineWithFallback("counting", engine))
    for seed in range(3):
        audit.run(arguments(name, seed))
        assert audit.faults == []
    steps = list(enumerate(graph.steps))
    lone = [i for i, s in steps if isinstance(s, Call) and _is_alone(graph, s)]
    expected = sorted([*lone, *(i for i, s in steps if isinstance(s, FusedCall))])
    assert audit.made.notes == {i: f"number {n}" for n, i in enumerate(expected, start=1)}
    assert len(engine.given) == len(expected)
    assert audit.made.scratch == 100 * len(expected)
    assert not any(isinstance(c.run, OneBlasThread) for c in audit.made.code)


def _is_alone(graph: Graph, call: Call) -> bool:
    """Whether NumPy would make one call of it, on arrays of one dtype."""
    out = graph.values[call.outs[0]]
    if not isinstance(call.op.forward, np.ufunc) and call.op.name != "relu":
        return False
    return bool(out.shape) and out.nbytes > 0 and out.dtype.kind == "f"


@pytest.mark.parametrize(
    ("rows", "is_shared", "sums_are"),
    [(99, False, False), (101, True, False), (8_999, True, False), (9_000, True, True)],
)
def test_products_that_the_library_would_share_are_kept_on_one_thread(
    rows: int, is_shared: bool, sums_are: bool
) -> None:
    """100 x 25 multiplications a row, of which 250,000 are many; and sums over 9,000 entries."""
    w = mg.tensor(np.linspace(-1.0, 1.0, 2500).reshape(100, 25))

    def step(x: Any) -> Any:
        return [x @ w, mg.sum(mg.tanh(x[:, 0]) * 2.0)]

    program: Any = mg.define(step, engine="numpy")
    x = np.random.default_rng(0).standard_normal((rows, 100))
    for _ in range(3):
        product, total = program(x)
        np.testing.assert_allclose(product.numpy(), x @ w.numpy(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(total.numpy(), np.sum(np.tanh(x[:, 0]) * 2.0), rtol=1e-12, atol=1e-10)
    made = program._last().executable
    kept = [any(isinstance(c.run, OneBlasThread) for c in made.code[a:b]) for a, b in pairwise(made.spans)]
    kinds = {type(s): k for s, k in zip(program.graph.steps, kept, strict=True)}
    product_at = [getattr(getattr(s, "op", None), "name", "") for s in program.graph.steps].index("matmul")
    assert kept[product_at] == is_shared
    assert kinds[FusedCall] == sums_are


def test_a_large_product_is_shared_where_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    class Shared:
        @staticmethod
        def of(function: Any, a: Any, b: Any, out: Any) -> Any:
            asked.append((a, b, out.shape))
            return (lambda x, y, out: np.multiply(function(x, y), 2.0, out=out)) if len(asked) == 1 else None

    monkeypatch.setattr(planner, "SharedProduct", Shared)
    w = mg.tensor(np.ones((100, 50)))
    program: Any = mg.define(lambda x: [x @ w, x @ (w * 2.0), x[:4] @ w, mg.sum(x @ w, axis=0)], engine="numpy")
    x = np.ones((100, 100))
    for _ in range(3):
        results = [t.numpy().max() for t in program(x)]
    assert results == [200.0, 200.0, 100.0, 20_000.0]  # the first of them, met twice, by what was given for it
    assert len(asked) == 2
    assert all(entry == ((100, 100), (100, 50), (100, 50)) for entry in asked)


def test_the_liberties_of_the_planner_are_all_taken_unless_named() -> None:
    assert attrs.asdict(CompileOptions()) == dict.fromkeys(LIBERTIES, True)
    assert attrs.asdict(CompileOptions.without(["direct", "fuse"])) == {n: n != "direct" for n in LIBERTIES}


def test_the_quickest_of_the_timed_runs_counts_and_the_rest_is_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of("products")
    clock = iter([0.0, 3.0, 10.0, 14.0, 20.0, 22.0, 30.0, 35.0])
    monkeypatch.setattr(executable, "perf_counter", lambda: next(clock))
    made = bind(attrs.evolve(graph, steps=graph.steps[:2], outputs=defs(graph.steps[1])), CompileOptions())
    for runs in (1, 2, 2, 2):
        made.run(tuple(arguments("products", 0)))
        assert made.runs == runs
    assert made.step_seconds() == [2.0, 4.0]
    assert len(made.linked) == len(made.code)


def test_a_program_of_no_calls_hands_on_what_it_is_given() -> None:
    program: Any = mg.define(lambda x: x, engine="numpy")
    for k in range(4):
        assert program(np.full(3, float(k))).numpy().tolist() == [k] * 3
    assert len(program._last().executable.linked) == 1
