"""Real trainings, broken on purpose: by `fit`, and by loops that a person would write."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn
from minigrad.data import Dataset
from minigrad.diagnosis import Diagnosis, Doctor, watch
from minigrad.nn import Module
from minigrad.runtime.parameters import assign
from minigrad.train import NonFiniteError, NonFiniteLoss, fit


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load("digits").scaled()


def model_of(*end: nn.Layer) -> Module:
    with nn.seeded(3):
        return nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10, gain=0.1), *end)


def fitted(model: Module, d: Dataset, **options: object) -> Diagnosis:
    doctor = Doctor(gradients=True)
    settings = {"optimizer": "momentum", "lr": 0.05, "epochs": 4, "batch_size": 32, "checks": False, "quiet": True}
    with contextlib.suppress(NonFiniteError, NonFiniteLoss):
        fit(model, d, callbacks=[doctor], **{**settings, **options})  # type: ignore[arg-type]  # names are those of fit
    assert doctor.diagnosis is not None
    return doctor.diagnosis


def by_hand(
    d: Dataset, model: Module, *, clear: bool = True, maximise: bool = False, order: bool = False, lost: str = ""
) -> Diagnosis:
    """Four epochs of a loop with one line for the diagnosis.

    What is `lost` may be the gradient, cleared before the step, or the step itself.
    """
    x, y = (d.x_train, d.y_train) if not order else (d.x_train[(s := np.argsort(d.y_train))], d.y_train[s])
    optimizer = mg.optimizer("sgd", model.named_parameters(), lr=0.05, maximise=maximise, missing="zero")
    loss = watch(nn.find_loss("softmax"), model, optimizer, (x, y, d.x_val, d.y_val), gradients=False)
    for _ in range(4):
        for start in range(0, len(x), 32):
            value = loss(model(mg.tensor(x[start : start + 32])), y[start : start + 32])
            if clear:
                optimizer.zero_grad()
            value.backward()
            if lost == "gradient":
                optimizer.zero_grad()
            if lost != "step":
                optimizer.step()
    loss.close()
    return loss.diagnose()


def test_a_sound_run_of_fit_is_healthy(digits: Dataset) -> None:
    found = fitted(model_of(), digits)
    assert found.healthy, str(found)
    assert "looks GOOD" in found.summary[0]


def test_a_sound_loop_is_healthy(digits: Dataset) -> None:
    found = by_hand(digits, model_of())
    assert found.healthy, str(found)


def test_the_learning_rate_times_a_thousand(digits: Dataset) -> None:
    assert fitted(model_of(), digits, lr=50.0).faults[0].code in ("NONFINITE", "DIVERGE", "LR_HIGH")


def test_zero_initialisation(digits: Dataset) -> None:
    model = model_of()
    for p in model.parameters():
        assign(p, np.zeros(p.shape, p.dtype))
    assert fitted(model, digits).faults[0].code == "SYMMETRY"


def test_shuffled_labels(digits: Dataset) -> None:
    rng = np.random.default_rng(0)
    spoilt = attrs.evolve(digits, y_train=rng.permutation(digits.y_train), y_val=rng.permutation(digits.y_val))
    assert fitted(model_of(), spoilt).faults[0].code == "LABELS_RANDOM"


def test_softmax_of_softmax(digits: Dataset) -> None:
    found = fitted(model_of(lambda t: mg.softmax(t, axis=-1)), digits).faults[0]
    assert found.code == "DOUBLE_SOFTMAX"
    assert found.evidence["lowest loss possible"] == pytest.approx(1.4612, abs=1e-4)


def test_forgotten_zero_grad(digits: Dataset) -> None:
    found = by_hand(digits, model_of(), clear=False)
    assert found.faults[0].code == "STALE_GRAD", str(found)


@pytest.mark.parametrize(("lost", "why"), [("step", "never asked for an update"), ("gradient", "none was there")])
def test_a_loop_that_updates_nothing(lost: str, why: str, digits: Dataset) -> None:
    found = by_hand(digits, model_of(), lost=lost)
    assert [f.code for f in found.faults] == ["NO_UPDATE"], str(found)
    assert why in found.faults[0].why


@pytest.mark.parametrize("every", [0, 3])
def test_weights_that_are_put_back_after_a_few_short_steps(every: int, digits: Dataset) -> None:
    """Each way back is far shorter than the weights are, and longer than the update before it."""
    model = model_of()
    optimizer = mg.optimizer("adam", model.named_parameters(), lr=1e-3)
    loss = watch(nn.find_loss("softmax"), model, optimizer, digits, gradients=False)
    saved = model.state_dict()
    for step in range(40):
        rows = slice(32 * (step % 30), 32 * (step % 30) + 32)
        value = loss(model(mg.tensor(digits.x_train[rows])), digits.y_train[rows])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        if every and step % every == every - 1:
            model.load_state_dict(saved)
    loss.close()
    assert ("WEIGHTS_RESET" in {f.code for f in loss.diagnose().faults}) == bool(every)


def test_climbing(digits: Dataset) -> None:
    assert by_hand(digits, model_of(), maximise=True).faults[0].code == "ASCENT"


def test_rows_in_order(digits: Dataset) -> None:
    assert by_hand(digits, model_of(), order=True).faults[0].code == "UNSHUFFLED"


def test_a_gradient_that_is_cut(digits: Dataset) -> None:
    found = fitted(model_of(lambda t: t * 0.5 + t.detach() * 0.5), digits)
    assert found.faults[0].code == "GRAD_BUG"


def test_two_weights_in_a_row(digits: Dataset) -> None:
    with nn.seeded(0):
        model = nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10, gain=0.1))
    found = fitted(model, digits)
    assert found.faults[0].where == "layers.1.weight after layers.0.weight"


def test_a_bottleneck_is_no_stack(digits: Dataset) -> None:
    with nn.seeded(0):
        model = nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 10, gain=0.1))
    assert "LINEAR_STACK" not in {f.code for f in fitted(model, digits).faults}


def test_watching_changes_no_bit_and_leaves_nothing_behind(digits: Dataset) -> None:
    plain, watched = model_of(), model_of()
    options: dict[str, object] = {"optimizer": "adam", "epochs": 2, "checks": False, "quiet": True, "seed": 5}
    fit(plain, digits, **options)  # type: ignore[arg-type]
    doctor = Doctor(gradients=True)
    optimizer = mg.optimizer("adam", watched.named_parameters(), nonfinite="raise")
    fit(watched, digits, **{**options, "optimizer": optimizer}, callbacks=[doctor])  # type: ignore[arg-type]
    for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert "step" not in vars(optimizer)


def test_watching_does_not_disturb_dropout_and_batch_norm(digits: Dataset) -> None:
    def make() -> Module:
        with nn.seeded(1):
            return nn.Sequential(nn.Linear(64, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, 10))

    first, second = make(), make()
    fit(first, digits, epochs=2, checks=False, quiet=True)
    fit(second, digits, epochs=2, checks=False, quiet=True, callbacks=[Doctor(gradients=True)])
    for name, value in first.state_dict().items():
        np.testing.assert_array_equal(value, second.state_dict()[name], err_msg=name)


def test_a_doctor_that_stumbles_does_not_end_the_run(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("no pulse")

    monkeypatch.setattr("minigrad.diagnosis.observer.data_facts", stumble)
    found = fitted(model_of(), digits)
    assert found.healthy
    assert "the diagnosis itself failed: RuntimeError: no pulse" in found.broken[0]


SPOILERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "INPUT_SCALE": lambda x: x * 200.0,
    "BAD_DATA": lambda x: np.where(np.arange(x.shape[1]) == 3, np.nan, x),
}


@pytest.mark.parametrize("code", SPOILERS)
def test_spoilt_inputs_in_a_loop_of_ones_own(code: str, digits: Dataset) -> None:
    x = SPOILERS[code](digits.x_train).astype(np.float32)
    model = model_of()
    optimizer = mg.optimizer("sgd", model.named_parameters(), lr=1e-4)
    loss = watch(nn.find_loss("softmax"), model, optimizer, (x, digits.y_train), gradients=False)
    loss.close()
    assert loss.diagnose().faults[0].code == code
