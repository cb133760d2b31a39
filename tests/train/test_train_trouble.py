"""What ends a run of `fit` early: Ctrl-C, losses and rows that are not finite, wrong arguments, callbacks that fail."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.core import Tensor
from minigrad.core.errors import ShapeError
from minigrad.data import DataValueError
from minigrad.optim import HyperparameterError, MissingGradient, UnknownOptimizer, optimizer
from minigrad.train import Callback, History, Interrupted, NonFiniteError, NonFiniteLoss, Run, Step, TrainError, fit
from support.train_quick import DIGITS, Recorder, X, Y, quick


class Interrupt(Callback):
    """Presses Ctrl-C in the third epoch, and remembers whether it was told of the end."""

    ended = False

    def on_step(self, run: Run, step: Step) -> None:
        if step.epoch == 3:
            raise KeyboardInterrupt

    def on_end(self, run: Run) -> None:
        self.ended = True


def test_ctrl_c_keeps_the_metrics_and_the_best_weights() -> None:
    model, interrupt = nn.mlp(64, [16], 10, rng=0), Interrupt()
    with pytest.raises(Interrupted) as caught:
        quick(model, interrupt, epochs=9)
    history = caught.value.history
    assert isinstance(caught.value, KeyboardInterrupt)
    assert [e.epoch for e in history.epochs] == [1, 2]
    assert history.stopped == "interrupted"
    assert interrupt.ended
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, history.best_weights[name])


class Bomb(nn.Module):
    """Overflows once its weight has grown beyond a bound."""

    def __init__(self) -> None:
        self.w = nn.parameter(np.ones((5, 3)))
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        factor = 1e38 if self.calls > 5 else 1.0
        return (x @ self.w) * factor * factor


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_touched() -> None:
    model = Bomb()
    seen: list[np.ndarray] = []

    class Watch(Callback):
        def on_step(self, run: Run, step: Step) -> None:
            seen.append(model.w.numpy().copy())

    with pytest.raises(NonFiniteLoss) as caught:
        fit(model, (X, Y), epochs=9, batch_size=20, callbacks=[Watch()], checks=False, eager=True, quiet=True)
    text = str(caught.value)
    assert "in epoch 3, batch 2 of 2" in text
    assert "op 'multiply'" in text
    assert "learning rate" in text
    assert len(seen) == 5
    np.testing.assert_array_equal(model.w.numpy(), seen[-1])
    assert isinstance(caught.value.history, History)
    assert len(caught.value.history) == 2


def test_a_learning_rate_far_too_high_ends_in_one_typed_error() -> None:
    with pytest.raises(NonFiniteError, match=r"in epoch \d+, batch \d+ of 12(?s:.)*before this step"):
        fit(nn.mlp(64, [32, 32], 10, rng=0), DIGITS, loss="svm", optimizer="sgd", lr=1e20, batch_size=128,
            checks=False, quiet=True)  # fmt: skip


def test_weights_that_an_update_in_place_has_spoilt_are_put_back() -> None:
    """More than 65,536 parameters are updated in place, which cannot be undone."""
    model = nn.mlp(64, [1100], 10, rng=0)
    with pytest.raises(NonFiniteError, match=r"in epoch 1, batch 1 of 12: .*put back to those after step 0"):
        fit(model, DIGITS, optimizer="sgd", lr=3e38, batch_size=128, checks=False, quiet=True,
            regularization=lambda m: m.parameters()[0].sum() * 1e3)  # fmt: skip
    fresh = nn.mlp(64, [1100], 10, rng=0).state_dict()
    assert all(np.array_equal(value, fresh[name]) for name, value in model.state_dict().items())


def test_bad_rows_are_named_before_anything_runs() -> None:
    model, recorder = nn.mlp(5, [], 3, rng=0), Recorder()
    x = X.copy()
    x[17, 2] = np.nan
    with pytest.raises(DataValueError, match=r"x_train row 17: column 2 is nan"):
        fit(model, (x, Y), callbacks=[recorder], quiet=True)
    labels = Y.copy()
    labels[23] = 3
    with pytest.raises(DataValueError, match=r"y_val row 23: label 3"):
        fit(model, (X, Y, X, labels), callbacks=[recorder], quiet=True)
    with pytest.raises(DataValueError, match=r"y_train row 3"):
        fit(nn.mlp(5, [], 1, rng=0), (X, np.where(np.arange(40) == 3, np.inf, 0.5)), callbacks=[recorder], quiet=True)
    assert recorder.events == []


def test_wrong_arguments_say_what_would_be_right() -> None:
    model = nn.mlp(64, [], 10, rng=0)
    with pytest.raises(UnknownOptimizer, match=r"no optimizer 'adm'. Did you mean 'adam'\? Installed: .*minigrad"):
        fit(model, DIGITS, optimizer="adm", quiet=True)
    with pytest.raises(HyperparameterError, match=r"Adam\.lr must be a finite number >= 0, got -1"):
        fit(model, DIGITS, lr=-1.0, quiet=True)
    with pytest.raises(TrainError, match="epochs must be an integer >= 1, got 0"):
        fit(model, DIGITS, epochs=0, quiet=True)
    with pytest.raises(TrainError, match=r"holds raw pixels.*pass data\.scaled\(\)"):
        fit(model, data.load("digits"), quiet=True)
    with pytest.raises(TrainError, match=r"must be a Dataset, a Loader, \(x, y\)"):
        fit(model, (X, Y, X), quiet=True)  # type: ignore[arg-type]
    with pytest.raises(TrainError, match=r"x_train has shape \(40, 5\) and y_train \(39,\)"):
        fit(model, (X, Y[:39]), quiet=True)
    with pytest.raises(
        ShapeError, match=r"layers\.0: Linear\(64, 10\) needs an input of shape \(\.\.\., 64\), got \(2, 5\)"
    ):
        fit(model, (X, Y), quiet=True)
    with pytest.raises(TrainError, match="ReLU has no parameters to train"):
        fit(nn.ReLU(), DIGITS, quiet=True)
    with pytest.raises(TrainError, match="lr belongs to the optimizer"):
        fit(model, DIGITS, optimizer=optimizer("adam", model.parameters()), lr=0.1, quiet=True)


def test_a_parameter_without_gradient_is_named() -> None:
    model = nn.Sequential(nn.Linear(5, 4, rng=0), lambda h: h.detach(), nn.Linear(4, 3, rng=1))
    with pytest.raises(MissingGradient, match=r"'layers\.0\.weight'"):
        fit(model, (X, Y), checks=False, quiet=True)


def test_every_callback_hears_of_the_end_even_if_one_fails() -> None:
    class Failing(Callback):
        def on_end(self, run: Run) -> None:
            raise ZeroDivisionError

    last = Interrupt()
    with pytest.raises(ZeroDivisionError):
        quick(nn.mlp(64, [4], 10, rng=0), Failing(), last, epochs=1)
    assert last.ended
