"""Rows in blocks equal rows one by one, for every op of the library; a block that lies is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest

import minigrad as mg
import minigrad.ops.network.loss
from minigrad.core.registry import REGISTRY
from minigrad.runtime.batch_rules import call_batched, has_batch_rule
from minigrad.transforms import batching, jacobians
from minigrad.typing import Array, Tensor

RNG = np.random.default_rng(5)
A = RNG.normal(size=(4, 3))
B = RNG.normal(size=(2, 3, 3))
Call: TypeAlias = tuple[tuple[int, ...], dict[str, object]]
PROGRAMS: dict[str, Callable[[Tensor], Tensor]] = {
    "elementwise with broadcasting": lambda x: mg.tanh(x * A[:3]) + mg.exp(x[0]) * x.T[:, None] * B[0, 0, 0],
    "sums": lambda x: (x * x).sum(axis=0) * (x * x).sum(axis=-1, keepdims=True) + (x * x).sum() + x.mean((0, 1)),
    "matmul, both sides": lambda x: mg.tanh(mg.tensor(A) @ x) @ x.T,
    "matmul, stacks": lambda x: mg.matmul(B, x) * mg.matmul(x * x, B),
    "matmul, stacked by the variable": lambda x: mg.matmul(mg.stack([x, x * x]), A.T) * 2.0,
    "matmul, vectors": lambda x: x * mg.matmul(x[0], x) * mg.matmul(x, x[1]) * mg.matmul(x[2], x[1]),
    "shapes": lambda x: mg.transpose(mg.reshape(x * x, (1, 9, 1)), (1, 2, 0)) * mg.broadcast_to(x[:, :1], (9, 3, 3)),
    "pieces": lambda x: mg.concatenate([x * x, x[1:], mg.tensor(A)]) ** 2,
    "keys": lambda x: x[..., None, ::-1] * x[-1] * x[[0, 0, 2]] * x[np.eye(3, dtype=bool)],
    "writing": lambda x: written(x * x),
    "softmax": lambda x: mg.softmax(x, axis=0) * mg.log_softmax(x) * mg.logsumexp(x, axis=1),
    "largest": lambda x: x * mg.max(x * x, axis=1) * mg.min(x) * mg.norm(x, axis=0),
    "scans and sorts": lambda x: mg.cumsum(mg.sort(x * x, axis=0), axis=1) * mg.prod(x, axis=0),
    "einsum": lambda x: mg.einsum("ij,kjl,li->kl", x, mg.tensor(B), x * x),
    "linear algebra": lambda x: mg.linalg.inv(x @ x.T + 2.0 * np.eye(3)) * mg.linalg.slogdet(x @ x.T)[1],
    "several outputs": lambda x: mg.linalg.eigh(x + x.T)[0] * mg.linalg.qr(x)[1],
    "a checkpoint": lambda x: mg.checkpointed(lambda y: mg.tanh(y @ y))(x * 2.0),
    "single precision inside": lambda x: mg.sin(x.astype(np.float32)).astype(np.float64),
}


def written(x: Tensor) -> Tensor:
    x[0, 1:] = x[2, :2] * 3.0
    return x


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Counts the blocks that did not come about."""
    seen: list[object] = []
    original = jacobians._VJPSweep.batched_rows

    def watched(self: jacobians._VJPSweep) -> list[Array | Tensor] | None:
        found = original(self)
        if found is None:
            seen.append(self)
        return found

    monkeypatch.setattr(jacobians._VJPSweep, "batched_rows", watched)
    return seen


