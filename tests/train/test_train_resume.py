"""A run that was stopped and goes on is the run that was never stopped, to the last bit; and how runs stop early."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import attrs
import numpy as np
import pytest
from safetensors.numpy import load_file

from minigrad import checkpoint, data, nn
from minigrad.checkpoint import CheckpointError, Json
from minigrad.optim import ClipNorm, Constant, Cosine, HyperparameterError, available, optimizer
from minigrad.train import (
    SCHEDULES,
    Callback,
    Checkpoints,
    Epoch,
    History,
    Interrupted,
    Run,
    RunFolder,
    Step,
    TrainError,
    fit,
    named_schedule,
)
from minigrad.train.lr_schedules import default_rate
from support.train_stop import StopAt

DIGITS = data.load("digits").scaled()
SMALL = (DIGITS.x_train[:200], DIGITS.y_train[:200], DIGITS.x_val[:100], DIGITS.y_val[:100])
"""200 rows: 4 batches of 64 in an epoch."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def net(seed: int = 0) -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 12, rng=seed), nn.ReLU(), nn.Dropout(0.3, rng=seed), nn.Linear(12, 10, rng=seed + 1)
    )


def figures(history: History) -> list[tuple[object, ...]]:
    """All figures but the time, which no two runs share."""
    return [tuple(v for n, v in attrs.asdict(e).items() if n != "seconds") for e in history.epochs]


def watched(history: History) -> dict[str, bytes]:
    """All figures of the monitor but times."""
    assert history.monitor is not None
    return {name: a.tobytes() for name, a in history.monitor.arrays().items() if "seconds" not in name}


def bits(model: nn.Module) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in model.state_dict().items()}


OPTIONS: dict[str, Callable[..., History]] = {
    "adam": lambda *a, **k: fit(*a, **k),
    "momentum, cosine after a warm-up, clipped": lambda *a, **k: fit(
        *a, optimizer="momentum", lr=0.05, schedule="cosine", warmup=3, clip=0.5, **k
    ),
    "accumulating over the ends of epochs": lambda *a, **k: fit(*a, accumulate=3, **k),
    "regularised": lambda *a, **k: fit(*a, regularization=nn.L2(1e-3), optimizer="rmsprop", **k),
    "svm": lambda *a, **k: fit(*a, loss="svm", optimizer="adagrad", **k),
    "chosen by a metric": lambda *a, **k: fit(*a, metrics=["f1", "auc"], monitor="auc", **k),
}


STOPS = (1, 3, 4, 6, 11)
MOMENTS = [(option, STOPS[(j + k) % len(STOPS)]) for j in range(len(STOPS)) for k, option in enumerate(OPTIONS)]
"""Every option with every stop; among the first six each option once and each stop."""


@pytest.mark.parametrize(
    ("option", "stop"),
    [pytest.param(*moment, marks=[pytest.mark.soak] * (k >= 2 * len(OPTIONS))) for k, moment in enumerate(MOMENTS)],
)
def test_resumed_after_any_batch_it_is_the_same_run(option: str, stop: int, tmp_path: Path) -> None:
    run, path = OPTIONS[option], tmp_path / "a"
    whole, model = net(), net(7)
    history = run(whole, SMALL, epochs=3, checks=False, quiet=True)
    with pytest.raises(Interrupted):
        run(net(), SMALL, epochs=3, checks=False, quiet=True, callbacks=[Checkpoints(path, 1), StopAt(stop)])
    resumed = run(model, SMALL, epochs=3, quiet=True, resume=path)
    assert resumed.batch_losses == history.batch_losses
    assert watched(resumed) == watched(history)
    assert figures(resumed) == figures(history)
    assert resumed.best is resumed.epochs[history.best.epoch - 1 if history.best else 0]
    assert bits(model) == bits(whole)


@pytest.mark.parametrize("stop", [13, 17, 27])
def test_resumed_between_micro_batches_the_monitor_looks_at_the_same_steps(stop: int, tmp_path: Path) -> None:
    path, run = tmp_path / "a", partial(fit, accumulate=2, batch_size=8, epochs=2, checks=False, quiet=True)
    whole = run(net(), SMALL)
    with pytest.raises(Interrupted):
        run(net(), SMALL, callbacks=[Checkpoints(path, 1), StopAt(stop)])
    resumed = run(net(7), SMALL, resume=path)
    assert watched(resumed) == watched(whole)


