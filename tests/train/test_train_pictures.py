"""Pictures of a run: the numbers in them are those of the history and the monitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.charts import Heatmap, Line, LineChart, Picture
from minigrad.data.arrays import any_real
from minigrad.train import Callback, Epoch, History, Monitor, Run, fit
from minigrad.train.monitor.histograms import Histograms
from minigrad.train.output.model_charts import images_of, run_pictures
from minigrad.train.output.run_charts import USUAL_RATIO, history_charts, spread_over
from minigrad.typing import Array

DIGITS = data.load("digits").scaled()


class Keep(Callback):
    """Draws the pictures of the run at its end."""

    def on_end(self, run: Run) -> None:
        self.run = run
        self.pictures = {p.name: p for p in run_pictures(run)}


@pytest.fixture(scope="module")
def kept() -> Keep:
    keep = Keep()
    model = nn.mlp(64, [16], 10, rng=0)
    fit(model, DIGITS, epochs=4, lr=1e-2, schedule="step", checks=False, quiet=True, callbacks=[keep])
    return keep


def chart(picture: Picture) -> LineChart:
    (plot,) = picture.plots
    assert isinstance(plot, LineChart)
    return plot


def lines(picture: Picture) -> Mapping[str, Line]:
    return {line.name: line for line in chart(picture).lines}


def test_there_is_a_picture_of_everything_and_none_is_empty(kept: Keep) -> None:
    assert list(kept.pictures) == [
        "loss", "accuracy", "ratios", "gradient_sizes", "schedule", "dead", "activations", "gradients", "first_layer",
        "confusion",
    ]  # fmt: skip
    for picture in kept.pictures.values():
        assert picture.title
        assert all(plot.elements() for plot in picture.plots)
    assert kept.pictures["loss"].subtitle.endswith("digits, adam")


def test_loss_and_accuracy_are_those_of_the_history(kept: Keep) -> None:
    history, loss = kept.run.history, lines(kept.pictures["loss"])
    assert history.initial is not None
    assert loss["validation"].y == [history.initial.val_loss, *history.column("val_loss")]
    assert loss["training"].x == [0, 1, 2, 3, 4]
    assert list(loss["training batches"].y) == history.batch_losses
    best = history.best
    assert best is not None
    (ring,) = chart(kept.pictures["loss"]).dots
    assert (ring.x, ring.y) == (best.epoch, best.val_loss)
    accuracy, last = chart(kept.pictures["accuracy"]), history.epochs[-1]
    assert last.train_accuracy is not None
    assert last.val_accuracy is not None
    gap = f"gap, {100 * (last.train_accuracy - last.val_accuracy):.1f} points at the end"
    assert [band.name for band in accuracy.bands] == [gap]
    assert lines(kept.pictures["accuracy"])["validation"].y == history.column("val_accuracy")


def test_a_loss_over_decades_has_a_logarithmic_axis_and_a_divergence_is_not_cut_off_silently() -> None:
    def loss_of(values: list[float]) -> LineChart:
        epochs = [Epoch(k, v, None, None, None, 1.0) for k, v in enumerate(values, 1)]
        return chart(next(iter(history_charts(History(epochs=epochs, batch_losses=values, steps_per_epoch=1)))))

    assert not loss_of([2.0, 1.0, 0.5]).log
    assert loss_of([2.0, 0.1, 0.01]).log
    assert not loss_of([2.0, 0.0, 0.0]).log, "0 has no logarithm"
    epochs = [Epoch(k, v, None, None, None, 1.0) for k, v in enumerate([2.0, 1.0], 1)]
    diverged = History(epochs=epochs, batch_losses=[2.0, 6e5], steps_per_epoch=1)
    assert "up to 6e5" in next(iter(history_charts(diverged))).notes()[0]


def test_ratios_are_drawn_over_epochs_with_the_usual_one(kept: Keep) -> None:
    watch, ratios = kept.run.monitor, lines(kept.pictures["ratios"])
    assert set(ratios) == {"layers.0.weight", "layers.2.weight", "about right: 1e-3"}
    line = ratios["layers.2.weight"]
    np.testing.assert_allclose(line.x, watch.parameters["step"] / kept.run.history.steps_per_epoch)
    np.testing.assert_array_equal(line.y, watch.parameters.of("layers.2.weight")["update_ratio"])
    assert set(ratios["about right: 1e-3"].y) == {USUAL_RATIO} == {1e-3}
    assert chart(kept.pictures["ratios"]).log


def test_the_schedule_is_the_rate_of_every_update(kept: Keep) -> None:
    (line,) = lines(kept.pictures["schedule"]).values()
    np.testing.assert_array_equal(line.y, kept.run.monitor.steps["lr"])
    assert len(set(np.round(line.y, 12).tolist())) == 3
    assert chart(kept.pictures["schedule"]).log


@pytest.mark.parametrize(("name", "panels"), [("activations", 3), ("gradients", 2)])
def test_histograms_show_beginning_middle_and_end(kept: Keep, name: str, panels: int) -> None:
    picture = kept.pictures[name]
    assert len(picture.plots) == panels
    found = kept.run.monitor.activations if name == "activations" else kept.run.monitor.gradients
    first = picture.plots[0]
    assert isinstance(first, LineChart)
    assert len(first.lines) == 3
    shares = np.nan_to_num(first.lines[0].y)[::2]
    np.testing.assert_allclose(shares, found.counts[0, 0] / found.counts[0, 0].sum())
    np.testing.assert_allclose([first.lines[0].x[0], first.lines[0].x[-1]], [found.low[0, 0], found.high[0, 0]])
    assert picture.legend()[-1].name == "epoch 4"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("ends", ["largest", "least", "one number", "neighbours", "both"])
def test_histograms_count_numbers_of_any_size(dtype: type[np.floating[Any]], ends: str) -> None:
    """A gradient of 1e38 beside others must not end the training that it is a picture of."""
    info = np.finfo(dtype)
    one = np.array(1.0, dtype)
    samples: dict[str, list[Any]] = {
        "largest": [info.max, -info.max, 0.0, 1.0],
        "least": [info.smallest_subnormal, 0.0, -info.smallest_subnormal],
        "one number": [info.max],
        "neighbours": [one, np.nextafter(one, one + one)],
        "both": [info.max, info.smallest_subnormal, 1.0],
    }
    sample = np.array(samples[ends], dtype=dtype)
    histograms = Histograms()
    histograms.append(1, {"w": any_real(sample)})
    assert histograms.counts.sum() == len(sample)
    assert np.isfinite([histograms.low, histograms.high]).all()
    assert histograms.low[0, 0] <= sample.min() <= sample.max() <= histograms.high[0, 0]


def test_histograms_count_what_numpy_counts() -> None:
    model = nn.Linear(6, 40, rng=0)
    watch = Monitor(model, probe=np.random.default_rng(0).normal(size=(50, 6)))
    found = watch.activations
    outputs = watch._probe[0] @ model.weight.numpy()
    assert model.bias is not None
    expected, edges = np.histogram(outputs + model.bias.numpy(), bins=40)
    np.testing.assert_allclose(found.counts[0, 0], expected, atol=1)  # an entry at an edge may fall to either side
    np.testing.assert_allclose([found.low[0, 0], found.high[0, 0]], edges[[0, -1]])
    assert found.counts[0, 0].sum() == 2000


def test_the_confusion_is_that_of_the_best_weights(kept: Keep) -> None:
    history = kept.run.history
    (heatmap,) = kept.pictures["confusion"].plots
    assert isinstance(heatmap, Heatmap)
    labels = np.asarray(DIGITS.y_val, dtype=int)
    np.testing.assert_array_equal(heatmap.counts.sum(axis=1), np.bincount(labels, minlength=10))
    assert history.best is not None
    assert np.trace(heatmap.counts) / len(labels) == pytest.approx(history.best.val_accuracy)


def test_layers_that_are_left_out_are_counted() -> None:
    assert spread_over(list(range(30)), 12)[0] == 0
    assert spread_over(list(range(30)), 12)[-1] == 29
    model = nn.mlp(8, [4] * 14, 3, rng=0)
    rng = np.random.default_rng(0)
    history = fit(model, (rng.normal(size=(40, 8)), np.arange(40) % 3), epochs=1, checks=False, quiet=True)
    ratios = next(p for p in history_charts(history) if p.name == "ratios")
    assert ratios.notes()[0] == "12 of 15 parameters are shown, evenly spaced"
    colors = [line.hex_color for line in chart(ratios).lines[:-1]]
    assert len(set(colors)) == 12


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((784, 12), (12, 28, 28)), ((3072, 4), (4, 32, 32, 3)), ((8, 1, 5, 5), (8, 5, 5)), ((8, 3, 5, 5), (8, 5, 5, 3))],
)
def test_weights_of_pixels_become_pictures(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    weight: Array = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    found = images_of(weight)
    assert found is not None
    assert found.shape == expected
    if shape == (784, 12):
        np.testing.assert_array_equal(found[3], weight[:, 3].reshape(28, 28))
    if shape == (8, 3, 5, 5):
        np.testing.assert_array_equal(found[2, :, :, 1], weight[2, 1])


@pytest.mark.parametrize("shape", [(10, 12), (9, 4), (785, 12), (8, 2, 5, 5), (30, 4, 6)])
def test_other_weights_do_not(shape: tuple[int, ...]) -> None:
    assert images_of(np.zeros(shape)) is None
