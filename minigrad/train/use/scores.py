"""Scores of predictions, added up over batches: of classes, of labels, of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minigrad.core.types import Array
from minigrad.train.metric_functions import area_under_curve

__all__ = ["ClassCounts", "LabelCounts", "NumberSums"]


class ClassCounts:
    """How often each class was taken for which, added up over batches.

    Attributes:
        matrix: `(true, predicted)` counts.
        log_loss: sum over rows of minus the logarithm of the probability of the true class.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.matrix = np.zeros((len(self.classes), len(self.classes)), dtype=np.int64)
        self.log_loss = 0.0
        self._scores: list[Array] = []
        self._labels: list[NDArray[np.int64]] = []

    def add(self, probabilities: Array, labels: NDArray[np.int64]) -> None:
        """Count a batch: probabilities `(N, classes)` and class numbers `(N,)`."""
        np.add.at(self.matrix, (labels, probabilities.argmax(axis=1)), 1)
        chosen = probabilities[np.arange(len(labels)), labels]
        self.log_loss -= float(np.log(np.maximum(chosen, 1e-300)).sum())
        if len(self.classes) == 2:  # 12 bytes a row, for the area under the curve, which needs all of them
            self._scores.append(np.asarray(probabilities[:, 1].astype(np.float32)))
            self._labels.append(labels)

    def figures(self) -> dict[str, float]:
        """Rows, accuracy, balanced accuracy, macro F1 and log loss; of two classes AUC besides.

        Balanced accuracy is the mean recall of the classes that occur.
        """
        rows, right = int(self.matrix.sum()), np.diag(self.matrix)
        true, predicted = self.matrix.sum(axis=1), self.matrix.sum(axis=0)
        occurs = true > 0
        f1 = 2.0 * right / np.maximum(true + predicted, 1)
        area = {}
        if self._scores:
            area["auc"] = area_under_curve(np.concatenate(self._scores), np.concatenate(self._labels) == 1)
        return {
            "rows": float(rows),
            "accuracy": float(right.sum() / max(rows, 1)),
            "balanced_accuracy": float(np.mean(right[occurs] / true[occurs])) if occurs.any() else float("nan"),
            "f1": float(np.mean(f1[occurs | (predicted > 0)])) if rows else float("nan"),
            "log_loss": self.log_loss / max(rows, 1),
            **area,
        }


class LabelCounts:
    """How often answers of yes and no were right, added up over batches."""

    def __init__(self, count: int) -> None:
        self._rows, self._exact, self._log_loss = 0, 0, 0.0
        self._right, self._both, self._true, self._told = (np.zeros(count) for _ in range(4))

    def add(self, scores: Array, answers: Array) -> None:
        """Count a batch: scores and answers (0 or 1), `(N, labels)`."""
        told, true, wide = scores > 0.0, answers > 0.5, scores.astype(np.float64)
        self._rows += len(true)
        self._exact += int((told == true).all(axis=1).sum())
        self._right += (told == true).sum(axis=0)
        self._both += (told & true).sum(axis=0)
        self._true += true.sum(axis=0)
        self._told += told.sum(axis=0)
        self._log_loss += float((np.maximum(wide, 0.0) - wide * true + np.log1p(np.exp(-np.abs(wide)))).sum())

    def figures(self) -> dict[str, float]:
        """Rows, accuracy and F1 as means over labels, share of faultless rows, log loss."""
        rows, count = max(self._rows, 1), len(self._true)
        occurs = (self._true > 0) | (self._told > 0)
        f1 = 2.0 * self._both[occurs] / (self._true + self._told)[occurs]
        return {
            "rows": float(self._rows),
            "accuracy": float(np.mean(self._right / rows)),
            "exact_match": self._exact / rows,
            "f1": float(np.mean(f1)) if f1.size else 0.0,
            "log_loss": self._log_loss / (rows * count),
        }


class NumberSums:
    """Sums over batches that RMSE, MAE and R2 are made of, for one target or several."""

    def __init__(self, count: int) -> None:
        self.rows = 0
        self._squares, self._absolute = np.zeros(count), np.zeros(count)
        self._mean, self._spread = np.zeros(count), np.zeros(count)

    def add(self, predicted: Array, true: Array) -> None:
        """Count a batch of predictions and targets in their own units, `(N,)` or `(N, count)`.

        Figures of numbers whose squares overflow are infinite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            self._add(predicted, true)

    def _add(self, predicted: Array, true: Array) -> None:
        predicted, true = (a.reshape(len(a), -1).astype(np.float64) for a in (predicted, true))
        error = predicted - true
        self._squares += np.square(error).sum(axis=0)
        self._absolute += np.abs(error).sum(axis=0)
        if not len(true):
            return
        # Spread around a mean that moves, without the cancellation of sums of squares (Chan, Golub, LeVeque 1983).
        mean, rows = true.mean(axis=0), self.rows + len(true)
        moved = mean - self._mean
        self._spread += np.square(true - mean).sum(axis=0) + np.square(moved) * self.rows * len(true) / rows
        self._mean += moved * len(true) / rows
        self.rows = rows

    def figures(self) -> dict[str, float]:
        """Rows, RMSE, MAE and R2; of several targets their means.

        R2 is NaN where all targets are equal.
        """
        rows = max(self.rows, 1)
        spread = np.where(self._spread > 0.0, self._spread, np.nan)
        return {
            "rows": float(self.rows),
            "rmse": float(np.mean(np.sqrt(self._squares / rows))),
            "mae": float(np.mean(self._absolute / rows)),
            "r2": float(np.mean(1.0 - self._squares / spread)),
        }
