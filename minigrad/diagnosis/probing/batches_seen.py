"""Batches of a loop of one's own, compared with the rows that it was said to train on."""

from __future__ import annotations

from collections import Counter

import numpy as np

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.diagnosis.facts import Batches
from minigrad.diagnosis.probing.row_words import row_words, telling_columns
from minigrad.train.splits import Split

__all__ = ["SeenBatches"]

_MOST, _SAMPLE, _SIZED, _NAMES, _FIRST = 300_000, 400, 8, 64, 40


class SeenBatches:
    """Notes which rows the batches of a loop hold, and with which targets.

    Attributes:
        inputs: of the model's last call, while its loss is awaited.
    """

    def __init__(self, split: Split) -> None:
        x = split.train.x
        self._telling = telling_columns(x)
        words = self._words(x)
        self._rows = Counter(words)
        self._train = {word: number if self._rows[word] == 1 else -1 for number, word in enumerate(words)}
        """Word of each row -> its number; -1 where several rows share it."""
        self._val = set() if split.val is None else set(self._words(split.val.x)) - self._rows.keys()
        self._y = np.asarray(split.train.y)
        self._shape = x.shape[1:]
        self._size = float(np.sqrt(np.mean(np.square(x[:_SAMPLE], dtype=np.float64)))) if x.dtype.kind == "f" else 0.0
        self.inputs: Array | None = None
        self._seen: set[int] = set()  # words of training rows
        self._fed = self._known = self._from_val = self._paired = self._wrong = 0
        self._sizes: list[float] = []
        self._pairs: dict[float, set[float]] = {}
        self._strange = False
        self._first: list[list[int]] = []

    def _words(self, x: Array) -> list[int]:
        words: list[int] = row_words(x, self._telling).tolist()
        return words

    def note(self, targets: object) -> None:
        """Take note of the inputs of the last call and of the targets that its loss was given."""
        x, self.inputs = self.inputs, None
        if x is None or self._fed >= _MOST or x.shape[1:] != self._shape:
            return
        words = self._words(x)
        numbers = [self._train.get(word) for word in words]
        self._fed += len(words)
        if len(self._first) < _FIRST:
            self._first.append(sorted(words))
        self._known += sum(n is not None for n in numbers)
        self._from_val += sum(word in self._val for word in words)
        self._seen.update(word for word in words if word in self._rows)
        if self._size and len(self._sizes) < _SIZED:
            self._sizes.append(float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))))
        self._compare(numbers, np.asarray(targets.numpy() if isinstance(targets, Tensor) else targets))

    def _compare(self, numbers: list[int | None], y: Array) -> None:
        if self._strange or len(y) != len(numbers) or y.size != len(y) * int(np.prod(self._y.shape[1:])):
            self._strange = True
            return
        rows = np.array([k for k, n in enumerate(numbers) if n is not None and n >= 0], dtype=np.intp)
        if not len(rows):
            return
        own = self._y[np.array([numbers[k] for k in rows], dtype=np.intp)].reshape(len(rows), -1)
        there = y[rows].reshape(len(rows), -1)
        wrong = ~np.isclose(own, there, rtol=1e-5, atol=1e-8).all(axis=1)
        self._paired += len(rows)
        self._wrong += int(wrong.sum())
        for a, b in zip(own[:, 0].tolist(), there[:, 0].tolist(), strict=True):
            if a in self._pairs or len(self._pairs) < _NAMES:
                self._pairs.setdefault(a, set()).add(b)

    @property
    def _renamed(self) -> bool:
        """Whether targets were only called by other names, each by one.

        Or brought to another scale.
        """
        if any(len(names) > 1 for names in self._pairs.values()):
            return False
        if len(self._pairs) < _NAMES:
            return True
        a, b = (np.argsort(np.argsort(v)) for v in zip(*((k, *v) for k, v in self._pairs.items()), strict=True))
        return abs(float(np.corrcoef(a, b)[0, 1])) > 0.99

    def _differing(self) -> float:
        """Share of the pairs of training rows that have different targets."""
        counts = np.unique(self._y.reshape(len(self._y), -1)[:, 0], return_counts=True)[1]
        return 1.0 - float(np.sum((counts / counts.sum()) ** 2))

    def result(self, per_epoch: int = _FIRST) -> Batches | None:
        """What was seen; None for no batch.

        Args:
            per_epoch: batches in an epoch.
        """
        if not self._fed:
            return None
        first = self._first[:per_epoch]
        usable = not self._strange and self._paired and not self._renamed
        return Batches(
            fed=self._fed,
            known=self._known / self._fed,
            from_val=self._from_val / self._fed,
            used=sum(self._rows[word] for word in self._seen) / max(self._rows.total(), 1),
            by_chance=self._differing(),
            mispaired=self._wrong / self._paired if usable else None,
            alike=None if len(first) < 4 else sum(b == first[0] for b in first[1:]) / (len(first) - 1),
            size=float(np.median(self._sizes)) / self._size if self._sizes and self._size else 1.0,
        )