@pytest.mark.parametrize("name", PROGRAMS)
def test_blocks_equal_rows(name: str, monkeypatch: pytest.MonkeyPatch, refused: list[object]) -> None:
    f = PROGRAMS[name]
    x = np.random.default_rng(7).normal(size=(3, 3))
    in_blocks = np.asarray(mg.jacobian(f)(x))
    second = np.asarray(mg.hessian(lambda t: mg.sum(mg.sin(f(t))))(x))
    assert not refused, "the blocks were refused"
    monkeypatch.setattr(jacobians._VJPSweep, "batched_rows", lambda self: None)
    np.testing.assert_allclose(in_blocks, np.asarray(mg.jacobian(f)(x)), rtol=1e-9, atol=1e-9)
    rows = np.asarray(mg.hessian(lambda t: mg.sum(mg.sin(f(t))))(x))
    np.testing.assert_allclose(second, rows, rtol=1e-8, atol=1e-8 * (1 + np.abs(rows).max()))


def test_every_batching_rule_equals_one_value_after_the_other() -> None:
    """The rules are few; each equals the op applied to one value after the other, whichever arguments are stacks."""
    cases: dict[str, list[Call]] = {
        "sum": [((2, 3), {"axis": a, "keepdims": k}) for a in (None, 0, -1, (0, 1), ()) for k in (False, True)],
        "mean": [((2, 3), {"axis": a, "keepdims": k}) for a in (None, 0, -1, (0, 1)) for k in (False, True)],
        "sum_to": [((2, 3, 4), {"shape": s}) for s in ((3, 4), (1, 4), (), (2, 1, 4), (2, 3, 4))],
        "broadcast_to": [((3, 1), {"shape": (2, 3, 4)}), ((), {"shape": (2,)}), ((4,), {"shape": (4,)})],
        "reshape": [((2, 3), {"shape": s}) for s in ((3, 2), (-1,), (1, 6, 1))],
        "transpose": [((2, 3, 4), {"axes": a}) for a in (None, (2, 0, 1), (-1, 0, 1))],
        "matrix_transpose": [((2, 3, 4), {})],
        "astype": [((2, 3), {"dtype": np.dtype(np.float32)})],
        "concatenate": [((2, 3), {"axis": a}) for a in (0, 1, -1)],
        "getitem": [
            ((2, 3), {"key": k}) for k in (0, (slice(None), -1), (Ellipsis, None, 1), (slice(None, None, -1),))
        ],
        "scatter": [((3,), {"key": (1,), "shape": (2, 3)}), ((2,), {"key": (slice(None), 0), "shape": (2, 3)})],
        "matmul": [((2, 2), {}), ((3, 2, 2), {})],
    }
    cases["reshape"].append(((), {"shape": (1, 1)}))
    cases["transpose"].append(((), {"axes": None}))
    labelled = {"softmax_cross_entropy", "softmax_cross_entropy_slope"}  # see the next test
    known = {op.name for op in REGISTRY if has_batch_rule(op) and op.module.startswith("minigrad.")}
    assert cases.keys() == known - labelled
    for name, calls in cases.items():
        op = REGISTRY[name]
        for shape, kwargs in calls:
            stack, shared = RNG.normal(size=(5, *shape)), RNG.normal(size=shape)
            patterns: list[tuple[bool, ...]] = [(True,)]
            if name in ("matmul", "concatenate"):
                patterns = [(True, False), (False, True), (True, True)]
            for batched in patterns:
                operands = [stack if b else shared for b in batched]
                result = call_batched(op, batched, operands, op.bind_kwargs(kwargs))
                each = [
                    np.asarray(op.forward(*(stack[k] if b else shared for b in batched), **kwargs)) for k in range(5)
                ]
                np.testing.assert_allclose(np.asarray(result), np.stack(each), rtol=1e-13)


