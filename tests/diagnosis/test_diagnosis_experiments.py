"""Experiments on a user's own loss and model: what cannot fail in a sound run does fail where something is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.data.arrays import any_real
from minigrad.diagnosis.model_stats import inside_of
from minigrad.diagnosis.outcome import gain_of
from minigrad.diagnosis.probing.loss_experiments import (
    bounds_of,
    constant_loss,
    is_unbounded,
    level_at_sure_scores,
    lowest_loss,
    mixed_rows,
    odd_shapes,
    varied_rows,
)
from minigrad.diagnosis.probing.loss_tests import even_losses, experiments_of, start_of
from minigrad.nn import Loss
from minigrad.runtime.parameters import assign

RNG = np.random.default_rng(0)
SCORES, LABELS = 0.05 * RNG.standard_normal((64, 3)), any_real(RNG.integers(0, 3, 64))
ONE, QUANTITIES = 0.05 * RNG.standard_normal((64, 1)), RNG.standard_normal(64)
ANSWERS = (QUANTITIES > 0.0).astype(np.float64)


def log_softmax(scores: Tensor, axis: int) -> Tensor:
    return scores - mg.logsumexp(scores, axis=axis, keepdims=True)


def picked(scores: Tensor, labels: nn.Targets, axis: int = -1) -> Tensor:
    return log_softmax(scores, axis)[np.arange(scores.shape[0]), np.asarray(labels)]


def weighted(scores: Tensor, labels: nn.Targets) -> Tensor:
    """A mean weighted by class, over the sum of the weights of the batch: each row's loss is still its own."""
    weights = np.array([0.2, 0.8, 3.0])[np.asarray(labels)]
    return -(picked(scores, labels) * mg.tensor(weights)).sum() / float(weights.sum())


def over_rows(scores: Tensor, labels: nn.Targets) -> Tensor:
    return -picked(scores, labels, axis=0).mean()


def broadcast(outputs: Tensor, targets: nn.Targets) -> Tensor:
    difference = outputs - mg.tensor(any_real(np.asarray(targets)))
    return (difference * difference).mean()


def centred(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """A square of differences from the mean of the batch."""
    flat = outputs.reshape((outputs.shape[0],))
    return ((flat - flat.mean() - mg.tensor(any_real(np.asarray(targets)))) ** 2).mean()


SOUND: list[tuple[str | Loss, Array, Array]] = [
    ("softmax", SCORES, LABELS),
    ("svm", SCORES, LABELS),
    ("mse", ONE, QUANTITIES),
    ("mse", ONE, QUANTITIES[:, None]),
    ("mae", ONE, QUANTITIES),
    ("huber", ONE, QUANTITIES),
    ("bce", ONE, ANSWERS),
    (weighted, SCORES, LABELS),
    (lambda o, t: -picked(o, t).sum(), SCORES, LABELS),
]


@pytest.mark.parametrize(("loss", "outputs", "y"), SOUND)
def test_rows_of_a_sound_loss_are_each_their_own(loss: str | Loss, outputs: Array, y: Array) -> None:
    turn = mixed_rows(nn.find_loss(loss) if isinstance(loss, str) else loss, outputs, y)
    assert turn is not None
    assert turn < 1e-6


@pytest.mark.parametrize(
    ("loss", "outputs", "y"), [(over_rows, SCORES, LABELS), (broadcast, ONE, QUANTITIES), (centred, ONE, QUANTITIES)]
)
def test_a_loss_that_mixes_rows_is_seen(loss: Loss, outputs: Array, y: Array) -> None:
    turn = mixed_rows(loss, outputs, y)
    assert turn is not None
    assert turn > 0.03


def test_shapes_that_broadcast_are_named() -> None:
    assert odd_shapes(ONE, QUANTITIES) == "outputs (64, 1), targets (64,)"
    assert odd_shapes(ONE, QUANTITIES[:, None]) == ""
    assert odd_shapes(SCORES, LABELS) == ""


def test_the_best_constant_answer() -> None:
    labels = any_real(np.repeat([0, 1], [90, 10]))
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert constant_loss(nn.find_loss("softmax"), (2,), labels) == pytest.approx(entropy, rel=1e-5)
    assert constant_loss(lambda o, t: -picked(o, t).mean(), (2,), labels) == pytest.approx(entropy, rel=1e-5)
    y = 5.0 + 2.0 * RNG.standard_normal(200)
    assert constant_loss(nn.find_loss("mse"), (1,), y) == pytest.approx(float(y.var()), rel=1e-5)
    assert constant_loss(nn.find_loss("bce"), (1,), labels.astype(np.float64)) == pytest.approx(entropy, rel=1e-4)

    def picky(outputs: Tensor, targets: nn.Targets) -> Tensor:
        raise TypeError("it wants pairs")

    assert constant_loss(picky, (2,), labels) is None


ENDS: dict[str, tuple[nn.Layer | None, tuple[float, float]]] = {
    "none": (None, (-np.inf, np.inf)),
    "sigmoid": (nn.Sigmoid(), (0.0, 1.0)),
    "tanh": (nn.Tanh(), (-1.0, 1.0)),
    "relu": (nn.ReLU(), (0.0, np.inf)),
}


@pytest.mark.parametrize("end", ENDS)
def test_bounds_show_at_huge_inputs(end: str) -> None:
    layer, expected = ENDS[end]
    with nn.seeded(0):
        model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3), *([layer] if layer is not None else []))
        deep = nn.Sequential(nn.Linear(5, 3), *([layer] if layer is not None else []))
    x = RNG.standard_normal((64, 5)).astype(np.float32)
    for net in (deep,) if end != "none" else (deep, model):
        far = np.concatenate([net(mg.tensor(any_real(x * np.float32(s)))).numpy() for s in (1e3, -1e3)])
        low, high = bounds_of(any_real(far))
        assert (low, high) == pytest.approx(expected, abs=1e-5)
    assert bounds_of(np.zeros((8, 3))) == (-np.inf, np.inf)


