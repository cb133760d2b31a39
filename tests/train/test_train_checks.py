"""Sanity checks: right on sound models, and each finds the fault it is there for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import SimpleNamespace

import attrs
import numpy as np
import pytest

from minigrad import data, nn
from minigrad.core import Tensor
from minigrad.data import Loader
from minigrad.runtime.parameters import assign
from minigrad.train import Check, Rows, Split, as_split, sanity_checks
from minigrad.train.checks import overfit as overfit_room
from minigrad.train.checks.behaviour import determinism
from minigrad.train.checks.overfit import few, overfit


@pytest.fixture(autouse=True)
def a_clock_that_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that has run out of its time says so in the place of a fault, and a busy machine takes that time."""
    monkeypatch.setattr(overfit_room, "time", SimpleNamespace(perf_counter=lambda: 0.0))


DIGITS = data.load("digits").scaled()
SPLIT = as_split(DIGITS, np.dtype(np.float32))


ALL = ["data", "chance", "regularization", "gradients", "overfit", "baseline", "independence", "determinism"]


def checks(
    model: nn.Module, loss: nn.Loss, term: Callable[[nn.Module], Tensor] | None = None, split: Split = SPLIT
) -> dict[str, Check]:
    return {c.name: c for c in sanity_checks(model, split, loss, regularization=term)}


