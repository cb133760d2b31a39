"""`fit` by programs, which is the default, trains as it does eagerly, and says so where it cannot."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.nn.layers.container import Layer
from minigrad.train import Callback, History, fit
from minigrad.train.callbacks import Run
from minigrad.train.errors import NonFiniteLoss

RNG = np.random.default_rng(0)
ROWS, LABELS = RNG.normal(size=(50, 6)), RNG.integers(0, 3, 50)
IMAGES = RNG.normal(size=(50, 1, 6, 6))


class Notes(Callback):
    """Keeps the notes of a run."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_note(self, run: Run, text: str) -> None:
        self.texts.append(text)


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))


def conv() -> nn.Sequential:
    layers: list[Layer] = [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)]
    return nn.Sequential(*layers)


def trained(build: Callable[[], nn.Module], x: Array, eager: bool, **options: object) -> tuple[History, list[str]]:
    """Two epochs and a bit, with a smaller batch at the end of each."""
    with nn.seeded(1):
        model = build().astype(np.float64)
    notes = Notes()
    history = fit(
        model, (x, LABELS), epochs=3, batch_size=16, eager=eager, checks=False, quiet=True, callbacks=[notes],
        **options,  # type: ignore[arg-type]
    )  # fmt: skip
    return history, notes.texts


OPTIONS: list[dict[str, object]] = [
    {}, {"optimizer": "momentum", "lr": 0.05, "clip": 0.5}, {"optimizer": "adam", "accumulate": 2},
    {"optimizer": "sgd", "lr": 0.1, "schedule": "cosine", "regularization": nn.L2(1e-2)}, {"loss": "svm"},
]  # fmt: skip


@pytest.mark.parametrize("build", [mlp, conv])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: " ".join(map(str, o)) or "default")
def test_program_and_eager_give_the_same_run(build: Callable[[], nn.Module], options: dict[str, object]) -> None:
    x = ROWS if build is mlp else IMAGES
    eager, _ = trained(build, x, True, **options)
    defined, notes = trained(build, x, False, **options)
    assert notes == []
    np.testing.assert_allclose(defined.batch_losses, eager.batch_losses, rtol=1e-11)
    assert [e.train_accuracy for e in defined.epochs] == [e.train_accuracy for e in eager.epochs]
    for name, value in eager.best_weights.items():
        np.testing.assert_allclose(defined.best_weights[name], value, rtol=0, atol=1e-8)


class Doubtful(nn.Module):
    """Looks at its numbers."""

    def __init__(self) -> None:
        self.inner = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x)
        if y.detach().sum() > 0:
            return y * 0.5
        return y


class Counting(nn.Module):
    """Acts differently from its third call in training on."""

    def __init__(self) -> None:
        self.inner = nn.Linear(6, 3)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.inner(x) * (1.0 if self.calls < 1000 else 2.0)


class Caching(nn.Module):
    """Keeps an array for each number of rows that it meets."""

    def __init__(self) -> None:
        self.inner = nn.Linear(6, 3)
        self.ramps: dict[int, Array] = {}

    def forward(self, x: Tensor) -> Tensor:
        ramp = self.ramps.setdefault(len(x), np.linspace(0.0, 1.0, len(x))[:, None])
        return self.inner(x * ramp)


def test_a_model_that_cannot_be_recorded_is_trained_eagerly_and_a_note_says_why() -> None:
    eager, _ = trained(Doubtful, ROWS, True)
    defined, (note,) = trained(Doubtful, ROWS, False)
    assert "test_train_defined.py" in note
    assert "if y.detach().sum() > 0" in note
    assert defined.batch_losses == eager.batch_losses


def test_what_python_changes_in_a_step_is_noticed() -> None:
    _, (note,) = trained(Counting, ROWS, False)
    assert "Counting.calls" in note
    assert trained(Caching, ROWS, False)[1] == []


def test_rules_with_a_closure_run_eagerly_and_say_so() -> None:
    _, (note,) = trained(lambda: nn.Linear(6, 3), ROWS, False, optimizer="l-bfgs")
    assert "l-bfgs" in note
    assert trained(lambda: nn.Linear(6, 3), ROWS, True, optimizer="l-bfgs")[1] == []


@pytest.mark.parametrize("eager", [False, True])
def test_a_loss_that_overflows_names_its_batch_and_leaves_the_weights(eager: bool) -> None:
    x = ROWS.copy()
    x[17] = 1e200
    model = nn.Linear(6, 3).astype(np.float64)
    seen: list[Array] = []

    class Watch(Callback):
        def on_step(self, run: Run, step: object) -> None:
            seen.append(model.weight.numpy().copy())

    before = model.weight.numpy().copy()
    with pytest.raises(NonFiniteLoss, match=r"the loss is inf in epoch 1, batch \d of 4; first not finite"):
        fit(model, (x, ROWS[:, :3]), loss="mse", batch_size=16, eager=eager, checks=False, quiet=True,
            callbacks=[Watch()])  # fmt: skip
    assert np.array_equal(model.weight.numpy(), seen[-1] if seen else before)


def test_labels_are_still_checked() -> None:
    class Shifting(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)[:, :2] if self.training else self.inner(x)

    with pytest.raises(nn.LabelError, match="out of range; 2 scores"):
        trained(Shifting, ROWS, False)
