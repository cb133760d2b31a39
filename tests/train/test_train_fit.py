"""The loop: what it reaches, that it can be repeated to the last bit, and what it tells."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.core import Tensor, tensor
from minigrad.optim import Constant, optimizer
from minigrad.train import Check, Epoch, History, evaluate, fit
from minigrad.train.splits import Rows
from support.missing_plugins import needs
from support.train_quick import DIGITS, Recorder, X, Y, quick


def test_digits_are_learnt() -> None:
    for seed in range(3):
        model = nn.mlp(64, [32], 10, rng=seed)
        history = fit(model, DIGITS, epochs=8, lr=5e-3, seed=seed, quiet=True)
        assert history.best is not None
        assert history.best.val_accuracy is not None
        assert history.best.val_accuracy > 0.94
        assert len(history) == 8
        assert history.initial is not None
        assert history.initial.train_loss == pytest.approx(math.log(10), rel=0.05)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"])
def test_every_optimizer_and_the_svm_loss_train(name: str) -> None:
    model = nn.mlp(64, [16], 10, rng=0)
    rate = 1e-2 if name in ("sgd", "momentum", "nesterov", "adagrad") else 2e-3
    history = fit(model, DIGITS, loss="svm", optimizer=name, lr=rate, epochs=3, checks=False, quiet=True)
    assert history.initial is not None
    assert history.initial.train_loss == pytest.approx(9.0, rel=0.1)
    assert history.epochs[-1].train_loss < 0.3 * history.initial.train_loss


def test_regression_has_losses_and_no_accuracy() -> None:
    history = fit(nn.mlp(10, [32], 1, rng=0), data.load("diabetes").scaled(), epochs=10, checks=False, quiet=True)
    assert history.config["loss"] == "MeanSquaredError()"
    assert history.best is not None
    assert history.best.val_accuracy is None
    assert history.criterion == "validation loss"
    assert history.best.val_loss == min(v for v in history.column("val_loss") if v is not None)
    assert history.best.val_loss is not None
    assert history.best.val_loss < 0.75


def test_full_batch_descent_is_that_of_plain_numpy() -> None:
    """Softmax regression with L2, by hand: W <- W - lr (x^T (p - onehot) / n + strength W)."""
    model = nn.mlp(5, [], 3, rng=1).astype(np.float64)
    w, b = (p.numpy().copy() for p in model.parameters())
    history = fit(
        model, (X, Y), optimizer="sgd", lr=0.5, epochs=20, batch_size=40, regularization=nn.L2(0.1), checks=False,
        quiet=True, restore_best=False,
    )  # fmt: skip
    losses = []
    for _ in range(20):
        scores = X @ w + b
        logs = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
        losses.append(-logs[np.arange(40), Y].mean() + 0.05 * np.sum(w**2))
        slope = (np.exp(logs) - np.eye(3)[Y]) / 40
        w, b = w - 0.5 * (X.T @ slope + 0.1 * w), b - 0.5 * slope.sum(axis=0)
    np.testing.assert_allclose(history.batch_losses, losses, rtol=1e-12)
    np.testing.assert_allclose(model.parameters()[0].numpy(), w, rtol=1e-11)
    np.testing.assert_allclose(model.parameters()[1].numpy(), b, rtol=1e-11, atol=1e-14)


def test_same_seed_same_run_to_the_last_bit() -> None:
    def run(seed: int) -> tuple[list[float], dict[str, np.ndarray]]:
        model = nn.mlp(64, [16], 10, rng=4)
        history = fit(model, DIGITS, epochs=2, seed=seed, quiet=True)
        return history.batch_losses, model.state_dict()

    (losses, state), (losses2, state2), (losses3, _) = run(1), run(1), run(2)
    assert losses == losses2
    assert losses != losses3
    for name, value in state.items():
        assert value.tobytes() == state2[name].tobytes()


def test_checks_do_not_change_the_run() -> None:
    runs = [
        fit(nn.mlp(64, [16], 10, rng=4), DIGITS, epochs=1, checks=checks, quiet=True).batch_losses
        for checks in (True, False)
    ]
    assert runs[0] == runs[1]


def test_figures_are_those_of_the_whole_set_and_best_weights_come_back() -> None:
    model = nn.mlp(64, [16], 10, rng=0)
    history = quick(model, epochs=6, lr=0.05)
    assert history.best is not None
    accuracies = [e.val_accuracy for e in history.epochs if e.val_accuracy is not None]
    assert history.best.val_accuracy == max(accuracies)
    assert not model.training
    scores = model(tensor(DIGITS.x_val, dtype=np.float32)).numpy()
    labels = np.asarray(DIGITS.y_val, dtype=int)
    assert history.best.val_accuracy == np.mean(scores.argmax(axis=1) == labels)
    logs = scores - np.logaddexp.reduce(scores.astype(float), axis=1, keepdims=True)
    assert history.best.val_loss == pytest.approx(-logs[np.arange(len(labels)), labels].mean(), rel=1e-5)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, history.best_weights[name])


def test_without_validation_rows_the_training_figures_decide() -> None:
    history = fit(nn.mlp(5, [8], 3, rng=0), (X, Y), epochs=5, checks=False, quiet=True)
    assert history.column("val_loss") == [None] * 5
    assert history.criterion == "training accuracy"
    assert history.best is not None


def test_evaluate_does_not_depend_on_the_batch_size_and_restores_the_mode() -> None:
    model = nn.mlp(5, [8], 3, rng=0).astype(np.float64).train()
    rows = Rows(X, Y.astype(np.intp))
    whole = evaluate(model, rows, nn.SoftmaxCrossEntropy())
    parts = evaluate(model, rows, nn.SoftmaxCrossEntropy(), batch_size=7)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-13)
    assert parts.accuracy == whole.accuracy
    assert model.training


def test_callbacks_see_everything_in_order_and_may_stop_the_run() -> None:
    recorder = Recorder()
    model = nn.mlp(5, [8], 3, rng=0)
    history = fit(model, (X, Y), epochs=9, batch_size=20, callbacks=[recorder], quiet=True)
    events = [e for e in recorder.events if e != "check"]
    assert events == "start train|step 1.1|step 1.2|epoch 1|step 2.1|step 2.2|epoch 2|end".replace(" t", "|t").split(
        "|"
    )
    assert recorder.events.count("check") == 7
    assert history.stopped == "enough"


def test_a_driver_with_options_and_a_schedule_can_be_given() -> None:
    model = nn.mlp(64, [16], 10, rng=0)
    driver = optimizer("momentum", model.named_parameters(), lr=Constant(0.01), momentum=0.8)
    history = fit(model, DIGITS, optimizer=driver, epochs=1, checks=False, quiet=True)
    assert history.config["optimizer"] == driver.name
    assert driver.t == history.steps_per_epoch == len(history.batch_losses)


@needs("minigrad-newton")
def test_an_optimizer_that_evaluates_the_loss_itself() -> None:
    """A step of Newton's method solves least squares: the weights are those of the normal equations."""
    model = nn.Linear(5, 1, rng=0, use_bias=False).astype(np.float64)
    y = X @ np.arange(5.0) + 1.0
    history = fit(model, (X, y), optimizer="newton", epochs=1, batch_size=40, checks=False, quiet=True)
    np.testing.assert_allclose(model.weight.numpy()[:, 0], np.linalg.lstsq(X, y, rcond=None)[0], rtol=1e-6)
    assert history.batch_losses[0] > history.epochs[0].train_loss