@pytest.mark.parametrize("accumulate", [2, 3, 4])
def test_the_last_batches_of_an_epoch_are_an_update_that_the_monitor_sees_at_its_step(
    accumulate: int, tmp_path: Path
) -> None:
    path, run = tmp_path / "a", partial(fit, accumulate=accumulate, batch_size=8, checks=False, quiet=True)
    whole = run(net(), SMALL, epochs=3)
    assert whole.steps_per_epoch % accumulate, "nothing to see"
    run(net(), SMALL, epochs=1, callbacks=[Checkpoints(path)])
    assert watched(run(net(7), SMALL, epochs=3, resume=path)) == watched(whole)
    assert whole.monitor is not None
    steps = whole.monitor.steps
    norms = np.flatnonzero(np.isfinite(steps["gradient_norm"])) + 1
    places = np.arange(len(steps)) % whole.steps_per_epoch + 1
    ends = (places % accumulate == 0) | (places == whole.steps_per_epoch)
    assert norms.tolist() == (np.flatnonzero(ends) + 1).tolist()


@pytest.mark.parametrize("name", [n for n in available() if n in ("l-bfgs", "schedule-free", "muon", "newton-cg")])
def test_rules_of_other_kinds(name: str, tmp_path: Path) -> None:
    whole, model, path = net(), net(7), tmp_path / "a"
    fit(whole, SMALL, optimizer=name, epochs=3, checks=False, quiet=True)
    with pytest.raises(Interrupted):
        fit(net(), SMALL, optimizer=name, epochs=3, checks=False, quiet=True,
            callbacks=[Checkpoints(path, 1), StopAt(6)])  # fmt: skip
    fit(model, SMALL, optimizer=name, epochs=3, quiet=True, resume=path)
    assert bits(model) == bits(whole)


def test_epochs_can_be_added_to_a_run_that_was_complete(tmp_path: Path) -> None:
    whole, model, path = net(), net(7), tmp_path / "a"
    history = fit(whole, SMALL, epochs=5, checks=False, quiet=True)
    fit(net(), SMALL, epochs=3, quiet=True, callbacks=[Checkpoints(path)])
    saved = checkpoint.load(path)
    resumed = fit(model, SMALL, epochs=5, quiet=True, resume=saved)
    assert figures(resumed) == figures(history)
    assert bits(model) == bits(whole)
    assert [c.name for c in resumed.checks] == [
        "data", "chance", "gradients", "overfit", "baseline", "independence", "determinism",
    ]  # fmt: skip
    again = fit(net(), SMALL, epochs=3, quiet=True, resume=saved)
    assert figures(again) == figures(history)[:3]


def test_seconds_go_on_where_they_were(tmp_path: Path) -> None:
    fit(net(), SMALL, epochs=2, checks=False, quiet=True, callbacks=[Checkpoints(tmp_path / "a")])
    time.sleep(0.05)
    resumed = fit(net(), SMALL, epochs=4, quiet=True, resume=tmp_path / "a")
    seconds = [e.seconds for e in resumed.epochs]
    assert seconds == sorted(seconds)


class SlowSaves(Checkpoints):
    """Notes after which epochs it saved."""

    def __init__(self, path: Path, share: float) -> None:
        super().__init__(path, share=share)
        self.epochs: list[int] = []

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        before = self.saved
        super().on_epoch(run, epoch)
        self.epochs += [epoch.epoch] if self.saved > before else []


def test_saving_takes_no_more_than_its_share(tmp_path: Path) -> None:
    saver = SlowSaves(tmp_path / "a", share=1e-6)
    fit(net(), SMALL, epochs=6, checks=False, quiet=True, callbacks=[saver])
    assert saver.epochs == [1, 6], "the first, so that there is one, and the last"
    assert len(_epochs(tmp_path / "a")) == 6
    saver = SlowSaves(tmp_path / "b", share=1.0)
    fit(net(), SMALL, epochs=4, checks=False, quiet=True, callbacks=[saver])
    assert saver.epochs == [1, 2, 3, 4]


def _epochs(path: Path) -> list[Json]:
    run = checkpoint.load(path).about["run"]
    assert isinstance(run, dict)
    assert isinstance(run["epochs"], list)
    return run["epochs"]


DIFFERENT: list[tuple[str, Mapping[str, object]]] = [
    (r"seed was 0, is 1", {"seed": 1}),
    (r"batch_size was 64, is 32", {"batch_size": 32}),
    (r"optimizer was adam, is rmsprop", {"optimizer": "rmsprop"}),
    (r'hyperparameters was .*"lr": 0.001.* is .*"lr": 0.01', {"lr": 0.01}),
    (r"schedules was \[\{\}\], is .*Cosine", {"lr": Cosine(1e-3, 10)}),
    (r'"clip": null.*"clip": "ClipNorm\(bound=1.0\)"', {"clip": 1.0}),
    (r'"accumulate": 1.*"accumulate": 2', {"accumulate": 2}),
    (r"loss was .*Softmax.*, is .*svm", {"loss": "svm"}),
    (r"regularization was null, is .*L2", {"regularization": nn.L2(1e-3)}),
]