@pytest.mark.parametrize("batched", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("shapes", [((4,), ()), ((3, 4), (3,)), ((2, 3, 4), (2, 3))])
@pytest.mark.parametrize("name", ["softmax_cross_entropy", "softmax_cross_entropy_slope"])
def test_losses_of_labels_in_stacks(name: str, shapes: tuple[tuple[int, ...], ...], batched: tuple[bool, bool]) -> None:
    op = REGISTRY[name]
    scores, labels = RNG.normal(size=(5, *shapes[0])), RNG.integers(0, 4, (5, *shapes[1]))
    operands: list[Any] = [x if b else x[0] for x, b in zip((scores, labels), batched, strict=True)]
    result = call_batched(op, batched, operands, {})
    each = [op.forward(*(x[k if b else 0] for x, b in zip((scores, labels), batched, strict=True))) for k in range(5)]
    np.testing.assert_allclose(np.asarray(result), np.stack(each), rtol=1e-13)


def test_a_batching_rule_that_lies_is_noticed(monkeypatch: pytest.MonkeyPatch, refused: list[object]) -> None:
    x = RNG.normal(size=6)
    op = REGISTRY["reshape"]
    honest = op.batch_rule
    assert honest is not None

    def swapped(x: Array, *, shape: tuple[int, ...]) -> object:
        stack = honest(x, shape=shape)
        return stack[::-1].copy() if isinstance(stack, np.ndarray) else stack

    mg.jacobian(lambda t: mg.reshape(t, (3, 2)))(x)  # its check, put off until now, passes
    monkeypatch.setattr(op, "batch_rule", swapped)
    g = lambda t: mg.sin(mg.reshape(t, (3, 2))) * 2.0  # noqa: E731
    expected = np.zeros((6, 6))
    np.fill_diagonal(expected, 2 * np.cos(x))
    np.testing.assert_allclose(np.asarray(mg.jacobian(g)(x)).reshape(6, 6), expected)
    assert refused


def test_a_rule_that_reads_its_cotangent_falls_back(refused: list[object]) -> None:
    @mg.op(x=mg.real(), elementwise=True)
    def thrice(x):  # type: ignore[no-untyped-def]
        return 3.0 * x

    @thrice.vjp("x")
    def _(g, y, x):  # type: ignore[no-untyped-def]
        return (
            g * 3.0 if isinstance(g, np.ndarray) or type(g._node) is not batching.BatchedNode else np.asarray(g) * 3.0
        )

    mg.register(thrice)
    x = RNG.normal(size=6)
    np.testing.assert_allclose(np.asarray(mg.jacobian(lambda t: thrice(t) * 1.0)(x)), 3 * np.eye(6))
    assert refused


def test_walks_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[int] = []
    original = batching.batched_vjp

    def counted(*args, **kwargs):  # type: ignore[no-untyped-def]
        walks.append(1)
        return original(*args, **kwargs)

    monkeypatch.setattr(jacobians, "batched_vjp", counted)
    mg.hessian(lambda x: mg.sum(mg.exp(x) * mg.sum(x)))(np.linspace(-1, 1, 100))
    assert len(walks) <= 2, "a 100-parameter Hessian takes one or two walks, not 100"


def test_containers_of_jacobians() -> None:
    p = {"w": RNG.normal(size=(2, 3)), "b": RNG.normal(size=2)}

    def f(t: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        return mg.tanh(t["w"] @ np.ones(3) + t["b"]), mg.sum(t["b"] * t["b"])

    found = mg.jacobian(f)(p)
    assert isinstance(found, tuple)
    first, second = found
    assert first["w"].shape == (2, 2, 3)
    assert first["b"].shape == (2, 2)
    assert second["w"].shape == (2, 3)
    np.testing.assert_allclose(second["b"], 2 * p["b"])
    slope = 1 - np.tanh(p["w"].sum(1) + p["b"]) ** 2
    np.testing.assert_allclose(first["b"], np.diag(slope))
    h = mg.hessian(lambda t: mg.sum(f(t)[0]) + f(t)[1])(p)
    assert isinstance(h, dict)
    assert h["w"]["b"].shape == (2, 3, 2)
    np.testing.assert_allclose(h["w"]["b"].transpose(2, 0, 1), h["b"]["w"])


def test_parameters_outside_make_the_jacobian_differentiable() -> None:
    w = mg.tensor([1.0, 2.0, 3.0, 4.0, 5.0], requires_grad=True)
    j = mg.jacobian(lambda x: mg.sin(x * w))(mg.tensor(np.zeros(5)))
    assert isinstance(j, Tensor)
    mg.sum(j * j).backward()
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), 2 * w.numpy())
