"""Random groups: what the kernels compute is what NumPy computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from minigrad.engines import ElementwiseCall, FusionGroup, Input, NumpyEngine, Output, convert, select, sum_squares
from minigrad.typing import Array
from minigrad_cc import Engine
from minigrad_cc.check import checked
from minigrad_cc.compiler import compiler
from minigrad_cc.inner_sums import InnerSum
from minigrad_cc.reference import Expected, compared, expected
from minigrad_cc.translate import Translated, Unknown, translated
from minigrad_cc.writers import loops, stages
from minigrad_cc.writers.emit import emitted
from support.compiled_at_once import compiled_at_once as compiled_at_once  # in use in all tests
from support.joint_kernels import joint_functions

UNARY = [np.negative, np.absolute, np.square, np.sign, np.rint, np.floor, np.ceil, np.trunc, np.exp, np.expm1, np.tanh]
GUARDED = [np.log, np.log1p, np.sqrt, np.reciprocal]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.divide]
COMPARE = [np.greater, np.less, np.equal, np.greater_equal, np.less_equal, np.not_equal]


class Drawn:
    """A random group, in the making."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.space = tuple(int(n) for n in rng.choice([1, 2, 3, 5, 17, 40], size=rng.integers(1, 4)))
        self.float: np.dtype[np.generic] = np.dtype(np.float32 if rng.random() < 0.5 else np.float64)
        self.inputs = [self.input() for _ in range(rng.integers(1, 5))]
        self.calls: list[ElementwiseCall] = []
        self.outputs: list[Output] = []

    @property
    def values(self) -> range:
        return range(len(self.inputs) + len(self.calls))

    def shape(self, v: int) -> tuple[int, ...]:
        n = len(self.inputs)
        return self.inputs[v].shape if v < n else self.calls[v - n].shape

    def dtype(self, v: int) -> np.dtype[np.generic]:
        n = len(self.inputs)
        return self.inputs[v].dtype if v < n else self.calls[v - n].dtype

    def input(self) -> Input:
        kind = self.rng.choice(["full", "full", "broadcast", "number", "strided", "bool", "index", "late"])
        shape = () if kind == "number" else self.space
        if kind == "broadcast":
            shape = tuple(n if self.rng.random() < 0.5 else 1 for n in self.space)[self.rng.integers(len(self.space)) :]
        a: Array = self.rng.normal(size=shape).astype(self.float)
        if kind == "strided":
            a = self.rng.normal(size=tuple(2 * n for n in shape)).astype(self.float)
            a = a[tuple(slice(None, None, int(self.rng.choice([2, -2]))) for _ in shape)]
        if kind == "bool":
            a = a > 0  # type: ignore[assignment]
        if kind == "index":
            a = (a * 10).astype(np.int64)
        if kind == "late":
            return Input(a.shape, a.dtype, None, lambda: a)
        return Input.of(a, constant=kind == "number")

    def add(self, function: object, *operands: int, dtype: type[bool] | None = None, axes: tuple[int, ...] = ()) -> int:
        shape = np.broadcast_shapes(*(self.shape(v) for v in operands))
        if axes:
            full = (*(1,) * (len(self.space) - len(shape)), *shape)
            shape = tuple(1 if k in axes else n for k, n in enumerate(full))
        kind = self.float if dtype is None else np.dtype(dtype)
        self.calls.append(ElementwiseCall(function, operands, shape, kind, axes))  # type: ignore[arg-type]
        return len(self.values) - 1

    def floats(self) -> int:
        """A value of the group's float type."""
        v = int(self.rng.choice(self.values))
        return v if self.dtype(v) == self.float else self.add(convert, v)

    def step(self) -> None:
        choice = self.rng.choice(["unary", "binary", "binary", "guarded", "compare", "select", "reduce"])
        x = self.floats()
        if choice == "unary":
            self.add(self.rng.choice(np.array(UNARY, object)), x)
        elif choice == "binary":
            self.add(self.rng.choice(np.array(BINARY, object)), x, self.floats())
        elif choice == "guarded":
            self.add(self.rng.choice(np.array(GUARDED, object)), self.add(np.absolute, x))
        elif choice == "compare":
            self.add(self.rng.choice(np.array(COMPARE, object)), x, self.floats(), dtype=bool)
        elif choice == "select":
            condition = self.add(np.greater, x, self.floats(), dtype=bool)
            self.add(select, condition, self.floats(), self.floats())
        elif len(self.space) > 1 and len(self.shape(x)) == len(self.space):
            self.add(
                self.rng.choice(np.array([np.add, np.maximum, np.minimum], object)), x, axes=(len(self.space) - 1,)
            )

    def group(self) -> FusionGroup:
        for _ in range(self.rng.integers(1, 12)):
            self.step()
        whole: list[int] = [v for v in self.values[len(self.inputs) :] if self.tall(v)]
        self.rng.shuffle(whole)
        for v in whole[:3]:
            self.outputs.append(Output(v, np.empty(self.shape(v), self.dtype(v))))
        self.in_place()
        if self.rng.random() < 0.3 and self.shape(len(self.values) - 1) == self.space:
            last = len(self.values) - 1
            if self.dtype(last) == self.float:
                function = np.add if self.rng.random() < 0.5 else sum_squares
                total = self.add(function, last, axes=tuple(range(len(self.space))))
                self.outputs.append(Output(total, np.empty((1,) * len(self.space), self.float)))
        self.inner_sum()
        first = len(self.inputs)
        self.outputs.sort(key=lambda o: len(self.calls[o.value - first].axes) == len(self.space))  # totals come last
        return FusionGroup(self.space, tuple(self.inputs), tuple(self.calls), tuple(self.outputs))

    def inner_sum(self) -> None:
        """Sometimes a sum over some axes, the first one left out, that nothing reads."""
        first = len(self.inputs)
        summable = [v for v in self.values[first:] if self.shape(v) == self.space and self.dtype(v) == self.float]
        if len(self.space) > 1 and summable and self.rng.random() < 0.4:
            low, high = sorted(self.rng.integers(1, len(self.space), 2))
            total = self.add(np.add, int(self.rng.choice(summable)), axes=tuple(range(low, high + 1)))
            self.outputs.append(Output(total, np.empty(self.shape(total), self.float)))

    def tall(self, v: int) -> bool:
        return len(self.shape(v)) == len(self.space) and self.shape(v)[0] == self.space[0]

    def in_place(self) -> None:
        """Sometimes a result goes where an input is."""
        for k, output in enumerate(self.outputs):
            for i in self.inputs:
                fits = i.array is not None and i.array.flags.c_contiguous and (i.shape, i.dtype) == (
                    output.array.shape, output.array.dtype)  # fmt: skip
                free = all(o.array is not i.array for o in self.outputs)
                if fits and free and i.array is not None and self.rng.random() < 0.5:
                    self.outputs[k] = Output(output.value, i.array)
                    break


