"""The monitor: every figure against plain NumPy; hand-written loops, eager and defined, with a driver or without."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor
from minigrad.core.tensor import from_array
from minigrad.runtime.parameters import assign
from minigrad.train import Monitor, NonFiniteError, NonFiniteLoss, TrainError
from minigrad.train.monitor.columns import ColumnTable
from minigrad.train.monitor.layer_stats import layer_stats
from minigrad.train.monitor.sampling_schedule import SamplingSchedule
from minigrad.typing import Array

IntArray = NDArray[np.int64]

RNG = np.random.default_rng(0)
X: Array = RNG.normal(size=(64, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 64)


def bias(layer: nn.Linear | nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def loop(
    steps: int, *, define: bool = False, watched: bool = True
) -> tuple[nn.Module, Monitor, list[dict[str, Array]]]:
    """Full-batch Adam, and the parameters before the first and after every step."""
    model = nn.mlp(6, [8], 3, rng=0)
    opt = mg.optimizer("adam", model.named_parameters(), lr=1e-2)
    watch = Monitor(model, opt, probe=X, every=4)

    def step(x: Tensor, y: IntArray) -> Tensor:
        opt.zero_grad()
        loss = mg.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    run: Callable[[Tensor, IntArray], Tensor] = mg.define(step) if define else step
    states = [model.state_dict()]
    for _ in range(steps):
        loss = run(from_array(X), Y)
        states.append(model.state_dict())
        if watched:
            watch(loss)
    return model, watch, states


@pytest.mark.parametrize("define", [False, True])
def test_figures_of_parameters_are_those_of_the_real_differences(define: bool) -> None:
    model, watch, states = loop(18, define=define)
    table = watch.parameters
    assert table.entries == tuple(name for name, _ in model.named_parameters())
    assert table["step"].tolist()[:9] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    for row, step in enumerate(table["step"].astype(int)):
        for k, name in enumerate(table.entries):
            old, new = (states[i][name].astype(np.float64) for i in (step - 1, step))
            moved, size = np.linalg.norm(new - old), np.linalg.norm(old)
            expected = moved / size if size else np.inf
            assert table["update_ratio"][row, k] == pytest.approx(expected, rel=1e-4)
            assert table["weight_rms"][row, k] == pytest.approx(np.sqrt(np.mean(old**2)), rel=1e-5)
            assert table["update_rms"][row, k] == pytest.approx(np.sqrt(np.mean((new - old) ** 2)), rel=1e-4)
    grads = {name: t.grad.numpy() for name, t in model.named_parameters() if t.grad is not None}
    last = table.of("layers.2.weight")
    assert last["step"][-1] == 18
    assert last["gradient_rms"][-1] == pytest.approx(np.sqrt(np.mean(grads["layers.2.weight"] ** 2)), rel=1e-5)
    assert last["gradient_zero"][-1] == np.mean(grads["layers.2.weight"] == 0.0)
    norm = math.sqrt(sum(float(np.sum(g.astype(np.float64) ** 2)) for g in grads.values()))
    assert watch.steps["gradient_norm"][-1] == pytest.approx(norm, rel=1e-5)
    assert not table["nonfinite"].any()


def test_watching_changes_nothing() -> None:
    (_, _, seen), (_, _, unseen) = loop(12), loop(12, watched=False)
    for a, b in zip(seen, unseen, strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in a)


class Mixed(nn.Module):
    """A rectifier that is called in `forward`, with a unit that is dead and one that is not, and a tanh layer."""

    def __init__(self) -> None:
        self.first = nn.Linear(6, 4, rng=0)
        self.squash = nn.Tanh()
        assign(bias(self.first), np.array([-1e3, 0.0, 1e3, 0.0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.squash(mg.relu(self.first(x)) * 0.5)


def test_figures_of_layers_are_those_of_their_outputs() -> None:
    model = Mixed()
    first, rectified, squashed = layer_stats(model, X)
    assert [(f.name, f.kind) for f in (first, rectified, squashed)] == [
        ("first", "Linear"),
        ("model:relu", "relu"),
        ("squash", "tanh"),
    ]
    before = X @ model.first.weight.numpy() + bias(model.first).numpy()
    after = np.maximum(before, 0.0)
    out = np.tanh(0.5 * after)
    for found, expected in ((first, before), (rectified, after), (squashed, out)):
        assert found.mean == pytest.approx(float(expected.mean(dtype=np.float64)), rel=1e-4)
        assert found.std == pytest.approx(float(expected.std(dtype=np.float64)), rel=1e-4)
        assert found.rms == pytest.approx(math.sqrt(float(np.mean(expected.astype(np.float64) ** 2))), rel=1e-4)
        assert found.zero == np.mean(expected == 0.0)
    assert rectified.dead == np.mean(~(after > 0.0).any(axis=0)) == 0.25
    assert squashed.saturated == np.mean(np.abs(out) > 0.99)
    assert math.isnan(first.dead)
    assert math.isnan(rectified.saturated)


def test_units_behind_a_convolution_are_channels() -> None:
    conv = nn.Conv2d(1, 3, 3, rng=0)
    assign(bias(conv), np.array([-1e3, 0.0, 0.0]))
    model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 5, rng=0), nn.ReLU())
    images: Array = RNG.normal(size=(9, 1, 8, 8))
    found = {f.name: f for f in layer_stats(model.astype(np.float64), images)}
    assert list(found) == ["layers.0", "layers.1", "layers.3", "layers.4"]
    assert found["layers.1"].dead == pytest.approx(1 / 3)


def test_a_probe_leaves_generators_and_running_statistics_alone() -> None:
    model = nn.Sequential(nn.Linear(6, 8, rng=0), nn.BatchNorm1d(8), nn.Dropout(0.5, rng=1), nn.Linear(8, 3, rng=2))
    before = model.state_dict()
    expected = model.copy().train()(from_array(X)).numpy()
    layer_stats(model, X)
    assert [id(t) for t in model.copy(share_parameters=True).parameters()] == [id(t) for t in model.parameters()]
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    assert np.array_equal(model.train()(from_array(X)).numpy(), expected)


def test_looks_are_dense_at_first_and_the_same_in_every_run() -> None:
    _, watch, _ = loop(100)
    steps = watch.parameters["step"].astype(int)
    assert steps[:8].tolist() == list(range(1, 9))
    assert np.diff(steps).max() == 4
    assert watch.parameters["step"].tolist() == loop(100)[1].parameters["step"].tolist()
    schedule, seen = SamplingSchedule(3), []
    for n in range(30):
        if n >= schedule.due:
            seen.append(n)
            schedule.mark_taken(n)
    assert seen == [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 29]


def test_without_epochs_layers_are_looked_at_by_steps_and_with_them_by_epochs() -> None:
    _, watch, _ = loop(100)
    assert watch.layers["step"].tolist() == [0, 28, 56, 84], "every fourth step is a time to look, but 25 lie between"
    model = nn.mlp(6, [8], 3, rng=0)
    watch = Monitor(model, probe=X, steps_per_epoch=30)
    for _ in range(4):
        for _ in range(30):
            watch(1.0)
        watch.epoch(val_loss=0.5, val_accuracy=None)
    assert watch.layers["step"].tolist() == [0, 30, 60, 90, 120]
    assert watch.epochs["epoch"].tolist() == [1, 2, 3, 4]
    assert watch.epochs["val_loss"].tolist() == [0.5] * 4
    assert "val_accuracy" not in watch.epochs
    np.testing.assert_allclose(watch.in_epochs(np.array([0.0, 15.0, 30.0, 105.0, 135.0])), [0.0, 0.5, 1.0, 3.5, 4.5])


def test_where_micro_batches_are_gathered_only_updates_are_looked_at() -> None:
    model = nn.mlp(6, [8], 3, rng=0)
    opt = mg.optimizer("sgd", model.named_parameters(), lr=0.1, accumulate=3)
    watch, states = Monitor(model, opt), [model.state_dict()]
    for k in range(9):
        opt.zero_grad()
        loss = mg.cross_entropy(model(from_array(X[7 * k : 7 * k + 7])), Y[7 * k : 7 * k + 7])
        loss.backward()
        opt.step()
        states.append(model.state_dict())
        watch(loss)
    assert watch.parameters["step"].tolist() == [3, 6, 9]
    assert np.flatnonzero(np.isfinite(watch.steps["gradient_norm"])).tolist() == [2, 5, 8]
    for row, step in enumerate((3, 6, 9)):
        moved = states[step]["layers.0.weight"] - states[step - 1]["layers.0.weight"]
        assert watch.parameters.of("layers.0.weight")["update_rms"][row] == pytest.approx(
            np.sqrt(np.mean(moved**2)), rel=1e-4
        )
    norm = np.sqrt(sum(float(np.sum(((states[9][n] - states[8][n]) / 0.1) ** 2)) for n in states[0]))
    assert watch.steps["gradient_norm"][-1] == pytest.approx(norm, rel=1e-3)


def test_time_is_split_and_monitoring_is_a_part_of_its_own() -> None:
    watch = Monitor(nn.mlp(6, [8], 3, rng=0))
    for _ in range(3):
        watch.lap("data")
        watch.lap("gradient")
        watch.lap("update")
        watch(1.0)
    parts = sum(watch.steps[f"seconds_{p}"] for p in ("data", "gradient", "update"))
    assert (watch.steps["seconds"] >= parts).all()
    assert (watch.steps["seconds_monitor"] > 0.0).all()
    assert watch.seconds == pytest.approx(watch.steps["seconds"].sum())
    assert watch.share == watch.seconds_monitor / watch.seconds


def test_a_loss_that_is_not_finite_names_op_and_line_and_the_weights_are_kept() -> None:
    model = nn.mlp(6, [8], 3, rng=0)
    opt = mg.optimizer("sgd", model.named_parameters(), lr=1.0, nonfinite="skip")
    watch = Monitor(model, opt)
    before = model.state_dict()

    def objective() -> Tensor:
        return mg.log(model(from_array(X)).sum() * 0.0).sum()

    with np.errstate(all="ignore"):
        loss = objective()
        loss.backward()
    with pytest.warns(RuntimeWarning, match="skipped"):
        opt.step()
    with pytest.raises(NonFiniteLoss, match=r"(?s)step 1.*'log'.*op 'log' gave -inf.*test_train_monitor.py:\d+"):
        watch(loss, again=objective)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())


def test_an_update_of_ones_own_that_spoils_the_weights_is_taken_back() -> None:
    model = nn.mlp(6, [8], 3, rng=0)
    watch = Monitor(model)
    for step in range(30):
        before = model.state_dict()
        for t in model.parameters():
            assign(t, t.numpy() * (np.nan if step == 29 else 0.99))
        if step < 29:
            watch(1.0)
            continue
        with pytest.raises(NonFiniteError, match=r"layers\.0\.weight.*put back"):
            watch(1.0)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())


def test_tables_fill_gaps_and_name_the_nearest_column() -> None:
    table = ColumnTable(["a", "b"])
    table.append({"step": 1.0, "x": [1.0, 2.0]})
    table.append({"step": 2.0, "y": [3.0, 4.0]})
    np.testing.assert_array_equal(table["x"], [[1.0, 2.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(table["y"], [[np.nan, np.nan], [3.0, 4.0]])
    np.testing.assert_array_equal(table.of("b")["y"], [np.nan, 4.0])
    assert table["step"].shape == (2,)
    with pytest.raises(TrainError, match="Did you mean 'step'"):
        table["stp"]
    again = ColumnTable(["a", "b"])
    again.restore(table.arrays())
    again.append({"step": 3.0, "x": [5.0, 6.0], "y": [7.0, 8.0]})
    assert again["x"][2].tolist() == [5.0, 6.0]
    with pytest.raises(ValueError, match="make no table"):
        again.restore({"x": np.zeros((2, 3))})
