"""Rules about the batches of a loop of one's own.

Which rows they hold, and with which targets.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from minigrad.diagnosis.builtin.effects import FIT, NUMERICS, RATE
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding

__all__ = ["BatchShift", "Mispaired", "RowsUnused"]


@attrs.frozen
class Mispaired(Builtin):
    """Rows that stand beside the targets of other rows in the batches, though not in the data.

    Attributes:
        share: of the rows that are recognised, over what chance gives: rows of a common class mostly have the targets
            of each other.
        rows: that many must have another target.
    """

    code = "MISPAIRED"
    family = "data"
    title = "batches hold rows beside the targets of others"
    source = "own: rows of the batches are looked up among the training rows"
    effects = RATE | FIT | NUMERICS | {"LABELS_RANDOM", "SAME_BATCH", "UNSHUFFLED"}

    share: float = 0.25
    rows: int = 12

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        seen = evidence.batches
        if seen is None or seen.mispaired is None or seen.mispaired * seen.known * seen.fed < self.rows:
            return
        if seen.mispaired > self.share * seen.by_chance:
            yield self.finding(
                "batches",
                {"rows with another target than in the data": seen.mispaired},
                "the data are in order, but the loop gives rows the targets of other rows",
                "take inputs and targets with the same row numbers: x[rows], y[rows]",
                "look for a shuffle, or an iterator, that only one of the two goes through",
            )


@attrs.frozen
class RowsUnused(Builtin):
    """Training rows that no batch ever held.

    Attributes:
        used: share of the rows that are used, below which it is said.
        passes: rows in all batches over training rows from which on all rows should have been seen.
        known: share of the batches' rows that must be recognised.
        behind: share of the way from chance to perfect behind simple rules, for a FAULT after less than one pass.
        batches: fewer than these say nothing.
    """

    code = "ROWS_UNUSED"
    family = "data"
    title = "most rows are never used"
    source = "own: rows of the batches are looked up among the training rows"
    effects = frozenset({"UNDERFIT", "OVERFIT", "LR_LOW", "LR_HIGH", "NO_LEARNING"})

    used: float = 0.5
    passes: float = 3.0
    known: float = 0.9
    behind: float = 0.12
    batches: int = 4

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        seen, rows = evidence.batches, max(evidence.data.rows, 1)
        if seen is None or seen.known < self.known or seen.used > self.used:
            return
        passes = seen.fed / rows
        figures = {"training rows used": seen.used, "rows in all batches, of all rows": passes}
        if passes >= self.passes:
            yield self.finding(
                "batches",
                figures,
                "the loop goes over the same part of the rows again and again, and never takes the others",
                "look at the bounds of the loop over batches: range(0, len(x), size)",
                "and at how row numbers are drawn",
            )
        elif len(evidence.losses) >= self.batches:
            simple, val = evidence.data.simple, evidence.val_gain
            poor = simple is not None and val is not None and val.value < simple.val - self.behind
            yield self.finding(
                "batches",
                figures,
                "the run ended before it had seen half of the training rows",
                "look for a break, or an iterator that is made anew, in the loop over batches",
                "or train for more epochs",
                kind="FAULT" if poor else "NOTE",
            )


@attrs.frozen
class BatchShift(Builtin):
    """Batches of other inputs than the training rows.

    The loop scales them, or adds a lot of noise.

    Attributes:
        known: share of the batches' rows that may be recognised.
        times: size of their inputs over that of the training rows, or the inverse.
    """

    code = "BATCH_SHIFT"
    family = "data"
    title = "batches are unlike the rows they are taken from"
    source = "own: size of the inputs of batches and of training rows"
    effects = RATE | FIT | NUMERICS | {"VAL_SHIFT", "LABELS_RANDOM", "LABEL_MISMATCH"}

    known: float = 0.1
    times: float = 3.0

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        seen = evidence.batches
        if seen is None or seen.known > self.known or 1.0 / self.times < seen.size < self.times:
            return
        yield self.finding(
            "batches",
            {"size of inputs in batches, of training rows 1": seen.size},
            "the model is trained on inputs of another size than it is validated on",
            "scale all rows once, before the loop, by the training rows",
            "use less noise",
        )
