"""Rules about the two splits.

Whether validation rows are others, of the same kind, and with targets of the same meaning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import numpy as np

from minigrad.data.measure import RATIO, SHIFT
from minigrad.diagnosis.builtin.effects import RATE
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding
from minigrad.diagnosis.outcome import Gain
from minigrad.diagnosis.simple_rules import SimpleRules

__all__ = ["LabelMismatch", "Leak", "ValShift"]


@attrs.frozen
class ValShift(Builtin):
    """Validation inputs that were prepared in another way than training inputs.

    Or that drifted away.

    Attributes:
        ratio: |log| of the ratio of standard deviations.
        shift: difference of means in training standard deviations.
        rows: least number of validation rows.
        told: how well neighbours tell the splits apart beyond the halves of the training rows, for a FAULT.
        lost: share of the way from chance to perfect that validation rows must be behind then.
        blank: share of the columns that only validation rows have values in.
        mix: difference between the shares of the largest class, above which the splits hold other classes.
    """

    code = "VAL_SHIFT"
    family = "data"
    title = "validation inputs are unlike training inputs"
    source = "own; drift is told from scaling by the order of the training rows and by the targets"
    effects = frozenset({"OVERFIT", "LABEL_MISMATCH", "IMBALANCE", "UNDERFIT", "LABELS_RANDOM", "CHECK_FAILED"})

    ratio: float = RATIO
    shift: float = SHIFT
    rows: int = 25
    told: float = 0.5
    lost: float = 0.15
    mix: float = 0.15
    blank: float = 0.1

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        d = evidence.data
        if d.broken or d.drift is None or d.val_rows < self.rows:
            return
        if d.blank > self.blank:
            yield self.finding(
                "training inputs",
                {"share of the columns": d.blank},
                "these columns are the same in all training rows and differ among validation rows, so nothing could be "
                "learnt of them",
                "look at how the training columns were filled: a join that failed, a default, a constant",
                "draw both splits from the same rows, shuffled",
            )
            return
        drift = d.drift
        if not drift.is_apart(ratio=self.ratio, shift=self.shift):
            yield from self._other_kind(evidence)
            return
        figures = {"std over training std": drift.ratio, "means apart, in training std": drift.shift}
        if drift.is_drift:
            figures |= {"training rows, first to last third": drift.within, "targets apart": drift.targets}
            yield self.finding(
                "validation inputs",
                figures,
                "the data drift from row to row, so validation rows lie beyond what was trained on",
                "predict differences instead of levels, or take the trend out",
                kind="NOTE",
            )
        else:
            yield self.finding(
                "validation inputs",
                figures,
                "validation rows were scaled in another way than training rows, so their figures mean nothing",
                "apply the mean and std of the training rows to both splits",
            )

    def _other_kind(self, evidence: Evidence) -> Iterator[Finding]:
        """Columns in another order, or without a value in one split.

        Neighbours tell, though mean and spread do not.
        """
        d, train, val = evidence.data, evidence.train_gain, evidence.val_gain
        if d.told_apart - d.told_within < self.told or train is None or val is None:
            return
        if d.classes and abs(d.majority - d.chance_accuracy) > self.mix:
            return  # other classes, not other rows of them
        behind = train.value - val.value
        yield self.finding(
            "validation inputs",
            {"told apart by neighbours": d.told_apart, "halves of the training rows": d.told_within, "lost": behind},
            "validation rows are each other's nearest neighbours: they are of another kind than training rows",
            "look at the columns of both splits side by side: order, units, missing values",
            "draw both splits from the same rows, shuffled",
            kind="FAULT" if behind > max(self.lost, 4.0 * val.noise) else "NOTE",
        )


@attrs.frozen
class Leak(Builtin):
    """Validation rows that are also training rows.

    Attributes:
        share: of the validation rows.
        few: that share with at most ten features, where chance makes equal rows.
        more: times the share of training rows that repeat among themselves.
        trained: share of the batches' rows that are validation rows.
    """

    code = "LEAK"
    family = "data"
    title = "validation rows are also training rows"
    source = "own: digests of rows"
    effects = frozenset({"CHECK_FAILED"})

    share: float = 0.01
    few: float = 0.1
    more: float = 1.5
    trained: float = 0.02

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        d, batches = evidence.data, evidence.batches
        if batches is not None and batches.from_val > self.trained:
            yield self.finding(
                "batches",
                {"validation rows among those trained on": batches.from_val},
                "the loop trains on validation rows, so validation figures show how well these were learnt by heart",
                "take batches from the training rows only",
            )
            return
        limit = max(self.few if d.features <= 10 or d.indices else self.share, self.more * d.repeated)
        if not d.broken and d.shared > limit and d.shared * d.val_rows >= 2.0:
            yield self.finding(
                "validation inputs",
                {"share": d.shared, "rows": d.val_rows, "training rows that repeat": d.repeated},
                "validation figures show how well these rows were learnt by heart",
                "split again, with identical rows on one side: minigrad.data.resplit",
                "remove duplicates before splitting",
            )


@attrs.frozen
class LabelMismatch(Builtin):
    """Training and validation targets that do not mean the same.

    Attributes:
        gain: accuracy that renaming the predicted classes would win.
        lost: share of the way from chance to perfect that is lost from rows of the training split to the others.
        unseen: share of the validation rows whose class no training row has.
        shift: distance between the distributions of training and validation quantities, of rows with alike inputs.
        missing: share of the training rows whose class no validation row has.
        noisier: share of the way to perfect by which validation rows are easier for the network than its own rows.
        also: the same for simple rules.
        apart: standard errors by which simple rules must do worse on validation rows than among the training rows:
            beside a few rows of a rare class what they reach on either says little.
        sure: of classes of about the same size, standard errors at the rate that training rows show, by which simple
            rules must be worse: what is all but certain among few training rows needs few validation rows to fail.
    """

    code = "LABEL_MISMATCH"
    family = "data"
    title = "training and validation targets do not mean the same"
    source = "own: best renaming of the confusion matrix"
    effects = RATE | {"OVERFIT", "NO_LEARNING", "IMBALANCE"}

    gain: float = 0.3
    lost: float = 0.35
    unseen: float = 0.05
    shift: float = 0.4
    missing: float = 0.03
    noisier: float = 0.12
    also: float = 0.05
    apart: float = 2.0
    sure: float = 7.0

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        d = evidence.data
        if d.broken:
            return
        if d.unseen > self.unseen:
            yield self.finding(
                "validation targets",
                {"validation rows of a class that no training row has": d.unseen},
                "what cannot be learnt from the training rows is asked for in validation",
                "draw both splits from the same rows, shuffled, class by class",
            )
            return
        if d.missing > self.missing:
            yield self.finding(
                "validation targets",
                {"training rows of a class that no validation row has": d.missing},
                "classes that training rows have in number are not among the validation rows: the split went by class",
                "draw both splits from the same rows, shuffled, class by class",
            )
            return
        alike = d.drift is not None and not d.drift.is_apart(ratio=0.5, shift=0.3) and abs(d.drift.within) < 0.3
        if alike and d.target_shift > self.shift:
            yield self.finding(
                "validation targets",
                {"distance between the distributions of targets": d.target_shift},
                "inputs of both splits are alike, and their targets are not: other units, or a transform of one split",
                "prepare the targets of both splits by the same steps",
            )
            return
        learnt = evidence.train_gain is None or evidence.train_gain.value > self.gain
        if evidence.confusion and learnt:  # a network that knows nothing may call classes by each other's names
            table = np.array(evidence.confusion, dtype=np.float64)
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
        simple, val = d.simple, evidence.val_gain
        if simple is None or val is None or (d.drift is not None and d.drift.is_drift):
            return
        train = evidence.train_gain
        noise = math.inf if train is None else 3.0 * math.hypot(val.noise, train.noise)
        easier = 0.0 if train is None or not d.classes else val.value - train.value
        also = max(self.also, 2.0 * math.hypot(simple.noise, simple.train_noise))
        if easier > max(self.noisier, noise) and simple.val - simple.train > also:
            yield self.finding(
                "training targets",
                {
                    "network, training rows": evidence.train_gain.value if evidence.train_gain else 0.0,
                    "validation rows": val.value,
                    "simple rules, training rows": simple.train,
                    "simple rules, validation rows": simple.val,
                },
                "validation rows are easier than the rows that were trained on: many training targets are wrong",
                "look at ten training rows beside their targets",
                "check defaults and joins that only the training targets went through",
            )
            return
        unknown = simple.val < max(0.13, 3.0 * simple.noise) and val.value < max(0.17, 3.0 * val.noise)
        unknown &= simple.train - simple.val > self.apart * math.hypot(simple.noise, simple.train_noise)
        lost = max(self.lost, 6.0 * simple.noise, 6.0 * simple.train_noise)
        worse = simple.train - simple.val > lost and train is not None and train.value - val.value > lost
        known = simple.train > max(self.gain, 5.0 * simple.train_noise)
        if (known and (unknown or worse)) or self._fails_where_sure(evidence, simple, val):
            yield self.finding(
                "validation targets",
                {"simple rules, training rows": simple.train, "validation rows": simple.val, "network": val.value},
                "what holds among the training rows does not hold for the validation rows",
                "look at ten validation rows beside their targets",
                "check how the two were split and prepared",
            )

    def _fails_where_sure(self, evidence: Evidence, simple: SimpleRules, val: Gain) -> bool:
        d, train = evidence.data, evidence.train_gain
        if train is None or not d.classes or d.majority > 2.0 / d.classes:
            return False
        apart = min(simple.train, train.value) - max(simple.val, val.value)
        return apart > max(self.lost, self.sure * _noise_at(simple, d.classes))


def _noise_at(simple: SimpleRules, classes: int) -> float:
    """Standard error of the difference of two gains, if both splits are told equally well.

    That of an answer at random is known; a binomial variable of another mean has that of q (1 - q). The rule of
    succession keeps few rows without a mistake from being certain.
    """
    chance = 1.0 / classes
    unit = chance * (1.0 - chance)
    rows = unit / (simple.train_noise * (1.0 - chance)) ** 2
    right = (simple.train * (1.0 - chance) + chance) * rows
    share = (right + 1.0) / (rows + 2.0)
    return math.hypot(simple.noise, simple.train_noise) * math.sqrt(share * (1.0 - share) / unit)


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
