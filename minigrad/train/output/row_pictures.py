"""What a run saw and got wrong: a batch, predictions over targets, the worst errors."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import attrs
import numpy as np

from minigrad.charts import Line, LineChart, Picture, Tiles
from minigrad.core.types import Array
from minigrad.data import Dataset
from minigrad.data.prepare.preparation import ArrayInputs, TableInputs
from minigrad.data.prepare.targets import NumberTarget
from minigrad.data.prepare.text import TextInputs
from minigrad.text import as_html, table
from minigrad.train.callbacks import Run
from minigrad.train.evaluation import outputs_of, probabilities_of
from minigrad.train.splits import Rows, Source, Split, as_split

__all__ = ["RowTable", "batch_rows", "prediction_picture", "row_pictures", "show_batch", "worst_rows"]

_BATCH, _WORST, _POINTS, _PANELS, _COLUMNS = 16, 12, 1000, 6, 12
_MEASURED = 10_000
"""Validation rows that are looked at, the first ones."""


@attrs.frozen
class RowTable:
    """A few rows as a table, where they are no pictures.

    Attributes:
        name: in a word.
        title: above it.
        head: names of the columns.
        rows: cells of each row.
        remark: what is left out.
    """

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remark: str = ""

    def __str__(self) -> str:
        return "\n".join([self.title, *table(self.head, self.rows), *([self.remark] if self.remark else [])])

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        return as_html(str(self))

    def html(self) -> str:
        """A table and its remark, for a page that has the style."""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.head)
        body = "".join(
            "<tr>"
            + "".join(
                f'<td data-head="{escape(name, quote=True)}">{escape(cell)}</td>'
                for name, cell in zip(self.head, row, strict=True)
            )
            + "</tr>"
            for row in self.rows
        )
        remark = f"<p><small>{escape(self.remark)}</small></p>" if self.remark else ""
        return f'<div class="scroll"><table class="figures cards"><tr>{head}</tr>{body}</table></div>{remark}'


def row_pictures(run: Run) -> tuple[list[Picture], list[RowTable]]:
    """The pictures and tables of rows that a run allows."""
    shown: list[Picture | RowTable] = []
    rows = run.split.train if run.split.val is None else run.split.val
    if rows.y.ndim > 2 or (rows.has_labels and rows.y.ndim > 1):  # characters, maps: nothing below is for them
        return _sorted_out([batch_rows(run.split, run.batch_size, run.seed)])
    rows = rows.take(np.arange(min(len(rows), _MEASURED)))
    with np.errstate(all="ignore"):  # what is not finite is seen below
        outputs = outputs_of(run.model, rows.x)
    answers = rows.y.dtype.kind == "f" and bool(np.isin(rows.y, (0.0, 1.0)).all())  # of yes and no: no amounts
    if answers or not np.isfinite(outputs).all():
        return _sorted_out([batch_rows(run.split, run.batch_size, run.seed)])
    if rows.y.dtype.kind == "f" and outputs.size == rows.y.size:
        shown += [prediction_picture(run.split, rows.y, outputs.reshape(rows.y.shape))]
    worst = worst_rows(run.split, rows, outputs)
    shown += [] if worst is None else [worst]
    shown += [batch_rows(run.split, run.batch_size, run.seed)]
    return _sorted_out(shown)


def _sorted_out(shown: Sequence[Picture | RowTable]) -> tuple[list[Picture], list[RowTable]]:
    return [s for s in shown if isinstance(s, Picture)], [s for s in shown if isinstance(s, RowTable)]


# -- a batch -----------------------------------------------------------------------------------------------------------
def show_batch(data: Source, batch_size: int = _BATCH, *, seed: int = 0) -> Picture | RowTable:
    """The first rows of the first batch as the model gets them: scaled, shuffled, augmented.

    A notebook shows the result as it is; `print` shows a table.

    Args:
        data: what `fit` takes.
        batch_size: rows that are drawn; the first sixteen are shown.
        seed: of their order.

    Raises:
        TrainError: it is no such data.
        DataValueError: values are not finite.
    """
    return batch_rows(as_split(data, np.dtype(np.float32)), batch_size, seed)


def batch_rows(split: Split, batch_size: int, seed: int) -> Picture | RowTable:
    """The first rows of the first batch, as pictures or as a table."""
    x, y = next(iter(split.batches(batch_size, seed).epoch(0, 0)))
    x, y = x[:_BATCH], y[:_BATCH]
    names, title = _target_words(split, y), "The first batch as the model gets it"
    inputs = _inputs(split)
    if isinstance(inputs, TextInputs) and x.ndim == 2:
        texts = [repr(inputs.decode(row))[1:-1] for row in x.astype(np.intp)]
        rows = tuple((text, inputs.decode(row[-1:])) for text, row in zip(texts, y.astype(np.intp), strict=True))
        return RowTable("batch", title, ("window", "next"), rows)
    pictures = _as_pictures(split, x)
    if pictures is not None:
        low, high = float(x.min()), float(x.max())
        tiles = Tiles(images=_colored(pictures), captions=names, remark=f"black is {low:.3g}, white {high:.3g}")
        return Picture(name="batch", title=title, subtitle=f"{len(x)} of {batch_size} rows", plots=(tiles,))
    flat = x.reshape(len(x), -1)
    features = _feature_names(split, flat.shape[1])
    cells = tuple(
        (name, *(f"{v:.3g}" for v in row[:_COLUMNS])) for name, row in zip(names, flat.astype(float), strict=True)
    )
    left_out = f"{_COLUMNS} of {flat.shape[1]} inputs are shown" if flat.shape[1] > _COLUMNS else ""
    return RowTable("batch", title, ("target", *features[:_COLUMNS]), cells, left_out)


# -- predictions -------------------------------------------------------------------------------------------------------
def prediction_picture(split: Split, targets: Array, outputs: Array) -> Picture:
    """Predictions over targets, in the units of the targets; on the line they are equal.

    Args:
        split: whose preparation knows the units.
        targets: `(N,)` or `(N, count)`, as the model is trained on.
        outputs: of the same shape.
    """
    true, predicted = (_in_units(split, values).reshape(len(targets), -1) for values in (targets, outputs))
    names = _number_names(split, true.shape[1])
    chosen = np.sort(np.random.default_rng(0).permutation(len(true))[:_POINTS])
    panels = []
    for k in range(min(true.shape[1], _PANELS)):
        x, y = true[chosen, k], predicted[chosen, k]
        ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
        lines = (
            Line("equal", ends, ends, 7, "dashed"),
            Line("a row", x.tolist(), y.tolist(), 0, "points"),
        )
        chart = LineChart(lines=lines, title=names[k], xlabel="target", ylabel="prediction", from_zero=False)
        panels.append(chart if true.shape[1] == 1 else attrs.evolve(chart, width=290.0, height=240.0))
    which = "training" if split.val is None else "validation"
    remarks = []
    if len(chosen) < len(true):
        remarks.append(f"{len(chosen)} of {len(true)} rows, drawn at random")
    if true.shape[1] > _PANELS:
        remarks.append(f"{_PANELS} of {true.shape[1]} targets")
    unit = names[0] if true.shape[1] == 1 else "each target"
    return Picture(
        name="predictions", title="Prediction over target", subtitle=f"{which} rows, {unit} in its own units",
        plots=tuple(panels), columns=min(3, len(panels)), remarks=tuple(remarks),
    )  # fmt: skip


def worst_rows(split: Split, rows: Rows, outputs: Array) -> Picture | RowTable | None:
    """The rows with the largest errors, the worst first.

    None where outputs are neither classes nor numbers.

    Args:
        split: whose preparation knows names and units.
        rows: inputs and targets.
        outputs: of the model for them.
    """
    if rows.has_labels and rows.y.ndim == 1 and outputs.ndim == 2:
        shares = probabilities_of(outputs)
        own = shares[np.arange(len(rows)), rows.y.astype(np.intp)]
        order = np.argsort(own, kind="stable")[:_WORST]
        predicted = _class_words(split, outputs[order].argmax(axis=1))
        errors, head = [f"{own[k]:.2g}" for k in order], ("row", "true", "predicted", "share of true")
        true = _class_words(split, rows.y[order])
    elif rows.y.dtype.kind == "f" and outputs.size == rows.y.size and rows.y.reshape(len(rows), -1).shape[1] == 1:
        target, output = (_in_units(split, v.reshape(rows.y.shape)).reshape(-1) for v in (rows.y, outputs))
        order = np.argsort(-np.abs(output - target), kind="stable")[:_WORST]
        true, predicted = ([f"{v[k]:.6g}" for k in order] for v in (target, output))
        errors, head = [f"{output[k] - target[k]:+.6g}" for k in order], ("row", "true", "predicted", "error")
    else:
        return None
    title = "Worst errors"
    which = "training" if split.val is None else "validation"
    pictures = _as_pictures(split, rows.x[order])
    if pictures is not None:
        words = [f"{t}\n{'' if t == p else f'not {p}'} " for t, p in zip(true, predicted, strict=True)]
        tiles = Tiles(images=_colored(pictures), captions=words, remark="the true class, not the predicted one")
        return Picture(name="worst", title=title, subtitle=f"{which} rows with the largest loss", plots=(tiles,))
    names, cells = _own_cells(split, rows.x[order])
    body = tuple((str(k), t, p, e, *own) for k, t, p, e, own in zip(order, true, predicted, errors, cells, strict=True))
    remark = f"{which} rows, numbered from 0" + (f"; {_COLUMNS} columns are shown" if len(names) > _COLUMNS else "")
    return RowTable("worst", title, (*head, *names[:_COLUMNS]), body, remark)


# -- words -------------------------------------------------------------------------------------------------------------
def _inputs(split: Split) -> object:
    recipe = None if split.dataset is None else split.dataset.preparation
    if recipe is None and split.dataset is not None and split.dataset.kind == "text":
        return None
    return None if recipe is None else recipe.inputs


def _as_pictures(split: Split, x: Array) -> Array | None:
    """Rows as pictures `(n, H, W)` or `(n, H, W, 3)`; None where they are none."""
    inputs = _inputs(split)
    if isinstance(inputs, ArrayInputs) and x[0].size == int(np.prod(inputs.shape)):
        x = x.reshape(len(x), *inputs.shape)
    if x.ndim == 4 and x.shape[1] in (1, 3):
        x = x[:, 0] if x.shape[1] == 1 else np.moveaxis(x, 1, -1)
    return x if x.ndim in (3, 4) and min(x.shape[1:3]) >= 4 else None


def _colored(pictures: Array) -> Array:
    """Gray or color, the smallest value black and the largest white."""
    low, high = float(pictures.min()), float(pictures.max())
    shares = (pictures.astype(np.float64) - low) / ((high - low) or 1.0)
    return shares if shares.ndim == 4 else np.repeat(shares[..., None], 3, axis=3)


def _in_units(split: Split, values: Array) -> Array:
    recipe = None if split.dataset is None else split.dataset.preparation
    if recipe is not None and isinstance(recipe.target, NumberTarget):
        return recipe.target.decode(values)
    return values.astype(np.float64)


def _number_names(split: Split, count: int) -> list[str]:
    recipe = None if split.dataset is None else split.dataset.preparation
    names = recipe.target.names if recipe is not None and isinstance(recipe.target, NumberTarget) else ()
    return list(names) if len(names) == count else [f"target {k}" if count > 1 else "target" for k in range(count)]


def _class_words(split: Split, labels: Array) -> list[str]:
    dataset: Dataset | None = split.dataset
    names: Sequence[str] = () if dataset is None else dataset.class_names
    return [names[int(k)] if int(k) < len(names) else str(int(k)) for k in labels]


def _target_words(split: Split, y: Array) -> list[str]:
    if y.dtype.kind in "iu" and y.ndim == 1:
        return _class_words(split, y)
    values = y.reshape(len(y), -1).astype(np.float64)
    return [", ".join(f"{v:.3g}" for v in row[:4]) for row in values]


def _feature_names(split: Split, count: int) -> tuple[str, ...]:
    inputs = _inputs(split)
    names = inputs.features if isinstance(inputs, TableInputs) else ()
    if len(names) != count and split.dataset is not None:
        names = split.dataset.feature_names
    return tuple(names) if len(names) == count else tuple(f"x{k}" for k in range(count))


def _own_cells(split: Split, x: Array) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Names and cells of rows as they stood in their table, or as the model gets them."""
    inputs = _inputs(split)
    if isinstance(inputs, TableInputs):
        return tuple(c.name for c in inputs.columns), [row[:_COLUMNS] for row in inputs.decode(x)]
    flat = x.reshape(len(x), -1).astype(np.float64)
    return _feature_names(split, flat.shape[1]), [tuple(f"{v:.3g}" for v in row[:_COLUMNS]) for row in flat]
