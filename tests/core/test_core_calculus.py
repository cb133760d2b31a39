"""Derivatives of functions: values against closed forms, kinds and structures, nesting, and every refusal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.transforms.pytree import tree_flatten_with_path
from minigrad.typing import Array, Tensor

X = np.array([0.3, -1.2, 2.0])


def inner(x: object) -> Tensor:
    """What a derivative inside another derivative hands back."""
    assert isinstance(x, Tensor)
    return x


def cubes(x: Tensor) -> Tensor:
    return mg.sum(x * x * x)


def test_grad_and_value_follow_the_arguments_kind() -> None:
    value, slope = mg.value_and_grad(cubes)(X)
    assert type(value) is np.ndarray
    assert type(slope) is np.ndarray
    assert float(value) == pytest.approx((X**3).sum())
    np.testing.assert_allclose(slope, 3 * X**2)
    made = mg.grad(cubes)(mg.tensor(X))
    assert isinstance(made, Tensor)
    assert not made.requires_grad, "nobody can differentiate it again"
    np.testing.assert_allclose(made.numpy(), 3 * X**2)
    assert np.asarray(mg.grad(lambda x: x * x)(3)) == 6.0, "Python numbers are varied as floats"
    single = mg.grad(cubes)(X.astype(np.float32))
    assert isinstance(single, np.ndarray)
    assert single.dtype == np.float32


def test_several_arguments_options_and_negative_positions() -> None:
    def f(a: Tensor, b: Tensor, *, power: int = 1) -> Tensor:
        return mg.sum(a * b**power)

    a, b = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    found = mg.grad(f, argnums=(0, 1))(a, b, power=2)
    assert isinstance(found, tuple)
    np.testing.assert_allclose(found[0], b**2)
    np.testing.assert_allclose(found[1], 2 * a * b)
    np.testing.assert_allclose(np.asarray(mg.grad(f, -1)(a, b, power=3)), 3 * a * b**2)
    np.testing.assert_allclose(np.asarray(mg.grad(f, [1])(a, b)[0]), a)  # type: ignore[index]


@attrs.frozen
class Layer:
    w: Array = attrs.field(converter=np.asarray, validator=attrs.validators.instance_of(np.ndarray))
    scale: float = attrs.field(validator=attrs.validators.gt(0))
    name: str = "layer"
    frozen: bool = True


@attrs.define
class Derived:
    w: object
    doubled: object = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.doubled = self.w * 2.0  # type: ignore[operator]


@dataclasses.dataclass(frozen=True)
class Pair:
    left: object
    right: object


class Point(NamedTuple):
    x: object
    y: object


def test_containers_keep_structure_and_skip_what_is_no_number() -> None:
    layer = Layer([1.0, 2.0], 3.0)
    found = mg.grad(lambda p: mg.sum(p.w) * -p.scale)(layer)
    assert isinstance(found, Layer)
    np.testing.assert_array_equal(found.w, [-3.0, -3.0])  # a validated field may have any gradient
    assert found.scale == -3.0
    assert (found.name, found.frozen) == ("layer", True)
    tree = {"b": [np.ones(2), None], "a": (np.full(2, 2.0), Point(np.full(2, 3.0), 4.0)), "flag": True, "s": "text"}

    def f(t):  # type: ignore[no-untyped-def]
        return mg.sum(t["b"][0] * t["a"][0] * t["a"][1].x) * t["a"][1].y

    made = mg.grad(f)(tree)
    assert isinstance(made, dict)
    assert list(made) == ["b", "a", "flag", "s"]
    assert made["b"][1] is None
    assert (made["flag"], made["s"]) == (True, "text")
    assert isinstance(made["a"][1], Point)
    np.testing.assert_array_equal(made["b"][0], [24.0, 24.0])
    np.testing.assert_array_equal(made["a"][1].x, [8.0, 8.0])
    assert made["a"][1].y == 12.0
    pair = mg.grad(lambda p: p.left * p.right)(Pair(2.0, 5.0))
    assert isinstance(pair, Pair)
    assert (float(pair.left), float(pair.right)) == (5.0, 2.0)  # type: ignore[arg-type]


def test_fields_that_follow_from_others_follow_the_variables() -> None:
    found = mg.grad(lambda d: mg.sum(d.doubled * d.w))(Derived(np.array([1.0, 3.0])))
    assert isinstance(found, Derived)
    np.testing.assert_array_equal(np.asarray(found.w), [4.0, 12.0])


def test_paths_are_pythons() -> None:
    flat = tree_flatten_with_path({"w": [1.0, Layer([1.0], 2.0)]})
    assert flat.paths == ["['w'][0]", "['w'][1].w", "['w'][1].scale"]


def test_perturbations_are_not_confused() -> None:
    # Siskind and Pearlmutter's example: d/dx (x * d/dy (x + y)) at 1 is 1, not 2.
    assert np.asarray(mg.grad(lambda x: x * mg.grad(lambda y: x + y)(1.0))(1.0)) == 1.0
    # The very Tensor that is the inner argument is a constant where the closure uses it.
    same = mg.grad(lambda x: mg.grad(lambda y: x * x * y)(x))(3.0)
    assert np.asarray(same) == 6.0
    # Manzyuk et al.: a derivative taken of a function that a derivative has returned.
    g = mg.grad(lambda x: mg.grad(lambda y: x * y * y)(2.0) * x)
    assert np.asarray(g(5.0)) == 40.0
    assert np.asarray(mg.grad(g)(5.0)) == 8.0


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 6])
def test_nesting_to_any_order(order: int) -> None:
    f: Callable[..., object] = mg.sin
    for _ in range(order):
        f = mg.grad(f)
    assert float(np.asarray(f(0.7))) == pytest.approx(np.sin(0.7 + order * np.pi / 2), rel=1e-12)


def test_every_combinator_inside_every_other() -> None:
    def f(x: Tensor) -> Tensor:
        return mg.sum(mg.exp(x) * x)

    v = np.array([1.0, -2.0, 0.5])
    third = np.exp(X) * (X + 3) * v * v
    as_hvp = mg.grad(lambda x: mg.sum(inner(mg.hvp(f, (x,), (v,))) * v))(X)
    np.testing.assert_allclose(np.asarray(as_hvp), third, rtol=1e-12)
    as_jvp = mg.jvp(lambda x: mg.hvp(f, (x,), (v,)), (X,), (v,))[1]
    np.testing.assert_allclose(np.asarray(as_jvp), third, rtol=1e-12)
    as_forward = mg.jvp(lambda x: mg.jvp(lambda y: mg.jvp(f, (y,), (v,))[1], (x,), (v,))[1], (X,), (v,))[1]
    np.testing.assert_allclose(np.asarray(as_forward), (third * v).sum(), rtol=1e-12)
    as_rows = mg.jacobian(mg.hessian(f))(X)
    assert np.asarray(as_rows).shape == (3, 3, 3)
    np.testing.assert_allclose(np.einsum("ijk,j,k", np.asarray(as_rows), v, v), third, rtol=1e-12)
    as_vjp = mg.grad(lambda x: mg.sum(inner(mg.vjp(mg.grad(f), x)[1](v)[0]) * v))(X)
    np.testing.assert_allclose(np.asarray(as_vjp), third, rtol=1e-12)


def test_a_tangent_or_cotangent_can_be_the_variable() -> None:
    pushed = mg.grad(lambda v: mg.sum(inner(mg.jvp(mg.sin, (X,), (v,))[1])))(X)
    np.testing.assert_allclose(np.asarray(pushed), np.cos(X))
    pulled = mg.grad(lambda c: mg.sum(inner(mg.vjp(mg.sin, X)[1](c)[0])))(X)
    np.testing.assert_allclose(np.asarray(pulled), np.cos(X))
    _, out = mg.jvp(mg.sin, (X,), (mg.tensor(X, requires_grad=True),))
    assert isinstance(out, Tensor)
    assert out.requires_grad


def test_gradients_reach_parameters_outside() -> None:
    w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    slope = mg.grad(lambda x: mg.sum(mg.tanh(x * w)))(mg.tensor(X))
    assert isinstance(slope, Tensor)
    mg.sum(slope * slope).backward()  # a gradient penalty
    assert w.grad is not None
    n = w.numpy()
    t = np.tanh(X * n)
    np.testing.assert_allclose(w.grad.numpy(), 2 * n * (1 - 2 * n * X * t) / np.cosh(X * n) ** 4, rtol=1e-12)


def test_vjp_and_jvp_are_transposes() -> None:
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(4, 3)), {"u": rng.normal(size=3), "v": rng.normal(size=2)}

    def f(p: dict[str, Tensor]) -> list[Tensor]:
        return [mg.tanh(mg.tensor(a) @ p["u"]), mg.sum(p["v"] * p["v"]) * p["u"]]

    tangent = {"v": rng.normal(size=2), "u": rng.normal(size=3)}  # in another order
    cotangent = [rng.normal(size=4), rng.normal(size=3)]
    value, pushed = mg.jvp(f, (x,), (tangent,))
    again, pull = mg.vjp(f, x)
    (pulled,) = pull(cotangent)
    assert isinstance(pulled, dict)
    assert isinstance(pushed, list)
    assert isinstance(value, list)
    assert isinstance(again, list)
    np.testing.assert_array_equal(value[0], again[0])
    left = sum(float(np.sum(c * p)) for c, p in zip(cotangent, pushed, strict=True))
    right = sum(float(np.sum(tangent[k] * pulled[k])) for k in x)
    assert left == pytest.approx(right, rel=1e-12)
    h = 1e-6
    for k, out in enumerate(pushed):
        moved = [f({n: mg.tensor(x[n] + s * h * tangent[n]) for n in x})[k].numpy() for s in (1, -1)]
        np.testing.assert_allclose(out, (moved[0] - moved[1]) / (2 * h), rtol=1e-7, atol=1e-8)


def test_what_the_output_does_not_depend_on_has_zero_derivatives() -> None:
    np.testing.assert_array_equal(np.asarray(mg.grad(lambda x: 2.0)(X)), np.zeros(3))
    np.testing.assert_array_equal(np.asarray(mg.grad(lambda x: mg.tensor(2.0))(X)), np.zeros(3))
    np.testing.assert_array_equal(np.asarray(mg.jacobian(lambda x: np.ones(2))(X)), np.zeros((2, 3)))
    np.testing.assert_array_equal(np.asarray(mg.hessian(lambda x: mg.sum(x))(X)), np.zeros((3, 3)))
    np.testing.assert_array_equal(np.asarray(mg.hvp(lambda x: mg.sum(x), (X,), (X,))), np.zeros(3))
    _, pushed = mg.jvp(lambda x: np.ones(2), (X,), (X,))
    np.testing.assert_array_equal(np.asarray(pushed), np.zeros(2))


@given(st.integers(0, 2**32 - 1))
def test_hvp_is_the_hessian_times_the_vector(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, x, v = rng.normal(size=(5, 4)), rng.normal(size=4), rng.normal(size=4)

    def f(t: Tensor) -> Tensor:
        return mg.logsumexp(mg.matmul(a, mg.sin(t)))

    h = np.asarray(mg.hessian(f)(x))
    np.testing.assert_allclose(h, h.T, atol=1e-12)
    np.testing.assert_allclose(np.asarray(mg.hvp(f, (x,), (v,))), h @ v, atol=1e-12)


def test_several_primals() -> None:
    def f(a: Tensor, b: Tensor) -> Tensor:
        return mg.sum(a * a * b)

    a, b, u, v = (np.random.default_rng(k).normal(size=3) for k in range(4))
    found = mg.hvp(f, (a, b), (u, v))
    assert isinstance(found, tuple)
    np.testing.assert_allclose(found[0], 2 * b * u + 2 * a * v)
    np.testing.assert_allclose(found[1], 2 * a * u)
    blocks = mg.hessian(f, argnums=(0, 1))(a, b)
    assert isinstance(blocks, tuple)
    np.testing.assert_allclose(blocks[0][0], np.diag(2 * b))
    np.testing.assert_allclose(blocks[0][1], np.diag(2 * a))
    np.testing.assert_allclose(blocks[1][1], np.zeros((3, 3)))


REFUSED: list[tuple[str, Callable[[], object]]] = [
    (r"argument 0 is an array of int64.*astype", lambda: mg.grad(cubes)(np.arange(3))),
    (r"argument 0\['n'\] is an array of int64", lambda: mg.grad(lambda p: p["x"])({"x": 1.0, "n": np.arange(2)})),
    ("Tensor of int64", lambda: mg.grad(cubes)(mg.tensor([1, 2]))),
    ("complex128: only real", lambda: mg.grad(cubes)(np.ones(2, complex))),
    (r"one number; this one returned \(3,\)", lambda: mg.grad(lambda x: x * 2.0)(X)),
    (r"returned \(\), \(\)", lambda: mg.grad(lambda x: (mg.sum(x), mg.sum(x)))(X)),
    ("nothing numeric", lambda: mg.grad(lambda x: None)(X)),
    ("names argument 1, but .* 1 arguments", lambda: mg.grad(cubes, 1)(X)),
    ("twice", lambda: mg.grad(lambda a, b: a * b, (1, -1))(1.0, 2.0)),
    (r"no number in argument 0 \(str\)", lambda: mg.grad(cubes)("text")),
    (r"tangent at \[0\] has shape \(2,\) where \(3,\)", lambda: mg.jvp(cubes, (X,), (np.ones(2),))),
    (r"tangent has another structure.*no number for \[1\]", lambda: mg.jvp(lambda a, b: a, (X, X), (X,))),
    ("jvp takes a sequence", lambda: mg.jvp(cubes, X, X)),  # type: ignore[arg-type]
    ("hvp takes a sequence", lambda: mg.hvp(cubes, X, X)),  # type: ignore[arg-type]
    (r"vector at \[0\] has shape \(1,\)", lambda: mg.hvp(cubes, (X,), (np.ones(1),))),
    (r"cotangent has shape \(3,\) where \(\)", lambda: mg.vjp(cubes, X)[1](X)),
    (
        r"cotangent has another.*no number for \['a'\]; nothing corresponds to \['b'\]",
        lambda: mg.vjp(lambda x: {"a": x}, X)[1]({"b": X}),
    ),
    ("jacobian needs a function that returns numbers", lambda: mg.jacobian(lambda x: None)(X)),
]


@pytest.mark.parametrize(("message", "call"), REFUSED, ids=[m[:20] for m, _ in REFUSED])
def test_refusals_say_what_and_where(message: str, call: Callable[[], object]) -> None:
    with pytest.raises(mg.GradientError, match=message):
        call()


def test_inside_no_grad_derivatives_still_work_and_errors_leave_the_mode() -> None:
    with mg.no_grad():
        np.testing.assert_allclose(np.asarray(mg.grad(cubes)(X)), 3 * X**2)
        assert not (mg.tensor(X, requires_grad=True) * 2.0).requires_grad
    with pytest.raises(ZeroDivisionError):
        mg.grad(lambda x: 1 // 0)(X)
    plain = mg.grad(cubes)(X)
    assert type(plain) is np.ndarray
