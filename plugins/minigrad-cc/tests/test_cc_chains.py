"""Chains: whole steps in C leave the bits that the same calls leave one by one, and refuse what NumPy would refuse."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.registry import REGISTRY
from minigrad.engines import ArrayCall, Operand, PlannedCall
from minigrad.optim import NonFiniteWarning, StatefulOptimizer
from minigrad.program import Program
from minigrad.program.compile import executable
from minigrad.program.graph import Call, Value
from minigrad.program.kernels import kernel_of
from minigrad.typing import Array
from minigrad_cc import KernelWarning
from minigrad_cc.chain import Chain
from minigrad_cc.compiler import compiler
from minigrad_cc.library import PlanLibrary, plan_library
from minigrad_cc.link import linked
from minigrad_cc.routines import entries_of
from support.compiled_at_once import compiled_at_once as compiled_at_once  # in use in all tests

State = list[bytes]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs are linked before their first run."""
    monkeypatch.setattr(executable, "_TIMED", 0)


@pytest.fixture(scope="module")
def library() -> PlanLibrary:
    return plan_library(compiler())


# -- routines against NumPy ---------------------------------------------------------------------------------------
def _products() -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        a, b, v = (rng.normal(size=s).astype(dtype) for s in ((7, 5), (5, 9), 5))
        yield from ((a, b), (b.T, a.T), (a.T.copy().T, b), (a, b[:, ::2]), (v, v), (v, b), (v, b.T.copy().T))
        yield from (
            (a[:, :3], b[:3]),
            (a, a.T),
            (a[::2], b[:, 2:6]),
            (v, b[:, :1]),
            (v, b[:, :1].copy()),
            (v[:1], b[:1]),
        )
        stack, other = rng.normal(size=(2, 3, 4, 5)).astype(dtype), rng.normal(size=(2, 3, 5, 6)).astype(dtype)
        yield from (
            (stack, other),
            (stack, other[0]),
            (stack[1, 2], other),
            (stack.swapaxes(1, 2)[:, :, :2], other[:, :1]),
        )


@pytest.mark.parametrize("case", range(34))
def test_products_are_those_of_numpy_to_the_last_bit(case: int, library: PlanLibrary) -> None:
    a, b = list(_products())[case]
    expected = np.matmul(a, b)
    out = np.full_like(expected, np.nan)
    made = _made(library, ArrayCall("matmul", (Operand(a), Operand(b)), out))
    assert not made or out.tobytes() == expected.tobytes()
    assert made or case % 17 in (3, 8, 10, 11, 12, 16), "C should make this product"


def test_moves_are_those_of_numpy(library: PlanLibrary) -> None:
    rng = np.random.default_rng(1)
    x, wide = rng.normal(size=(4, 5, 6)), rng.normal(size=(37, 50))
    places = rng.integers(5, size=(3, 2))
    key = (slice(1, 3), slice(None, None, 2), slice(None, None, -1))
    put = np.zeros_like(x)
    put[key] = x[key]
    cases: list[tuple[str, tuple[Any, ...], dict[str, object], Any]] = [
        ("copy", (x.transpose(2, 0, 1),), {}, np.ascontiguousarray(x.transpose(2, 0, 1))),
        ("copy", (wide.T,), {}, np.ascontiguousarray(wide.T)),
        ("copy", (x[:, :1],), {}, np.broadcast_to(x[:, :1], x.shape).copy()),
        ("concatenate", (x, x[:, :2], x[:, 4:]), {"axis": 1}, np.concatenate([x, x[:, :2], x[:, 4:]], axis=1)),
        ("get_part", (x,), {"key": key}, x[key].copy()),
        ("put_part", (x[key],), {"key": key}, put),
        ("take", (x, places), {"axis": 1}, x.take(places, axis=1)),
        ("take_flat", (x,), {"places": places}, x.reshape(-1)[places]),
        ("one_hot", (places, np.ones(())), {}, np.eye(5)[places]),
        ("take_of_rows", (x[0], np.array([[1], [0], [5], [2], [3]])), {}, x[0][range(5), [1, 0, 5, 2, 3]][:, None]),
    ]
    for name, operands, options, expected in cases:
        for dtype in (np.float32, np.float64):
            arrays: list[Any] = [a.astype(dtype) if a.dtype.kind == "f" else a for a in operands]
            out: Array = np.full(expected.shape, np.nan, dtype)
            assert _made(library, ArrayCall(name, tuple(map(Operand, arrays)), out, options)), name
            np.testing.assert_array_equal(out, expected.astype(dtype), err_msg=name)