def test_steps_are_taken_in_training_mode_and_figures_in_evaluation_mode() -> None:
    class Spy(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(5, 3, rng=0)
            self.modes: list[tuple[int, bool, bool]] = []

        def forward(self, x: Tensor) -> Tensor:
            self.modes.append((len(x), self.training, self.inner.training))
            return self.inner(x)

    model = Spy()
    fit(model.eval(), (X, Y, X[:30], Y[:30]), epochs=2, batch_size=20, checks=False, quiet=True)
    assert {m[1:] for m in model.modes if m[0] == 20} == {(True, True)}
    assert {m[1:] for m in model.modes if m[0] != 20} == {(False, False)}


def test_a_history_is_json_whatever_was_measured() -> None:
    history = History(
        initial=Epoch(0, math.inf, math.nan, None, 0.5, 0.0),
        epochs=[Epoch(1, 0.5, None, 0.25, None, 1.5)],
        checks=[Check("overfit", "fault", "diverged", math.inf, 0.01)],
    )
    document = json.loads(json.dumps(history.as_dict(), allow_nan=False))
    assert document["initial"]["train_loss"] is None
    assert document["checks"][0]["value"] is None
    assert document["epochs"][0] == {
        "epoch": 1, "train_loss": 0.5, "val_loss": None, "train_accuracy": 0.25, "val_accuracy": None, "seconds": 1.5,
        "metrics": {},
    }  # fmt: skip
