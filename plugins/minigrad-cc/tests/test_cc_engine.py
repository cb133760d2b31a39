"""The engine: what is refused, what is cached, and what happens without a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minigrad.engines import CompiledGroup, ElementwiseCall, FusionGroup, Input, Output, create_engine
from minigrad.typing import Array
from minigrad_cc import CompilerError, Engine, KernelWarning, NoCompiler
from minigrad_cc.compiler import compiler
from minigrad_cc.writers.emit import emitted
from support.compiled_at_once import compiled_at_once as compiled_at_once  # in use in all tests

HERE = Path(__file__).parent
PATHS = [str(HERE), str(HERE.parents[2] / "tests")]
"""Where other processes find this module, and what it imports."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def sigmoid(x: Array, out: Array) -> FusionGroup:
    one = Input.of(np.ones((), x.dtype), constant=True)
    s, d = x.shape, x.dtype
    calls = (
        ElementwiseCall(np.negative, (0,), s, d),
        ElementwiseCall(np.exp, (2,), s, d),
        ElementwiseCall(np.add, (3, 1), s, d),
        ElementwiseCall(np.reciprocal, (4,), s, d),
    )
    return FusionGroup(s, (Input.of(x), one), calls, (Output(5, out),), "sigmoid")


def single(x: Array) -> Array:
    """In single precision."""
    made: Array = x.astype(np.float32)
    return made


