"""What the tape promises in passing: seeds add up, arrays stay closed, caches stay small."""

from __future__ import annotations

import inspect
import itertools
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.backward import exhaust, gradients
from minigrad.core.errors import InvalidRule, UnregisteredOp
from minigrad.core.op import _name_in_tracebacks
from minigrad.core.registry import REGISTRY
from minigrad.core.rules import broadcasts_to
from minigrad.runtime import fastpath
from minigrad.runtime.numpy_fast import add_reduce, segment_sum
from minigrad.runtime.parameters import has_grad, set_requires_grad
from minigrad.runtime.square_scale import square_scale

SHAPES = [shape for n in range(4) for shape in itertools.product((1, 2, 3), repeat=n)]


@pytest.mark.parametrize("create_graph", [False, True])
def test_seeds_of_one_output_add_up(create_graph: bool) -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y, constant = x * x, mg.tensor([5.0, 5.0])
    seeds = [np.array([1.0, 10.0]), np.array([7.0, 7.0]), np.array([100.0, 1000.0])]
    [slope] = gradients([y, constant, y], seeds, [x], create_graph)
    assert slope is not None
    np.testing.assert_array_equal(slope.numpy() if isinstance(slope, mg.Tensor) else slope, [202.0, 4040.0])


def test_no_array_that_was_handed_out_can_be_opened() -> None:
    x = mg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    (x * x).sum().backward()
    assert x.grad is not None
    for t in (x, x + 1.0, mg.reshape(x * 2.0, (3, 2)), (x * 2.0).T, (x * 2.0)[0], x.grad, x.detach()):
        for array in (t.numpy(), t.data):
            with pytest.raises(ValueError, match="WRITEABLE"):
                np.asarray(array).flags.writeable = True


def test_numbers_of_programs_that_run_long_are_forgotten() -> None:
    x = mg.tensor(2.0)
    for k in range(1, 5_000):
        assert (x * (k + 0.5)).item() == 2 * k + 1
    sizes = [len(numbers) for numbers in fastpath._numbers.values()]
    assert 0 < max(sizes) <= 4096


def test_a_registered_op_takes_no_further_rules() -> None:
    op = REGISTRY["exp"]
    declared = op.accumulate_rule, op.batch_rule
    decorators: list[Callable[[Any], Any]] = [op.vjp("x"), op.batch, op.accumulate]
    for decorate in decorators:
        with pytest.raises(InvalidRule, match="is registered: its rules cannot change"):
            decorate(lambda *_, **__: True)
    assert (op.accumulate_rule, op.batch_rule) == declared


def test_names_and_roles_are_taken_once() -> None:
    op = REGISTRY["exp"]
    assert op._certificate is not None
    with pytest.raises(mg.RegistrationError, match="'exp' is registered already"):
        REGISTRY.add(op, op._certificate)
    role = next(iter(REGISTRY.roles))
    stranger: Any = SimpleNamespace(name="mine", role=role, numpy=None)
    with pytest.raises(mg.RegistrationError, match=f"has the role '{role}' already"):
        REGISTRY.check_unregistered(stranger)
    assert "mine" not in REGISTRY.ops
    with pytest.raises(UnregisteredOp, match="no op named 'mine' is registered"):
        REGISTRY["mine"]


def test_rules_without_a_name_get_one_for_tracebacks() -> None:
    def _() -> None: ...

    def mine() -> None: ...

    for function, name in ((_, "exp_vjp"), (lambda: None, "exp_vjp"), (mine, "mine")):
        _name_in_tracebacks(function, "exp_vjp")
        assert (function.__name__, function.__code__.co_name) == (name, name)
    _name_in_tracebacks(np.exp, "exp_vjp")  # no function of Python: it keeps its name
    assert np.exp.__name__ == "exp"


def test_which_gradients_are_meant_to_be_summed_is_numpys_broadcasting() -> None:
    for small, large in itertools.product(SHAPES, repeat=2):
        try:
            due = np.broadcast_shapes(small, large) == large
        except ValueError:
            due = False
        assert broadcasts_to(REGISTRY["add"], small, large) == due, (small, large)
        assert not broadcasts_to(REGISTRY["exp"], small, large)
        assert broadcasts_to(REGISTRY["concatenate"], small, large) == due


def test_nothing_of_what_was_exhausted_is_kept() -> None:
    class Thing:
        pass

    seen = []

    def things() -> Any:
        for _ in range(3):
            thing = Thing()
            seen.append(weakref.ref(thing))
            yield thing
            del thing

    exhaust(things())
    assert [ref() for ref in seen] == [None] * 3


def test_a_parameter_that_is_switched_off_forgets_its_gradient() -> None:
    w = nn.parameter(np.ones(2))
    (w * 3.0).sum().backward()
    set_requires_grad(w, False)
    set_requires_grad(w, True)
    assert not has_grad(w)
    (w * 4.0).sum().backward()
    assert w.grad is not None
    assert w.grad.numpy().tolist() == [4.0, 4.0]


@pytest.mark.parametrize(("count", "length"), [(7, 5), (0, 3), (700, 110), (90, 40_000)])
def test_rows_are_added_where_they_belong(count: int, length: int) -> None:
    rng = np.random.default_rng(count)
    for columns in (1, 3):
        g = rng.integers(-9, 9, (count, columns)).astype(float)
        places = rng.integers(0, length - length // 10, count)  # the last rows stay empty
        due = np.zeros((length, columns))
        np.add.at(due, places, g)
        np.testing.assert_array_equal(segment_sum(g, places, length), due)


def test_sums_of_every_axis_are_numpys() -> None:
    rng = np.random.default_rng(0)
    for shape in ((5,), (400, 3), (3, 400), (1, 2_000, 2), (50, 20, 10), (2, 0)):
        x = rng.integers(-9, 9, shape).astype(float)
        for axis, keepdims in itertools.product((None, *range(-x.ndim, x.ndim)), (False, True)):
            np.testing.assert_array_equal(
                add_reduce(x, axis, keepdims), x.sum(axis=axis, keepdims=keepdims), strict=True
            )


def test_squares_of_large_numbers_stay_in_range_and_small_ones_count() -> None:
    for dtype, largest in ((np.float32, 2e25), (np.float64, 1e205)):
        info = np.finfo(dtype)
        for least in (1e-5, 1e-3):
            scale = square_scale(np.dtype(dtype), least)
            assert np.log2(scale) == np.round(np.log2(scale))
            assert (largest * scale) ** 2 < float(info.max)
            assert least * scale**2 * float(info.eps) ** 2 >= float(info.tiny)
    assert square_scale(np.dtype(np.float64), 0.0) == 1.0


def test_a_decorated_coroutine_is_still_known_as_one() -> None:
    class Calls:
        async def __call__(self) -> None: ...

    async def waits() -> None: ...

    assert inspect.iscoroutinefunction(mg.no_grad()(waits))
    assert inspect.iscoroutinefunction(mg.no_grad()(Calls()))
    assert not inspect.iscoroutinefunction(mg.no_grad()(lambda: None))
