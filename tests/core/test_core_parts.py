"""The small parts that the tape is made of, each by itself: what it gives, and what it says where it gives nothing."""

# Rules and functions of made-up ops are untyped.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import core
from minigrad.core.apply import apply
from minigrad.core.backward import gradients
from minigrad.core.errors import IndexKeyError, NumberTooLarge, OpError
from minigrad.core.graph import Constant, OpNode
from minigrad.core.memory import copy_writable_args, is_immutable, readonly, weak_scalar
from minigrad.core.mode import MODE, Interceptor, is_recording, mode_override
from minigrad.core.op import REQUIRED, Argument, Claims, Op
from minigrad.core.registry import REGISTRY, Registry
from minigrad.core.rules import argument_positions, call_rule
from minigrad.core.tensor import from_array, tensor_of
from minigrad.runtime.call_errors import as_arrays, describe_error
from minigrad.runtime.observer import Observer
from minigrad.runtime.parameters import aligned_zeros


def op(*names: str, forward=lambda *xs, **options: xs[0] * 1.0, **options: object) -> Op:
    """An op that no gate has seen; a name with a star stands for any number of arrays."""
    arguments = tuple(Argument(name.strip("*"), variadic=name[0] == "*") for name in names)
    return Op("odd", forward, arguments, options, Claims())


T = mg.tensor([1.0, 2.0], requires_grad=True)


def test_an_op_says_what_it_is() -> None:
    assert repr(op("x", "*ys")) == "<op odd(x, *ys): not registered>"
    assert repr(REGISTRY["exp"]) == "<op exp(x): registered>"
    assert op("x").module == __name__
    assert Op("add", np.add, (Argument("x"),), {}, Claims()).module == "numpy"
    with pytest.raises(mg.UnregisteredOp, match=r"op 'odd' has no certificate.*Call minigrad.register\(odd\)"):
        op("x").certificate  # noqa: B018
    assert op("x", axis=0, shape=REQUIRED).options == {"axis", "shape"}
    assert op("x", axis=0, shape=REQUIRED).required == {"shape"}
    assert op("x", axis=0, shape=REQUIRED).defaults == {"axis": 0}


def test_what_declares_a_rule_gives_the_function_back() -> None:
    def rule(*arrays, **options):
        return arrays[0]

    unary = op("x")
    assert unary.vjp("x")(rule) is rule
    assert unary.batch(rule) is rule
    assert unary.accumulate(rule) is rule
    assert (unary.batch_rule, unary.accumulate_rule, unary.rules[0].function) == (rule, rule, rule)
    for declare, words in (
        (lambda: unary.vjp("x")(rule), "argument 'x' has two rules"),
        (lambda: unary.batch(rule), "has a batching rule already"),
        (lambda: unary.accumulate(rule), "has an accumulation rule already"),
        (lambda: op("x", "y").accumulate(rule), "more than one argument"),
        (lambda: op("*xs").accumulate(rule), "more than one argument"),
        (lambda: op("x").vjp("x", "x")(rule), "argument 'x' has two rules"),
        (lambda: op("x").vjp()(rule), "needs the name of an argument: one of x"),
        (lambda: op("x", "*ys").vjp("x", "ys")(rule), r"the rule for '\*ys' cannot be joined"),
        (lambda: op("x").vjp("z")(rule), "has no argument 'z'"),
    ):
        with pytest.raises(mg.InvalidRule, match=words):
            declare()
    joined = op("a", "b")
    joined.vjp("b", "a")(rule)
    assert joined.rules[0].indices == (1, 0)
    assert not joined.rules[0].variadic
    several = op("x", "*ys")
    several.vjp("ys")(rule)
    assert several.rules[0].variadic
    assert list(argument_positions(several.rules[0], 4)) == [1, 2, 3]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_arguments_than_an_op_has(count: int) -> None:
    for args in ((T,) * count, (np.ones(2),) * count):
        if not args or (count == 1 and isinstance(args[0], np.ndarray)):
            continue
        with pytest.raises(TypeError, match=rf"op 'add' takes \(x, y\), {count} positional arguments given"):
            REGISTRY["add"](*args)
    with pytest.raises(TypeError, match=r"op 'odd' takes \(a, \*b\), 0 positional arguments given"):
        apply(op("a", "*b"), (), {})
    assert apply(op("a", "*b"), (T,), {}).shape == (2,)
    assert apply(op("a", "*b"), (T, T, T), {}).shape == (2,)