def bent(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the C text of the reciprocal is a wrong one."""
    monkeypatch.setattr("minigrad_cc.engine.emitted", lambda kernel: emitted(kernel).replace("(1 / v4)", wrong))


def run(bound: CompiledGroup | None) -> None:
    assert bound is not None
    for call in bound.calls:
        call()


def right(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


@pytest.mark.parametrize("size", [1, 7, 1000, 700_001])
def test_a_group_runs_as_c_and_follows_the_numbers(size: int) -> None:
    x = single(np.linspace(-9, 9, size))
    y = np.empty_like(x)
    bound = Engine(workers=2).bind(sigmoid(x, y))
    assert bound is not None
    assert bound.note == ("C, 4 steps" if size <= 1000 else "C, 4 steps in 16 parts")
    for factor in (1.0, -2.0, 0.5):
        x *= np.float32(factor)
        run(bound)
        np.testing.assert_allclose(y, right(x), rtol=1e-6)


def test_adam_has_numpys_bits() -> None:
    rng = np.random.default_rng(0)
    w, m, v, g = (single(rng.normal(size=4099)) for _ in range(4))
    v *= v
    numbers = [single(np.array(x)) for x in (0.9, 0.1, 0.999, 0.001, 1e-3, 1e-8)]

    def adam(w: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
        b1, c1, b2, c2, lr, eps = numbers
        m = m * b1 + g * c1
        v = v * b2 + np.square(g) * c2
        return w - m / (np.sqrt(v) + eps) * lr, m, v

    s, d = w.shape, w.dtype
    inputs = (*(Input.of(a) for a in (w, m, v, g)), *(Input.of(n) for n in numbers))
    table: list[tuple[Callable[..., object], tuple[int, ...]]] = [
        (np.multiply, (1, 4)),
        (np.multiply, (3, 5)),
        (np.add, (10, 11)),
        (np.multiply, (2, 6)),
        (np.square, (3,)),
        (np.multiply, (14, 7)),
        (np.add, (13, 15)),
        (np.sqrt, (16,)),
        (np.add, (17, 9)),
        (np.divide, (12, 18)),
        (np.multiply, (19, 8)),
        (np.subtract, (0, 20)),
    ]
    calls = tuple(ElementwiseCall(f, o, s, d) for f, o in table)
    group = FusionGroup(s, inputs, calls, (Output(21, w), Output(12, m), Output(16, v)))
    expected = adam(w, m, v)
    run(Engine().bind(group))
    for ours, theirs in zip((w, m, v), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_kernel_that_differs_is_refused_and_numpy_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "minigrad_cc.engine.emitted", lambda kernel: emitted(kernel).replace("(1 / v4)", "(1 / v4 + 1e-5f)")
    )
    x = single(np.linspace(-3, 3, 50))
    y = np.empty_like(x)
    bound = Engine().bind(sigmoid(x, y))
    with pytest.warns(KernelWarning, match=r"sigmoid runs on NumPy: the kernel is not what NumPy computes: result 0"):
        run(bound)
    np.testing.assert_allclose(y, right(x), rtol=1e-6)
    run(bound)


def test_the_comparison_takes_little_memory() -> None:
    x, y = np.ones(200_000), np.empty(200_000)
    calls = tuple(ElementwiseCall(np.tanh, (k,), x.shape, x.dtype) for k in range(60))
    bound = Engine().bind(FusionGroup(x.shape, (Input.of(x),), calls, (Output(60, y),)))
    tracemalloc.start()
    try:
        run(bound)
        assert tracemalloc.get_traced_memory()[1] < 4 * x.nbytes
    finally:
        tracemalloc.stop()


def test_text_that_does_not_compile_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad_cc.engine.emitted", lambda kernel: "this is not C")
    x = np.linspace(-3, 3, 50)
    y = np.empty_like(x)
    bound = Engine().bind(sigmoid(x, y))
    with pytest.warns(KernelWarning, match="refused a kernel"):
        run(bound)
    np.testing.assert_allclose(y, right(x), rtol=1e-12)


def test_nothing_but_nan_is_not_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error bound of infinity everywhere must not let a wrong kernel in."""
    bent("(2 / v4)", monkeypatch)
    x = np.full(50, np.nan)
    y = np.zeros_like(x)
    bound = Engine().bind(sigmoid(x, y))
    run(bound)
    assert np.isnan(y).all()
    x[:] = 1.0
    with pytest.warns(KernelWarning, match="not what NumPy computes"):
        run(bound)
    np.testing.assert_allclose(y, right(x), rtol=1e-12)


@pytest.mark.parametrize("function", [np.sin, np.power, np.floor_divide])
def test_what_kernels_do_not_know_is_declined(function: Callable[..., object]) -> None:
    x = np.ones(5)
    operands = (0,) if function is np.sin else (0, 0)
    group = FusionGroup((5,), (Input.of(x),), (ElementwiseCall(function, operands, (5,), x.dtype),), (Output(1, x),))
    assert Engine().bind(group) is None


def test_without_a_compiler_one_line_and_everything_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_CC", "no-such-compiler")
    compiler.cache_clear()
    try:
        with pytest.raises(NoCompiler, match="no-such-compiler"):
            compiler()
        engine, x = Engine(), np.ones(5)
        with pytest.warns(KernelWarning, match="no C compiler.*Programs run on NumPy"):
            assert engine.bind(sigmoid(x, np.empty_like(x))) is None
        assert engine.bind(sigmoid(x, np.empty_like(x))) is None  # and no second line
        assert "no C compiler" in create_engine("auto").name
        assert create_engine("auto").engine is None
    finally:
        monkeypatch.undo()
        compiler.cache_clear()
    assert isinstance(create_engine("auto").engine, Engine)
    assert "minigrad-cc" in create_engine("auto").name


# -- the cache ---------------------------------------------------------------------------------------------------------
TEXT = "#include <stdint.h>\nint minigrad_kernel(const int64_t *a, int64_t n) { return (int)(a[0] + n); }\n"


def value(cache: Path) -> int:
    a = np.array([40])
    return compiler().function(TEXT, cache)(int(a.ctypes.data), 2)


def test_a_second_start_compiles_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert value(cache) == 42
    monkeypatch.setattr("minigrad_cc.compiler.subprocess.run", lambda *a, **k: pytest.fail("compiled again"))
    assert value(cache) == 42


def test_a_damaged_file_is_made_again(cache: Path) -> None:
    file = compiler().library(TEXT, cache)  # not loaded here: a library that is in use must not be cut short
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    code = f"from pathlib import Path; import sys; sys.path[:0] = {PATHS!r}\n"
    code += "from test_cc_engine import value; print(value(Path(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, str(cache)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "42", done.stderr
    (file,) = cache.glob("*.so")
    assert file.read_bytes() == content


def test_files_and_directories_that_others_may_write_are_not_used(cache: Path) -> None:
    assert value(cache) == 42
    (file,) = cache.glob("*.so")
    file.chmod(0o666)
    before = file.stat().st_mtime_ns
    assert value(cache) == 42
    assert [f.stat().st_mode & 0o022 for f in cache.glob("*.so")] == [0]  # replaced by our own
    assert next(cache.glob("*.so")).stat().st_mtime_ns != before
    cache.chmod(0o777)
    for f in cache.glob("*.so"):
        f.unlink()
    assert value(cache) == 42
    assert not list(cache.glob("*.so"))
    cache.chmod(0o700)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert value(tmp_path / "closed" / "kernels") == 42


def test_another_compiler_or_processor_has_files_of_its_own(cache: Path) -> None:
    import attrs

    assert value(cache) == 42
    other = attrs.evolve(compiler(), identity="another")
    assert other.library(TEXT, cache) not in list(cache.glob("nothing"))
    assert len(list(cache.glob("*.so"))) == 2


def test_two_processes_at_once(cache: Path) -> None:
    code = f"from pathlib import Path; import sys; sys.path[:0] = {PATHS!r}\n"
    code += "from test_cc_engine import value; print(value(Path(sys.argv[1])))"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(cache)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [p.communicate()[0].strip() for p in started] == ["42"] * 3
    assert len(list(cache.glob("*.so"))) == 1
    assert not list(cache.glob("new-*"))


def test_the_compilers_words_are_passed_on(cache: Path) -> None:
    with pytest.raises(CompilerError, match=r"refused a kernel \(exit 1\).*error"):
        compiler().function("int main( {", cache)
