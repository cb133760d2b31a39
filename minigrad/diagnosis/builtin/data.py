"""Rules about the rows of the data.

Values, scales, splits, order, and whether targets have anything to do with inputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import numpy as np

from minigrad.diagnosis.builtin.effects import FIT, NUMERICS, RATE, START
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding

__all__ = ["BadData", "InputScale", "LabelMismatch", "LabelsRandom", "Leak", "TargetLeak", "Unshuffled", "ValShift"]


@attrs.frozen
class BadData(Builtin):
    """NaN or infinity among inputs or targets, or labels below 0."""

    code = "BAD_DATA"
    family = "data"
    title = "values that cannot be trained on"
    source = "UMLAUT (Schoop et al. 2021), check of inputs"
    effects = START | NUMERICS | RATE | FIT

    def look(self, seen: Evidence) -> Iterator[Finding]:
        if seen.data.broken:
            yield self.finding(
                "",
                {},
                seen.data.broken,
                "remove such rows, or fill the values in",
                "look at where they come from: a division, a join, a log",
            )


@attrs.frozen
class InputScale(Builtin):
    """Inputs far from unit size, or columns of very unlike size.

    No single learning rate suits them.

    Attributes:
        largest: |x| above which inputs count as unscaled.
        low: standard deviation below which they do.
        high: standard deviation above which they do.
        spread: largest over median standard deviation of a column.
    """

    code = "INPUT_SCALE"
    family = "data"
    title = "inputs are not scaled"
    source = "course notes, preprocessing; UMLAUT uses |x| <= 1, too tight for standardised columns"
    effects = START | NUMERICS | RATE | FIT | {"LABELS_RANDOM"}

    largest: float = 40.0
    low: float = 0.02
    high: float = 8.0
    spread: float = 30.0

    def look(self, seen: Evidence) -> Iterator[Finding]:
        d = seen.data
        if d.broken or d.indices:
            return
        evidence = {"std": d.std, "largest": d.largest}
        if d.std == 0.0:
            why = "all inputs are the same number, so there is nothing to learn from"
        elif d.std < self.low or d.std > self.high or (d.largest > self.largest and d.std > 0.1 * self.high):
            why = "inputs should have a standard deviation of about 1"
        elif d.spread > self.spread and d.largest > self.largest:
            evidence["spread"] = d.spread
            why = "one column is far larger than the others and drowns them"
        else:
            return
        advice = "data.scaled(), or (x - mean) / std of the training rows, column by column"
        yield self.finding("training inputs", evidence, why, advice)


@attrs.frozen
class ValShift(Builtin):
    """Validation inputs that were prepared in another way than training inputs.

    Attributes:
        ratio: |log| of the ratio of standard deviations.
        shift: difference of means in training ones.
        rows: least number of validation rows.
    """

    code = "VAL_SHIFT"
    family = "data"
    title = "validation inputs are unlike training inputs"
    source = "own; thresholds tuned on the tuning part of bench-diagnosis"
    effects = frozenset({"OVERFIT", "LABEL_MISMATCH", "IMBALANCE"})

    ratio: float = math.log(1.6)
    shift: float = 0.8
    rows: int = 25

    def look(self, seen: Evidence) -> Iterator[Finding]:
        d = seen.data
        if d.broken or d.indices or d.val_rows < self.rows or d.val_std_ratio <= 0.0:
            return
        if abs(math.log(d.val_std_ratio)) > self.ratio or abs(d.val_shift) > self.shift:
            yield self.finding(
                "validation inputs",
                {"std over training std": d.val_std_ratio, "means apart, in training std": d.val_shift},
                "validation rows were scaled in another way than training rows, so their figures mean nothing",
                "apply the mean and std of the training rows to both splits",
            )


@attrs.frozen
class Leak(Builtin):
    """Validation rows that are also training rows.

    Attributes:
        share: of the validation rows.
        few: the same with at most ten features, where chance makes equal rows.
    """

    code = "LEAK"
    family = "data"
    title = "validation rows are also training rows"
    source = "own: digests of rows"

    share: float = 0.01
    few: float = 0.1

    def look(self, seen: Evidence) -> Iterator[Finding]:
        d = seen.data
        limit = self.few if d.features <= 10 or d.indices else self.share
        if not d.broken and d.shared > limit and d.shared * d.val_rows >= 2.0:
            yield self.finding(
                "validation inputs",
                {"share": d.shared, "rows": d.val_rows},
                "validation figures show how well these rows were learnt by heart",
                "split again, with identical rows on one side: minigrad.data.resplit",
                "remove duplicates before splitting",
            )


@attrs.frozen
class TargetLeak(Builtin):
    """A column that is the target in disguise.

    Attributes:
        correlation: |r| above which it is.
    """

    code = "TARGET_LEAK"
    family = "data"
    title = "a column gives the target away"
    source = "own; Kaufman et al. 2012, leakage in data mining"

    correlation: float = 0.995

    def look(self, seen: Evidence) -> Iterator[Finding]:
        d = seen.data
        if not d.broken and d.telltale > self.correlation and d.features > 1:
            yield self.finding(
                f"column {d.telltale_column}",
                {"correlation": d.telltale},
                "one input column alone is the target, up to scale: is it known when predictions are needed?",
                "leave the column out",
                "look at how the table was put together",
            )


@attrs.frozen
class LabelsRandom(Builtin):
    """Targets that have nothing to do with inputs: shuffled, or moved by a row.

    Attributes:
        margin: gain over chance below which simple rules and the network count as knowing nothing.
        sigmas: the same, in standard deviations of an accuracy on that many rows, if that is more.
    """

    code = "LABELS_RANDOM"
    family = "data"
    title = "targets have nothing to do with inputs"
    source = "Zhang et al. 2017 (random labels can be learnt by heart); Cover & Hart 1967 (neighbours)"
    effects = RATE | FIT | {"DEAD_RELU", "DIVERGE"}

    margin: float = 0.08
    sigmas: float = 3.5

    def look(self, seen: Evidence) -> Iterator[Finding]:
        d = seen.data
        score = None if seen.end is None else seen.end.val_score
        if d.broken or d.neighbour is None or d.neighbour_train is None or score is None or d.classes == 1:
            return
        chance = d.chance_accuracy if d.classes else 0.0
        noise = self.sigmas * math.sqrt(chance * (1.0 - chance) / max(d.val_rows_used, 1))
        limit = chance + max(self.margin, noise)
        if d.neighbour < limit and score < limit and d.neighbour_train < limit:
            yield self.finding(
                "targets",
                {"simple rules": d.neighbour, "network": score, "chance": chance},
                "neither this network nor neighbours and ridge regression predict rows they have not seen any better "
                "than chance",
                "look at ten rows beside their targets: were they shuffled apart, or moved by one?",
                "check joins and sorts that touch one of the two arrays only",
            )


@attrs.frozen
class LabelMismatch(Builtin):
    """Training and validation targets that do not mean the same.

    Attributes:
        gain: accuracy that renaming the predicted classes would win.
    """

    code = "LABEL_MISMATCH"
    family = "data"
    title = "training and validation targets do not mean the same"
    source = "own: best renaming of the confusion matrix"
    effects = frozenset({"OVERFIT", "NO_LEARNING", "IMBALANCE"})

    gain: float = 0.3

    def look(self, seen: Evidence) -> Iterator[Finding]:
        d = seen.data
        if d.broken:
            return
        if seen.confusion:
            table = np.array(seen.confusion, dtype=np.float64)
            total = max(float(table.sum()), 1.0)
            now, renamed = float(np.trace(table)) / total, _renamed(table) / total
            if renamed - now > self.gain:
                yield self.finding(
                    "class numbers",
                    {"accuracy": now, "accuracy if renamed": renamed},
                    "the network tells the validation classes apart, but calls them by other numbers",
                    "number the classes of both splits in one go: from 0 or from 1, in the same order",
                )
                return
        if d.neighbour is None or d.neighbour_train is None or seen.end is None or seen.end.train_score is None:
            return
        chance = d.chance_accuracy if d.classes else 0.0
        if (
            d.neighbour_train > chance + self.gain
            and d.neighbour < chance + 0.12
            and (seen.best_val or 0.0) < chance + 0.15
        ):
            yield self.finding(
                "validation targets",
                {"simple rules, training rows": d.neighbour_train, "validation rows": d.neighbour, "chance": chance},
                "what holds among the training rows does not hold for the validation rows at all",
                "look at ten validation rows beside their targets",
                "check how the two were split and prepared",
            )


def _renamed(table: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Count rows that would be right if predicted classes were renamed.

    Each predicted class is called by one true class, greedily one to one.
    """
    left = table.copy()
    total = 0.0
    for _ in range(len(table)):
        i, j = np.unravel_index(int(left.argmax()), left.shape)
        if left[i, j] <= 0.0:
            break
        total += float(left[i, j])
        left[i, :] = -1.0
        left[:, j] = -1.0
    return total


@attrs.frozen
class Unshuffled(Builtin):
    """Batches taken in an order that goes with the target.

    Attributes:
        ratio: variance of batch means over what shuffled rows give, on the scale of the batch size: 0 shuffled, 1
            sorted.
    """

    code = "UNSHUFFLED"
    family = "data"
    title = "rows are not shuffled"
    source = "skorch#419; own statistic: variance of batch means"
    effects = RATE | FIT | {"DIVERGE", "DEAD_RELU"}

    ratio: float = 0.3

    def look(self, seen: Evidence) -> Iterator[Finding]:
        order = seen.data.order
        if order is None or seen.batch_size < 4:
            return
        share = (order - 1.0) / (seen.batch_size - 1.0)
        if share > self.ratio and order > 3.0:
            yield self.finding(
                "order of the batches",
                {"variance of batch means, 1 if shuffled": order},
                "batches hold few kinds of targets each, so every update undoes the last",
                "shuffle the rows anew in each epoch: minigrad.data.Loader(x, y, batch_size)",
            )
