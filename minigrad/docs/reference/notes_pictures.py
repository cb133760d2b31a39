"""Pictures of the gallery: what course notes draw, each by a small training of its own.

`minigrad docs --picture NAME` draws one; a page says where one belongs with a line `<!-- picture: NAME -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from minigrad import data, nn
from minigrad.charts import Line, LineChart, Picture, Tiles
from minigrad.core.errors import MinigradError, nearest
from minigrad.docs.reference.paths import SADDLE, VALLEY, Surface, path_picture, walk
from minigrad.train.checks.step_size import step_curve, step_size_picture
from minigrad.train.fitting import fit
from minigrad.train.history import History
from minigrad.train.output.model_charts import images_of
from minigrad.train.output.run_charts import history_charts

__all__ = ["PICTURES", "UnknownPicture", "draw_picture", "fill_pictures"]

_LINE = re.compile(r"^<!-- picture: ([\w-]+) -->$", re.M)


class UnknownPicture(MinigradError):
    """The gallery has no picture of that name."""


def draw_picture(name: str) -> Picture:
    """Train what a picture shows, and draw it.

    Raises:
        UnknownPicture: there is none of that name; names the nearest.
    """
    if name not in PICTURES:
        raise UnknownPicture(
            f"the gallery has no picture {name!r}.{nearest(name, PICTURES)} It has: {', '.join(PICTURES)}"
        )
    return PICTURES[name]()


def fill_pictures(text: str) -> str:
    """Markdown with every picture where its line was."""

    def drawn(match: re.Match[str]) -> str:
        return f'```{{raw}} html\n<div class="mg">{draw_picture(match[1]).figure()}</div>\n```'

    return _LINE.sub(drawn, text)


def _train(rows: int | None = None, hidden: int = 32, **options: object) -> History:
    """A network with one hidden layer, trained on handwritten digits of 8 x 8 pixels."""
    digits = data.load("digits").scaled()
    x, y = digits.x_train[:rows], digits.y_train[:rows]
    source = (x, y, digits.x_val, digits.y_val)
    return fit(nn.mlp(64, [hidden], 10, rng=0), source, checks=False, quiet=True, **options)  # type: ignore[arg-type]


def _loss_by_rate() -> Picture:
    lines = []
    for k, (rate, name) in enumerate(
        [(0.003, "low: 0.003"), (0.3, "good: 0.3"), (1.5, "high: 1.5"), (6.0, "very high: 6")]
    ):
        history = _train(optimizer="sgd", lr=rate, epochs=20, restore_best=False)
        losses = [e.train_loss for e in history.epochs]
        lines.append(Line(name, list(range(1, len(losses) + 1)), losses, k))
    chart = LineChart(lines=tuple(lines), ylabel="loss", top=4.0)
    return Picture(
        name="loss-by-rate", title="Loss by learning rate", subtitle="plain SGD, handwritten digits", plots=(chart,)
    )


def _wiggle_by_batch() -> Picture:
    lines = []
    for k, size in enumerate((8, 64, 512)):
        history = _train(optimizer="sgd", lr=0.1, epochs=10, batch_size=size, restore_best=False)
        at = [step / history.steps_per_epoch for step in range(len(history.batch_losses))]
        lines.append(Line(f"batches of {size}", at, history.batch_losses, k, kind="thin"))
    chart = LineChart(lines=tuple(lines), ylabel="loss of a batch")
    return Picture(
        name="wiggle-by-batch",
        title="Wiggle by batch size",
        subtitle="loss of every batch, SGD, lr 0.1",
        plots=(chart,),
    )


def _gap() -> Picture:
    lines = []
    for k, (rows, what) in enumerate([(100, "100 rows"), (None, "all rows")]):
        history = _train(rows=rows, optimizer="adam", lr=0.01, epochs=20, restore_best=False)
        at = list(range(1, len(history.epochs) + 1))
        for column, kind, whose in (("train_accuracy", "solid", "training"), ("val_accuracy", "dashed", "validation")):
            values = [float(v) for v in history.column(column) if v is not None]
            lines.append(Line(f"{whose}, {what}", at, values, k, kind))
    chart = LineChart(lines=tuple(lines), ylabel="accuracy", percent=True, from_zero=False)
    return Picture(name="gap", title="Gap between training and validation", subtitle="accuracy", plots=(chart,))


def _step_size() -> Picture:
    digits = data.load("digits").scaled()
    model = nn.mlp(64, [16], 10, activation="tanh", rng=0)
    return step_size_picture(step_curve(model, "softmax", (digits.x_train[:20], digits.y_train[:20])))


def _update_ratios() -> Picture:
    history = _train(optimizer="adam", lr=1e-3, epochs=10)
    return next(picture for picture in history_charts(history) if picture.name == "ratios")


def _first_layer() -> Picture:
    history = _train(hidden=24, optimizer="adam", lr=3e-3, epochs=20, regularization=nn.L2(0.01))
    weights = next(w for w in history.best_weights.values() if w.ndim >= 2)
    images = images_of(weights)
    assert images is not None
    return Picture(
        name="first-layer", title="Weights of the first layer", subtitle="red above 0, blue below",
        plots=(Tiles(images=images, remark="24 units, each looks at 8 x 8 pixels"),),
    )  # fmt: skip


_RULES: Mapping[str, tuple[float, dict[str, float]]] = {
    "sgd": (0.04, {}),
    "momentum": (0.02, {"momentum": 0.8}),
    "nesterov": (0.02, {"momentum": 0.8}),
    "adagrad": (0.5, {}),
    "rmsprop": (0.06, {"decay": 0.9}),
    "adam": (0.15, {}),
}
"""Rule -> learning rate and options of the two pictures of paths."""
_STEPS = 60


def _paths(surface: Surface, name: str) -> Picture:
    paths = [walk(rule, surface, rate, _STEPS, **options) for rule, (rate, options) in _RULES.items()]
    labels = {rule: f"{rule}, lr {rate:g}" for rule, (rate, _) in _RULES.items()}
    return path_picture(name, f"Paths of six rules, {_STEPS} steps", surface, paths, labels)


PICTURES: Mapping[str, Callable[[], Picture]] = {
    "loss-by-rate": _loss_by_rate,
    "wiggle-by-batch": _wiggle_by_batch,
    "gap": _gap,
    "step-size": _step_size,
    "update-ratios": _update_ratios,
    "first-layer": _first_layer,
    "paths-valley": lambda: _paths(VALLEY, "paths-valley"),
    "paths-saddle": lambda: _paths(SADDLE, "paths-saddle"),
}
"""Name -> what draws it; every one takes less than about 2 seconds."""