def test_options_are_bound_by_name() -> None:
    declared = op("x", axis=0, shape=REQUIRED)
    assert declared.bind_kwargs({"shape": 3}) == {"axis": 0, "shape": 3}
    assert declared.bind_kwargs({"shape": 3, "axis": 1}) == {"axis": 1, "shape": 3}
    for given in ({}, {"axis": 1}):
        with pytest.raises(TypeError, match="op 'odd' needs the option 'shape'"):
            declared.bind_kwargs(given)
    with pytest.raises(TypeError, match=r"op 'odd' has no option 'axes': it has shape, axis\..*axis"):
        declared.bind_kwargs({"axes": 1, "shape": 2})
    with pytest.raises(TypeError, match=r"has no option 'k': it has none"):
        op("x").bind_kwargs({"k": 1})


def test_errors_of_a_forward_function_are_described_by_kind() -> None:
    x = np.ones((2, 3), np.float32)
    for error, kind in (
        (ValueError("no"), mg.ShapeError),
        (IndexError("no"), IndexKeyError),
        (TypeError("no"), OpError),
        (ZeroDivisionError("no"), OpError),
        (AttributeError("no"), OpError),
    ):
        described = describe_error(op("x"), (x, 2), {"axis": 1}, error)
        assert type(described) is kind
        assert str(described) == "op 'odd' cannot take (x (2, 3) float32, x () int, axis=1): no"
    for kept in (KeyError("k"), MemoryError(), mg.GradientError("mine")):
        assert describe_error(op("x"), (x,), {}, kept) is kept
    assert len(str(describe_error(op("x"), (x,), {}, ValueError("long" * 200)))) == 299

    def refuses(*arrays, **options):
        raise ValueError("not these")

    with pytest.raises(mg.ShapeError, match=r"cannot take \(x \(2,\) float64\): not these"):
        apply(op("x", forward=refuses), (T,), {})


def test_a_rule_for_several_arguments_gives_as_many_gradients() -> None:
    two = op("a", "b")
    two.vjp("a", "b")(lambda g, y, a, b: [g, g * 2.0])
    x = np.ones(2)
    assert [r.tolist() for r in call_rule(two, two.rules[0], x, x, (x, x), {})] == [[1.0, 1.0], [2.0, 2.0]]  # type: ignore[attr-defined]
    for wrong, got in ((lambda g, y, a, b: (g,), "got 1 values"), (lambda g, y, a, b: g, "got ndarray")):
        bad = op("a", "b")
        bad.vjp("a", "b")(wrong)
        with pytest.raises(mg.InvalidRule, match=f"must return 2 gradients in a tuple; {got}"):
            call_rule(bad, bad.rules[0], x, x, (x, x), {})
    alone = op("*xs")
    alone.vjp("xs")(lambda g, y, *xs: (g,) * len(xs))
    assert len(call_rule(alone, alone.rules[0], x, x, (x,) * 3, {})) == 3


def test_memory_that_may_be_handed_out() -> None:
    open_, closed = np.ones(3), np.ones(3)
    closed.flags.writeable = False
    shut = open_[1:]
    shut.flags.writeable = False
    assert [is_immutable(a) for a in (open_, closed, closed[1:], shut)] == [False, True, True, False]
    assert not is_immutable(np.frombuffer(b"12345678"))
    out = readonly(open_[:2])
    assert not out.flags.writeable
    assert not open_.flags.writeable
    assert np.shares_memory(out, open_)
    buffer = aligned_zeros(4, np.float64)
    copy = readonly(buffer)
    assert not np.shares_memory(copy, buffer)
    assert not copy.flags.writeable
    assert buffer.flags.writeable
    whole = np.ones(2)
    assert readonly(whole) is not whole  # shape and dtype of an array can be set where its numbers cannot