def split_of(x: np.ndarray, y: np.ndarray, *held_out: np.ndarray) -> Split:
    return as_split((x, y, *held_out), np.dtype(np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", [nn.SoftmaxCrossEntropy(), nn.WestonWatkins()])
def test_a_sound_model_passes_within_two_seconds(loss: nn.Loss) -> None:
    began = time.process_time()
    found = checks(nn.mlp(64, [32], 10, rng=0), loss, nn.L2(1e-4))
    assert time.process_time() - began < 2.0  # seconds of the clock are those of other processes too
    assert list(found) == ALL
    assert {c.status for name, c in found.items() if name != "data"} == {"ok"}, found
    assert all(c.seconds > 0.0 for c in found.values())
    chance = found["chance"]
    assert chance.expected == pytest.approx(math.log(10) if isinstance(loss, nn.SoftmaxCrossEntropy) else 9.0)
    assert chance.value == pytest.approx(chance.expected, rel=0.05)


def test_scores_that_start_far_apart_are_no_chance() -> None:
    found = checks(nn.Sequential(nn.Linear(64, 10, gain=10.0, rng=0)), nn.SoftmaxCrossEntropy())
    assert found["chance"].status == "fault"
    assert "gain=0.1" in found["chance"].message


def test_regularisation_that_overwhelms_the_data_is_a_fault() -> None:
    found = checks(nn.mlp(64, [32], 10, rng=0), nn.SoftmaxCrossEntropy(), nn.L2(1.0))
    assert found["regularization"].status == "fault"
    assert "overwhelms" in found["regularization"].message


class Constant(nn.Module):
    """Answers the same whatever the input."""

    def __init__(self) -> None:
        self.bias = nn.parameter(np.zeros((1, 10)))

    def forward(self, x: Tensor) -> Tensor:
        return self.bias + 0.0 * x[:, :10]


def test_a_model_that_does_not_look_at_its_input_cannot_overfit() -> None:
    found = checks(Constant(), nn.SoftmaxCrossEntropy())
    assert found["overfit"].status == "fault"
    assert "wiring" in found["overfit"].message


def test_a_detached_layer_fails_the_gradient_check() -> None:
    model = nn.Sequential(nn.Linear(64, 32, rng=0), nn.ReLU(), lambda h: h.detach(), nn.Linear(32, 10, gain=0.1, rng=1))
    found = checks(model, nn.SoftmaxCrossEntropy())
    assert found["gradients"].status == "fault"
    assert "layers.0.weight" in found["gradients"].message
    assert "detach" in found["gradients"].message


def test_a_plain_function_is_a_loss_too() -> None:
    found = checks(nn.mlp(64, [32], 10, rng=0), nn.cross_entropy)
    assert found["chance"].status == "skipped"
    assert found["overfit"].status == "ok"


def test_overfit_leaves_the_model_alone_and_is_reproducible() -> None:
    model = nn.mlp(64, [16], 10, rng=0)
    before = model.state_dict()
    first, again = (overfit(model, SPLIT.train, nn.SoftmaxCrossEntropy(), seed=3) for _ in range(2))
    assert first == again
    assert first.solved
    assert first.accuracy == 1.0
    assert first.last <= first.target < first.first
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_few_rows_are_distinct_and_deal_the_classes_out() -> None:
    rows = few(SPLIT.train, 20, 0)
    assert np.array_equal(np.bincount(rows.y.astype(int)), np.full(10, 2))
    x = np.repeat(np.arange(5.0)[:, None], 8, axis=0)
    same = few(Rows(x, (np.arange(40) % 2).astype(np.intp)), 20, 0)
    assert sorted(same.x[:, 0].tolist()) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_regression_overfits_too() -> None:
    split = as_split(data.load("diabetes").scaled(), np.dtype(np.float32))
    assert overfit(nn.mlp(10, [64], 1, rng=0), split.train, nn.MeanSquaredError()).solved


def test_a_small_loss_with_wrong_answers_is_not_learning() -> None:
    found = checks(nn.mlp(64, [32], 10, rng=0), lambda outputs, labels: (outputs * outputs).mean())
    assert found["overfit"].status == "fault"


# -- chance: the best constant answer -------------------------------------------------------------------------------
RNG = np.random.default_rng(0)
RARE = np.where(RNG.random(400) < 0.95, 0, RNG.integers(1, 10, 400))
ROWS = RNG.normal(size=(400, 6))


@attrs.define(eq=False)
class Biased(nn.Module):
    """A linear layer whose bias already answers as the targets' own figures say."""

    inner: nn.Linear

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


def biased(outputs: int, bias: np.ndarray) -> Biased:
    layer = nn.Linear(6, outputs, gain=0.01, rng=0)
    assert layer.bias is not None
    assign(layer.bias, bias)
    return Biased(layer)


def test_a_bias_set_from_the_class_shares_is_no_fault() -> None:
    shares = np.bincount(RARE, minlength=10) / 400
    entropy = -float(np.sum(shares[shares > 0] * np.log(shares[shares > 0])))
    split = split_of(ROWS, RARE)
    found = checks(biased(10, np.log(shares + 1e-9)), nn.SoftmaxCrossEntropy(), split=split)["chance"]
    assert found.status == "ok"
    assert found.expected == pytest.approx(entropy)
    assert found.value == pytest.approx(entropy, rel=0.1)
    assert entropy < 0.5 * math.log(10)
    assert (
        checks(biased(10, np.full(10, 9.0) * np.arange(10)), nn.SoftmaxCrossEntropy(), split=split)["chance"].status
        == "fault"
    )


@pytest.mark.parametrize(
    ("loss", "bias", "expected"),
    [
        (nn.MeanSquaredError(), 30.0, 4.0),
        (nn.MeanAbsoluteError(), 30.0, 2.0 * math.sqrt(2 / math.pi)),
        (nn.MeanSquaredError(), 0.0, 904.0),
    ],
)
def test_regression_may_start_at_zero_or_at_the_mean(loss: nn.Loss, bias: float, expected: float) -> None:
    rng = np.random.default_rng(0)  # of its own: what comes from RNG depends on which tests ran before
    y = 30.0 + 2.0 * rng.normal(size=4000)
    found = checks(biased(1, np.array([bias])), loss, split=split_of(rng.normal(size=(4000, 6)), y))["chance"]
    assert found.status == "ok"
    assert found.expected == pytest.approx(expected, rel=0.05)
    assert checks(biased(1, np.array([100.0])), loss, split=split_of(ROWS, y[:400]))["chance"].status == "fault"


def test_binary_cross_entropy_may_start_at_the_prior() -> None:
    y = (RNG.random(400) < 0.1).astype(np.float64)
    p = y.mean()
    split = split_of(ROWS, y)
    found = checks(biased(1, np.array([math.log(p / (1 - p))])), nn.BinaryCrossEntropy(), split=split)["chance"]
    assert found.status == "ok"
    assert found.expected == pytest.approx(-(p * math.log(p) + (1 - p) * math.log(1 - p)))


# -- regularisation: exactly linear ---------------------------------------------------------------------------------
@attrs.frozen
class Bent:
    """A term that grows with the square of its strength."""

    strength: float

    def __call__(self, model: nn.Module) -> Tensor:
        return nn.L2(self.strength**2)(model)


def test_a_term_that_is_not_linear_in_its_strength_is_a_fault() -> None:
    model = nn.mlp(64, [8], 10, rng=0)
    bent = checks(model, nn.SoftmaxCrossEntropy(), Bent(1e-2))["regularization"]
    assert bent.status == "fault"
    assert "off by" in bent.message
    for term in (nn.L1(1e-5), nn.L2(1e-4)):
        assert "exactly linear" in checks(model, nn.SoftmaxCrossEntropy(), term)["regularization"].message
    plain = checks(model, nn.SoftmaxCrossEntropy(), lambda m: nn.L2(1e-4)(m))["regularization"]
    assert (plain.status, "no field 'strength'" in plain.message) == ("ok", True)
    assert checks(model, nn.SoftmaxCrossEntropy(), nn.L2(0.0))["regularization"].status == "note"
    assert checks(model, nn.SoftmaxCrossEntropy(), lambda m: -nn.L2(1e-4)(m))["regularization"].status == "fault"


# -- rows: alone, with their inputs, and again ----------------------------------------------------------------------
class Mixing(nn.Module):
    """Subtracts the mean over rows, which is a mistake that still trains."""

    def __init__(self) -> None:
        self.inner = nn.Linear(64, 10, rng=0)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x - x.mean(axis=0))


def test_a_model_that_mixes_rows_is_found_and_batch_norm_is_exempt() -> None:
    found = checks(Mixing(), nn.SoftmaxCrossEntropy())["independence"]
    assert found.status == "fault"
    assert "axis 0" in found.message
    normed = nn.Sequential(nn.Linear(64, 16, rng=0), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10, gain=0.1, rng=1))
    found = checks(normed, nn.SoftmaxCrossEntropy())["independence"]
    assert found.status == "ok"
    assert "BatchNorm1d mixes rows by design" in found.message
    assert checks(nn.Sequential(normed, Mixed()), nn.SoftmaxCrossEntropy())["independence"].status == "fault"
    dropped = nn.Sequential(nn.Linear(64, 16, rng=0), nn.Dropout(0.5, rng=1), nn.Linear(16, 10, gain=0.1, rng=2))
    assert checks(dropped, nn.SoftmaxCrossEntropy())["independence"].status == "ok"