@pytest.mark.parametrize("end", ENDS)
def test_bounds_show_behind_saturated_layers(end: str) -> None:
    layer, expected = ENDS[end]
    with nn.seeded(1):
        units = [part for _ in range(3) for part in (nn.Linear(32, 32), nn.Tanh())]
        last = nn.Linear(32, 10, gain=0.1)
        model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), *units, last, *([layer] if layer is not None else []))
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((100, 64)).astype(np.float32), rng.integers(0, 10, 100)
    outputs = model(mg.tensor(any_real(x))).numpy()
    tried = experiments_of(model, nn.find_loss("softmax"), outputs, any_real(x), any_real(y), np.log(10))
    assert (tried.low, tried.high) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shares", [(0.97, 0.03), (0.9, 0.06, 0.04), (0.5, 0.3, 0.2)])
def test_the_loss_with_every_class_counted_alike(shares: tuple[float, ...]) -> None:
    rng, k = np.random.default_rng(0), len(shares)
    x, y = rng.standard_normal((2000, 4)).astype(np.float32), rng.choice(k, 2000, p=shares)
    with nn.seeded(0):
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, k, gain=0.0))
    even = even_losses(model, nn.find_loss("softmax"), any_real(x), any_real(y))
    if shares[0] < 0.8:
        assert even is None
        return
    assert even is not None
    counts = np.bincount(y) / 2000
    assert even == pytest.approx((np.log(k), -np.log(counts).mean()), rel=1e-5)
    named = [value for _, value in model.named_parameters()][-1]
    assign(named, np.eye(k, dtype=np.float32)[0] * np.float32(30.0))
    surer = even_losses(model, nn.find_loss("softmax"), any_real(x), any_real(y))
    assert surer is not None
    assert surer[0] == pytest.approx(30.0 * (k - 1) / k, rel=1e-3)