def test_arrays_of_the_caller_are_copied_for_the_rules() -> None:
    x, y = np.ones(3), np.arange(3.0)
    values, result = copy_writable_args((T, y, 2.0), (x, y, np.array(2.0)), x)
    assert values[0] is x
    assert values[1] is not y
    assert values[1].tolist() == [0.0, 1.0, 2.0]
    assert not values[1].flags.writeable
    assert result is x
    for same in (y, y[1:], y.reshape(3, 1)):
        _, result = copy_writable_args((T, y), (x, y), same)
        assert not np.shares_memory(result, y)
        assert np.array_equal(result, same)
    other = np.ones(4)[1:]
    assert copy_writable_args((T, y), (x, y), other)[1] is other
    assert copy_writable_args((T, 1), (x, y), y) == ((x, y), y)


def test_a_number_takes_its_partners_type() -> None:
    for value, partner, due in (
        (2, "float32", "float32"),
        (2.5, "float32", "float32"),
        (True, "int8", "int8"),
        (2, "uint8", "uint8"),
        (2.5, "int64", "float64"),
        (2, "bool", "int64"),
        (True, "bool", "bool"),
    ):
        array = weak_scalar(value, np.dtype(partner))
        assert array.dtype.name == due
        assert float(array) == value
        assert array.shape == ()
        assert not array.flags.writeable
    with pytest.raises(NumberTooLarge, match="a whole number that does not fit int8"):
        weak_scalar(300, np.dtype("int8"))


def test_long_tensors_are_shown_in_part() -> None:
    assert "..." not in repr(mg.tensor(np.ones(100)))
    assert "..." in repr(mg.tensor(np.ones(101)))
    x = mg.tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    assert repr(x) == "tensor([1., 2.], dtype=float32, requires_grad=True)"
    assert repr(x * x) == "tensor([1., 4.], dtype=float32, made by multiply)"
    assert repr(mg.tensor([[1.0], [2.0]])) == "tensor([[1.],\n        [2.]])"


def test_the_registry_is_asked_by_name_role_and_function() -> None:
    assert len(REGISTRY) == len(list(REGISTRY)) > 50
    assert REGISTRY.get("no such op") is None
    assert "exp" in REGISTRY
    assert REGISTRY.role("cast").role == "cast"
    with pytest.raises(mg.UnregisteredOp, match=r"no op with the role 'catch' is registered\..*cast"):
        REGISTRY.role("catch")
    with pytest.raises(mg.UnregisteredOp, match=r"no op named 'exp' is registered.*import minigrad.ops"):
        Registry()["exp"]
    assert REGISTRY.ufunc(np.exp) is REGISTRY["exp"]
    assert REGISTRY.function(np.exp) is None
    assert REGISTRY.function(np.sum) is not None
    with pytest.raises(mg.RegistrationError, match=r"numpy.sum already has a handler"):
        REGISTRY.register_numpy_function(np.sum, np.sum)
    assert {"exp", "sum"} <= REGISTRY.numpy_names().keys()


def test_a_bare_interceptor_does_nothing_for_one() -> None:
    with pytest.raises(NotImplementedError):
        Interceptor().call(REGISTRY["exp"], (T,), {}, grad=True)
    with pytest.raises(NotImplementedError):
        Interceptor().accumulate_grad(T._node, T)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError):
        Observer().after(REGISTRY["exp"], (T,), {}, T)
    assert not Interceptor.records_backward


def test_modes_lie_in_each_other() -> None:
    assert MODE.get() is None
    assert is_recording()
    with mode_override(grad=False) as outer:
        assert not outer.grad
        assert not is_recording()
        with mode_override(grad=True, allow_unverified=lambda op: True) as inner:
            assert inner.grad
            assert inner.allow_unverified is not None
            with mode_override(grad=None) as last:
                assert last.grad
                assert last.allow_unverified is inner.allow_unverified
        assert not is_recording()
    assert MODE.get() is None
    with mode_override():
        assert is_recording()
        assert MODE.get() is None


def test_nodes_hold_what_rules_need() -> None:
    y = np.array([3.0, 4.0])
    node = (T * y)._node
    assert isinstance(node, OpNode)
    assert not node.args[1].flags.writeable
    assert node.args[1] is not y
    assert node.parents == (T._node, None)
    given = np.ones(2)
    assert from_array(given)._node.value is given
    assert not given.flags.writeable
    assert tensor_of(Constant(given)).data.tolist() == [1.0, 1.0]


