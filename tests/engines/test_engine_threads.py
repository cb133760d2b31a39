"""Threads of engines: how many there are, and stacks of products that they share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import MinigradError, engines, nn
from minigrad.core.types import Array
from minigrad.engines import EngineError
from minigrad.engines.blas import _Threads, blas_thread_functions, one_blas_thread
from minigrad.engines.products import OneBlasThread, SharedProduct
from minigrad.engines.threads import AutoTuner, ParallelFor, processors, thread_count
from support.interrupts import interrupted
from support.missing_plugins import import_plugin


def test_the_environment_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINIGRAD_THREADS", raising=False)
    assert thread_count() == processors()
    monkeypatch.setenv("MINIGRAD_THREADS", "3")
    assert thread_count() == 3
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("MINIGRAD_THREADS", wrong)
        with pytest.raises(EngineError, match="MINIGRAD_THREADS"):
            thread_count()


def test_what_took_less_time_in_trials_is_chosen() -> None:
    for quicker in (1, 4):
        tuner = AutoTuner(4)
        chosen = []
        for _ in range(300):
            of = tuner.choose()
            chosen.append(of)
            tuner.note(1.0 if of == quicker else 2.0)
        assert set(chosen[8:256]) == {quicker}
        assert set(chosen[256:264]) == {1, 4}, "tried again"


CUT: list[tuple[tuple[int, ...], tuple[int, ...], bool]] = [
    ((64, 96, 40), (64, 40, 64), False),
    ((65, 4, 64, 64), (64, 64), False),
    ((1, 64, 64), (70, 64, 64), False),
    ((400, 200), (200, 130), False),
    ((80, 300), (300, 420), True),
    ((6, 300, 200), (200, 90), False),
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("left", "right", "turned"), CUT)
def test_a_product_has_the_same_bits_on_any_number_of_threads(
    left: tuple[int, ...], right: tuple[int, ...], turned: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s).astype(dtype) for s in (left, right))
    a = a.T.copy().T if turned else a
    with one_blas_thread():
        expected = a @ b
    for threads in ("2", "4"):
        monkeypatch.setenv("MINIGRAD_THREADS", threads)
        out = np.empty_like(expected)
        product = SharedProduct.of(np.matmul, left, right, out)
        assert product is not None
        with one_blas_thread():
            for _ in range(10):
                out.fill(np.nan)
                product(a, b, out)
                np.testing.assert_array_equal(out, expected)
        assert product._cut
    monkeypatch.setenv("MINIGRAD_THREADS", "1")
    assert SharedProduct.of(np.matmul, left, right, np.empty_like(expected)) is None


def test_a_product_whose_parts_have_other_bits_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_THREADS", "2")
    a, b, out = np.ones((300, 200)), np.ones((200, 300)), np.empty((300, 300))

    def moody(a: Array, b: Array, out: Array) -> None:
        np.matmul(a, b, out=out)
        out += len(a)

    product = SharedProduct.of(moody, a.shape, b.shape, out)
    assert product is not None
    for _ in range(5):
        product(a, b, out)
        assert (out == 500.0).all()
    assert not product._cut


def test_all_parts_are_done_and_errors_are_raised_where_the_work_was_asked_for() -> None:
    done: list[tuple[int, int]] = []
    for workers in (2, 5):
        shared = ParallelFor(lambda k, of: done.append((k, of)), workers)
        for _ in range(40):
            shared._run(workers)
    assert sorted(done) == sorted([(k, of) for of in (2, 5) for k in range(of)] * 40)

    def fails(k: int, of: int) -> None:
        if k == of - 1:
            raise ArithmeticError(f"part {k}")

    for _ in range(20):
        with pytest.raises(ArithmeticError, match="part 2"):
            ParallelFor(fails, 3)._run(3)


def test_programs_keep_the_library_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    if blas_thread_functions() is None:
        pytest.skip("NumPy has brought no OpenBLAS")
    monkeypatch.setenv("MINIGRAD_THREADS", "2")
    seen: list[int] = []
    threads = _Threads()
    w = mg.tensor(np.ones((300, 300)), requires_grad=True)
    opt = mg.optimizer("sgd", [w], lr=1e-3)

    def step(x: mg.Tensor) -> mg.Tensor:
        opt.zero_grad()
        loss = mg.sum(mg.tanh(x @ w) @ w)
        loss.backward()
        opt.step()
        return loss

    program = mg.define(step, engine="numpy")
    before = threads._get()
    for _ in range(8):
        program(np.ones((300, 300)))  # type: ignore[arg-type]  # arrays become Tensors inside
    (thunk,) = [t for t in program._last().executable.linked if isinstance(t, OneBlasThread)]
    spied = OneBlasThread((*thunk.calls, lambda: seen.append(threads._get())))
    spied()
    assert seen == [1]
    assert threads._get() == before


def test_programs_share_large_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_THREADS", "2")
    q = np.random.default_rng(0).standard_normal((32, 96, 64))
    weight = mg.tensor(q.swapaxes(1, 2).copy())
    program = mg.define(lambda x: mg.sum(mg.tanh(x * 1.0) @ weight), engine="numpy")
    for _ in range(10):
        assert program(q).item() == pytest.approx((np.tanh(q) @ weight.numpy()).sum(), rel=1e-12)


def test_the_library_has_its_threads_back_afterwards() -> None:
    if blas_thread_functions() is None:
        pytest.skip("NumPy has brought no OpenBLAS")
    threads = _Threads()
    before = threads._get()
    with one_blas_thread() as known, one_blas_thread():
        assert known
        assert threads._get() == 1
    assert threads._get() == before


def test_a_step_leaves_the_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.engines.products.WORTH", 1_000)
    monkeypatch.setattr("minigrad.engines.tiles.SHARED", 1_000)
    monkeypatch.setattr("minigrad.engines.tiles.TILE_BYTES", 4_096)
    rng = np.random.default_rng(0)
    x, q = (rng.standard_normal(s).astype(np.float32) for s in ((192, 300), (12, 96, 32)))
    bits = set()
    for threads in ("1", "2", "4"):
        monkeypatch.setenv("MINIGRAD_THREADS", threads)
        model = nn.Sequential(nn.Linear(300, 256, rng=0), nn.Tanh(), nn.LayerNorm(256), nn.Linear(256, 70, rng=1))
        opt = mg.optimizer("adam", model.parameters(), lr=1e-3)

        def step(x: mg.Tensor, q: mg.Tensor, model: Any = model, opt: Any = opt) -> Any:
            opt.zero_grad()
            seen = mg.softmax(q @ mg.swapaxes(q, 1, 2), axis=-1) @ q
            loss = mg.mean(mg.softmax(model(x), axis=-1) ** 2) * mg.sum(mg.square(seen))
            loss.backward()
            opt.step()
            return loss

        program: Any = mg.define(step, engine="numpy")
        losses = [program(x, q).item() for _ in range(20)]
        bits.add((*losses, *(p.numpy().tobytes() for p in model.parameters())))
    assert len(bits) == 1


@pytest.mark.parametrize("kind", ["numpy", "cc"])
def test_the_library_has_its_threads_back_after_an_interrupt_anywhere(kind: str) -> None:
    if blas_thread_functions() is None:
        pytest.skip("NumPy has brought no OpenBLAS")
    block: Callable[[], AbstractContextManager[object]] = one_blas_thread
    folder = str(Path(engines.__file__).parent)
    if kind == "cc":
        library = import_plugin("minigrad_cc.library")
        try:
            block = library.plan_library(import_plugin("minigrad_cc.compiler").compiler()).one_blas_thread
        except MinigradError as missing:
            pytest.skip(str(missing))
        folder = str(Path(library.__file__).parent)
    get, put = _Threads()._get, _Threads()._set
    before = get()
    put(2)
    try:
        count = 0

        def nested() -> None:
            with block(), block():
                assert get() == 1

        while interrupted(nested, count + 1, opcodes=True, folder=folder):
            count += 1
            assert get() == 2, count
        assert count > 20
    finally:
        put(before)
