"""Modules find their parameters by field, save and load them, and copy themselves in another dtype."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from minigrad import nn
from minigrad.core import Tensor, tensor
from minigrad.nn import Module, ModuleError, StateMismatch
from minigrad.runtime.parameters import assign


@attrs.define(eq=False)
class Tied(Module):
    """A model with every way of holding parts."""

    first: nn.Linear
    stack: list[nn.Linear]
    heads: dict[str, nn.Linear]
    scale: Tensor
    mean: Tensor
    again: nn.Linear
    width: int = 3
    __secret: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.first, *self.stack, self.heads["a"], self.again):
            x = layer(x)
        return x * self.scale + self.mean


def tied() -> Tied:
    first = nn.Linear(3, 3, rng=0)
    return Tied(
        first,
        [nn.Linear(3, 3, rng=1), nn.Linear(3, 3, rng=2, use_bias=False)],
        {"a": nn.Linear(3, 3, rng=3)},
        nn.parameter(np.ones(3)),
        tensor(np.zeros(3), dtype=np.float32),
        first,
    )


class Plain(Module):
    """Written as in other frameworks: no attrs, no super().__init__()."""

    def __init__(self) -> None:
        self.one = nn.Linear(2, 4, rng=0)
        self.two = nn.Sequential(nn.ReLU(), nn.Linear(4, 1, rng=1))

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x))


def test_names_follow_the_fields() -> None:
    names = [name for name, _ in tied().named_parameters()]
    assert names == [
        "first.weight",
        "first.bias",
        "stack.0.weight",
        "stack.0.bias",
        "stack.1.weight",
        "heads.a.weight",
        "heads.a.bias",
        "scale",
    ]
    assert [n for n, _ in Plain().named_parameters()] == [
        "one.weight",
        "one.bias",
        "two.layers.1.weight",
        "two.layers.1.bias",
    ]
    assert [n for n, _ in Plain().named_modules()] == ["", "one", "two", "two.layers.0", "two.layers.1"]


def test_parameters_are_float32_leaves_and_buffers_are_saved_but_not_trained() -> None:
    model = tied()
    assert all(p.dtype == np.float32 and p.requires_grad for p in model.parameters())
    assert "mean" in model.state_dict()
    assert "mean" not in dict(model.named_parameters())
    assert model.parameter_count == sum(p.size for p in model.parameters()) == 3 * (9 + 3) + 9 + 3


def test_a_parameter_that_is_computed_is_refused_by_name() -> None:
    model = tied()
    model.scale = model.scale * 2.0
    with pytest.raises(ModuleError, match=r"scale is the result of an operation.*nn\.parameter"):
        model.parameters()


def test_train_and_eval_reach_every_part() -> None:
    model = tied()
    assert model.training
    assert model.stack[1].training
    assert model.eval() is model
    assert not any(part.training for _, part in model.named_modules())
    model.train()
    assert all(part.training for _, part in model.named_modules())


def test_state_round_trip_and_copies() -> None:
    model, other = tied(), tied()
    for p in model.parameters():
        assign(p, p.numpy() + 1.0)
    model.mean = tensor(np.arange(3.0), dtype=np.float32)
    state = model.state_dict()
    state_before = {k: v.copy() for k, v in state.items()}
    other.load_state_dict(state)
    x = tensor(np.random.default_rng(0).normal(size=(4, 3)), dtype=np.float32)
    np.testing.assert_array_equal(other(x).numpy(), model(x).numpy())
    for value in state.values():
        value[...] = 0.0
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, state_before[name])


def test_state_that_does_not_fit_changes_nothing() -> None:
    model = Plain()
    before = model.state_dict()
    bad = {**before, "one.weight": np.zeros((2, 5)), "one.bios": np.zeros(4)}
    del bad["one.bias"]
    with pytest.raises(StateMismatch) as caught:
        model.load_state_dict(bad)
    text = str(caught.value)
    assert "one.weight has shape (2, 5), the model's is (2, 4)" in text
    assert "one.bias is missing" in text
    assert "one.bios is not in the model. Did you mean 'one.bias'?" in text
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_astype_copies_everything_and_keeps_ties() -> None:
    model = tied().eval()
    double = model.astype(np.float64)
    assert all(p.dtype == np.float64 and p.requires_grad for p in double.parameters())
    assert double.mean.dtype == np.float64
    assert not double.mean.requires_grad
    assert double.again is double.first
    assert not double.training
    assert all(p.dtype == np.float32 for p in model.parameters())
    for (_, p), (_, q) in zip(model.named_parameters(), double.named_parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
        assign(q, q.numpy() + 1.0)
        assert not np.array_equal(p.numpy(), q.numpy())


def test_a_copy_has_its_own_random_generator() -> None:
    @attrs.define(eq=False)
    class Noisy(Module):
        rng: np.random.Generator
        w: Tensor

    model = Noisy(np.random.default_rng(3), nn.parameter(np.ones(1)))
    twin = model.copy()
    first = twin.rng.random(5)
    np.testing.assert_array_equal(model.rng.random(5), first)


def test_frozen_modules_switch_mode_and_copy() -> None:
    @attrs.frozen(eq=False)
    class Frozen(Module):
        w: Tensor

    model = Frozen(nn.parameter(np.ones(2)))
    assert not model.eval().training
    assert model.astype(np.float64).w.dtype == np.float64


def test_zero_grad_forgets_all_gradients() -> None:
    model = Plain()
    model(tensor(np.ones((1, 2)), dtype=np.float32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
