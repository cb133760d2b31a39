"""The model's gradient check accepts what is right and finds gradients that get lost or bent on the way."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from minigrad import nn
from minigrad.core import Tensor
from minigrad.ops.elementwise.piecewise_linear import relu
from minigrad.train import TrainError, check_gradients, check_term

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 6)).astype(np.float32).astype(np.float64)
LABELS = RNG.integers(0, 4, 20)
TARGETS = RNG.normal(size=(20, 4))


@attrs.define(eq=False)
class Leaky(nn.Module):
    """A model part of whose gradient is lost, by `.detach()`, as `leak` says."""

    leak: str
    one: nn.Linear = attrs.field(factory=lambda: nn.Linear(6, 16, rng=0))
    two: nn.Linear = attrs.field(factory=lambda: nn.Linear(16, 4, rng=1))

    def forward(self, x: Tensor) -> Tensor:
        h = relu(self.one(x))
        if self.leak == "all":
            h = h.detach()
        if self.leak == "half":
            h = 0.5 * h + 0.5 * h.detach()
        if self.leak == "one unit":
            h[:, 3] = h[:, 3].detach()
        if self.leak == "a thousandth":
            h = 0.999 * h + 0.001 * h.detach()
        return self.two(h)


seeds = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])


@seeds
@pytest.mark.parametrize("loss", [nn.SoftmaxCrossEntropy(), nn.WestonWatkins(), nn.MeanSquaredError()])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("hidden", [[], [16], [32, 16, 8]])
def test_right_gradients_pass(loss: nn.Loss, activation: str, hidden: list[int], seed: int) -> None:
    targets = TARGETS if isinstance(loss, nn.MeanSquaredError) else LABELS
    model = nn.mlp(6, hidden, 4, activation=activation, rng=seed)
    result = check_gradients(model, loss, (X, targets), seed=seed)
    assert result.passed, result
    assert result.relative_error < 1e-6
    assert result.loss_after < result.loss_before
    assert all(p.directions >= 2 for p in result.parameters)


@pytest.mark.parametrize("leak", ["all", "half", "one unit", "a thousandth"])
def test_a_lost_gradient_is_found_where_it_is_lost(leak: str) -> None:
    result = check_gradients(Leaky(leak), nn.SoftmaxCrossEntropy(), (X, LABELS))
    assert not result.passed
    assert set(result.named("mismatch")) >= {"one.weight"}
    assert not {"two.weight", "two.bias"} & set(result.named("mismatch"))
    assert result.relative_error > 1e-4
    assert check_gradients(Leaky("none"), nn.SoftmaxCrossEntropy(), (X, LABELS)).passed


def test_a_loss_without_any_graph_is_a_mismatch_everywhere() -> None:
    result = check_gradients(nn.mlp(6, [8], 4, rng=0), lambda o, t: nn.cross_entropy(o.detach(), t), (X, LABELS))
    assert set(result.named("mismatch")) == {p.name for p in result.parameters}


def test_a_parameter_that_is_not_used_is_reported_as_such() -> None:
    @attrs.define(eq=False)
    class Idle(nn.Module):
        used: nn.Linear
        idle: nn.Linear

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    model = Idle(nn.Linear(6, 4, rng=0), nn.Linear(6, 4, rng=1))
    result = check_gradients(model, nn.SoftmaxCrossEntropy(), (X, LABELS))
    assert result.named("unused") == ("idle.weight", "idle.bias")
    assert result.passed


def test_the_model_stays_as_it_is() -> None:
    model = nn.mlp(6, [8], 4, rng=0)
    before, handles = model.state_dict(), [p._node for p in model.parameters()]
    check_gradients(model, nn.SoftmaxCrossEntropy(), (X, LABELS))
    assert [p._node for p in model.parameters()] == handles
    assert model.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_regularisation_term_is_checked_alone() -> None:
    model = nn.mlp(6, [8], 4, rng=0)
    result = check_term(model, nn.L2(1e-3))
    assert result.passed
    assert result.named("unused") == ("layers.0.bias", "layers.2.bias")
    assert not check_term(model, lambda m: nn.L2(1e-3)(m) + nn.L2(1e-4)(m).detach()).passed


def test_a_loss_that_is_not_finite_and_a_model_without_parameters_are_errors() -> None:
    with pytest.raises(TrainError, match="the loss is nan at step 0"):
        check_gradients(nn.mlp(6, [], 4, rng=0), lambda o, t: (o * 1e308 * 1e308).sum(), (X, LABELS))
    with pytest.raises(TrainError, match="ReLU has no parameters"):
        check_gradients(nn.ReLU(), nn.MeanSquaredError(), (X, X))


def test_a_model_that_has_learnt_its_rows_by_heart_raises_no_false_alarm() -> None:
    """Near zero the loss is a difference of large scores, so its round-off is far larger than the loss suggests."""
    model = nn.mlp(6, [32], 4, rng=0)
    for seed in range(5):
        scaled = model.copy()
        state = scaled.state_dict()
        state["layers.2.weight"] *= 10.0 ** (seed + 1)
        scaled.load_state_dict(state)
        labels = scaled(Tensor(X, dtype=np.float32)).numpy().argmax(axis=1)
        result = check_gradients(scaled, nn.SoftmaxCrossEntropy(), (X, labels), burn_in=0, seed=seed)
        assert not result.named("mismatch"), result


def test_a_parameter_that_the_first_rows_do_not_use_is_checked_on_others() -> None:
    @attrs.define(eq=False)
    class Sparse(nn.Module):
        base: nn.Linear
        rare: Tensor

        def forward(self, x: Tensor) -> Tensor:
            return self.base(x[:, 1:]) + x[:, :1] * self.rare

    x = X.copy()
    x[:10, 0] = 0.0
    result = check_gradients(Sparse(nn.Linear(5, 4, rng=0), nn.parameter(np.zeros(4))), nn.WestonWatkins(), (x, LABELS))
    assert result.named("verified") == ("base.weight", "base.bias", "rare")


def test_the_burn_in_stops_while_there_is_a_gradient_to_check() -> None:
    labels = (X[:, 0] > 0).astype(int)
    result = check_gradients(nn.mlp(6, [16], 2, rng=0), nn.WestonWatkins(), (X, labels), burn_in=500)
    assert result.passed
    assert 0.0 < result.loss_after < result.loss_before


@seeds
def test_many_kinks_are_no_obstacle(seed: int) -> None:
    model = nn.mlp(6, [300, 300], 4, rng=seed)
    result = check_gradients(model, nn.WestonWatkins(), (X, LABELS), rows=20, seed=seed)
    assert result.passed, result


def test_parameters_without_axes_or_without_entries() -> None:
    @attrs.define(eq=False)
    class Odd(nn.Module):
        scale: Tensor
        none: Tensor

        def forward(self, x: Tensor) -> Tensor:
            return x[:, :4] * self.scale + self.none.sum()

    result = check_gradients(
        Odd(nn.parameter(np.array(0.5)), nn.parameter(np.zeros((0, 3)))), nn.SoftmaxCrossEntropy(), (X, LABELS)
    )
    assert result.named("verified") == ("scale",)
    assert result.named("unused") == ("none",)


def test_a_loss_by_name_and_arguments_that_make_no_sense() -> None:
    model, labels = nn.mlp(5, [6], 3, rng=0), np.arange(12) % 3
    x = np.random.default_rng(0).normal(size=(12, 5))
    assert check_gradients(model, "softmax", (x, labels)).passed
    with pytest.raises(TrainError, match=r"the model is function, not an nn\.Module; for a function use mg\.gradcheck"):
        check_gradients(lambda x: x, "softmax", (x, labels))  # type: ignore[arg-type]
    with pytest.raises(TrainError, match=r"batch is a pair \(inputs, targets\), not ndarray"):
        check_gradients(model, "softmax", x)  # type: ignore[arg-type]


def test_gradients_out_of_the_active_range_name_the_scale_to_use() -> None:
    model, labels = nn.mlp(5, [6], 3, rng=0), np.arange(12) % 3
    x, loss = np.random.default_rng(0).normal(size=(12, 5)), nn.SoftmaxCrossEntropy()
    found = check_gradients(model, lambda o, t: loss(o, t) * 1e-13, (x, labels))
    assert found.scale >= 1e12
    assert "drown in round-off. Multiply the loss by" in str(found)
    assert check_gradients(model, lambda o, t: loss(o, t) * 1e-13 * found.scale, (x, labels)).passed