def mirrored(group: FusionGroup) -> FusionGroup:
    """The same group on memory of its own, with the same strides."""
    twins: dict[int, Array] = {}

    def twin(a: Array) -> Array:
        if id(a) not in twins:
            twins[id(a)] = np.copy(a) if a.flags.c_contiguous else a  # what is not contiguous is only read
        return twins[id(a)]

    inputs = tuple(
        i if i.array is None else Input(i.shape, i.dtype, twin(i.array), None, i.constant) for i in group.inputs
    )
    return FusionGroup(group.space, inputs, group.calls, tuple(Output(o.value, twin(o.array)) for o in group.outputs))


def compare(seed: int, engine: Engine) -> str:
    """Draw a group and run it in both ways: "same", "declined", "empty", or what is wrong."""
    group = Drawn(np.random.default_rng(seed)).group()
    if not group.outputs:
        return "empty"
    bound = engine.bind(group)
    if bound is None:
        return "declined"
    sums = [call for call in bound.calls if isinstance(call, InnerSum)]
    group = getattr(bound.calls[0], "group")  # noqa: B009 (a Thunk to the type checker): without the sums
    what = translated(group)
    grid = what.kernel.shape
    reads = [r if isinstance(r, np.ndarray) else r() for r in what.reads]
    views = [as_strided(r, grid, s) for r, s in zip(reads, what.strides, strict=False)]
    bounds = [e.bound for e in expected(what.kernel, views)]
    theirs = mirrored(group)
    with np.errstate(all="ignore"):
        for call in (*bound.calls, *NumpyEngine().bind(theirs).calls):
            call()
    strides = [*what.strides[len(reads) :], *((0,) * len(grid) for _ in what.totals)]
    ours = [as_strided(o.array, grid, s) for o, s in zip(group.outputs, strides, strict=True)]
    wanted = [
        Expected(as_strided(o.array, grid, s), b) for o, s, b in zip(theirs.outputs, strides, bounds, strict=True)
    ]
    difference, _ = compared(ours, wanted)
    wrong = f"{difference}" if difference else ""
    for s in sums:
        (summed,) = (t.array for o, t in zip(group.outputs, theirs.outputs, strict=True) if o.array is s.x)
        with np.errstate(all="ignore"):
            right = np.allclose(s.out, summed.sum(s.axes, keepdims=True), 1e-4, 1e-4 * abs(summed).max(), True)
        wrong = wrong or ("" if right else f"sum over {s.axes}")
    return f"seed {seed}: {wrong}" if wrong else ("apart" if sums else "same")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    return Engine(workers=2)


def agree(seeds: range, engine: Engine) -> None:
    found = [compare(seed, engine) for seed in seeds]
    wrong = [f for f in found if f not in ("same", "apart", "declined", "empty")]
    assert not wrong, wrong[:5]
    assert found.count("same") > 0.6 * len(seeds)


def test_random_groups_agree_with_numpy(engine: Engine) -> None:
    agree(range(16), engine)


@pytest.fixture
def short_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages of some three steps, from the shortest rows on, over tiles of seven places."""
    for name, number in (("_MOST", 4), ("_DEEPEST", 0), ("_SHORTEST", 1)):
        monkeypatch.setattr(stages, name, number)
    monkeypatch.setattr(loops, "_TILE", 7)


def check_kernels(seeds: range) -> None:
    """Compile the groups of some seeds at once, and compare them with NumPy, whole and cut in three."""
    drawn = [Drawn(np.random.default_rng(seed)).group() for seed in seeds]
    kernels = {seed: what for seed, group in zip(seeds, drawn, strict=True) if (what := kernel_of(group)) is not None}
    for (seed, what), function in zip(
        kernels.items(), joint_functions(compiler(), [emitted(what.kernel) for what in kernels.values()]), strict=True
    ):
        for workers in (1, 3):
            alone = what.kernel.rows and len(what.kernel.shape) == 1
            wrong, _ = checked(what, function, 1 if alone else workers)
            assert not wrong, f"seed {seed}: {wrong}"
    assert len(kernels) > 0.4 * len(seeds)


def test_random_groups_in_stages_agree_with_numpy(
    short_stages: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    check_kernels(range(900, 912))


@pytest.mark.soak
@pytest.mark.parametrize("block", range(500))
def test_ten_thousand_random_groups_agree_with_numpy(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    if block % 2:
        request.getfixturevalue("short_stages")
    check_kernels(range(1000 + 20 * block, 1020 + 20 * block))


def kernel_of(group: FusionGroup) -> Translated | None:
    try:
        return translated(group) if group.outputs else None
    except Unknown:
        return None
