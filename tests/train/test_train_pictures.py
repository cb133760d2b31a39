"""Pictures of what the monitor saw: the numbers in them, their axes, and nothing that overlaps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from minigrad import data, nn
from minigrad.train import Callback, History, Monitor, Run, fit
from minigrad.train.output.pictures import USUAL, images_of, weights_figure
from minigrad.train.output.plots import _pictures
from minigrad.typing import Array

DIGITS = data.load("digits").scaled()


class Keep(Callback):
    """Draws the pictures of the run at its end."""

    def on_end(self, run: Run) -> None:
        self.run = run
        self.made = {name: make() for name, make in _pictures(run).items()}


@pytest.fixture(scope="module")
def kept() -> Keep:
    keep = Keep()
    model = nn.mlp(64, [16], 10, rng=0)
    fit(model, DIGITS, epochs=4, lr=1e-2, schedule="step", checks=False, quiet=True, callbacks=[keep])
    return keep


def drawn(figure: Figure) -> tuple[RendererBase, tuple[int, int]]:
    """The figure laid out: what measures its texts, and its size in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return canvas.get_renderer(), canvas.get_width_height()  # type: ignore[no-untyped-call]


def lines(figure: Figure) -> dict[str, tuple[Array, Array]]:
    return {str(x.get_label()): (np.asarray(x.get_xdata()), np.asarray(x.get_ydata())) for x in figure.axes[0].lines}


def test_all_of_them_have_axes_with_names(kept: Keep) -> None:
    assert list(kept.made) == [
        "loss.png", "accuracy.png", "ratios.png", "schedule.png", "activations.png", "gradients.png", "first_layer.png",
        "confusion.png",
    ]  # fmt: skip
    for name in ("loss.png", "accuracy.png", "ratios.png", "schedule.png"):
        axes = kept.made[name].axes[0]
        assert axes.get_xlabel() == "epoch"
        assert axes.get_ylabel()
        assert axes.get_title().endswith("(digits, adam)")
    for figure in kept.made.values():
        assert figure.get_facecolor() == (1.0, 1.0, 1.0, 1.0)


def test_no_text_overlaps_another(kept: Keep) -> None:
    for name, figure in kept.made.items():
        renderer, (width, height) = drawn(figure)
        texts = [*figure.texts, *(t for axes in figure.axes for t in (axes.title, axes.xaxis.label, axes.yaxis.label))]
        texts += [t for legend in figure.legends for t in legend.get_texts()]
        boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_text() and t.get_visible()]
        for (a, box), (b, other) in itertools.combinations(boxes, 2):
            assert not box.overlaps(other), f"{name}: {a!r} and {b!r}"
        for text, box in boxes:
            assert min(box.x0, box.y0) >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, f"{name}: {text!r}"  # noqa: PT018


def test_ratios_are_drawn_over_epochs_with_the_usual_one(kept: Keep) -> None:
    watch, found = kept.run.monitor, lines(kept.made["ratios.png"])
    assert set(found) == {"layers.0.weight", "layers.2.weight", "about right: 1e-3"}
    at, ratios = found["layers.2.weight"]
    np.testing.assert_allclose(at, watch.parameters["step"] / kept.run.history.steps_per_epoch)
    np.testing.assert_array_equal(ratios, watch.parameters.of("layers.2.weight")["update_ratio"])
    assert set(found["about right: 1e-3"][1].tolist()) == {USUAL} == {1e-3}
    assert kept.made["ratios.png"].axes[0].get_yscale() == "log"


def test_the_schedule_is_the_rate_of_every_update(kept: Keep) -> None:
    ((_, rates),) = lines(kept.made["schedule.png"]).values()
    np.testing.assert_array_equal(rates, kept.run.monitor.steps["lr"])
    assert len(set(rates.round(12).tolist())) == 3
    assert kept.made["schedule.png"].axes[0].get_yscale() == "log"


@pytest.mark.parametrize(("name", "panels"), [("activations.png", 3), ("gradients.png", 2)])
def test_histograms_show_beginning_middle_and_end(kept: Keep, name: str, panels: int) -> None:
    figure = kept.made[name]
    assert len(figure.axes) == panels
    found = kept.run.monitor.activations if name == "activations.png" else kept.run.monitor.gradients
    for axes in figure.axes:
        assert len(axes.patches) == 3
        assert axes.get_xlabel()
    first = figure.axes[0].patches[0].get_data()  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.nan_to_num(first.values), found.counts[0, 0] / found.counts[0, 0].sum())
    np.testing.assert_allclose(first.edges[[0, -1]], [found.low[0, 0], found.high[0, 0]])
    assert [t.get_text() for t in figure.legends[0].get_texts()][-1] == "epoch 4"


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
    image = next(i for i in kept.made["confusion.png"].axes[0].get_children() if isinstance(i, AxesImage))
    shares = np.asarray(image.get_array())
    labels = np.asarray(DIGITS.y_val, dtype=int)
    assert history.best is not None
    right = sum(shares[k, k] * np.sum(labels == k) for k in range(10))
    assert right / len(labels) == pytest.approx(history.best.val_accuracy)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


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


def test_a_first_layer_of_few_units_has_room_for_its_title() -> None:
    history = History(config={"data": "fashion 5000", "optimizer": "adam"})
    figure = weights_figure(history, "layers.0.weight", np.eye(5)[None])
    renderer, (width, _) = drawn(figure)
    (title,) = figure.texts
    box = title.get_window_extent(renderer)
    assert box.x0 >= 0
    assert box.x1 <= width
