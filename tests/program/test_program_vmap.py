"""vmap: all rows at once give what one row after another gives, and a function that does more is called for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn as layers
from minigrad.program import vmap as room

mg: Any = minigrad
nn: Any = layers
RNG = np.random.default_rng(0)
X, W, V = RNG.normal(size=(9, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=(9, 4))
LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 0, 1])


def _net(w: Any, x: Any) -> Any:
    return mg.sum(mg.tanh(x @ w) ** 2)


def _branchless(x: Any) -> Any:
    return mg.where(x > 0.0, x, 0.1 * x) * mg.max(x) + mg.cumsum(x)[::-1]


def _decomposed(x: Any) -> Any:
    a = mg.tanh(x[:, None] * x[None, :]) + 3.0 * mg.tensor(np.eye(4))
    return mg.linalg.inv(a) @ x, mg.linalg.slogdet(a)[1]


def _loss(w: Any, x: Any, k: Any) -> Any:
    return nn.cross_entropy((x @ w)[None], mg.tensor(k)[None])


CASES: dict[str, tuple[Callable[..., Any], Any, tuple[Any, ...]]] = {
    "elementwise and reductions": (_branchless, 0, (X,)),
    "a matrix for all": (_net, (None, 0), (W, X)),
    "products of rows": (lambda a, b: a @ b, 0, (X, V)),
    "outer products, transposed": (lambda a, b: (a[:, None] * b).T, 0, (X, V)),
    "gradients of single examples": (mg.grad(_net), (None, 0), (W, X)),
    "gradients with labels": (mg.grad(_loss), (None, 0, 0), (W, X, LABELS)),
    "curvature of single examples": (mg.hessian(lambda x: mg.sum(mg.exp(0.3 * x) * x)), 0, (X,)),
    "ops without a batching rule, several results": (_decomposed, 0, (X,)),
    "sorted, joined, reshaped": (lambda x: mg.concatenate([mg.sort(x), x.reshape(2, 2).ravel()]), 0, (X,)),
    "softmax and norms": (lambda x: (mg.softmax(x), mg.norm(x), mg.logsumexp(x)), 0, (X,)),
    "nested": (lambda x: mg.vmap(lambda t: mg.sin(t) * t)(x), 0, (X,)),
    "rows along the last axis": (lambda x: x * mg.sum(x), -1, (X.T,)),
    "what no row changes": (lambda x: (mg.tensor(W) * 2.0, x), 0, (X,)),
    "a container": (lambda d: {"s": d["a"] + d["b"]}, 0, ({"a": X, "b": V},)),
}


def _leaves(tree: Any) -> list[Any]:
    return [np.asarray(leaf.detach() if isinstance(leaf, mg.Tensor) else leaf) for leaf in mg_flatten(tree)]


def mg_flatten(tree: Any) -> list[Any]:
    from minigrad.transforms.pytree import flatten

    return flatten(tree)[0]


@pytest.mark.parametrize("tensors", [False, True], ids=["arrays", "tensors"])
@pytest.mark.parametrize("name", CASES)
def test_all_at_once_is_one_after_another(name: str, tensors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    f, in_axes, args = CASES[name]

    def mapped() -> Any:
        given = [_as_tensors(a) if tensors else a for a in args]
        return given, mg.vmap(f, in_axes)(*given)

    with monkeypatch.context() as patch:
        if name != "nested":  # whose inner rows are traced one by one
            patch.setattr(room, "_in_turn", None)
        given, batched = mapped()
    monkeypatch.setattr(room, "_WORTH", 100)
    one_by_one, expected = mapped()
    for a, b in zip(mg_flatten(batched), mg_flatten(expected), strict=True):
        assert (type(a), a.shape, a.dtype) == (type(b), b.shape, b.dtype)
        np.testing.assert_allclose(_leaves(a)[0], _leaves(b)[0], rtol=1e-12, atol=1e-14)
    if tensors:
        for tree in (batched, expected):
            total = sum((mg.sum(mg.sin(leaf)) for leaf in mg_flatten(tree) if leaf.requires_grad), mg.tensor(0.0))
            if total.requires_grad:
                total.backward()
        for a, b in zip(mg_flatten(given), mg_flatten(one_by_one), strict=True):
            assert (a.grad is None) == (b.grad is None)
            if a.grad is not None:
                np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-11, atol=1e-13)


def _as_tensors(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _as_tensors(v) for k, v in tree.items()}
    return mg.tensor(tree, requires_grad=tree.dtype.kind == "f")


def test_parameters_of_a_model_get_their_gradients() -> None:
    model = nn.mlp(4, [5], 2, rng=0)
    rows = mg.vmap(lambda x: mg.sum(model(x[None]) ** 2))(mg.tensor(X))
    mg.sum(rows * mg.tensor(np.arange(9.0))).backward()
    batched = [p.grad.numpy() for p in model.parameters()]
    model.zero_grad()
    mg.sum(mg.sum(model(mg.tensor(X)) ** 2, axis=1) * mg.tensor(np.arange(9.0))).backward()
    for a, b in zip(batched, model.parameters(), strict=True):
        np.testing.assert_allclose(a, b.grad.numpy(), rtol=1e-5)  # float32


def test_what_is_detached_in_a_row_is_detached_in_all() -> None:
    x = mg.tensor(X, requires_grad=True)
    mg.sum(mg.vmap(lambda r: r * r.detach())(x)).backward()
    np.testing.assert_array_equal(x.grad.numpy(), X)


def _drawing() -> tuple[Callable[..., Any], Callable[[], Any]]:
    rng = np.random.default_rng(1)
    return lambda x: x * rng.normal(), lambda: repr(rng.bit_generator.state)


def _dropping() -> tuple[Callable[..., Any], Callable[[], Any]]:
    rng = np.random.default_rng(1)
    return lambda x: mg.dropout(mg.tensor(x), 0.5, rng=rng), lambda: repr(rng.bit_generator.state)


def _normalising() -> tuple[Callable[..., Any], Callable[[], Any]]:
    layer = nn.BatchNorm1d(4)
    return lambda x: layer(mg.tensor(np.stack([x, 2.0 * x]))), lambda: layer.running_mean.numpy().tolist()


def _collecting() -> tuple[Callable[..., Any], Callable[[], Any]]:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append(float(np.sum(x)))
        return x

    return f, lambda: list(seen)


def _deciding() -> tuple[Callable[..., Any], Callable[[], Any]]:
    return lambda x: mg.tensor(x) * 2.0 if np.sum(x) > 0.0 else mg.tensor(x), lambda: None


@pytest.mark.parametrize("make", [_drawing, _dropping, _normalising, _collecting, _deciding])
def test_a_function_that_does_more_is_called_for_each_row(
    make: Callable[[], tuple[Callable[..., Any], Callable[[], Any]]],
) -> None:
    f, state = make()
    results = mg.vmap(f)(X)
    moved = state()
    g, state = make()
    expected = [g(x) for x in X]
    np.testing.assert_array_equal(_leaves(results)[0], np.stack([_leaves(y)[0] for y in expected]))
    assert moved == state()


def test_labels_out_of_range_are_refused_in_any_row() -> None:
    with pytest.raises(ValueError, match="label"):
        mg.vmap(_loss, (None, 0, 0))(mg.tensor(W), mg.tensor(X), np.array([0, 1, 2, 0, 7, 1, 2, 2, 0]))


def test_a_number_has_no_rows() -> None:
    with pytest.raises(mg.ShapeError, match=r"argument 1 has shape \(\), and no axis 0"):
        mg.vmap(lambda a, b: a * b)(X, 2.0)
