"""Rules about what was learnt in the end.

Regularisation, overfitting, too little capacity, nothing at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import numpy as np

from minigrad.diagnosis.builtin.rate import largest_weights
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding

__all__ = ["DropoutHigh", "Imbalance", "NoLearning", "Overfit", "RegularizationDominates", "Underfit"]


@attrs.frozen
class RegularizationDominates(Builtin):
    """A penalty, or weight decay, that outweighs the data.

    Attributes:
        share: of the penalty in the data loss.
        left: share of the loss of chance that is left, unless simple rules do far better,
        sigmas: by so many standard errors.
        shrunk: last over first size of the weights that were largest, with weight decay.
        decay: weight decay from which on it can be why.
        pull: or weight decay times the weights at the end, over their gradient before training, for optimizers whose
            steps are in proportion to the gradient.
    """

    code = "REG_DOMINATES"
    family = "fit"
    title = "regularisation overwhelms the data"
    source = "course notes, gradient check, tip 8; own thresholds"
    effects = frozenset(
        {"UNDERFIT", "NO_LEARNING", "IMBALANCE", "LR_LOW", "LR_HIGH", "BATCH_NOISE", "DEAD_RELU", "VANISH"}
    )

    share: float = 0.4
    left: float = 0.2
    sigmas: float = 1.5
    shrunk: float = 0.5
    decay: float = 0.05
    pull: float = 0.2

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        end, level = evidence.end, evidence.level
        if end is None or level is None or evidence.first is None or evidence.last is None or evidence.diverged:
            return
        left = end.train_loss / level
        if left < self.left and not is_behind_simple_rules(evidence, sigmas=self.sigmas):
            return
        heavy = evidence.extra_last > self.share * max(end.train_loss, 1e-12)
        if evidence.extra_first > max(evidence.first.loss, 1e-12) or heavy:
            yield self.finding(
                "regularisation",
                {
                    "penalty at first": evidence.extra_first,
                    "at the end": evidence.extra_last,
                    "data loss": end.train_loss,
                },
                "the penalty is of the size of the data loss: making weights small pays better than fitting the data",
                "divide its strength by 10 or 100",
                "switch it off until the network can overfit",
            )
            return
        rate = evidence.hyper.get("weight_decay", 0.0)
        first, last = largest_weights(evidence)
        pulls = [
            rate * b.rms / max(a.grad, 1e-12)
            for a, b in zip(evidence.first.weights, evidence.last.weights, strict=True)
        ]
        held = "beta2" not in evidence.hyper and bool(pulls) and float(np.median(pulls)) > self.pull
        if rate > self.decay and (last < self.shrunk * first or held):
            yield self.finding(
                "weight decay",
                {"weight_decay": rate, "weights, last over first": last / max(first, 1e-12), "loss left": left},
                "weight decay shrinks the weights faster than the data can make them grow",
                "divide weight_decay by 10 or 100; 1e-4 to 1e-2 is usual",
            )


@attrs.frozen
class DropoutHigh(Builtin):
    """Dropout that leaves too little.

    Attributes:
        p: probability from which on it can be too much.
        gap: loss with dropout over loss without.
        outputs: share of the outputs that are 0 in training mode only.
    """

    code = "DROPOUT_HIGH"
    family = "fit"
    title = "dropout is too strong"
    source = "Srivastava et al. 2014: 0.5 hidden, 0.2 inputs"
    effects = frozenset(
        {"UNDERFIT", "NO_LEARNING", "LR_LOW", "LR_HIGH", "BATCH_NOISE", "IMBALANCE", "DEAD_RELU", "CHECK_FAILED"}
    )

    p: float = 0.75
    gap: float = 1.5
    outputs: float = 0.03

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        inside = evidence.last
        if evidence.probes.dropped > self.outputs:
            yield self.finding(
                "outputs",
                {"outputs that are 0 in training only": evidence.probes.dropped},
                "dropout sets predictions themselves to 0 at random, so the loss asks for what is not there",
                "move dropout in front of the last layer",
            )
            return
        if inside is None or evidence.usage.dropout < self.p or inside.training_loss is None:
            return
        if inside.training_loss > self.gap * max(inside.loss, 1e-12) or inside.training_loss > 0.6 * (
            evidence.start.chance or 1e9
        ):
            yield self.finding(
                "dropout",
                {"p": evidence.usage.dropout, "loss with dropout": inside.training_loss, "without": inside.loss},
                "so many units are dropped that the network cannot fit what it sees",
                "lower p to 0.5 or less",
            )


@attrs.frozen
class Overfit(Builtin):
    """A gap between training and validation.

    Attributes:
        gap: in score, from which on it is noted.
        fault: from which on it can be a FAULT.
        risen: multiple of its lowest to which the validation loss must have risen for a FAULT.
        rows: parameters to a row that there must be for a FAULT.
        scarce: fewer rows than this of each class.
    """

    code = "OVERFIT"
    family = "fit"
    title = "overfitting"
    source = "course notes: the gap between training and validation accuracy"

    gap: float = 0.1
    fault: float = 0.2
    risen: float = 1.3
    rows: int = 5
    scarce: int = 12

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        end = evidence.end
        if end is None or end.train_score is None or end.val_score is None or end.val_loss is None or evidence.diverged:
            return
        gap = end.train_score - end.val_score
        if gap < self.gap:
            return
        lowest = min(p.val_loss for p in evidence.points if p.val_loss is not None)
        parameters = sum(p.size for p in evidence.first.parameters) if evidence.first is not None else 0
        per_row = parameters / max(evidence.data.rows, 1)
        risen = end.val_loss / max(lowest, 1e-12)
        scarce = evidence.data.rows < self.scarce * max(evidence.data.classes, 1)
        worse = risen > self.risen and gap > self.fault and per_row > self.rows
        severe = end.train_score > 0.95 and (worse or (scarce and gap > 0.5 * (self.gap + self.fault)))
        yield self.finding(
            f"epoch {end.epoch}",
            {"gap": gap, "validation loss over its lowest": risen, "parameters a row": per_row},
            "training rows are learnt by heart, which no longer helps with others",
            "more rows, or augmentation",
            "stop at the best epoch: patience=5",
            "add nn.L2(1e-3) or nn.Dropout(0.3), or a smaller network",
            kind="FAULT" if severe else "NOTE",
        )


@attrs.frozen
class Imbalance(Builtin):
    """Predictions that are nearly all of one class.

    Attributes:
        majority: share of the largest class in the training rows, in shares of equal classes (0.8 at most).
        recall: of the other classes, from which on nothing is said.
        over: how often the largest class is predicted, over how often it occurs among the validation rows.
        lopsided: share of it among the validation rows, over that among the training rows, below which rows to come
            are of another kind.
        times: or how often the other classes occur among the validation rows, over how often among the training rows,
        errors: with so many standard errors beyond it,
        named: while less than this share of them is called by their names.
        never: recall of the other classes below which they are never predicted.
        known: what simple rules reach, from which on they could be,
        behind: and by how much the network is behind them, each class alike, whether it dares to name it or not.
        few: validation rows of other classes, below which nothing is a FAULT.
        breadth: of the outputs, over their length, below which they lie on a line, on which there is no room for all
            classes: that is the cause then.
    """

    code = "IMBALANCE"
    family = "fit"
    title = "one class is predicted for nearly every row"
    source = "own: confusion matrix"
    effects = frozenset({"UNDERFIT", "NO_LEARNING", "OVERFIT", "CHECK_FAILED"})

    majority: float = 3.0
    recall: float = 0.82
    over: float = 1.1
    lopsided: float = 0.85
    times: float = 3.0
    errors: float = 5.0
    named: float = 0.5
    never: float = 0.03
    known: float = 0.5
    behind: float = 0.12
    few: int = 8
    breadth: float = 1e-4

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        d = evidence.data
        if not evidence.confusion or d.classes < 2 or d.majority < min(0.8, self.majority / d.classes):
            return
        table = np.array(evidence.confusion, dtype=np.float64)
        total, per_class = max(float(table.sum()), 1.0), table.sum(axis=1)
        others = [table[i, i] / n for i, n in enumerate(per_class) if i != d.common and n > 0]
        rare = float(np.mean(others)) if others else 1.0
        if rare >= self.recall:
            return  # however rare they are, the network knows them
        predicted, present = float(table[:, d.common].sum()) / total, float(per_class[d.common]) / total
        figures = {"largest class": d.majority, "predicted": predicted, "recall of the others": rare}
        # Rows to come that are less lopsided than the training rows will mostly be called by the common class.
        missed = predicted > self.over * present and present < self.lopsided * d.majority
        due = total * (1.0 - d.majority)
        surplus = total * (1.0 - present) - max(self.times * due, due + self.errors * math.sqrt(due + 1.0))
        missed |= surplus > 0.0 and 1.0 - predicted < self.named * (1.0 - present)
        known = d.simple.val if d.simple is not None else 0.0
        reached = 0.0 if evidence.val_gain is None else evidence.val_gain.value
        ignored = rare < self.never and known > self.known and known - reached > self.behind
        breadth = None if evidence.last is None else evidence.last.breadth
        narrow = breadth is not None and breadth < self.breadth
        yield self.finding(
            "classes",
            figures if not ignored else {**figures, "simple rules, each class alike": known},
            "one class is so common that the network hardly learns the others; accuracy does not show it",
            "repeat or weigh rows of rare classes",
            "judge by the recall of each class",
            kind="FAULT" if (missed or ignored) and not narrow and total * (1.0 - present) >= self.few else "NOTE",
        )


@attrs.frozen
class Underfit(Builtin):
    """A network that does worse than simple rules do, all classes counted alike.

    Attributes:
        behind: share of the way from chance to perfect by which it is behind them, on validation rows.
        sigmas: that in standard errors, if it is more.
        train: what it reaches on training rows, below which it has not learnt them.
        left: share of the loss of a constant answer that must be left,
        blank: or what it reaches on training rows although simple rules reach half: then the loss says nothing.
        breadth: of the outputs of all rows, over their length, below which they lie on a line.
        poor: share of the loss of a constant answer that must be left then.
    """

    code = "UNDERFIT"
    family = "fit"
    title = "the network learns less than simple rules"
    source = "course notes, capacity; own: against five neighbours and ridge regression"
    effects = frozenset({"NO_LEARNING", "CHECK_FAILED"})

    behind: float = 0.12
    sigmas: float = 3.0
    train: float = 0.9
    left: float = 0.1
    blank: float = 0.1
    breadth: float = 1e-4
    poor: float = 0.3

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        simple, val, train, left = evidence.data.simple, evidence.val_gain, evidence.train_gain, evidence.left
        if not is_behind_simple_rules(evidence, behind=self.behind, sigmas=self.sigmas, train=self.train):
            yield from self._on_a_line(evidence)
        elif simple is None or val is None or train is None or left is None:
            return
        elif left > self.left or (train.value < self.blank and simple.val > 0.5):
            yield self.finding(
                "network",
                {"network": val.value, "training rows": train.value, "simple rules": simple.val},
                "five nearest neighbours or ridge regression predict these rows better than the network (0 is chance, "
                "1 perfect)",
                "a wider or deeper network",
                "more epochs, or a higher learning rate",
                "look for a layer with very few units",
            )

    def _on_a_line(self, evidence: Evidence) -> Iterator[Finding]:
        """A single number between two layers is less than the outputs have room for.

        Whatever simple rules reach.
        """
        breadth = None if evidence.last is None else evidence.last.breadth
        if breadth is None or evidence.left is None or evidence.diverged:
            return
        if breadth < self.breadth and evidence.left > self.poor:
            yield self.finding(
                "network",
                {"breadth of the outputs over their length": breadth, "loss left, chance 1": evidence.left},
                "the outputs of all rows lie on one line: some layer lets a single number through",
                "look for a layer with one unit, and for a mean or a sum over units",
            )


def is_behind_simple_rules(
    evidence: Evidence, *, behind: float = 0.12, sigmas: float = 3.0, train: float = 0.9
) -> bool:
    """Whether simple rules do better than a network that has not learnt its training rows.

    They are compared on validation rows.
    """
    simple, reached, own = evidence.data.simple, evidence.val_gain, evidence.train_gain
    if simple is None or reached is None or own is None or evidence.diverged:
        return False
    unlearnt = own.value < min(train, simple.val - 0.5 * behind)
    return unlearnt and simple.val - reached.value > max(behind, sigmas * simple.noise)


@attrs.frozen
class NoLearning(Builtin):
    """Nothing was learnt, and no other rule knows why.

    Attributes:
        margin: share of the loss of a constant answer gained.
        sigmas: standard errors by which validation rows must be predicted better than by chance, to count as learning.
    """

    code = "NO_LEARNING"
    family = "fit"
    title = "nothing is learnt"
    source = "DeepDiagnosis, unchanged loss"
    effects = frozenset({"CHECK_FAILED"})

    margin: float = 0.03
    sigmas: float = 4.0

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        left, val, simple = evidence.left, evidence.val_gain, evidence.data.simple
        if left is None or evidence.curve is None or evidence.diverged or evidence.epochs == 1:
            return
        knows = val is not None and val.value > max(self.sigmas * val.noise, 0.1)
        hopeless = simple is not None and simple.val < max(2.0 * simple.noise, 0.03)
        if left > 1.0 - self.margin and not knows and not (hopeless and left < 1.0 + self.margin):
            yield self.finding(
                "training loss",
                {"loss left, of a constant answer 1": left},
                "after the whole run the loss is still that of an answer that does not look at its input",
                "overfit 20 rows first: train.overfit(model, rows, loss)",
                "look at ten rows beside their targets",
                "minigrad lr-find script.py",
            )