def test_what_has_no_slope_is_not_recorded() -> None:
    flat = [op for op in REGISTRY if op.claims.piecewise_constant and len(op.arguments) == 1 and not op.required]
    assert {"sign", "floor"} <= {op.name for op in flat}
    for op in flat:
        outputs = op(T)
        for y in outputs if isinstance(outputs, tuple) else (outputs,):
            assert not y.requires_grad, op.name


def test_names_that_have_moved_are_still_found() -> None:
    for old, new in (("no_grad", mg.no_grad), ("adopt", from_array), ("switched", mode_override)):
        with pytest.warns(DeprecationWarning, match=f"minigrad.core.{old} is now"):
            assert getattr(core, old) is new


def test_a_check_that_was_put_off_is_made_before_a_second_derivative() -> None:
    made, checked = op("x"), []
    made.vjp("x")(lambda g, y, x: g * 1.0)
    y = apply(made, (T,), {})
    made.check_second_order = lambda: checked.append(made.name)
    gradients([y], [np.ones(2)], [T], create_graph=False)
    assert not checked
    gradients([y], [np.ones(2)], [T], create_graph=True)
    assert checked == ["odd"]


def test_lists_among_arguments_become_arrays_and_numbers_stay() -> None:
    two = op("x", "y")
    given = (np.ones(2), 3, np.float32(1.0))
    assert all(a is b for a, b in zip(as_arrays(op("x", "y", "z"), given), given, strict=True))
    made = as_arrays(two, ([1.0, 2.0], [[3]]))
    assert [type(a) for a in made] == [np.ndarray, np.ndarray]
    with pytest.raises(OpError, match=r"argument 'y' is list of dtype object; real numbers are needed"):
        as_arrays(two, (1.0, [[1.0], [2.0, 3.0]]))
    with pytest.raises(OpError, match=r"argument 'y' is str of dtype"):
        as_arrays(two, (1.0, "two"))
    assert as_arrays(two, (1.0, 2.0)) == (1.0, 2.0)


def test_a_tensor_says_what_its_array_says() -> None:
    x = mg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    assert (x.shape, x.ndim, x.size, x.dtype.name) == ((2, 3), 2, 6, "float64")
    assert x.numpy().tolist() == x.data.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert x.item(1, 2) == 5.0
    assert mg.tensor([[2.5]]).item() == 2.5
    with pytest.raises(mg.ShapeError, match=r"item\(\) needs one element"):
        x.item()
    assert x.detach().requires_grad is False
    assert x.detach()._node.value is x._node.value


def test_a_gradient_of_one_has_the_axes_of_its_output() -> None:
    for shape in ((), (1,), (1, 1)):
        x = mg.tensor(np.full(shape, 3.0), requires_grad=True)
        x.backward()
        assert x.grad is not None
        assert x.grad.shape == shape
        assert x.grad.dtype.name == "float64"
        (x * x).backward()
        assert x.grad.data.tolist() == np.full(shape, 7.0).tolist()


def test_numbers_beside_whole_ones_keep_their_kind() -> None:
    """An op keeps the arrays of numbers that it has met; 2 and 2.0 are one key."""
    x = mg.tensor([1, 2])
    for number, kind in ((2, "i"), (2.0, "f"), (3.0, "f"), (3, "i"), (0.0, "f"), (-0.0, "f")):
        assert (x * number).dtype.kind == kind
        assert (number * x).dtype.kind == kind
    y = mg.tensor([1.0, 2.0])
    assert np.signbit((y * 0.0).data).tolist() == [False, False]
    assert np.signbit((y * -0.0).data).tolist() == [True, True]


def test_an_output_gradient_of_any_kind_takes_the_type_of_its_output() -> None:
    for given in ([1, 2], np.array([1, 2]), np.array([1.0, 2.0], np.float32), mg.tensor([1.0, 2.0])):
        x = mg.tensor([3.0, 4.0], requires_grad=True)
        (x * x).backward(given)
        assert x.grad is not None
        assert x.grad.data.tolist() == [6.0, 16.0]
        assert x.grad.dtype.name == "float64"
    v = mg.tensor([1.0, 2.0], requires_grad=True)
    x = mg.tensor([3.0, 4.0], requires_grad=True)
    (x * x).backward(v, create_graph=True)
    assert x.grad is not None
    x.grad.sum().backward()
    assert v.grad is not None
    assert v.grad.data.tolist() == [6.0, 8.0]
