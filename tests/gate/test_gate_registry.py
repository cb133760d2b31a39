"""The registry's side of the gate: all or nothing, one name once, no admission without a certificate of one's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY, Registry
from minigrad.typing import Array, V
from minigrad.verify import verify
from minigrad.verify.certificate import Certificate
from minigrad.verify.declare import Sample
from support.gate_case import POSITIVE, REAL, made, unary


def fresh(name: str, factor: float = 2.0, rule: float = 2.0) -> Op:
    """An op of that name: x * factor, with a gradient of `rule`."""
    op = unary(lambda x: x * factor, lambda g, y, x: g * rule)
    op.name = name
    return op


@pytest.fixture
def snapshot() -> Callable[[], bool]:
    """Tells whether the registry, `minigrad` and NumPy dispatch are as they were when the test began."""

    def state() -> tuple[object, ...]:
        return tuple(op.name for op in REGISTRY), frozenset(REGISTRY.numpy_names()), frozenset(dir(mg))

    before = state()
    return lambda: state() == before


def test_registered_op_works_everywhere() -> None:
    op = fresh("gate_test_doubled")
    ufunc = np.frompyfunc(lambda x: x * 2.0, 1, 1)
    op.numpy = ufunc
    mg.register(op)
    assert REGISTRY["gate_test_doubled"] is op
    assert getattr(mg, "gate_test_doubled") is op  # noqa: B009 - the attribute is dynamic
    x = mg.tensor([1.0, -2.0], requires_grad=True)
    y = ufunc(x)
    assert isinstance(y, mg.Tensor)
    y.backward(np.array([1.0, 1.0]))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), [2.0, 2.0])
    assert op.certificate.subject is op
    assert op.certificate.second_order


def test_refused_op_leaves_no_trace(snapshot: Callable[[], bool]) -> None:
    with pytest.raises(mg.GradientMismatch):
        mg.register(fresh("gate_test_wrong", 2.0, 3.0))
    assert snapshot()


def test_refused_op_can_be_mended_under_the_same_name() -> None:
    with pytest.raises(mg.GradientMismatch):
        mg.register(fresh("gate_test_mended", 2.0, 3.0))
    mg.register(fresh("gate_test_mended"))
    assert "gate_test_mended" in REGISTRY


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_group_is_all_or_nothing(order: tuple[int, int], snapshot: Callable[[], bool]) -> None:
    pair = [fresh("gate_test_good"), fresh("gate_test_bad", 2.0, -2.0)]
    with pytest.raises(mg.GradientMismatch, match="gate_test_bad"):
        mg.register(*(pair[i] for i in order))
    assert snapshot()
    assert not pair[0].registered


def test_group_whose_rules_use_each_other() -> None:
    s = made(lambda x: np.sinh(x), {"x": lambda g, y, x: g * c(x)}, {"x": mg.unit()}, name="gate_test_sinh")
    c = made(lambda x: np.cosh(x), {"x": lambda g, y, x: g * s(x)}, {"x": mg.unit()}, name="gate_test_cosh")
    mg.register(s, c)
    x = mg.tensor(0.5, requires_grad=True)
    s(x).backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(np.cosh(0.5))


def test_group_with_a_wrong_helper_is_refused(snapshot: Callable[[], bool]) -> None:
    """The rule of the first op calls the second, whose own rule is wrong."""
    s = made(lambda x: np.sinh(x), {"x": lambda g, y, x: g * c(x)}, {"x": mg.unit()}, name="gate_test_sinh2")
    c = made(lambda x: np.cosh(x), {"x": lambda g, y, x: -(g * s(x))}, {"x": mg.unit()}, name="gate_test_cosh2")
    with pytest.raises(mg.GradientMismatch):
        mg.register(s, c)
    with pytest.raises(mg.GradientMismatch):
        mg.register(c, s)
    assert snapshot()


def test_rule_cannot_lean_on_an_unregistered_op(snapshot: Callable[[], bool]) -> None:
    """Registered alone, an op whose rule calls an unregistered one would fail at its first use on Tensors."""
    helper = made(lambda x: np.cosh(x), {"x": lambda g, y, x: g * op(x)}, {"x": mg.unit()}, name="gate_test_helper")
    op = made(lambda x: np.sinh(x), {"x": lambda g, y, x: g * helper(x)}, {"x": mg.unit()}, name="gate_test_leaning")
    with pytest.raises(mg.MinigradError, match="gate_test_helper"):
        mg.register(op)
    assert snapshot()


def test_name_is_taken_once(snapshot: Callable[[], bool]) -> None:
    with pytest.raises(mg.RegistrationError, match="registered already"):
        mg.register(fresh("exp"))
    with pytest.raises(mg.RegistrationError, match="two ops named"):
        mg.register(fresh("gate_test_twice"), fresh("gate_test_twice"))
    assert snapshot()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_group_with_a_taken_name_is_refused_whole(order: tuple[int, int], snapshot: Callable[[], bool]) -> None:
    pair = [fresh("gate_test_free"), fresh("tanh")]
    with pytest.raises(mg.RegistrationError, match="'tanh' is registered already"):
        mg.register(*(pair[i] for i in order))
    assert snapshot()


def test_op_is_registered_once() -> None:
    op = fresh("gate_test_once")
    mg.register(op)
    with pytest.raises(mg.RegistrationError, match="registered already"):
        mg.register(op)


def test_numpy_function_stands_for_one_op(snapshot: Callable[[], bool]) -> None:
    op = fresh("gate_test_numpy_taken")
    op.numpy = np.exp
    with pytest.raises(mg.RegistrationError, match="already stands for another op"):
        mg.register(op)
    assert snapshot()


def test_two_ops_of_a_group_cannot_share_a_numpy_function(snapshot: Callable[[], bool]) -> None:
    ufunc = np.frompyfunc(lambda x: x, 1, 1)
    pair = [fresh("gate_test_share_1"), fresh("gate_test_share_2")]
    for op in pair:
        op.numpy = ufunc
    with pytest.raises(mg.RegistrationError):
        mg.register(*pair)
    assert snapshot()
    assert not any(op.registered for op in pair)


def test_only_ops_can_be_registered() -> None:
    with pytest.raises(mg.RegistrationError, match="function"):
        mg.register(lambda x: x)  # type: ignore[arg-type]


def test_admission_needs_a_certificate_for_this_very_op() -> None:
    certificate = verify(fresh("gate_test_one"), seed=0)
    other = fresh("gate_test_other", 2.0, 3.0)
    registry = Registry()
    with pytest.raises(mg.RegistrationError, match="belongs to"):
        registry.add(other, certificate)
    assert "gate_test_other" not in registry
    assert not other.registered


def test_a_twin_of_the_same_name_is_another_op() -> None:
    certificate = verify(fresh("gate_test_same"), seed=0)
    with pytest.raises(mg.RegistrationError, match="belongs to"):
        Registry().add(fresh("gate_test_same", 2.0, 3.0), certificate)


def test_rule_added_between_check_and_admission_voids_the_certificate() -> None:
    """Verified with one set of rules, admitted with another."""
    op = fresh("gate_test_changed")
    certificate = verify(op, seed=0)
    op.rules = fresh("gate_test_changed", 2.0, 3.0).rules
    with pytest.raises(mg.RegistrationError):
        Registry().add(op, certificate)


def test_no_certificate_before_registration() -> None:
    op = fresh("gate_test_bare")
    verify(op, seed=0)
    with pytest.raises(mg.UnregisteredOp, match="not registered"):
        _ = op.certificate
    assert isinstance(verify(op, seed=0), Certificate)


def test_unregistered_op_works_on_arrays_and_refuses_tensors() -> None:
    op = fresh("gate_test_unregistered")
    np.testing.assert_array_equal(op(np.array([1.0, 2.0])), [2.0, 4.0])
    with pytest.raises(mg.UnregisteredOp, match="gate_test_unregistered"):
        op(mg.tensor([1.0, 2.0]))
    with mg.no_grad(), pytest.raises(mg.UnregisteredOp):
        op(mg.tensor([1.0, 2.0]))


def test_rules_are_fixed_once_registered() -> None:
    op = fresh("gate_test_fixed")
    mg.register(op)
    with pytest.raises(mg.InvalidRule, match="registered"):
        op.vjp("x")(lambda g, y, x: g * 3.0)


def test_rule_for_an_unknown_argument_names_the_nearest() -> None:
    op = made(lambda alpha, beta: alpha * beta, {}, {"alpha": REAL, "beta": REAL})
    with pytest.raises(mg.InvalidRule, match="alpha"):
        op.vjp("alhpa")(lambda g, y, a, b: g)
    with pytest.raises(mg.InvalidRule, match="needs the name"):
        op.vjp()(lambda g, y, a, b: g)
    op.vjp("alpha")(lambda g, y, a, b: g * b)
    with pytest.raises(mg.InvalidRule, match="two rules"):
        op.vjp("alpha")(lambda g, y, a, b: g * b)


def test_missing_domain() -> None:
    with pytest.raises(mg.RegistrationError, match=r"'b'.*real\(\)"):
        made(lambda a, b: a * b, {}, {"a": REAL})


def test_domain_for_an_unknown_argument() -> None:
    with pytest.raises(mg.RegistrationError, match="Did you mean 'alpha'"):
        made(lambda alpha: alpha, {}, {"alpha": REAL, "alhpa": REAL})


def test_default_on_an_array_argument() -> None:
    with pytest.raises(mg.RegistrationError, match="default"):
        made(lambda a, b=1.0: a * b, {}, {"a": REAL, "b": REAL})


def test_catch_all_metadata() -> None:
    with pytest.raises(mg.RegistrationError, match="hides its metadata"):
        made(lambda x, **options: x, {}, {"x": REAL})


def test_no_array_argument() -> None:
    with pytest.raises(mg.RegistrationError, match="no array argument"):
        made(lambda *, scale: np.ones(3) * scale, {}, {})


def test_name_that_is_no_identifier() -> None:
    with pytest.raises(mg.RegistrationError, match="identifier"):
        made(lambda x: x, {}, {"x": REAL}, name="not a name")


def test_params_that_the_op_does_not_have() -> None:
    op = made(lambda x, *, scale=1.0: x * scale, {"x": lambda g, y, x, *, scale: g * scale}, {"x": REAL},
              params=[{"sclae": 2.0}])  # fmt: skip
    with pytest.raises(mg.RegistrationError, match="sclae"):
        verify(op, seed=0)


def test_required_metadata_without_params() -> None:
    op = made(lambda x, *, scale: x * scale, {"x": lambda g, y, x, *, scale: g * scale}, {"x": REAL})
    with pytest.raises(mg.RegistrationError, match="scale"):
        verify(op, seed=0)


def test_shapes_that_the_op_cannot_take() -> None:
    op = made(
        lambda a, b: a @ b, {"a": lambda g, y, a, b: g, "b": lambda g, y, a, b: g}, {"a": REAL, "b": REAL},
        shapes=[((2, 3), (2, 3))],
    )  # fmt: skip
    with pytest.raises(mg.RegistrationError, match="shapes="):
        verify(op, seed=0)


def test_wrong_number_of_shapes() -> None:
    op = made(lambda x: x * 2.0, {"x": lambda g, y, x: g * 2.0}, {"x": REAL}, shapes=[((2,), (3,))])
    with pytest.raises(mg.RegistrationError):
        verify(op, seed=0)


def test_samples_of_the_wrong_arity() -> None:
    op = made(
        lambda a, b: a * b, {"a": lambda g, y, a, b: g * b, "b": lambda g, y, a, b: g * a}, {"a": REAL, "b": REAL},
        samples=lambda rng: iter([Sample(rng.normal(size=3))]),
    )  # fmt: skip
    with pytest.raises(mg.RegistrationError):
        verify(op, seed=0)


def test_certificate_says_what_was_checked() -> None:
    certificate = verify(unary(lambda x: np.log(x), lambda g, y, x: g / x, POSITIVE), seed=5)
    assert certificate.seed == 5
    assert certificate.cases >= 1
    assert certificate.checks > certificate.cases
    assert [p.argument for p in certificate.powers] == ["x"]
    assert 0.0 < certificate.resolution < 1e-6
    assert certificate.second_order
    assert certificate.seconds > 0.0
    assert "log" in str(certificate) or "op" in str(certificate)


def test_same_seed_gives_the_same_verdict() -> None:
    first, second = (verify(unary(lambda x: np.sin(x), lambda g, y, x: g * mg.cos(x)), seed=9) for _ in range(2))
    assert first.powers == second.powers
    assert (first.cases, first.checks, first.kinks) == (second.cases, second.checks, second.kinks)


def test_registration_of_the_readme_example() -> None:
    @mg.op(x=mg.real(), name="gate_test_softplus")
    def softplus(x: Array) -> Array:
        """log(1 + exp(x)), without overflow."""
        return np.logaddexp(0.0, x)

    @softplus.vjp("x")
    def _(g: V, y: V, x: V) -> V:
        return g * mg.sigmoid(x)

    mg.register(softplus)
    assert "1 + exp" in (inspect.getdoc(softplus) or "")
    x = mg.tensor([0.0], requires_grad=True)
    softplus(x).backward()
    assert x.grad is not None
    assert x.grad.numpy().tolist() == [0.5]