@pytest.mark.parametrize(("count", "length", "width"), [(9, 5, 6), (700, 40, 65), (900, 700, 2), (2000, 3, 250)])
def test_rows_are_added_up_by_place_with_the_bits_of_numpy(
    count: int, length: int, width: int, library: PlanLibrary
) -> None:
    """By one product or one for each place: places without rows, with one of -0.0, and integers that lie apart."""
    mg.take  # noqa: B018  # register the family
    rng = np.random.default_rng(count)
    for dtype in (np.float32, np.float64):
        rows: Any = rng.normal(size=(count, width)).astype(dtype)
        places: Any = rng.integers(length, size=count)
        places[places == 1], places[1], rows[1] = 0, 1, -0.0
        places[places == 2] = 0
        values = [Value(rows.shape, rows.dtype, "input"), Value((count,), places.dtype, "input")]
        values.append(Value((length, width), rows.dtype, "result"))
        kernel = kernel_of(Call(REGISTRY["put_along"], (0, 1), {"axis": 0, "length": length}, (2,)), values)
        assert kernel is not None
        expected: Any = np.empty((length, width), dtype)
        out: Any = np.empty_like(expected)
        with library.one_blas_thread():
            kernel.function(rows, places, out=expected)
        for lies in (places, np.repeat(places, 2)[::2]):
            out.fill(np.nan)
            assert _made(library, ArrayCall(kernel.routine, (Operand(rows), Operand(lies)), out, kernel.details))
            assert out.tobytes() == expected.tobytes()
        for wrong in (-1, length):
            call = ArrayCall(kernel.routine, (Operand(rows), Operand(np.full_like(places, wrong))), out, kernel.details)
            assert not _made(library, call)


def test_what_is_out_of_range_is_refused(library: PlanLibrary) -> None:
    x = np.arange(12.0).reshape(3, 4)
    out: Array = np.zeros((3, 4))
    for wrong in (4, -1, 2**40):
        labels = np.array([0, 3, wrong])
        assert not _made(library, ArrayCall("one_hot", (Operand(labels), Operand(x)), out))
        assert not _made(library, ArrayCall("take_of_rows", (Operand(x), Operand(labels[:, None])), out[:, :1].copy()))
        assert not _made(library, ArrayCall("take", (Operand(x), Operand(labels)), out, {"axis": 1}))
        assert not _made(library, ArrayCall("within", (Operand(labels),), None, {"high": 4, "ignored": None}))
        assert _made(library, ArrayCall("within", (Operand(labels),), None, {"high": 4, "ignored": wrong}))


def _made(library: PlanLibrary, call: ArrayCall) -> bool:
    """Let C make a call; False if it cannot or refuses."""
    from minigrad_cc.chain import Entries

    entries = entries_of(call)
    return entries is not None and Entries(library, entries).table.run()


def test_a_routine_with_other_bits_is_not_used(library: PlanLibrary) -> None:
    x, out, other = np.ones(3), np.zeros(3), np.zeros(3)

    def double() -> None:
        out[...] = 2 * x

    calls = [PlannedCall(double, ArrayCall("copy", (Operand(x),), out))]
    calls.append(PlannedCall(lambda: np.copyto(other, out), ArrayCall("copy", (Operand(out),), other)))
    (chain,) = linked(calls, library, lambda run: None)
    with pytest.warns(KernelWarning, match="other bits"):
        chain()
    for _ in range(3):
        out[...] = 0
        chain()
        assert out.tolist() == other.tolist() == [2, 2, 2]
    assert isinstance(chain, Chain)
    assert "NumPy: copy" in chain.note


# -- steps ------------------------------------------------------------------------------------------------------------
def _mlp(optimizer: str, **options: Any) -> tuple[StatefulOptimizer, Callable[..., mg.Tensor]]:
    model = nn.mlp(6, [8], 4, rng=0)
    opt = mg.optimizer(optimizer, model.named_parameters(), **options)

    def step(x: Array, y: Array) -> mg.Tensor:
        opt.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return opt, step


