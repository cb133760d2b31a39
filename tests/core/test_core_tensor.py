"""Tensors: values never change, NumPy's functions work, and nothing drops a gradient silently."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import BroadcastableShapes, array_shapes, arrays, mutually_broadcastable_shapes

import minigrad as mg
from minigrad.typing import Array


def test_tensor_copies_and_hands_out_read_only_arrays() -> None:
    a = np.array([1.0, 2.0])
    t = mg.tensor(a)
    a[0] = 9.0
    np.testing.assert_array_equal(t.numpy(), [1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        t.data[0] = 5.0
    y = mg.tensor(a, requires_grad=True) * 2.0
    view = y.reshape(1, 2).data
    with pytest.raises(ValueError, match="read-only"):
        view[0, 0] = 5.0
    owner = view.base
    assert isinstance(owner, np.ndarray)
    with pytest.raises(ValueError, match="read-only"):
        owner[...] = 5.0


def test_a_captured_array_cannot_be_changed_behind_the_tape() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    factor = np.array([3.0, 4.0])
    y = (x * factor).sum()
    factor[...] = 100.0
    y.backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 4.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_python_numbers_take_the_dtype_of_their_partner(dtype: type) -> None:
    t = mg.tensor(np.ones(3, dtype))
    for made in (t * 2, 2 * t, t + 0.5, 1.0 / t, t**2, t - True, np.maximum(t, 0.0), mg.where(t > 0, t, 0.0)):
        assert made.dtype == dtype
    assert (t * np.float64(2)).dtype == np.float64, "a NumPy scalar is a strong partner, as in NumPy"
    assert (mg.tensor([1, 2]) * 0.5).dtype == np.float64


def test_negative_zero_stays_negative() -> None:
    t = mg.tensor([1.0])
    assert not np.signbit((t * 0.0).numpy())[0]
    assert np.signbit((t * -0.0).numpy())[0]


def test_comparisons_give_constant_tensors_and_numpys_functions_plain_arrays() -> None:
    t = mg.tensor([1.0, 2.0], requires_grad=True)
    for truth in (t > 1.5, t == 2.0, t != t, t >= t, t < 3, t <= 0, ~(t > 1.5), (t > 1) & (t < 2), True ^ (t > 1)):
        assert type(truth) is mg.Tensor
        assert truth.dtype == bool
        assert not truth.requires_grad
    for plain in (np.isnan(t), np.greater(t, 1.5)):
        assert type(plain) is np.ndarray
        assert plain.dtype == bool


@pytest.mark.parametrize("other", ["a", None, ["a", "b"], object()])
def test_what_is_no_number_is_not_equal(other: object) -> None:
    t = mg.tensor([1.0, 2.0])
    np.testing.assert_array_equal(t == other, [False, False])
    np.testing.assert_array_equal(t != other, [True, True])


@pytest.mark.parametrize("key", [5, (0, 0), np.zeros(2, bool), np.zeros((3, 2), bool), [7]])
def test_an_index_out_of_range_is_an_index_error(key: object) -> None:
    with pytest.raises(IndexError, match="getitem") as caught:
        mg.tensor([1.0, 2.0, 3.0], requires_grad=True)[key]
    assert isinstance(caught.value, mg.ShapeError)


def test_a_tensor_of_truth_values_is_a_mask() -> None:
    t = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    mask = t > 1.5
    array = np.arange(3.0)
    array[mask] = 7.0
    np.testing.assert_array_equal(array, [0, 7, 7])
    np.testing.assert_array_equal(np.arange(3)[mask], [1, 2])
    t[mask].sum().backward()
    np.testing.assert_array_equal(t.grad, [0, 1, 1])
    np.testing.assert_array_equal(np.where(mask, 1, 2), [2, 1, 1])
    assert mask.any()
    assert not mask.all()
    assert 2.0 in t
    assert float(mask.mean()) == 2 / 3


def test_a_python_number_is_compared_in_the_tensors_dtype() -> None:
    t = mg.tensor(np.array([0.1], "f4"))
    assert (t == 0.1).all()
    assert ((t.numpy() == 0.1) == (t == 0.1)).all()


def test_losing_a_gradient_is_an_error() -> None:
    t = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"detach\(\)\.numpy\(\)"):
        np.asarray(t)
    np.testing.assert_array_equal(np.asarray(t.detach()), [1.0, 2.0])
    with pytest.raises(mg.UnsupportedFunction, match=r"numpy\.i0"):
        np.i0(t)
    with pytest.raises(mg.UnsupportedFunction, match="Did you mean"):
        np.roots(t)
    with pytest.raises(mg.UnsupportedFunction, match="out="):
        np.exp(t, out=np.zeros(2))
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(t * 2.0)


def test_errors_name_op_and_shapes() -> None:
    x = mg.tensor(np.ones((2, 3)))
    with pytest.raises(mg.ShapeError, match=r"'matmul'.*\(2, 3\).*\(2, 3\)"):
        x @ x
    with pytest.raises(mg.ShapeError, match=r"'sum'.*axis=5"):
        x.sum(axis=5)
    with pytest.raises(TypeError, match=r"no option 'axs'.*Did you mean 'axis'"):
        mg.ops.reduce.sum(x, axs=1)
    with pytest.raises(mg.OpError, match="complex"):
        x * np.ones(3, complex)
    with pytest.raises(mg.GradientError, match="floating"):
        mg.tensor([1, 2], requires_grad=True)
    with pytest.raises(IndexError, match="not str"):
        x["a"]
    with pytest.raises(AttributeError, match="Did you mean 'tensor'"):
        getattr(mg, "tensr")  # noqa: B009 - mypy knows that there is none


def test_repr_shows_value_dtype_and_origin() -> None:
    x = mg.tensor(np.ones(2, np.float32), requires_grad=True)
    assert repr(x) == "tensor([1., 1.], dtype=float32, requires_grad=True)"
    assert repr(mg.exp(mg.tensor([0.0]))) == "tensor([1.])"
    assert "made by multiply" in repr(x * 2)


@given(
    arrays(np.float64, array_shapes(min_dims=1, max_dims=3, max_side=4), elements=st.floats(-5, 5)),
    st.data(),
)
def test_assignment_gives_right_gradients_before_and_after(x: Array, data: st.DataObject) -> None:
    index = tuple(data.draw(st.one_of(st.slices(n), st.integers(-n, n - 1))) for n in x.shape)
    t = mg.tensor(x, requires_grad=True)
    v = mg.tensor(2.5, requires_grad=True)
    before = (t * t).sum()
    u = t * 1.0
    u[index] = v
    after = (u * u * u).sum()
    (before + after).backward()
    kept = np.ones_like(x)
    kept[index] = 0.0
    assert t.grad is not None
    np.testing.assert_allclose(t.grad.numpy(), 2 * x + 3 * x * x * kept, atol=1e-12)
    expected = 3 * 2.5**2 * (kept == 0).sum()
    assert (0.0 if v.grad is None else v.grad.item()) == pytest.approx(expected)


def test_repeated_indices_read_and_write() -> None:
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[[0, 0, 2]].sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 0.0, 1.0])
    v = mg.tensor([10.0, 20.0], requires_grad=True)
    y = mg.tensor([0.0, 0.0])
    y[[1, 1]] = v
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(), [0.0, 20.0])
    assert v.grad is not None
    np.testing.assert_array_equal(v.grad.numpy(), [0.0, 1.0])


@given(
    mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3),
    st.sampled_from(["add", "multiply", "divide", "maximum"]),
)
def test_numpy_functions_reach_the_ops(shapes: BroadcastableShapes, name: str) -> None:
    left, right = shapes.input_shapes
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left), rng.normal(size=right) + 3.0
    f = getattr(np, name)
    x, y = mg.tensor(a, requires_grad=True), mg.tensor(b, requires_grad=True)
    for made in (f(x, y), f(x, b), f(a, y)):
        assert isinstance(made, mg.Tensor)
        np.testing.assert_array_equal(made.detach().numpy(), f(a, b))


NUMPY_CALLS = [
    lambda n, t: n.sum(t, axis=0),
    lambda n, t: n.mean(t, 1, keepdims=True),
    lambda n, t: n.max(t, axis=(0, 1)),
    lambda n, t: n.min(t),
    lambda n, t: n.var(t, axis=0, ddof=1),
    lambda n, t: n.std(t),
    lambda n, t: n.reshape(t, (4, 3)),
    lambda n, t: n.transpose(t),
    lambda n, t: n.swapaxes(t, 0, 1),
    lambda n, t: n.moveaxis(t, 0, -1),
    lambda n, t: n.broadcast_to(t, (2, 3, 4)),
    lambda n, t: n.expand_dims(t, (0, 2)),
    lambda n, t: n.squeeze(t[:, :1], 1),
    lambda n, t: n.concatenate([t, t], axis=1),
    lambda n, t: n.stack([t, t], axis=1),
    lambda n, t: n.dot(t, t.T),
    lambda n, t: n.clip(t, -0.5, 0.5),
    lambda n, t: n.where(t > 0, t, 0.0),
    lambda n, t: n.take(t, [2, 0], axis=1),
    lambda n, t: n.ravel(t),
    lambda n, t: n.add.reduce(t, axis=1),
    lambda n, t: n.matmul(t, t.T),
    lambda n, t: t[:, None, ::2] @ t.T[None, ::2],
]


@pytest.mark.parametrize("call", NUMPY_CALLS)
def test_numpy_by_dispatch_equals_numpy(call) -> None:  # type: ignore[no-untyped-def]
    a = np.random.default_rng(1).normal(size=(3, 4))
    made = call(np, mg.tensor(a, requires_grad=True))
    assert isinstance(made, mg.Tensor)
    assert made.requires_grad
    np.testing.assert_allclose(made.detach().numpy(), call(np, a), rtol=1e-15)


def test_unregistered_ops_do_not_touch_tensors() -> None:
    @mg.op(x=mg.real())
    def doubled(x):  # type: ignore[no-untyped-def]
        return 2.0 * x

    np.testing.assert_array_equal(doubled(np.ones(2)), [2.0, 2.0])
    with pytest.raises(mg.UnregisteredOp, match=r"register\(doubled\)"):
        doubled(mg.tensor([1.0]))