@pytest.mark.parametrize(("reason", "change"), DIFFERENT)
def test_a_run_set_up_differently_is_told_how(reason: str, change: Mapping[str, object], tmp_path: Path) -> None:
    fit(net(), SMALL, epochs=1, checks=False, quiet=True, callbacks=[Checkpoints(tmp_path / "a")])
    model = net(5)
    before = bits(model)
    with pytest.raises(CheckpointError, match=f"set up differently: .*{reason}"):
        fit(model, SMALL, epochs=2, quiet=True, resume=tmp_path / "a", **change)  # type: ignore[arg-type]
    assert bits(model) == before


def test_other_data_and_other_models_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    fit(net(), SMALL, epochs=1, checks=False, quiet=True, callbacks=[Checkpoints(path)])
    x = SMALL[0].copy()
    x[17, 3] += 1e-3
    with pytest.raises(CheckpointError, match="values of the data are not the same"):
        fit(net(), (x, *SMALL[1:]), epochs=2, quiet=True, resume=path)
    with pytest.raises(CheckpointError, match=r"data was .*200/100 rows.* is .*199/100"):
        fit(net(), (SMALL[0][:199], SMALL[1][:199], *SMALL[2:]), epochs=2, quiet=True, resume=path)
    with pytest.raises(CheckpointError, match=r"another model.*layers\.0\.weight (is )?\(64, 12\).*\(64, 16\)"):
        fit(nn.mlp(64, [16], 10, rng=0), SMALL, epochs=2, quiet=True, resume=path)
    checkpoint.save(path, net())
    with pytest.raises(CheckpointError, match="holds no run"):
        fit(net(), SMALL, epochs=2, quiet=True, resume=path)
    with pytest.raises(CheckpointError, match="there is no such checkpoint"):
        fit(net(), SMALL, epochs=2, quiet=True, resume=tmp_path / "none")


def test_the_folder_of_a_resumed_run_has_no_trace_of_the_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minigrad.train.output.run_folder.run_pictures", lambda run: [])
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    fit(net(), SMALL, epochs=4, checks=False, quiet=True, callbacks=[RunFolder(tmp_path / "whole")])
    stopped, path = tmp_path / "stopped", tmp_path / "stopped" / "checkpoint.safetensors"
    with pytest.raises(Interrupted):
        fit(net(), SMALL, epochs=4, checks=False, quiet=True,
            callbacks=[RunFolder(stopped), Checkpoints(path), StopAt(9)])  # fmt: skip
    (stopped / "metrics.csv").write_text((stopped / "metrics.csv").read_text() + "3,half a ro")
    (stopped / "best.safetensors").write_bytes(b"")
    fit(net(7), SMALL, epochs=4, quiet=True, resume=path, callbacks=[RunFolder(stopped)])
    tables = [(tmp_path / n / "metrics.csv").read_text().splitlines() for n in ("whole", "stopped")]
    assert [line.rsplit(",", 1)[0] for line in tables[0]] == [line.rsplit(",", 1)[0] for line in tables[1]]
    best = [(tmp_path / n / "best.safetensors").read_bytes() for n in ("whole", "stopped")]
    assert best[0] == best[1]
    (stopped / "best.safetensors").write_bytes(b"")
    over = fit(net(7), SMALL, epochs=1, quiet=True, resume=path, callbacks=[RunFolder(stopped)])
    weights = load_file(stopped / "best.safetensors")
    assert {k: v.tobytes() for k, v in weights.items()} == {k: v.tobytes() for k, v in over.best_weights.items()}


def test_the_order_of_rows_is_that_of_the_loader() -> None:
    model, loss = nn.mlp(64, [], 10, rng=0), nn.SoftmaxCrossEntropy()
    history = fit(model, SMALL, optimizer="sgd", lr=0.0, epochs=3, seed=4, checks=False, quiet=True)
    loader = data.Loader(SMALL[0], SMALL[1], 64, seed=4)
    expected = [loss(model(x), y).item() for _ in range(3) for x, y in loader]
    np.testing.assert_allclose(history.batch_losses, expected, rtol=1e-6)  # a program may sum in another order


def test_patience_stops_a_run_and_says_which_epoch_was_best(tmp_path: Path) -> None:
    def run(resume: Path | None = None) -> History:
        callbacks = [Checkpoints(tmp_path / "a")] if resume is None else []
        return fit(net(), SMALL, optimizer="sgd", lr=0.0, epochs=9, patience=3, checks=False, quiet=True,
                   callbacks=callbacks, resume=resume)  # fmt: skip

    history = run()
    assert history.best is history.epochs[0], "with lr 0 the first epoch stays the best"
    assert len(history) == 4
    assert history.stopped == "no better validation accuracy for 3 epochs, after epoch 1"
    again = run(tmp_path / "a")
    assert len(again) == 4
    assert again.stopped == history.stopped
    with pytest.raises(TrainError, match="patience must be an integer >= 1, got 0"):
        fit(net(), SMALL, patience=0)


