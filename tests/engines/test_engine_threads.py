"""Threads of engines: how many there are, and stacks of products that they share."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad.engines import EngineError
from minigrad.engines.blas import blas_thread_functions, one_blas_thread
from minigrad.engines.products import StackedProduct
from minigrad.engines.threads import AutoTuner, processors, thread_count


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


@pytest.mark.parametrize(
    "shapes", [((64, 96, 40), (64, 40, 64)), ((65, 4, 64, 64), (64, 64)), ((1, 64, 64), (70, 64, 64))]
)
def test_a_stack_has_the_same_bits_on_any_number_of_threads(
    shapes: tuple[tuple[int, ...], tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(s) for s in shapes)
    with one_blas_thread():
        expected = a @ b
    for threads in ("2", "4"):
        monkeypatch.setenv("MINIGRAD_THREADS", threads)
        out = np.empty_like(expected)
        product = StackedProduct.of(a, b, out)
        assert product is not None
        for _ in range(10):
            out.fill(np.nan)
            product()
            np.testing.assert_array_equal(out, expected)
    monkeypatch.setenv("MINIGRAD_THREADS", "1")
    assert StackedProduct.of(a, b, np.empty_like(expected)) is None


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
    from minigrad.engines.blas import _Threads

    threads = _Threads()
    before = threads._get()
    with one_blas_thread() as known, one_blas_thread():
        assert known
        assert threads._get() == 1
    assert threads._get() == before
