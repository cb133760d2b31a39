"""Each pass: the answer is the same without it, and with it the graph is what one would write by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array
from minigrad.engines import EngineWithFallback, NumpyEngine
from minigrad.program import Program
from minigrad.program.graph import Call, FusedCall
from minigrad.program.passes.pipeline import PASS_NAMES


def mixed() -> tuple[Any, list[Any]]:
    """A step with everything that passes look for, on small arrays; and its arguments."""
    rng = np.random.default_rng(0)
    conv = nn.Conv2d(1, 3, 3, padding=1, rng=0).astype(np.float64)
    cell, block = nn.LSTM(4, 6, rng=1).astype(np.float64), nn.TransformerBlock(6, 2, rng=2).astype(np.float64)
    head = nn.Linear(6, 5, rng=3).astype(np.float64)
    kept = [p for m in (conv, cell, block, head) for p in m.parameters()]
    opt = mg.optimizer("momentum", kept, lr=1e-2)  # Adam would blow up the rounding of gradients that are 0

    def step(x: Any, y: Any) -> list[mg.Tensor]:
        opt.zero_grad()
        maps = mg.max_pool(mg.relu(conv(x)), 2)
        states = block(cell(mg.reshape(maps, (4, 3, 4))) * 1.0)
        loss = mg.cross_entropy(head(states.mean(axis=1)), y) + (states**2).mean() * 1e-2
        loss.backward()
        opt.step()
        return [loss, *(p.detach() * 2.0 for p in kept)]

    return step, [rng.standard_normal((4, 1, 4, 4)), rng.integers(0, 5, 4)]


def in_tiny_tiles(step: Any) -> Program[Any, Any]:
    """The program of a step, whose groups run on tiles of a few entries."""
    program: Program[Any, Any] = mg.define(step)
    program._engine = EngineWithFallback("tiny tiles", NumpyEngine(tile_bytes=32))
    return program


def runs(disable: tuple[str, ...]) -> list[Array]:
    """Losses and parameters over some steps."""
    step, arrays = mixed()
    program = mg.define(step, disable=disable)
    return [t.numpy() for _ in range(4) for t in program(*arrays)]


@pytest.fixture(scope="module")
def full() -> list[Array]:
    return runs(())


@pytest.mark.parametrize("name", [*PASS_NAMES, "reuse", "in_place", "direct"])
def test_the_same_answer_without_a_pass(name: str, full: list[Array]) -> None:
    for a, b in zip(full, runs((name,)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_the_same_answer_eager(full: list[Array]) -> None:
    step, (x, y) = mixed()
    eager = [t.numpy() for _ in range(4) for t in step(mg.tensor(x), y)]
    for a, b in zip(full, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_the_same_answer_in_tiny_tiles(full: list[Array]) -> None:
    step, arrays = mixed()
    program = in_tiny_tiles(step)
    for a, b in zip(full, [t.numpy() for _ in range(4) for t in program(*arrays)], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)
    assert "tiles" in program.explain()


X = np.random.default_rng(3).standard_normal((9, 9))
TILED: dict[str, Any] = {
    "a sum that is read again": lambda x: mg.exp(x * 0.5) * (x * 0.5).sum(),
    "a column and a row of tiles": lambda x: (x[:1] * 2.0 + 1.0) * mg.tanh(x * 3.0),
    "a sum over a narrow part": lambda x: (mg.exp(x[:, :1] * 0.5).sum(), mg.exp(x[:, :1] * 0.5) * x + 1.0),
    "a sum of what is widened": lambda x: _centred(x, x.max(axis=1, keepdims=True)),
    "a transposed view of what dies": lambda x: _with_transpose(x @ x),
    "two results over one that dies": lambda x: _twice(x @ x),
}


def _centred(x: Any, top: Any) -> Any:
    return (top * 2.0).sum(), x - top


def _with_transpose(y: Any) -> Any:
    doubled = y * 2.0
    return doubled @ doubled, mg.exp(doubled * 0.01) + y.T


def _twice(y: Any) -> Any:
    a = y * 2.0
    b = a + y
    return a @ b, b @ a


@pytest.mark.parametrize("name", TILED)
def test_groups_in_tiny_tiles(name: str) -> None:
    expected = TILED[name](mg.tensor(X))
    program = in_tiny_tiles(TILED[name])
    for _ in range(2):
        got = program(X)
        pairs = zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]
        for a, b in pairs:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_products_of_unlike_shapes_are_not_joined() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.standard_normal((3, 4)), rng.standard_normal((3, 4)), rng.standard_normal((3, 1))
    step: Any = lambda y: mg.tensor(a).T @ y + mg.tensor(b).T @ y + mg.tensor(c).T @ y  # noqa: E731
    y = rng.standard_normal((3, 5))
    np.testing.assert_allclose(mg.define(step)(y).numpy(), (a + b + c).T @ y, rtol=1e-12)


def traced(step: Any, *arrays: Any, disable: tuple[str, ...] = ()) -> Program[Any, Any]:
    """The program of a step after one run."""
    program: Program[Any, Any] = mg.define(step, disable=disable)
    program(*arrays)
    return program


def counts(program: Program[Any, Any]) -> Counter[str]:
    return Counter(c.op.name for c in program.graph.calls)


def test_gradients_of_slices_are_joined() -> None:
    w = mg.tensor(np.arange(24.0).reshape(4, 6), requires_grad=True)

    def step() -> None:
        w.zero_grad()
        a, b, c = w[:, :2], w[:, 2:5], w[:, 5]
        ((a * a).sum() + mg.exp(b * 0.1).sum() + (c * c * 3.0).sum()).backward()

    step()
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step)
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-14)  # C and NumPy differ in the last bit of exp
    assert counts(program)["scatter"] == 0
    assert counts(program)["concatenate"] == 1
    assert counts(traced(step, disable=("scatter_to_concat",)))["scatter"] == 3


@pytest.mark.parametrize(
    "keys",
    [
        ((slice(0, 2),), (slice(1, 4),)),
        ((slice(0, 1),), (slice(2, 4),)),
        ((slice(0, 1),), (slice(1, 3),)),
        ((slice(1, 2),), (slice(2, 4),)),
    ],
)
def test_slices_that_overlap_or_leave_gaps_stay_sums(keys: tuple[Any, Any]) -> None:
    w = mg.tensor(np.arange(8.0).reshape(4, 2), requires_grad=True)

    def step() -> None:
        w.zero_grad()
        ((w[keys[0]] * w[keys[0]]).sum() + (w[keys[1]] * w[keys[1]]).sum()).backward()

    step()
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step)
    assert np.array_equal(w.grad.numpy(), expected)
    assert counts(program)["concatenate"] == 0


def test_products_of_a_stack_are_one_product() -> None:
    w = mg.tensor(np.random.default_rng(0).standard_normal((5, 7)), requires_grad=True)

    def step(x: Any) -> mg.Tensor:
        w.zero_grad()
        loss: mg.Tensor = mg.tanh(x @ w).sum()
        loss.backward()
        return loss

    x = np.random.default_rng(1).standard_normal((3, 4, 5))
    step(mg.tensor(x))
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step, x)
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-13)
    shapes = [program.graph.values[c.args[0]].shape for c in program.graph.calls if c.op.name == "matmul"]
    assert shapes == [(12, 5), (5, 12)]
    assert counts(program)["sum_to"] == 0


def test_a_recurrent_weight_gets_its_gradient_from_one_product() -> None:
    rng = np.random.default_rng(0)
    w = mg.tensor(rng.standard_normal((6, 6)) * 0.3, requires_grad=True)

    def step(x: Any) -> mg.Tensor:
        w.zero_grad()
        h = x[0]
        for t in range(1, 6):
            h = mg.tanh(h @ w + x[t])
        loss: mg.Tensor = (h * h).sum()
        loss.backward()
        return loss

    x = rng.standard_normal((6, 3, 6))
    step(mg.tensor(x))
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step, x)
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-12)
    assert counts(program)["matmul"] == 5 + 4 + 1
    assert counts(traced(step, x, disable=("merge_matmuls",)))["matmul"] == 5 + 4 + 5


def test_columns_of_a_convolution_are_made_once() -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1, rng=0).astype(np.float64)

    def step(x: Any) -> mg.Tensor:
        for p in conv.parameters():
            p.zero_grad()
        loss = (conv(x) ** 2).sum()
        loss.backward()
        return loss

    program = traced(step, np.random.default_rng(0).standard_normal((2, 2, 6, 6)))
    assert counts(program)["windows"] == 1
    assert counts(program)["matmul"] == 2
    assert counts(program)["convolve"] == 0


def test_softmax_and_layer_norm_are_groups_with_their_reductions() -> None:
    norm = nn.LayerNorm(16).astype(np.float64)

    def step(x: Any) -> mg.Tensor:
        return mg.softmax(norm(mg.gelu(x)), axis=-1)

    program = traced(step, np.random.default_rng(0).standard_normal((8, 16)).astype(np.float32))
    groups = [s for s in program.graph.steps if isinstance(s, FusedCall)]
    inside = Counter(c.op.name for g in groups for c in g.calls)
    assert inside["max"] == 1
    assert inside["sum"] == 4  # one of softmax; mean, what rounding left of it, and variance of the norm
    assert inside["exp"] == 2  # of softmax, and of the normal gate in float32


def test_a_group_that_waits_is_overtaken_only_by_what_does_not_need_it() -> None:
    """Whatever is read from a group comes after it."""
    step, arrays = mixed()
    program = traced(step, *arrays)
    made = {k for k, v in enumerate(program.graph.values) if v.kind != "result"}
    for s in program.graph.steps:
        if isinstance(s, FusedCall):
            assert made.issuperset(s.reads)
            inside = set(s.reads)
            for call in s.calls:
                assert inside.issuperset(call.args)
                inside.update(call.outs)
            made.update(s.defs)
        elif isinstance(s, Call):
            assert made.issuperset(s.args)
            made.update(s.outs)


def test_a_constant_one_in_any_form_goes() -> None:
    ones = np.broadcast_to(np.ones(()), (3, 4))
    program = traced(lambda x: mg.exp(x) * ones, np.zeros((3, 4)))
    assert counts(program) == {"exp": 1}


def test_the_input_of_a_rectifier_is_not_kept_for_its_gradient() -> None:
    w = mg.tensor(np.linspace(-1.0, 1.0, 30).reshape(5, 6), requires_grad=True)

    def step(x: Any) -> mg.Tensor:
        w.zero_grad()
        loss: mg.Tensor = (mg.relu(x @ w + 0.5) ** 2).sum()
        loss.backward()
        return loss

    x = np.random.default_rng(0).standard_normal((4, 5))
    step(mg.tensor(x))
    assert w.grad is not None
    expected = w.grad.numpy()
    program = traced(step, x)
    np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-13)
    (relu,) = [c for c in program.graph.calls if c.op.name == "relu"]
    (mask,) = [c for c in program.graph.calls if c.op.name == "greater"]
    assert mask.args[0] == relu.outs[0]


def test_the_drawing_shows_every_step(tmp_path: Path) -> None:
    step, arrays = mixed()
    program = traced(step, *arrays)
    for _ in range(6):
        program(*arrays)
    file = tmp_path / "program.svg"
    program.explain(svg=file)
    root = ElementTree.parse(file).getroot()
    boxes = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("rx")]
    assert len(boxes) == len(program.graph.steps)
    assert all(0 <= float(r.get("y", "-1")) <= float(root.get("height", "0")) for r in boxes)
    words = " ".join(t.text or "" for t in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "matmul" in words
    assert " us" in words
