"""Pictures of the model at the end of a run.

Weights of its first layer, and which class it takes for which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from minigrad.charts import Heatmap, Picture, Tiles
from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.train.callbacks import Run
from minigrad.train.evaluation import EVAL_BATCH_SIZE, eval_mode
from minigrad.train.output.run_charts import history_charts, subtitle
from minigrad.train.splits import Rows

__all__ = ["confusion_counts", "confusion_picture", "images_of", "run_pictures"]

_CLASSES = 100
"""A confusion matrix of more classes could not be read."""
_TILES = 64


def run_pictures(run: Run) -> list[Picture]:
    """Everything there is to see of a run, the loss first."""
    weights = [name for name, t in run.model.named_parameters() if t.ndim >= 2]
    return [*history_charts(run.history, weights), *_first_layer(run), *_confusion(run)]


def _first_layer(run: Run) -> Iterator[Picture]:
    """Yield the weights of units of the first layer as a picture.

    If they look at pixels: the largest 64 of them.
    """
    first = next(((n, w) for n, w in run.model.state_dict().items() if w.ndim >= 2), None)
    images = None if first is None else images_of(first[1])
    if first is None or images is None:
        return
    order = np.argsort(-np.linalg.norm(images.reshape(len(images), -1), axis=1), kind="stable")[:_TILES]
    shown = images[order]
    if shown.ndim == 4:
        shown = 0.5 + 0.5 * shown / np.maximum(np.abs(shown).max(axis=(1, 2, 3), keepdims=True), 1e-30)
    remark = f"the {len(order)} largest of {len(images)} units" if len(order) < len(images) else ""
    sign = "red above 0, blue below, each relative to its largest weight" if shown.ndim == 3 else "colors of the input"
    yield Picture(
        name="first_layer", title=f"First layer: {first[0]}", subtitle=sign, plots=(Tiles(images=shown, remark=remark),)
    )


def images_of(weight: Array) -> Array | None:
    """Return the weights of each unit of a first layer as a picture.

    None where they do not look at pixels.

    A matrix `(D, units)` with D = H x H or 3 x H x H (H of 5 or more); kernels `(units, 1 or 3, H, W)`.
    """
    if weight.ndim == 4 and weight.shape[1] in (1, 3):
        tiles = weight
    elif weight.ndim == 2:
        channels = next((c for c in (1, 3) if _side(weight.shape[0] // c) ** 2 * c == weight.shape[0]), 0)
        if not channels or weight.shape[0] < 25 * channels:
            return None
        side = _side(weight.shape[0] // channels)
        tiles = weight.T.reshape(weight.shape[1], channels, side, side)
    else:
        return None
    return tiles[:, 0] if tiles.shape[1] == 1 else np.moveaxis(tiles, 1, -1)


def _confusion(run: Run) -> Iterator[Picture]:
    """Rows of each true class by the class predicted, on validation rows (or training rows)."""
    rows = run.split.train if run.split.val is None else run.split.val
    if not rows.has_labels or rows.y.ndim != 1:
        return
    counts = confusion_counts(run, rows)
    if counts is not None:
        named = () if run.split.dataset is None else run.split.dataset.class_names
        names = named if len(named) == len(counts) else [str(k) for k in range(len(counts))]
        which = "training" if run.split.val is None else "validation"
        yield confusion_picture(counts, names, f"{which} rows; {subtitle(run.history)}".removesuffix("; "))


def confusion_counts(run: Run, rows: Rows) -> Array | None:
    """Count how often each class was taken for which, `(true, predicted)`.

    None without scores of up to 100 classes.
    """
    with eval_mode(run.model):
        first = run.model(from_array(rows.x[:2]))
        if first.ndim != 2 or not 2 <= first.shape[1] <= _CLASSES:
            return None
        starts = range(0, len(rows), EVAL_BATCH_SIZE)
        outputs = [run.model(from_array(rows.x[k : k + EVAL_BATCH_SIZE])).numpy() for k in starts]
    predicted, classes = np.concatenate(outputs).argmax(axis=1), first.shape[1]
    counts = np.zeros((classes, classes))
    np.add.at(counts, (rows.y.astype(np.intp), predicted), 1.0)
    return counts


def confusion_picture(counts: Array, names: Sequence[str], subtitle: str = "") -> Picture:
    """The confusion matrix `(true, predicted)` with names of classes."""
    heatmap = Heatmap(
        counts=counts, row_names=names, column_names=names, row_title="true class", column_title="predicted"
    )
    return Picture(name="confusion", title="Confusion", subtitle=subtitle, plots=(heatmap,))


def _side(size: int) -> int:
    return round(float(np.sqrt(size)))