@pytest.mark.parametrize("kind", ["trend", "a rare class", "columns", "many classes"])
def test_rows_for_experiments_have_unlike_targets(kind: str) -> None:
    rng = np.random.default_rng(9)
    targets: dict[str, np.ndarray] = {
        "trend": np.linspace(-1.0, 1.0, 3000),
        "a rare class": np.repeat([0, 1], [2990, 10]),
        "columns": rng.standard_normal((5000, 3)),
        "many classes": rng.integers(0, 40, 700),
    }
    y = targets[kind]
    rows = varied_rows(any_real(y), 9)
    assert len(set(rows.tolist())) == 9
    first = y.reshape(len(y), -1)[rows, 0]
    if kind == "a rare class":
        assert np.bincount(first).tolist() == [5, 4]
    elif kind == "many classes":
        assert len(set(first.tolist())) == 9
    else:
        assert np.ptp(first) > 0.8 * np.ptp(y[:, 0] if y.ndim > 1 else y)
        assert np.diff(np.sort(first)).min() > 0.01


def test_zeros_of_hidden_units_are_not_those_of_a_relu_at_the_end() -> None:
    x, y = np.random.default_rng(3).standard_normal((100, 4)).astype(np.float32), np.arange(100) % 3
    loss = nn.find_loss("softmax")
    clipped = []
    for end in (None, nn.ReLU()):
        with nn.seeded(4):
            model = nn.Sequential(nn.Linear(4, 1), nn.ReLU(), nn.Linear(1, 3))
            if end is not None:
                model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3), end)
        if end is None:
            assign(model.named_parameters()[-2][1], np.ones((1, 3), np.float32))  # no output is below 0
        outputs = model(mg.tensor(any_real(x))).numpy()
        assert np.mean(outputs == 0.0) > 0.3
        clipped.append(start_of(model, loss, outputs, any_real(x), any_real(y), any_real(y)).clipped)
    assert clipped[0] == 0.0
    assert clipped[1] > 0.25


def test_outputs_that_one_number_decides_lie_on_a_line() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((80, 6)).astype(np.float32), rng.integers(0, 5, 80)
    breadths = []
    for units in (1, 2, 16):
        with nn.seeded(2):
            model = nn.Sequential(nn.Linear(6, units), nn.Tanh(), nn.Linear(units, 5))
        assign(model.named_parameters()[-1][1], rng.standard_normal(5).astype(np.float32))  # the line is not through 0
        breadth = inside_of(model, nn.find_loss("softmax"), any_real(x), any_real(y), drops=False).breadth
        assert breadth is not None
        breadths.append(breadth)
    assert breadths[0] == pytest.approx(0.0, abs=1e-5)
    assert min(breadths[1:]) > 0.01


def test_a_bound_that_is_hardly_ever_reached() -> None:
    """Nearly all outputs are at the upper end; that the others stay within 1, too, shows the lower one."""
    far, further = np.ones((100, 1)), np.ones((100, 1))
    far[:2, 0], further[:2, 0] = (-0.3, 0.2), (-0.97, 0.4)
    assert bounds_of(far, further) == (-1.0, 1.0)
    assert bounds_of(np.abs(far), np.abs(further)) == (0.0, 1.0)
    assert bounds_of(0.1 * far, 1.2 * further)[0] == -np.inf


def smoothed(outputs: Tensor, targets: nn.Targets) -> Tensor:
    return nn.cross_entropy(outputs, targets, label_smoothing=0.2)


def squares_of_shares(outputs: Tensor, targets: nn.Targets) -> Tensor:
    return mg.square(outputs - mg.tensor(np.eye(4)[np.asarray(targets)])).sum()


@pytest.mark.parametrize("classes", [2, 4, 10])
def test_what_a_loss_levels_off_at(classes: int) -> None:
    labels = any_real(RNG.integers(0, classes, 60))
    twice = level_at_sure_scores(lambda o, t: nn.cross_entropy(mg.softmax(o), t), (classes,), labels)
    assert twice == pytest.approx(np.log(1.0 + (classes - 1) / np.e), rel=1e-4)
    for loss in ("softmax", "svm"):
        assert level_at_sure_scores(nn.find_loss(loss), (classes,), labels) == pytest.approx(0.0, abs=1e-5)
    assert level_at_sure_scores(smoothed, (classes,), labels) is None, "surer scores cost more"
    assert level_at_sure_scores(squares_of_shares, (4,), any_real(RNG.integers(0, 4, 60))) is None