def test_patience_counts_from_the_best_epoch() -> None:
    model = net()
    history = fit(model, SMALL, epochs=60, patience=4, lr=0.02, checks=False, quiet=True)
    assert history.best is not None
    assert len(history) == history.best.epoch + 4 < 60
    assert bits(model) == {k: v.tobytes() for k, v in history.best_weights.items()}


def test_named_schedules_begin_and_end_as_promised() -> None:
    ends = {"constant": 0.5, "cosine": 0.0, "linear": 0.0, "step": 0.005, "exponential": 0.005, "inverse-time": 0.05}
    for name in SCHEDULES:
        values = named_schedule(name, 0.5, 301).values(301)
        if name == "one-cycle":
            assert values.max() == pytest.approx(0.5, rel=1e-3)
            assert values[-1] == pytest.approx(0.5 / 25 / 1e4)
            continue
        assert values[0] == 0.5
        assert np.all(np.diff(values) <= 1e-15)
        assert values[-1] == pytest.approx(ends[name], rel=0.03, abs=2e-3)
        warmed = named_schedule(name, 0.5, 301, 30).values(301)
        assert np.all(np.diff(warmed[:31]) > 0.0)
        assert warmed[30] == 0.5 == warmed.max()
    with pytest.raises(TrainError, match=r"no schedule 'cosin'\. Did you mean 'cosine'\?"):
        named_schedule("cosin", 0.1, 10)
    with pytest.raises(TrainError, match="a warm-up of 10 updates does not fit into the 10"):
        named_schedule("cosine", 0.1, 10, 10)
    with pytest.raises(TrainError, match="warms up by itself"):
        named_schedule("one-cycle", 0.1, 10, 2)
    assert default_rate("adam") == 1e-3
    assert default_rate("sgd") == optimizer("sgd", net().parameters()).hyperparameters[0]["lr"]


def test_a_schedule_by_name_spans_the_updates_of_the_run() -> None:
    rates: list[object] = []

    class Rates(Callback):
        def on_step(self, run: Run, step: Step) -> None:
            rates.append(run.optimizer.hyperparameters[0]["lr"])

    fit(net(), SMALL, lr=0.1, schedule="linear", accumulate=2, epochs=3, checks=False, quiet=True, callbacks=[Rates()])
    assert rates[-1] == pytest.approx(0.0), "6 updates; this is what a seventh would get"
    assert rates[0] == 0.1


def test_clipping_and_accumulation_are_the_drivers() -> None:
    """Two batches of 32 without a last small one are a batch of 64; a clipped step is no longer than lr * bound."""
    x, y = SMALL[0][:128], SMALL[1][:128]
    plain, halves = nn.mlp(64, [], 10, rng=0), nn.mlp(64, [], 10, rng=0)
    fit(plain, (x, y), optimizer="sgd", lr=0.1, epochs=2, batch_size=64, checks=False, quiet=True, restore_best=False)
    fit(halves, (x, y), optimizer="sgd", lr=0.1, epochs=2, batch_size=32, accumulate=2, checks=False, quiet=True,
        restore_best=False)  # fmt: skip
    for a, b in zip(plain.parameters(), halves.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    model = nn.mlp(64, [], 10, rng=0)
    before = [p.numpy().copy() for p in model.parameters()]
    fit(model, (x, y), optimizer="sgd", lr=1.0, clip=1e-3, epochs=1, batch_size=128, checks=False, quiet=True)
    moved = sum(np.sum((p.numpy() - b) ** 2) for p, b in zip(model.parameters(), before, strict=True))
    assert np.sqrt(moved) == pytest.approx(1e-3, rel=1e-3)


def test_wishes_about_updates_belong_to_the_optimizer() -> None:
    model = net()
    driver = optimizer("adam", model.named_parameters())
    for change in ({"schedule": "cosine"}, {"warmup": 2}, {"clip": ClipNorm(1.0)}, {"accumulate": 2}):
        with pytest.raises(TrainError, match=r"belongs? to the optimizer"):
            fit(model, SMALL, optimizer=driver, quiet=True, **change)
    with pytest.raises(TrainError, match="lr is a schedule already"):
        fit(model, SMALL, lr=Constant(0.1), schedule="cosine", quiet=True)
    with pytest.raises(HyperparameterError, match=r"bound must be a finite number > 0"):
        fit(model, SMALL, clip=-1.0, quiet=True)
    with pytest.raises(TrainError, match="accumulate must be an integer >= 1"):
        fit(model, SMALL, accumulate=0, quiet=True)
    with pytest.raises(TrainError, match="every must be a number of batches"):
        Checkpoints("a", 0)
