"""Rules that read what model, loss and gradient answered when one thing was changed."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import attrs

from minigrad.diagnosis.builtin.effects import FIT, NUMERICS, RATE, START
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding

__all__ = ["GradientChanged", "InputIgnored", "LossBlind"]

_ALL = START | NUMERICS | RATE | FIT


@attrs.frozen
class InputIgnored(Builtin):
    """Columns of the input that no output depends on, before and after training.

    Attributes:
        share: of the columns that vary.
        dead: share of the units of a layer at 0 for every row, with which it is said elsewhere,
        bias: if biases of this size are why.
    """

    code = "INPUT_IGNORED"
    family = "wiring"
    title = "inputs do not reach the outputs"
    source = "own: columns are exchanged between rows, group by group"
    effects = RATE | FIT | {"VANISH", "DEAD_RELU", "LABELS_RANDOM", "GRAD_BUG"}

    share: float = 0.5
    dead: float = 0.9
    bias: float = 3.0

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        first, last = evidence.probes.ignored, evidence.ignored_last
        if first is None or last is None or min(first, last) < self.share or evidence.diverged:
            return
        if evidence.first is not None and any(p.rms == 0.0 for p in evidence.first.weights):
            return  # weights of 0 let nothing through, which is said elsewhere
        if self._held_at_zero(evidence):
            return  # by biases, which is said elsewhere
        yield self.finding(
            "model",
            {"share of the input columns that change nothing": min(first, last)},
            "other values in these columns leave every output as it is, bit for bit",
            "follow the input through forward(): a slice, a product with 0, an index, the first place of a sequence?",
        )

    def _held_at_zero(self, evidence: Evidence) -> bool:
        inside = evidence.first
        dead = inside is not None and any(a.dead > self.dead for a in inside.activations)
        return dead and inside is not None and any(p.rms > self.bias for p in inside.parameters if not p.weight)


@attrs.frozen
class LossBlind(Builtin):
    """A loss that does not look at the targets, or not at all rows or columns.

    Attributes:
        share: of the rows, columns or places whose outputs never have a gradient.
    """

    code = "LOSS_BLIND"
    family = "wiring"
    title = "the loss does not look at everything"
    source = "own: gradient of the loss by the outputs, four times, and with the targets of other rows"
    effects = _ALL | {"LABELS_RANDOM", "LABEL_MISMATCH", "SUM_LOSS"}

    share: float = 0.45

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        seen = evidence.probes
        if evidence.start.formula == "ln 1":
            return  # the softmax of one score, which has a rule of its own
        if seen.blind_targets:
            yield self.finding(
                "loss",
                {},
                "the gradient of the loss is the same whatever the targets are",
                "look whether the loss uses its second argument, and whether it still is what it was given",
                "if there are no targets on purpose, leave this rule out: --without LOSS_BLIND",
            )
            return
        for name, share in (("rows", seen.blind_rows), ("columns", seen.blind_columns), ("places", seen.blind_places)):
            if share > self.share or (name == "columns" and share > 0.0):
                yield self.finding(
                    "loss",
                    {f"share of the {name} without a gradient": share},
                    f"some {name} of the outputs have no influence on the loss, so they are not learnt",
                    "look for an index or a slice in the loss, and for shapes that do not fit",
                    "if they are masked on purpose, leave this rule out: --without LOSS_BLIND",
                    kind="NOTE" if name == "places" else "FAULT",
                )
                return


@attrs.frozen
class GradientChanged(Builtin):
    """An update with another gradient than that of the loss.

    Attributes:
        cosine: of the angle between the two, below which something else outweighs the loss.
    """

    code = "GRAD_CHANGED"
    family = "wiring"
    title = "updates follow another gradient than that of the loss"
    source = "own: the gradient that step() finds is compared with that of the loss of the batch"
    effects = RATE | NUMERICS | FIT | {"ASCENT"}

    cosine: float = 0.3

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        early = [s for s in evidence.samples if s.own is not None]
        if len(early) < 2:
            return
        turned = set(early[0].turned).intersection(*(s.turned for s in early))
        middle = float(median(s.own or 0.0 for s in early))
        if not turned and middle > self.cosine:
            return
        if turned and min(s.own or 0.0 for s in early) < -0.9:
            return  # the whole gradient is turned: another rule says so
        why = (
            "their gradient has the opposite sign of that of the loss"
            if turned
            else "what step() finds hardly goes with the gradient of the loss: something larger was added to it"
        )
        yield self.finding(
            ", ".join(sorted(turned)[:3]) or "gradients",
            {"cosine with the gradient of the loss": middle},
            why,
            "look at what happens between loss.backward() and step(): penalties, noise, clipping, a sign",
            "if another loss is added on purpose, leave this rule out: --without GRAD_CHANGED",
        )