class Mixed(nn.Module):
    """Mixes rows in evaluation too, which batch norm is no excuse for."""

    def forward(self, x: Tensor) -> Tensor:
        return x - 0.1 * x.mean(axis=0)


class Blind(nn.Module):
    """Learns an answer for each place in the batch, whatever the inputs are."""

    def __init__(self) -> None:
        self.table = nn.parameter(np.zeros((64, 10)))

    def forward(self, x: Tensor) -> Tensor:
        return 10.0 * self.table[: len(x.numpy())] + 0.0 * x[:, :10]


def test_a_model_that_learns_without_its_inputs_is_found() -> None:
    split = split_of(DIGITS.x_train[:60], DIGITS.y_train[:60])
    found = checks(Blind(), nn.SoftmaxCrossEntropy(), split=split)
    assert found["overfit"].status == "ok"
    assert found["baseline"].status == "fault"
    assert "inputs do not help" in found["baseline"].message
    alike = checks(
        nn.mlp(64, [8], 10, rng=0), nn.SoftmaxCrossEntropy(), split=split_of(DIGITS.x_train[:60], np.full(60, 3))
    )
    assert alike["baseline"].status in ("ok", "note")


class Fresh(nn.Module):
    """Drops units by a generator that nobody can seed."""

    def __init__(self) -> None:
        self.inner = nn.Linear(64, 10, gain=0.1, rng=0)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * (np.random.default_rng().random(x.shape) < 0.9).astype(np.float32))


class Seeded(Fresh):
    """The same by a generator that the model holds."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * (self.rng.random(x.shape) < 0.9).astype(np.float32))


def test_runs_that_cannot_be_repeated_are_found() -> None:
    rows = SPLIT.train
    assert determinism(Fresh(), rows, nn.SoftmaxCrossEntropy(), 0).status == "fault"
    model = Seeded()
    state = model.rng.bit_generator.state
    assert determinism(model, rows, nn.SoftmaxCrossEntropy(), 0).status == "ok"
    assert model.rng.bit_generator.state == state


# -- data -----------------------------------------------------------------------------------------------------------
def test_arrays_are_looked_at_as_data_sets_are() -> None:
    x, y = RNG.normal(size=(300, 12)), RNG.integers(0, 3, 300)
    fresh = RNG.normal(size=(100, 12))
    model = nn.mlp(12, [8], 3, rng=0)

    def data_of(*arrays: np.ndarray) -> Check:
        return next(sanity_checks(model, split_of(*arrays), nn.SoftmaxCrossEntropy()))

    assert data_of(x, y, fresh, y[:100]).status == "ok"
    assert data_of(x, y).status == "ok"
    assert data_of(x, y, x[:100], y[:100]).message.startswith("LEAK")
    assert data_of(100.0 * x, y).message.startswith("INPUT_SCALE")
    assert data_of(x, y, 5.0 * fresh, y[:100]).message.startswith("VAL_SHIFT")
    assert data_of(x, np.where(np.arange(300) < 290, 0, y)).message.startswith("IMBALANCE")
    assert data_of(x, RNG.normal(size=300)).status == "ok"


def test_batches_that_are_not_shuffled_are_found() -> None:
    x, y = RNG.normal(size=(300, 12)), np.sort(RNG.integers(0, 3, 300))
    for shuffle, status in ((False, "fault"), (True, "ok")):
        split = as_split(Loader(x, y, 16, shuffle=shuffle), np.dtype(np.float32))
        found = next(sanity_checks(nn.mlp(12, [8], 3, rng=0), split, nn.SoftmaxCrossEntropy()))
        assert found.status == status
    assert "UNSHUFFLED" not in found.message
