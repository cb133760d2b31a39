"""Rules about how model, loss and optimizer are put together.

Most are exact: they test, they do not guess.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from minigrad.diagnosis.builtin.effects import FIT, NUMERICS, RATE, START
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding

__all__ = [
    "Ascent",
    "ClippedOutput",
    "DoubleSoftmax",
    "EvalWhileTraining",
    "FrozenParameter",
    "GradientBug",
    "LinearStack",
    "OneOutput",
    "StaleGradient",
    "SumLoss",
    "TrainWhileEvaluating",
    "WrongLoss",
]

_ALL = START | NUMERICS | RATE | FIT


@attrs.frozen
class GradientBug(Builtin):
    """A gradient that disagrees with differences."""

    code = "GRAD_BUG"
    family = "wiring"
    title = "a gradient is wrong"
    source = "course notes, gradient check; minigrad.train.check_gradients"
    effects = RATE | FIT | {"DIVERGE", "ASCENT"}

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        wrong = evidence.start.wrong_gradients
        if wrong:
            yield self.finding(
                ", ".join(wrong[:3]),
                {"parameters": len(wrong)},
                "backward and differences disagree: part of the computation is hidden from the graph",
                "look for .data, .numpy(), .detach() or float() in forward()",
                "minigrad check script.py shows entry by entry",
            )


@attrs.frozen
class DoubleSoftmax(Builtin):
    """Probabilities given to a loss that takes the softmax (or the sigmoid) itself.

    Attributes:
        shift: change of the loss when 1 is added to all outputs, below which it takes a softmax.
        floor: loss of perfect scores, over that of a constant answer, above which the loss cannot become small.
    """

    code = "DOUBLE_SOFTMAX"
    family = "wiring"
    title = "softmax of softmax"
    source = "UMLAUT, inverted; the loss cannot fall below ln(1 + (C-1)/e)"
    effects = RATE | FIT | {"INIT_LOSS", "VANISH", "OUTPUT_RANGE"}

    shift: float = 1e-4
    floor: float = 0.4

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        s, floor = evidence.start, evidence.experiments.loss_floor
        if s.probabilities and s.shift is not None and s.shift < self.shift:
            floor = float(np.log1p((s.outputs - 1) / np.e))
            yield self.finding(
                "output layer",
                {"columns": s.outputs, "lowest loss possible": floor},
                "outputs are probabilities already, and the loss takes a softmax of them again: gradients fade",
                "remove the softmax at the end of the model; the loss wants scores (logits)",
            )
        elif s.between and s.formula == "ln 2" and s.outputs == 1:
            yield self.finding(
                "output layer",
                {"columns": s.outputs},
                "outputs lie in [0, 1] and the loss takes a sigmoid of them again: it cannot become small",
                "remove the sigmoid at the end of the model; the loss wants scores (logits)",
            )
        elif floor is not None and floor > self.floor:
            yield self.finding(
                "loss",
                {"columns": s.outputs, "lowest loss possible, constant answer 1": floor},
                "the loss cannot become small, however sure and right the scores are",
                "does the loss take a softmax, or a bounded function, of scores that it takes the softmax of again?",
            )


@attrs.frozen
class ClippedOutput(Builtin):
    """A rectifier on the scores.

    Attributes:
        share: of the outputs that are exactly 0.
    """

    code = "CLIPPED_OUTPUT"
    family = "wiring"
    title = "a ReLU after the output layer"
    source = "own"
    effects = RATE | FIT | NUMERICS | {"INIT_LOSS", "OUTPUT_RANGE", "INPUT_IGNORED"}

    share: float = 0.15

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        first, clipped = evidence.first, evidence.start.clipped
        if first is None or not any(p.rms > 0.0 for p in first.weights):
            return
        d = evidence.data
        wanted = evidence.start.chance is not None if d.classes else d.target_low < 0.0  # outputs below 0
        if (clipped > self.share and first.outputs_std > 0.0) or (first.end == "relu" and wanted):
            yield self.finding(
                "output layer",
                {"outputs that are exactly 0": clipped},
                "scores cannot be negative, and where they are 0 no gradient comes back",
                "remove the activation after the last layer",
            )


@attrs.frozen
class OneOutput(Builtin):
    """A softmax over a single score, which is always 1."""

    code = "ONE_OUTPUT"
    family = "wiring"
    title = "softmax over one score"
    source = "own"
    effects = _ALL | {"FROZEN_PARAM"}

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.start.formula == "ln 1":
            yield self.finding(
                "output layer",
                {"outputs": evidence.start.outputs, "loss": 0.0},
                "the softmax of one score is 1 whatever it is: the loss is 0 and nothing is learnt",
                "give the last layer one output for each class (2 for yes and no)",
                "or use the loss 'bce' with targets 0.0 and 1.0",
            )


@attrs.frozen
class WrongLoss(Builtin):
    """Class numbers fitted as quantities.

    Attributes:
        levels: distinct targets up to which they look like classes.
        ordinal: distance of wrong answers of simple rules, chance 1, below which numbers are ranks, such as stars.
    """

    code = "WRONG_LOSS"
    family = "wiring"
    title = "class numbers are fitted as quantities"
    source = "own; UMLAUT, check of the output layer"
    effects = RATE | FIT | NUMERICS | {"INIT_LOSS"}

    levels: int = 30
    ordinal: float = 0.7

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        d = evidence.data
        if d.classes or not d.whole or not 2 < d.levels <= self.levels or d.rows < 5 * d.levels:
            return
        order = None if d.simple is None else d.simple.ordinal
        figures: dict[str, float] = {"distinct values": d.levels, "rows": d.rows}
        if order is not None:
            figures["distance of wrong answers, chance 1"] = order
        ranked = order is not None and order < self.ordinal
        yield self.finding(
            "targets",
            figures,
            f"targets are the whole numbers 0 to {d.levels - 1}: if they are classes, class 0 counts as nearer to 1 "
            "than to 2",
            "make targets integers and use the loss 'softmax', with one output for each class",
            "if they are counts, leave this rule out: --without WRONG_LOSS",
            kind="NOTE" if ranked else "FAULT",
        )


@attrs.frozen
class SumLoss(Builtin):
    """A loss that is summed over rows.

    Attributes:
        ratio: of the loss of a whole to the mean of its halves.
    """

    code = "SUM_LOSS"
    family = "wiring"
    title = "the loss is summed over rows, not averaged"
    source = "own: the loss of two halves together"
    effects = RATE | NUMERICS | FIT | {"INIT_LOSS", "EXPLODE"}

    ratio: float = 1.8

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        doubling = evidence.start.doubling
        if doubling is not None and doubling > self.ratio:
            yield self.finding(
                "loss",
                {"loss of a batch over that of its halves": doubling},
                "the loss grows with the batch, and so does the step: a learning rate fits one batch size only",
                "use the mean over rows",
                "or divide the learning rate by the batch size",
            )


@attrs.frozen
class StaleGradient(Builtin):
    """Gradients of earlier batches that are still there.

    Attributes:
        distance: 0 if exactly so.
    """

    code = "STALE_GRAD"
    family = "wiring"
    title = "gradients are never cleared"
    source = "own: the gradient used, less that of the batch, is the one used before"
    effects = RATE | NUMERICS | FIT | {"ASCENT", "GRAD_CHANGED"}

    distance: float = 0.02

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        sampled = [s for s in evidence.samples if s.stale is not None]
        if sampled and all(s.stale is not None and s.stale < self.distance for s in sampled):
            yield self.finding(
                f"update {sampled[0].step}",
                {"distance from the sum": sampled[0].stale or 0.0},
                "the gradient of each update is the sum of those of all batches so far",
                "call optimizer.zero_grad() before loss.backward()",
                "or accumulate on purpose: mg.optimizer(..., accumulate=4)",
            )


@attrs.frozen
class Ascent(Builtin):
    """Updates that climb, or a loss that is below what it can be.

    Attributes:
        cosine: between the update and minus the gradient, below which it climbs.
    """

    code = "ASCENT"
    family = "wiring"
    title = "the loss is made large, not small"
    source = "own: the first update of every rule has a negative product with the gradient"
    effects = _ALL | {"LOSS_UNBOUNDED"}

    cosine: float = -0.05

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        early = [s for s in evidence.samples if s.step <= 2]
        if early and all(s.descent < self.cosine for s in early):
            yield self.finding(
                f"update {early[0].step}",
                {"cosine of update and descent": early[0].descent},
                "updates go up the gradient",
                "leave out maximise=True",
                "or mend the sign of the update",
            )
            return
        first, end = evidence.first, evidence.end
        if first is not None and first.loss < 0.0 and evidence.losses and min(evidence.losses) < first.loss:
            figures = {"loss at first": first.loss, "lowest": min(evidence.losses)}
            if end is not None and end.train_score is not None:
                figures["training score"] = end.train_score
            yield self.finding(
                "loss",
                figures,
                "the loss is negative and falls without end: is it minus the loss?",
                "mend the sign of the loss",
            )


@attrs.frozen
class FrozenParameter(Builtin):
    """Parameters that never move while others do.

    Attributes:
        ratio: of update to weight, below which it stands.
    """

    code = "FROZEN_PARAM"
    family = "wiring"
    title = "a parameter never moves"
    source = "own; update-to-weight ratio of the course notes"
    effects = frozenset({"UNDERFIT", "LR_LOW", "VANISH", "NO_LEARNING", "CHECK_FAILED"})

    ratio: float = 1e-12

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if len(evidence.samples) < 3:
            return
        weights = {p.name for p in evidence.first.weights} if evidence.first is not None else set()
        still: list[str] = []
        moving: list[str] = []
        for name in evidence.samples[0].updates:
            stands = all(s.updates[name] <= self.ratio * max(s.weights[name], 1e-12) for s in evidence.samples)
            (still if stands else moving).append(name)
        still = [n for n in still if n in weights]
        if still and moving and not self._dead(evidence, still):
            yield self.finding(
                ", ".join(still[:3]),
                {"parameters that stand still": len(still), "moving": len(moving)},
                "these were never changed by an update, while others were",
                "give the optimizer all of model.parameters()",
                "if they are frozen on purpose, set requires_grad=False",
            )

    def _dead(self, evidence: Evidence, still: list[str]) -> bool:
        """Whether they stand still for want of a gradient: something else is the cause."""
        grads = {p.name: p.grad for p in evidence.first.parameters} if evidence.first is not None else {}
        return all(grads.get(name, 0.0) == 0.0 for name in still)


@attrs.frozen
class LinearStack(Builtin):
    """Two weights with no nonlinearity between them."""

    code = "LINEAR_STACK"
    family = "wiring"
    title = "no activation between two layers"
    source = "course notes: without the nonlinearity two layers collapse to one; the graph is read"
    effects = frozenset({"UNDERFIT"})

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.first is not None and evidence.first.stacked:
            yield self.finding(
                "; ".join(evidence.first.stacked[:3]),
                {"places": len(evidence.first.stacked)},
                "the product of two matrices is one matrix: the second layer adds nothing",
                "put an activation between them: nn.ReLU()",
                "or leave one of them out",
            )


@attrs.frozen
class EvalWhileTraining(Builtin):
    """Updates in evaluation mode of a model that has another mode for training."""

    code = "EVAL_WHILE_TRAINING"
    family = "wiring"
    title = "trained in evaluation mode"
    source = "own"
    effects = frozenset({"OVERFIT", "NO_LEARNING", "INIT_LOSS"}) | RATE

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.losses and evidence.usage.frozen_mode > 0.5 * len(evidence.losses):
            layers = "batch normalisation" if evidence.usage.normalised else "dropout"
            yield self.finding(
                layers,
                {"updates": evidence.usage.frozen_mode},
                f"the model was in evaluation mode, in which {layers} does nothing or uses figures it never learnt",
                "call model.train() before the batches of each epoch",
            )


@attrs.frozen
class TrainWhileEvaluating(Builtin):
    """Evaluation in training mode."""

    code = "TRAIN_WHILE_EVAL"
    family = "wiring"
    title = "evaluated in training mode"
    source = "own"

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.usage.noisy_mode > 0:
            layers = "batch normalisation" if evidence.usage.normalised else "dropout"
            yield self.finding(
                layers,
                {"evaluations": evidence.usage.noisy_mode},
                f"rows were scored with {layers} in training mode: the figures are too low, and differ each time",
                "call model.eval() before evaluating, and model.train() after",
            )
