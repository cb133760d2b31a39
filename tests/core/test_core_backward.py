"""Backward: right numbers, every graph shape, no side effects on failure."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad.core import gradients
from minigrad.runtime.parameters import aligned_zeros, assign, bind_to_buffers, has_grad, mark_updated


def leaf(*values: float) -> mg.Tensor:
    return mg.tensor(list(values), requires_grad=True)


def grad_of(t: mg.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    assert t.grad is not None
    return t.grad.numpy()


def test_gradients_add_up_over_uses_and_over_calls() -> None:
    x = leaf(1.0, 2.0)
    (x * x + x).sum().backward()
    np.testing.assert_array_equal(grad_of(x), [3.0, 5.0])
    x.sum().backward()
    np.testing.assert_array_equal(grad_of(x), [4.0, 6.0])
    x.zero_grad()
    assert x.grad is None


def test_broadcast_arguments_get_their_own_shape_and_dtype_back() -> None:
    w = mg.tensor(np.ones((3, 1), np.float32), requires_grad=True)
    x = mg.tensor(np.arange(8.0).reshape(2, 1, 4), requires_grad=True)
    (w * x).sum().backward()
    assert grad_of(w).shape == (3, 1)
    assert grad_of(w).dtype == np.float32
    np.testing.assert_allclose(grad_of(w), np.full((3, 1), 28.0))
    assert grad_of(x).shape == (2, 1, 4)
    np.testing.assert_allclose(grad_of(x), np.full((2, 1, 4), 3.0))


def test_derivatives_of_every_order_come_from_the_same_rules() -> None:
    x = mg.tensor(0.7, requires_grad=True)
    y = mg.tanh(x)
    expected = np.tanh(0.7)
    t = expected
    orders = [1 - t**2, -2 * t * (1 - t**2), (1 - t**2) * (6 * t**2 - 2)]
    for value in orders:
        found = gradients([y], [mg.tensor(1.0)], [x], create_graph=True)[0]
        assert isinstance(found, mg.Tensor)
        assert found.item() == pytest.approx(value, rel=1e-12)
        y = found


def test_a_million_nodes_deep_in_linear_time() -> None:
    def seconds(depth: int) -> float:
        x = mg.tensor(1.0, requires_grad=True)
        y = x
        for _ in range(depth):
            y = y + 1e-9
        start = time.perf_counter()
        y.backward()
        spent = time.perf_counter() - start
        assert grad_of(x) == 1.0
        return spent

    seconds(1000)
    short, long_ = min(seconds(10_000) for _ in range(3)), seconds(1_000_000)
    assert long_ < 100 * short * 12, "backward is not linear in the depth of the graph"


def test_diamonds_do_not_multiply_paths() -> None:
    x = mg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(1000):
        y = (y + y) * 0.5
    y.backward()
    assert grad_of(x) == 1.0


def test_a_hundred_thousand_uses_of_one_leaf() -> None:
    x = mg.tensor(1.0, requires_grad=True)
    total = mg.stack([x * float(k) for k in range(100_000)]).sum()
    total.backward()
    assert grad_of(x) == sum(range(100_000))


def test_no_reference_cycles_are_left() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = (mg.exp(x) * x).sum()
        y.backward()
        probe = y._node.value.view()  # its base dies with the graph
        inner = weakref.ref(y._node.value)
        del y, probe
        assert inner() is None, "the graph outlives its last handle"
    finally:
        gc.enable()


def test_backward_needs_something_to_differentiate() -> None:
    with pytest.raises(mg.GradientError, match="nothing to differentiate"):
        mg.tensor([1.0]).sum().backward()
    with pytest.raises(mg.GradientError, match=r"shape \(2,\)"):
        leaf(1.0, 2.0).backward()
    with pytest.raises(mg.GradientError, match=r"has shape \(3,\)"):
        leaf(1.0, 2.0).backward(np.ones(3))


def test_a_failing_rule_leaves_every_gradient_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    before = grad_of(x).copy(), grad_of(y).copy()
    z = (x * 2.0 + mg.exp(y)).sum()

    def interrupted(*_: object) -> None:  # stands for a Ctrl-C half-way through the pass
        raise KeyboardInterrupt

    monkeypatch.setattr(mg.exp, "fast_vjp", interrupted)
    with pytest.raises(KeyboardInterrupt):
        z.backward()
    np.testing.assert_array_equal(grad_of(x), before[0])
    np.testing.assert_array_equal(grad_of(y), before[1])


def test_gradients_of_parts_go_to_their_places_and_nowhere_else() -> None:
    x, y = mg.tensor(np.arange(12.0).reshape(3, 4), requires_grad=True), mg.tensor(np.ones((3, 4)), requires_grad=True)
    middle = x * 1.0
    parts = (middle[0] * 2.0).sum() + (middle[:, 1:3] * 3.0).sum() + (middle[::-1, -1] * 5.0).sum()
    rows = (middle[[0, 0, 2]] * 7.0).sum() + (middle[None, ..., 0] * 11.0).sum()
    (parts + rows + (middle + y).sum()).backward()  # the sum hands one array to both
    expected = np.ones((3, 4))
    expected[0] += 2.0
    expected[:, 1:3] += 3.0
    expected[:, -1] += 5.0
    expected[0] += 14.0
    expected[2] += 7.0
    expected[:, 0] += 11.0
    np.testing.assert_array_equal(grad_of(x), expected)
    np.testing.assert_array_equal(grad_of(y), np.ones((3, 4)))


@pytest.mark.parametrize("key", [True, np.False_, (True, slice(1, 2))])
def test_a_truth_value_is_a_mask_and_no_number(key: bool) -> None:
    x = mg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    value = x.data[key]
    np.testing.assert_array_equal(x[key].data, value)
    x[key].sum().backward()
    expected = np.zeros((3, 2))
    expected[key] = 1.0
    np.testing.assert_array_equal(grad_of(x), expected)


def test_reading_all_rows_one_by_one_costs_as_much_as_there_are_rows() -> None:
    def seconds(rows: int) -> float:
        x = mg.tensor(np.ones((rows, 64)), requires_grad=True)
        total = x[0]
        for i in range(1, rows):
            total = total + x[i]
        loss = total.sum()
        best = np.inf
        for _ in range(5):
            began = time.process_time()
            loss.backward()
            best = min(best, time.process_time() - began)
        return float(best)

    seconds(10)
    assert seconds(2000) < 40.0 * seconds(200)  # a whole array of zeros for each row would be 100 times as much


def test_no_grad_records_nothing_and_is_local_to_its_thread() -> None:
    x = leaf(1.0)
    seen: list[bool] = []
    with mg.no_grad():
        assert not (x * 2.0).requires_grad
        thread = threading.Thread(target=lambda: seen.append((x * 2.0).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]
    assert (x * 2.0).requires_grad

    @mg.no_grad()
    def quiet(t: mg.Tensor) -> mg.Tensor:
        return t * 2.0

    assert not quiet(x).requires_grad
    with pytest.raises(ZeroDivisionError), mg.no_grad():
        raise ZeroDivisionError
    assert (x * 2.0).requires_grad, "no_grad outlives an exception"


def test_threads_do_not_disturb_each_other() -> None:
    shared = mg.tensor(np.linspace(0.1, 1.0, 50), requires_grad=True)
    results: list[bool] = []

    def work() -> None:
        for _ in range(50):
            found = gradients([mg.sum(mg.exp(shared) * shared)], [mg.tensor(1.0)], [shared], False)[0]
            x = shared.numpy()
            results.append(bool(np.allclose(np.asarray(found), np.exp(x) * (1 + x), rtol=1e-14)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 400
    assert all(results)


def bound() -> tuple[mg.Tensor, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    w = leaf(1.0, 2.0)
    values, grads = aligned_zeros(2, np.float64), aligned_zeros(2, np.float64)
    bind_to_buffers(w, values, grads)
    return w, values


def test_a_bound_leaf_fills_its_buffer_and_hands_out_copies() -> None:
    w, values = bound()
    held = w.numpy()
    (w * 3.0).sum().backward()
    np.testing.assert_array_equal(grad_of(w), [3.0, 3.0])
    assert has_grad(w)
    (w * 1.0).sum().backward()
    np.testing.assert_array_equal(grad_of(w), [4.0, 4.0])
    w.zero_grad()
    assert not has_grad(w)
    assert w.grad is None
    (w * 5.0).sum().backward()
    np.testing.assert_array_equal(grad_of(w), [5.0, 5.0])
    values += 10.0
    mark_updated(w)
    np.testing.assert_array_equal(held, [1.0, 2.0])
    np.testing.assert_array_equal(w.numpy(), [11.0, 12.0])


def test_backward_through_an_updated_parameter_raises() -> None:
    w, values = bound()
    loss = (w * w).sum()
    values -= 0.1
    mark_updated(w)
    with pytest.raises(mg.StaleGraphError, match="Compute the loss again"):
        loss.backward()
    assert w.grad is None
    free = leaf(1.0)
    loss = (free * free).sum()
    assign(free, np.array([5.0]))
    with pytest.raises(mg.StaleGraphError):
        loss.backward()
    np.testing.assert_array_equal(free.numpy(), [5.0])


def test_binding_checks_shape_memory_and_leafhood() -> None:
    with pytest.raises(mg.ShapeError, match="bind: value is"):
        bind_to_buffers(leaf(1.0), aligned_zeros(2, np.float64), aligned_zeros(1, np.float64))
    with pytest.raises(mg.GradientError, match="buffer"):
        bind_to_buffers(leaf(1.0), np.zeros(1), np.zeros(1))
    with pytest.raises(mg.GradientError, match="leaf"):
        bind_to_buffers(leaf(1.0) * 2.0, aligned_zeros(1, np.float64), aligned_zeros(1, np.float64))


def test_several_outputs_and_joint_rules() -> None:
    @mg.op(x=mg.positive())
    def root_and_square(x):  # type: ignore[no-untyped-def]
        return np.sqrt(x), x * x

    @root_and_square.vjp("x")
    def _(g, y, x):  # type: ignore[no-untyped-def]
        return g[0] * 0.5 / y[0] + g[1] * 2.0 * x

    mg.register(root_and_square)
    x = leaf(4.0, 9.0)
    root, squared = root_and_square.call_multi(x)
    np.testing.assert_array_equal(root.numpy(), [2.0, 3.0])
    (root * 2.0).sum().backward()
    np.testing.assert_allclose(grad_of(x), [0.5, 1 / 3])
    x.zero_grad()
    root, squared = root_and_square.call_multi(x)
    (root * squared).sum().backward()
    np.testing.assert_allclose(grad_of(x), 2.5 * np.array([4.0, 9.0]) ** 1.5)
