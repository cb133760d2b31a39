"""Rules about the untrained model.

Chance loss, symmetry, and the size of signals and gradients through its depth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs

from minigrad.diagnosis.builtin.effects import FIT, NUMERICS, RATE
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Activation, Evidence
from minigrad.diagnosis.finding import Finding

__all__ = ["Explode", "InitLoss", "Saturated", "Symmetry", "TargetScale", "Vanish"]


@attrs.frozen
class Symmetry(Builtin):
    """Hidden units that all start alike, and so stay alike."""

    code = "SYMMETRY"
    family = "start"
    title = "all units start alike"
    source = "course notes, weight initialisation: all zero is a pitfall"
    effects = RATE | FIT | NUMERICS | {"VANISH", "INIT_LOSS", "EXPLODE", "SATURATED", "CLIPPED_OUTPUT", "OUTPUT_RANGE"}

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.first is None:
            return
        weights = evidence.first.weights
        alike = [p for p in weights[:-1] if p.alike]  # the last layer may well start at 0
        if alike:
            yield self.finding(
                ", ".join(p.name for p in alike[:3]),
                {"weights": len(alike), "of": len(weights)},
                "all units of these layers start with the same weights, get the same gradient, and stay one unit",
                "draw the weights at random: init='he' before ReLU, 'xavier' before tanh",
            )


@attrs.frozen
class TargetScale(Builtin):
    """Targets of a regression far from unit size.

    Attributes:
        ratio: of mean square to 1, above which they are.
        small: standard deviation below which they are too small, if most of the loss is left.
    """

    code = "TARGET_SCALE"
    family = "data"
    title = "targets are not scaled"
    source = "course notes, preprocessing; own threshold"
    effects = RATE | FIT | NUMERICS | {"INIT_LOSS", "EXPLODE"}

    ratio: float = 50.0
    small: float = 1e-3

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        d = evidence.data
        if d.classes or d.broken or d.whole:
            return
        if 0.0 < d.target_std < self.small and (evidence.left is None or evidence.left > 0.5):
            yield self.finding(
                "targets",
                {"mean": d.target_mean, "std": d.target_std},
                "targets are far smaller than the outputs of a new network, and than the steps that weights take",
                "scale targets to mean 0 and std 1 (data.scaled() does), and scale predictions back",
            )
            return
        if d.levels > 2 and d.target_std**2 + d.target_mean**2 > self.ratio:
            yield self.finding(
                "targets",
                {"mean": d.target_mean, "std": d.target_std},
                "a new network gives outputs near 0: most of the run goes into reaching the targets",
                "scale targets to mean 0 and std 1 (data.scaled() does), and scale predictions back",
            )


@attrs.frozen
class InitLoss(Builtin):
    """A first loss far from that of chance.

    Attributes:
        high: ratio to it, above which the model is too sure.
        low: ratio to it, below which it knows something.
        unit: mean square of quantities that counts as chance where chance itself is smaller.
    """

    code = "INIT_LOSS"
    family = "start"
    title = "the first loss is not that of chance"
    source = "course notes, sanity checks, tip 1; Karpathy 2019"
    effects = frozenset(
        {
            "DEAD_RELU",
            "SATURATED",
            "EXPLODE",
            "LR_HIGH",
            "OVERFIT",
            "UNDERFIT",
            "LR_LOW",
            "NO_LEARNING",
            "DIVERGE",
            "BATCH_NOISE",
            "NONFINITE",
            "VANISH",
        }
    )

    high: float = 3.0
    low: float = 0.5
    unit: float = 0.3

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        chance = evidence.start.chance
        if evidence.first is None or evidence.resumed or not chance or chance <= 0.0 or evidence.first.loss < 0.0:
            return
        least = chance if evidence.data.classes else max(chance, self.unit)  # small targets are no mistake
        ratio = evidence.first.loss / (least if evidence.first.loss > chance else chance)
        figures = {"loss": evidence.first.loss, "chance": chance}
        reached, known = evidence.start.even or (0.0, 0.0)
        if reached > self.high * max(chance, known):  # though few rows are of the classes that it rules out
            ratio = math.inf
            figures = {"loss, each class alike": reached, "of the class shares": known, "chance": chance}
        if ratio > self.high or ratio != ratio:
            yield self.finding(
                "untrained model",
                figures,
                f"the untrained model is surer than it may be: chance is {evidence.start.formula}",
                "initialise with nn's he or xavier, and the output layer smaller: Linear(..., gain=0.1)",
                "start the output bias at 0, or at the log of the class shares",
            )
        elif ratio < self.low:
            yield self.finding(
                "untrained model",
                figures,
                f"the untrained model is better than chance ({evidence.start.formula}): is it pretrained?",
                "look for the target among the inputs",
                kind="NOTE",
            )


@attrs.frozen
class Vanish(Builtin):
    """Signals or gradients that die out on the way through the layers.

    Attributes:
        signal: standard deviation of an activation below which it carries nothing on.
        gradient: root mean square gradient of the first weight over that of the last.
        chance: share of the loss of chance that must be left at the end: a network that learnt has no such fault.
    """

    code = "VANISH"
    family = "start"
    title = "signals vanish on the way"
    source = "Glorot & Bengio 2010; AutoTrainer (Zhang et al. 2021): ratio 1e-3, here of RMS, not of norms"
    effects = RATE | FIT | {"SATURATED", "DEAD_RELU"}

    signal: float = 3e-3
    gradient: float = 3e-3
    chance: float = 0.35

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.first is None or _learnt(evidence, self.chance):
            return
        grads = [p for p in evidence.first.weights if p.size > 1 and p.rms > 0.0]
        quiet = [a for a in evidence.first.activations if a.op != "sigmoid" and a.std < self.signal and a.dead < 0.9]
        figures = {}
        where = ""
        if quiet:
            figures["std of the activation"] = quiet[0].std
            where = quiet[0].name
        if len(grads) > 2 and grads[-1].grad > 0.0 and grads[0].grad < self.gradient * grads[-1].grad:
            figures["gradient of the first over the last weight"] = grads[0].grad / grads[-1].grad
            where = where or grads[0].name
        dead = any(a.dead > 0.9 for a in evidence.first.activations)
        if figures and not dead:
            yield self.finding(
                where,
                figures,
                "what goes in, or the gradient that comes back, has all but died out before it arrives",
                "initialise with 'he' before ReLU, 'xavier' before tanh",
                "replace sigmoids by ReLU or tanh",
                "add batch normalisation or residual connections, or leave layers out",
            )


@attrs.frozen
class Explode(Builtin):
    """Gradients that grow on the way back, or are huge from the start.

    Attributes:
        ratio: root mean square gradient of the first weight over that of the last.
        spike: largest over median gradient during training, for recurrent networks.
    """

    code = "EXPLODE"
    family = "start"
    title = "gradients explode"
    source = "AutoTrainer: ratio 70; Pascanu et al. 2013 (recurrent networks)"
    effects = RATE | FIT | NUMERICS | {"SATURATED", "INIT_LOSS", "VANISH"}

    ratio: float = 70.0
    spike: float = 100.0

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.first is None:
            return
        grads = [p for p in evidence.first.weights if p.grad > 0.0]
        if len(grads) > 1 and grads[0].grad > self.ratio * grads[-1].grad and not evidence.usage.recurrent:
            figures = {"gradient of the first over the last weight": grads[0].grad / grads[-1].grad}
        elif evidence.usage.recurrent and _spikes(evidence) > self.spike:
            figures = {"largest over median gradient": _spikes(evidence)}
        else:
            return
        yield self.finding(
            grads[0].name,
            figures,
            "gradients grow from layer to layer (or from time step to time step) until one update undoes all others",
            "clip the gradient: clip=1.0",
            "initialise smaller: 'he' or 'xavier'; 'orthogonal' for recurrent weights",
            "lower the learning rate",
        )


def _spikes(evidence: Evidence) -> float:
    sizes = sorted(max(s.grads.values()) for s in evidence.samples)
    middle = sizes[len(sizes) // 2] if sizes else 0.0
    return sizes[-1] / middle if middle else 0.0


@attrs.frozen
class Saturated(Builtin):
    """Tanh or sigmoid units at their ends before training, where they have no slope.

    Attributes:
        share: of the values.
        chance: as for VANISH.
    """

    code = "SATURATED"
    family = "start"
    title = "units are saturated"
    source = "DeepDiagnosis (Wardat et al. 2022): more than half beyond the ends; Glorot & Bengio 2010"
    effects = RATE | FIT | {"INIT_LOSS", "EXPLODE"}

    share: float = 0.4

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.first is None:
            return
        bad = [a for a in evidence.first.activations if self._counts(a, evidence) and a.saturated > self.share]
        if bad:
            yield self.finding(
                bad[0].name,
                {"saturated share": bad[0].saturated, "places": len(bad)},
                "most units sit at an end of their range, where the slope is 0 and no gradient comes through",
                "initialise smaller: 'xavier'",
                "scale the inputs",
                "replace by ReLU",
            )

    def _counts(self, a: Activation, evidence: Evidence) -> bool:
        return a.op == "tanh" or (a.op == "sigmoid" and not evidence.usage.recurrent)


def _learnt(evidence: Evidence, left: float) -> bool:
    """Whether the network ended well below the loss of chance."""
    end, chance, level = evidence.end, evidence.start.chance, evidence.level
    if end is None or end.epoch == 0 or chance is None:
        return False
    return end.train_loss < left * min(chance, level or chance)  # beside a common class chance alone is no bar