def _run(opt: StatefulOptimizer, program: Callable[..., mg.Tensor], steps: int, seed: int = 0) -> State:
    rng, losses = np.random.default_rng(seed), []
    for _ in range(steps):
        losses.append(program(rng.normal(size=(5, 6)).astype(np.float32), rng.integers(4, size=5)).numpy().tobytes())
    return [*losses, *(b.params.tobytes() for b in opt.buckets), repr(opt.state_dict()).encode()]


def _chains(program: Program[..., mg.Tensor]) -> list[Chain]:
    assert program._latest is not None
    return [thunk for thunk in program._latest.executable.linked if isinstance(thunk, Chain)]


RULES = [
    ("adam", {}), ("sgd", {"lr": 0.1}), ("adamw", {"weight_decay": 0.1}), ("rmsprop", {}), ("momentum", {}),
    ("adam", {"lr": mg.optim.Cosine(0.01, 30)}), ("adam", {"weight_decay": 0.1}), ("nesterov", {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "options"), RULES)
def test_a_chain_leaves_the_bits_of_single_calls(
    rule: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[State] = []
    for timed in (0, 5, 10**9):
        monkeypatch.setattr(executable, "_TIMED", timed)
        opt, step = _mlp(rule, **options)
        program = mg.define(step, engine="cc")
        answers.append(_run(opt, program, 25))
        if timed < 25:
            (chain,) = _chains(program)
            assert "NumPy" not in chain.note, chain.note
    assert answers[0] == answers[1] == answers[2]


def test_what_happens_between_steps_is_seen(at_once: None) -> None:
    """Loaded states, other rates, hooks, averages and skipped steps: as without chains."""
    answers = []
    for engine in ("cc", "single"):
        opt, step = _mlp("adam")
        program = mg.define(step, engine="cc")
        run: Callable[..., mg.Tensor] = program
        if engine == "single":
            executable._TIMED = 10**9
        first = _run(opt, run, 12)
        saved = opt.state_dict()
        opt.set(lr=0.05)
        second = _run(opt, run, 12, 1)
        opt.load_state_dict(saved)
        third = _run(opt, run, 4, 2)
        opt.set(lr=mg.optim.Cosine(0.01, 40))
        fourth = _run(opt, run, 12, 3)
        opt.grad_hook = partial(_halve, opt)
        fifth = _run(opt, run, 3, 4)
        opt.grad_hook = None
        with pytest.warns(NonFiniteWarning):
            run(np.full((5, 6), np.nan, np.float32), np.zeros(5, np.int64))
        with pytest.raises(ValueError, match="label 4"):
            run(np.zeros((5, 6), np.float32), np.full(5, 4))
        sixth = _run(opt, run, 5, 5)
        answers.append([first, second, third, fourth, fifth, sixth, opt.t, opt.gradient_norm])
    assert answers[0] == answers[1]


def _halve(opt: StatefulOptimizer) -> None:
    for bucket in opt.buckets:
        np.multiply(bucket.grads, 0.5, out=bucket.grads)


def test_a_large_update_in_place_is_part_of_the_chain(at_once: None) -> None:
    w = mg.tensor(np.linspace(-1, 1, 1 << 17), requires_grad=True)
    opt = mg.optimizer("adam", [w], lr=0.01)

    @mg.define(engine="cc")
    def step(x: mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        loss = (w * x).reshape(-1, 2).sum(axis=0)[0] ** 2
        loss.backward()
        opt.step()
        return loss

    v = mg.tensor(np.linspace(1, 2, 1 << 17), requires_grad=True)
    other = mg.optimizer("adam", [v], lr=0.01)
    x = mg.tensor(np.full(1 << 17, 1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(12):
            step(x)
    assert opt.t == 12
    assert np.isfinite(w.numpy()).all()
    assert other.t == 0


def test_explain_says_what_c_makes(at_once: None) -> None:
    opt, step = _mlp("adam")
    program = mg.define(step, engine="cc")
    _run(opt, program, 12)
    calls = re.search(r"at once: C makes (\d+) calls$", program.explain(), re.MULTILINE)
    assert calls is not None
    assert int(calls[1]) > 15
