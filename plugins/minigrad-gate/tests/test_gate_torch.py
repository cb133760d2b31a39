"""`check_torch`: what it catches, what it accepts, what it says."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, allow-subclassing-any
# mypy: allow-untyped-decorators, no-warn-return-any

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad_gate import check_torch
from minigrad_gate.torch_framework import TorchFramework

torch = pytest.importorskip("torch", reason="torch is not installed")

right = pytest.importorskip("support.everybody_torch_right")
own = pytest.importorskip("support.everybody_torch_own")
wrong = pytest.importorskip("support.everybody_torch_wrong")
Function: Any = torch.autograd.Function
numbers = wrong.numbers


def name_of(case):
    return getattr(case[0], "__name__", type(case[0]).__name__)


@pytest.mark.parametrize("case", wrong.WRONG, ids=name_of)
def test_what_gradcheck_accepts_and_the_gate_refuses(case):
    function, samples, _ = case
    for sample in samples:
        inputs = [a.clone().requires_grad_() if getattr(a, "is_floating_point", bool)() else a for a in sample]
        assert torch.autograd.gradcheck(function.apply, inputs)
    with pytest.raises(mg.RegistrationError) as caught:
        check_torch(function, samples=samples)
    text = str(caught.value)
    assert len(text) < 300
    assert function.__name__ in text
    assert caught.value.finding is not None


@pytest.mark.parametrize("case", right.RIGHT, ids=name_of)
def test_what_is_right_is_accepted(case):
    function, samples = case
    certificate = check_torch(function, samples=samples)
    assert certificate
    assert certificate.cases > 1
    assert certificate.resolution < 1e-5


def test_the_certificate_speaks_as_the_gate_does():
    certificate = check_torch(right.MatMul, numbers(2, 3), numbers(3, 4))
    first, *rest = str(certificate).splitlines()
    assert first.startswith("torch Function MatMul: ")
    assert "cases against differences" in first
    assert "second order checked" in first
    assert [p.argument for p in certificate.powers] == ["a", "b"]
    assert any("refused by the function itself" in line for line in rest)


def test_once_differentiable_is_recognised():
    certificate = check_torch(right.ThroughNumPy, numbers(3, 4))
    assert "once_differentiable" in certificate.second_order
    with pytest.raises(mg.GradientMismatch, match="second derivative would be wrong"):
        check_torch(wrong.SineByNumPy, numbers(3, 4))
    assert "not asked" in check_torch(wrong.SineByNumPy, numbers(3, 4), second_order=False).second_order


def test_inside_a_larger_function_once_differentiable_is_recognised_too():
    certificate = check_torch(lambda x: right.ThroughNumPy.apply(x.exp()) * x, numbers(3, 4))
    assert "once_differentiable" in certificate.second_order


def test_missing_samples_are_asked_for():
    with pytest.raises(mg.InconclusiveCheck, match=r"check_torch\(MatMul\) has no sample.*check_torch\(MatMul, x\)"):
        check_torch(right.MatMul)


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ((2.0,), "a number of Python is an option"),
        ((torch.tensor([1, 2]),), "x of int64"),
        ((torch.randn(3, dtype=torch.complex64),), "real and imaginary parts"),
        ((torch.randn(3, 3).to_sparse(),), "to_dense"),
        ((torch.empty(3, device="meta"),), "meta tensors have none"),
    ],
)  # fmt: skip
def test_samples_that_cannot_be_examined_are_refused_with_a_hint(sample, words):
    with pytest.raises(mg.GradientError, match=words) as caught:
        check_torch(wrong.CubeClipped, *sample)
    assert len(str(caught.value)) < 300


def test_a_tensor_on_another_device_is_told_to_come_home():
    class Elsewhere:
        """What a CUDA tensor says of itself."""

        device = torch.device("cuda", 0)
        layout, dtype, is_quantized = torch.strided, torch.float32, False

        def is_complex(self):
            return False

    with pytest.raises(mg.GradientError, match=r"on cuda:0.*x\.cpu\(\)"):
        TorchFramework().numbers(Elsewhere(), "x")


def test_what_is_no_function_is_refused():
    with pytest.raises(mg.InvalidRule, match="takes a torch"):
        check_torch(3, numbers(2))
    with pytest.raises(mg.InvalidRule, match="a module, not its class"):
        check_torch(torch.nn.Linear, numbers(2))

    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x.exp()

    with pytest.raises(mg.InvalidRule, match="has no backward"):
        check_torch(NoBackward, numbers(2))


def test_outputs_without_a_gradient_are_told():
    with pytest.raises(mg.GradientError, match=r"no output requires a gradient.*detach"):
        check_torch(lambda x: x.exp().detach(), numbers(3))
    with pytest.raises(mg.GradientError, match="not a tensor"):
        check_torch(lambda x: x.detach().numpy(), numbers(3))


def test_chance_is_told_before_anything_else():
    with pytest.raises(mg.InvalidRule, match=r"not deterministic.*\n.*eval\(\)"):
        check_torch(torch.nn.Dropout(), numbers(3, 4))
    assert check_torch(torch.nn.Dropout().eval(), numbers(3, 4))


def test_what_raises_on_the_sample_is_quoted():
    with pytest.raises(mg.InvalidRule, match="it raises on a sample: RuntimeError, mat1 and mat2"):
        check_torch(right.MatMul, numbers(2, 3), numbers(2, 3))


def test_a_gradient_of_none_is_no_gradient():
    class Forgets(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            _, y = ctx.saved_tensors
            return g * y, None

    with pytest.raises(mg.GradientMismatch, match=r"argument 'y'.*\n.*backward gives 0"):
        check_torch(Forgets, numbers(3), numbers(3, seed=1))


def test_too_few_gradients_are_quoted():
    class OneOfTwo(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            _, y = ctx.saved_tensors
            return g * y

    with pytest.raises(mg.InvalidRule, match="incorrect number of gradients"):
        check_torch(OneOfTwo, numbers(3), numbers(3, seed=1))


def test_lists_of_tensors_and_named_arguments_are_taken_apart():
    def joined(parts, *, dim):
        return torch.cat([p * p for p in parts], dim)

    certificate = (
        check_torch(joined, samples=lambda rng: [mg.Sample(np.ones(2), dim=0)], derive=False) if False else None
    )
    certificate = check_torch(lambda parts, dim: joined(parts, dim=dim), [numbers(2, 3), numbers(1, 3)], 0)
    assert [p.argument for p in certificate.powers] == ["parts_0", "parts_1"]
    named = [mg.Sample(rng_numbers, dim=1) for rng_numbers in (np.ones((2, 3)), np.full((3, 2), 0.5))]
    assert check_torch(lambda x, *, dim: (x * x).sum(dim), samples=named, derive=False).cases == 2


def test_optional_tensors_are_examined_apart():
    def linear(x, w, b=None):
        y = x @ w
        return y if b is None else y + b

    x, w, b = numbers(2, 3), numbers(3, 4), numbers(4)
    certificate = check_torch(linear, samples=[(x, w, b), (x, w, None)])
    assert [p.argument for p in certificate.powers] == ["x", "w", "b"]


def test_numbers_stay_where_the_samples_are():
    """A function that is defined between 0 and 1, and says nothing aloud elsewhere."""
    entropy = wrong.elementwise(lambda p: -p * p.log(), lambda p: -p.log() - 1, "Entropy")
    assert check_torch(entropy, torch.sigmoid(numbers(3, 4)))
    domains = {"x": mg.positive()}
    assert check_torch(entropy, torch.sigmoid(numbers(3, 4)), domains=domains)


def test_torch_is_left_as_it_was():
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    check_torch(right.Softmax, numbers(3, 4))
    assert torch.equal(state, torch.random.get_rng_state())
    assert threads == torch.get_num_threads()


def test_a_module_keeps_its_parameters_and_statistics():
    module = torch.nn.BatchNorm1d(3)
    before = {n: t.clone() for n, t in module.state_dict().items()}
    check_torch(module, numbers(4, 3))
    assert all(torch.equal(before[n], t) for n, t in module.state_dict().items())


def test_the_fixture(gate):
    assert gate.torch(right.Softmax, numbers(3, 4))
    with pytest.raises(mg.GradientMismatch):
        gate.torch(wrong.CubeClipped, numbers(3, 4))


@pytest.mark.parametrize("name", own.DEFECTS)
def test_defects_of_pytorch_itself_are_seen(name):
    function, sample, words, _ = own.DEFECTS[name]
    with pytest.raises(mg.RegistrationError, match=words):
        check_torch(function, *sample, third_order="third" in words)


@pytest.mark.soak
@pytest.mark.parametrize("name", own.OWN)
def test_right_functions_of_pytorch_itself_are_accepted(name):
    function, *sample = own.OWN[name]
    assert check_torch(function, *sample)
