"""Rules that read experiments on the user's own model, loss and optimizer.

These experiments cannot fail in a sound run.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from minigrad.diagnosis.builtin.effects import FIT, NUMERICS, RATE, START
from minigrad.diagnosis.builtin.rate import does_as_simple_rules
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding

__all__ = ["CheckFailed", "LostUpdates", "OtherParameters", "OutputRange", "RepeatedBatch", "RowsMixed", "WeightsReset"]

_ALL = START | NUMERICS | RATE | FIT
_STEADY = 1e-6


@attrs.frozen
class RowsMixed(Builtin):
    """A loss or a model in which one row depends on the others.

    One row's gradient, or its outputs, change when another row is exchanged.

    Attributes:
        turn: sine of the angle by which it turns, above which rows are mixed.
        model: change of a row's outputs when other rows are exchanged, over the spread of outputs.
    """

    code = "ROWS_MIXED"
    family = "wiring"
    title = "rows are mixed up"
    source = "own: eight rows of the batch are exchanged one by one"
    effects = _ALL | {
        "LABELS_RANDOM",
        "LABEL_MISMATCH",
        "SUM_LOSS",
        "ASCENT",
        "DOUBLE_SOFTMAX",
        "LOSS_UNBOUNDED",
        "LOSS_BLIND",
        "GRAD_CHANGED",
    }

    turn: float = 0.01
    model: float = 0.01

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        tried, mixed = evidence.experiments, evidence.probes.mixed
        if mixed is not None and mixed > self.model and evidence.start.repeat < _STEADY:
            yield self.finding(
                "model",
                {"change of a row's outputs": mixed},
                "what the model says of one row depends on which other rows are in the batch",
                "look for a sum, mean or softmax over axis 0, and for a reshape or transpose of the batch axis",
                "if rows are compared on purpose, leave this rule out: --without ROWS_MIXED",
            )
            return
        if tried.mixed is None or tried.mixed < self.turn:
            return
        advice = ["give the axis of the classes: axis=-1, not axis=0", "compare a batch with its rows one at a time"]
        if tried.shapes:
            advice = [f"bring outputs and targets to one shape ({tried.shapes}): targets.reshape(outputs.shape)"]
        yield self.finding(
            "loss",
            {"turn of a row's gradient": tried.mixed},
            "what one row asks for depends on which other rows are in the batch: a sum or a softmax runs over rows, or "
            "(n, 1) and (n,) were subtracted",
            *advice,
            "if rows are compared on purpose, leave this rule out: --without ROWS_MIXED",
        )


@attrs.frozen
class OutputRange(Builtin):
    """Outputs that cannot reach the targets, or that the loss cannot become small with.

    Attributes:
        floor: loss of the best outputs within the model's bounds, over that of a constant answer.
    """

    code = "OUTPUT_RANGE"
    family = "wiring"
    title = "outputs cannot reach the targets"
    source = "own: outputs for huge inputs and weights show the bounds, and the loss is tried within them"
    effects = NUMERICS | RATE | FIT | {"INIT_LOSS", "VANISH", "SATURATED"}

    floor: float = 0.15

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        tried = evidence.experiments
        if (
            tried.floor is not None
            and tried.floor > self.floor
            and (evidence.left is None or evidence.left > self.floor)
        ):
            yield self.finding(
                "output layer",
                {
                    "least output": tried.low,
                    "largest": tried.high,
                    "lowest loss possible, constant answer 1": tried.floor,
                },
                "whatever the inputs, outputs stay within bounds that the targets (or the loss) go beyond",
                "remove the activation after the last layer",
                "or scale the targets into its range",
            )


@attrs.frozen
class OtherParameters(Builtin):
    """An optimizer that holds the parameters of another model."""

    code = "OTHER_PARAMETERS"
    family = "wiring"
    title = "the optimizer holds other parameters"
    source = "own: the parameters of model and optimizer are compared"
    effects = _ALL | {"FROZEN_PARAM", "STALE_GRAD", "LABELS_RANDOM", "LOST_UPDATES"}

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        tried = evidence.experiments
        if tried.covered == 0.0:
            yield self.finding(
                "optimizer",
                {"parameters it holds of this model": 0.0, "others": float(tried.foreign or 0)},
                "no parameter of this model is among those that the optimizer updates",
                "make the optimizer from the model that is trained: mg.optimizer(name, model.parameters())",
                "look for a copy, or for a model that was built anew after the optimizer",
            )


@attrs.frozen
class NoUpdate(Builtin):
    """A loop in which no update is made, or none that has a gradient."""

    code = "NO_UPDATE"
    family = "wiring"
    title = "weights are never updated"
    source = "own: calls of step() are counted, and its gradients looked at"
    effects = _ALL | {"FROZEN_PARAM", "STALE_GRAD", "LABELS_RANDOM", "LOST_UPDATES", "GRAD_BUG", "LR_LOW"}

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        calls, batches = evidence.experiments.step_calls, len(evidence.losses)
        if calls == 0 and batches >= 3 and not evidence.failure:
            yield self.finding(
                "training loop",
                {"calls of step()": 0.0, "batches": float(batches)},
                "losses were computed, but the optimizer was never asked for an update",
                "call optimizer.step() after loss.backward(), of the optimizer that is watched",
            )
        elif evidence.first is not None and len(evidence.samples) >= 3 and evidence.experiments.covered != 0.0:
            slope = max((p.grad for p in evidence.first.parameters), default=0.0)
            if any(g for s in evidence.samples for g in s.grads.values()):
                return
            figures = {"gradient in updates": 0.0, "gradient of the loss at the start": slope}
            if slope > 0.0:
                yield self.finding(
                    "training loop",
                    figures,
                    "the loss has a gradient, but none was there when step() was called",
                    "in this order: zero_grad(), loss.backward(), step()",
                )
            elif evidence.end is not None and evidence.end.train_loss > 0.0:
                yield self.finding(
                    "loss",
                    figures,
                    "the loss has no slope: the gradient of every parameter is exactly 0",
                    "look for argmax, rounding, comparisons, detach() or numbers taken out of Tensors on the way",
                )


@attrs.frozen
class LossUnbounded(Builtin):
    """A loss without a lowest value, which training follows for ever."""

    code = "LOSS_UNBOUNDED"
    family = "wiring"
    title = "the loss has no lowest value"
    source = "own: the loss at outputs of 1e2, 1e3 and 1e4, towards the targets and away from them"
    effects = _ALL | {"OUTPUT_RANGE"}

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.experiments.unbounded and evidence.losses and min(evidence.losses) < 0.0:
            yield self.finding(
                "loss",
                {"lowest loss of a batch": min(evidence.losses)},
                "the further outputs go, the lower the loss: nothing holds them, and a small loss means nothing",
                "check the signs, and that targets are what the loss expects: 0 and 1, not -1 and 1",
            )


@attrs.frozen
class RepeatedBatch(Builtin):
    """One batch at every step.

    Attributes:
        share: of the first batches that must equal the first.
        known: share of the batches' rows from which on rows are compared, and not their targets alone.
    """

    code = "SAME_BATCH"
    family = "data"
    title = "every step sees the same batch"
    source = "own: targets of the first batches are compared, and rows where they are known"
    effects = RATE | FIT | {"UNSHUFFLED", "ROWS_UNUSED"}

    share: float = 0.9
    known: float = 0.5

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        repeated, seen = evidence.experiments.repeated, evidence.batches
        if seen is not None and seen.known > self.known and seen.alike is not None:
            repeated = seen.alike  # the same targets may be those of other rows
        if repeated > self.share:
            yield self.finding(
                "batches",
                {"batches equal to the first": repeated},
                "the first batches all hold the same rows, so nothing else can be learnt",
                "look at how batches are cut: x[start : start + size], with start going up",
                "make the iterator over batches once for each epoch, not for each step",
            )


@attrs.frozen
class WeightsReset(Builtin):
    """Weights that are changed by something else than updates.

    Attributes:
        times: how often that must have happened.
    """

    code = "WEIGHTS_RESET"
    family = "wiring"
    title = "weights are overwritten between updates"
    source = "own: weights after an update are compared with those before the next"
    effects = _ALL | {"STALE_GRAD", "LABELS_RANDOM"}

    times: int = 2

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        moved = evidence.experiments.moved
        if moved >= self.times:
            yield self.finding(
                "weights",
                {"times": moved, "updates": len(evidence.losses)},
                "between two updates something else changed the weights, by more than a twentieth of their size",
                "initialise, and load weights, once before training",
                "look for load_state_dict or an initialiser inside the loop",
            )


@attrs.frozen
class LostUpdates(Builtin):
    """Updates that leave no trace although there is a gradient.

    Too small for the precision of the weights.

    Attributes:
        share: of the updates looked at in which a weight did not change at all.
        spacing: relative distance of neighbouring numbers from which on precision is the likely cause.
    """

    code = "LOST_UPDATES"
    family = "numerics"
    title = "updates leave no trace in the weights"
    source = "own; Micikevicius et al. 2018 (master weights in float32)"
    effects = frozenset({"FROZEN_PARAM", "LR_LOW", "VANISH", "UNDERFIT", "NO_LEARNING", "CHECK_FAILED", "LR_HIGH"})

    share: float = 0.5
    spacing: float = 1e-4

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        coarse = evidence.experiments.spacing > self.spacing
        if len(evidence.samples) < 3 or evidence.first is None or evidence.experiments.covered == 0.0:
            return
        weights = [p.name for p in evidence.first.weights if p.name in evidence.samples[0].updates]
        lost = {
            name: sum(s.updates[name] == 0.0 and s.grads[name] > 0.0 for s in evidence.samples) / len(evidence.samples)
            for name in weights
        }
        bad = [name for name, share in lost.items() if share >= self.share]
        if not bad or (not coarse and len(bad) < len(weights)):
            return  # some that stand still in full precision are frozen: another rule says so
        yield self.finding(
            ", ".join(bad[:3]),
            {"updates without a trace": max(lost.values()), "spacing of the numbers": evidence.experiments.spacing},
            "there is a gradient, but adding the update to the weights changes nothing"
            + (": it is smaller than the distance between two numbers of this precision" if coarse else ""),
            *(("keep the weights in float32: model.astype(np.float32)",) if coarse else ()),
            "look at the learning rate and its schedule: is it 0?",
        )


@attrs.frozen
class CheckFailed(Builtin):
    """A sanity check before training that failed, and that nothing else explains."""

    code = "CHECK_FAILED"
    family = "fit"
    title = "a check before training failed"
    source = "the sanity checks of minigrad.train; the trained network is the better witness"

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        learnt = does_as_simple_rules(evidence) and (evidence.train_gain is None or evidence.train_gain.value > 0.5)
        for name, message in evidence.experiments.failed.items():
            refuted = learnt and name in ("overfit", "chance", "baseline")
            yield self.finding(
                f"check {name}",
                {},
                message,
                _NEXT.get(name, "minigrad check script.py shows more"),
                kind="NOTE" if refuted else "FAULT",
            )


_NEXT = {
    "overfit": "train on 20 rows alone and change one thing at a time: loss, output layer, width",
    "baseline": "look at ten rows beside their targets, and at what forward() does with its input",
    "independence": "look for a sum, mean or softmax over axis 0 in forward()",
    "determinism": "hold one seeded np.random.Generator in a field of the model",
    "chance": "start the output layer smaller: Linear(..., gain=0.1)",
    "gradients": "look for .data, .numpy(), .detach() or float() in forward()",
}