def plus_and_minus(outputs: Tensor, targets: nn.Targets) -> Tensor:
    """The cross-entropy of answers 0 and 1, given -1 and 1."""
    scores = outputs.reshape(-1)
    return (mg.softplus(scores) - scores * mg.tensor(np.asarray(targets, dtype=float))).mean()


def test_a_loss_without_a_lowest_value() -> None:
    signs = any_real(np.where(RNG.standard_normal(60) > 0.0, 1.0, -1.0))
    assert is_unbounded(plus_and_minus, (1,), signs)
    assert not is_unbounded(plus_and_minus, (1,), any_real((signs + 1.0) / 2.0))
    assert is_unbounded(lambda o, t: -nn.cross_entropy(o, t), (4,), LABELS)
    for loss in ("softmax", "svm"):
        assert not is_unbounded(nn.find_loss(loss), (4,), LABELS)
    for loss in ("mse", "huber"):
        assert not is_unbounded(nn.find_loss(loss), (1,), any_real(RNG.standard_normal(60)))


def test_the_lowest_loss_within_bounds() -> None:
    mse, softmax, bce = (nn.find_loss(name) for name in ("mse", "softmax", "bce"))
    y = RNG.standard_normal(500)
    outside = float(np.mean((y - np.clip(y, 0.0, 1.0)) ** 2))
    assert lowest_loss(mse, (1,), y, 0.0, 1.0) == pytest.approx(outside, rel=1e-5)
    labels = any_real(RNG.integers(0, 4, 50))
    bound = float(np.log(1.0 + 3.0 * np.exp(-2.0)))
    assert lowest_loss(softmax, (4,), labels, -1.0, 1.0) == pytest.approx(bound, rel=1e-5)
    assert lowest_loss(softmax, (4,), labels, 0.0, np.inf) == pytest.approx(0.0, abs=1e-6)
    least = lowest_loss(bce, (1,), ANSWERS, 0.0, 1.0)
    assert least is not None
    assert least > 0.3, "scores in [0, 1] are no scores for a loss that takes a sigmoid of them"


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_a_model_that_names_the_common_class_has_gained_nothing(share: float) -> None:
    y = any_real((RNG.uniform(size=4000) < share).astype(np.int64))
    always = gain_of(np.tile([1.0, 0.0], (4000, 1)), y)
    perfect = gain_of(np.eye(2)[y.astype(np.intp)] * 20.0, y)
    assert always is not None
    assert perfect is not None
    assert always.value == pytest.approx(0.0, abs=1e-12)
    assert perfect.value == pytest.approx(1.0)


def test_what_is_known_of_a_rare_class_counts_though_it_is_never_named() -> None:
    y = any_real((RNG.uniform(size=4000) < 0.05).astype(np.int64))
    x = RNG.standard_normal(4000) + 2.0 * y
    posterior = 1.0 / (1.0 + 19.0 * np.exp(2.0 - 2.0 * x))  # Bayes, for clouds at 0 and 2
    gain = gain_of(np.stack([np.log(1.0 - posterior), np.log(posterior)], axis=1), y)
    assert gain is not None
    assert gain.value > 0.6  # balanced accuracy of the best rule: Phi(1) = 0.841, a gain of 0.683


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_gain_of_quantities_is_r_squared(shape: tuple[int, ...]) -> None:
    y = RNG.standard_normal(300)
    p = y + 0.3 * RNG.standard_normal(300)
    gain = gain_of(p[:, None], y.reshape(shape))
    assert gain is not None
    assert gain.value == pytest.approx(1.0 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def test_noise_is_that_of_answers_at_random() -> None:
    y = any_real(np.repeat(np.arange(3), [200, 30, 30]))
    gains = [gain_of(np.random.default_rng(seed).standard_normal((260, 3)), y) for seed in range(300)]
    values = [g.value for g in gains if g is not None]
    first = gains[0]
    assert first is not None
    assert len(values) == 300
    assert 0.6 * first.noise < float(np.std(values)) < 1.15 * first.noise  # the better of two ways to read the scores
