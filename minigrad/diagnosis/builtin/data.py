"""Rules about the rows of the data.

Values, scales, order, and whether targets have anything to do with inputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs

from minigrad.data.measure import HUGE, LARGE, OFFSET, SMALL, WIDE
from minigrad.diagnosis.builtin.effects import FIT, NUMERICS, RATE, START
from minigrad.diagnosis.builtin.rate import update_ratio
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding

__all__ = ["BadData", "InputScale", "LabelsRandom", "TargetLeak", "Unshuffled"]


@attrs.frozen
class BadData(Builtin):
    """NaN or infinity among inputs or targets, or labels below 0."""

    code = "BAD_DATA"
    family = "data"
    title = "values that cannot be trained on"
    source = "UMLAUT (Schoop et al. 2021), check of inputs"
    effects = START | NUMERICS | RATE | FIT

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.data.broken:
            yield self.finding(
                "",
                {},
                evidence.data.broken,
                "remove such rows, or fill the values in",
                "look at where they come from: a division, a join, a log",
            )


@attrs.frozen
class InputScale(Builtin):
    """Inputs far from unit size, or columns of very unlike size.

    No single learning rate suits them.

    Typical columns are looked at, and the size of whole rows, so that rare and one-hot columns and word weights are
    what they are.

    Attributes:
        low: typical standard deviation of a column below which inputs are faint, unless rows have a norm of about 1.
        high: typical standard deviation above which they are large.
        spread: root mean square of one column over the typical standard deviation, above which it drowns the others.
        huge: root mean square that such a column must also have.
        offset: typical distance of a column's mean from 0.
    """

    code = "INPUT_SCALE"
    family = "data"
    title = "inputs are not scaled"
    source = "course notes, preprocessing; own: by typical columns, as minigrad.data.find_issues does"
    effects = START | NUMERICS | RATE | FIT | {"LABELS_RANDOM"}

    low: float = SMALL
    high: float = LARGE
    spread: float = WIDE
    huge: float = HUGE
    offset: float = OFFSET

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        d = evidence.data
        if d.broken or d.scale is None:
            return
        scale = d.scale
        problem = scale.problem(low=self.low, high=self.high, wide=self.spread, huge=self.huge, offset=self.offset)
        if problem:
            figures = {"typical std of a column": scale.typical, "largest column": scale.widest, "|mean|": scale.offset}
            advice = "data.scaled(), or (x - mean) / std of the training rows, column by column"
            yield self.finding("training inputs", figures, problem, advice)


@attrs.frozen
class TargetLeak(Builtin):
    """A column, or the inputs themselves, that are the target in disguise.

    Attributes:
        left: share of the target's variance that the column may leave, at most 0.1.
        others: share that all other columns must leave, or the target is simply easy.
        copied: share of symbols that are their own target.
        ahead: change of a prediction when later symbols change, over the spread of predictions.
    """

    code = "TARGET_LEAK"
    family = "data"
    title = "a column gives the target away"
    source = "own: near-exact determinism; Kaufman et al. 2012, leakage in data mining"

    left: float = 1e-4
    others: float = 0.005
    copied: float = 0.95
    ahead: float = 1e-3

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        leak = evidence.data.leakage
        if evidence.data.broken:
            return
        if leak.others is not None and leak.left < self.left and leak.others > self.others:
            yield self.finding(
                f"column {leak.column}",
                {"left unexplained": max(leak.left, 0.0), "by all others": leak.others},
                "one input column alone is the target, up to scale: is it known when predictions are needed?",
                "leave the column out",
                "look at how the table was put together",
            )
        elif leak.copied > self.copied:
            yield self.finding(
                "targets",
                {"targets equal to the input at their place": leak.copied},
                "the symbol to predict is the input symbol itself: the targets were not moved by one place",
                "take x = text[:-1] and y = text[1:]",
            )
        elif (evidence.probes.ahead or 0.0) > self.ahead:
            yield self.finding(
                "model",
                {"change by later symbols": evidence.probes.ahead or 0.0},
                "what is predicted at a place changes with the symbols behind it, and the next of them is the target",
                "mask attention, pad convolutions on the left, or go through the text in one direction only",
            )


@attrs.frozen
class LabelsRandom(Builtin):
    """Targets that have nothing to do with inputs: shuffled, or moved by a row.

    Attributes:
        margin: share of the way from chance to perfect below which simple rules and the network know nothing.
        sigmas: that in standard errors, if it is more.
        blunt: limit from which on these rows are too few to tell.
        surprise: standard errors above chance, mean of simple rules and network, that speak for a weak relation.
        learnt: by how much the network must know its training rows better than others.
        ratio: or the median update over weight that shows that it did train.
    """

    code = "LABELS_RANDOM"
    family = "data"
    title = "targets have nothing to do with inputs"
    source = "Zhang et al. 2017 (random labels can be learnt by heart); Cover & Hart 1967 (neighbours)"
    effects = RATE | FIT | {"DEAD_RELU", "DIVERGE"}

    margin: float = 0.08
    sigmas: float = 3.0
    blunt: float = 0.45
    surprise: float = 1.9
    learnt: float = 0.08
    ratio: float = 5e-4

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        simple, train, val = evidence.data.simple, evidence.train_gain, evidence.val_gain
        if evidence.data.broken or simple is None or train is None or val is None or evidence.diverged:
            return
        limit = max(self.margin, self.sigmas * simple.noise)
        others = max(self.margin, self.sigmas * simple.train_noise)
        own = max(self.margin, self.sigmas * val.noise)
        if max(limit, others, own) > self.blunt:
            return
        errors = 0.5 * (_errors(simple.val, simple.noise, evidence) + _errors(val.value, val.noise, evidence))
        if errors > self.surprise:  # few rows: both are near chance, and yet too good for it
            return
        trained = train.value - val.value > self.learnt or (update_ratio(evidence) or 0.0) > self.ratio
        if simple.val < limit and simple.train < others and val.value < own and trained:
            wide = evidence.data.features > evidence.data.rows
            yield self.finding(
                "targets",
                {"simple rules": simple.val, "network": val.value, "network, training rows": train.value},
                "neither this network nor neighbours and ridge regression predict rows they have not seen any better "
                "than chance (0; perfect is 1)"
                + (": so few rows of so many columns may not tell what is there" if wide else ""),
                "look at ten rows beside their targets: were they shuffled apart, or moved by one?",
                "check joins and sorts that touch one of the two arrays only",
                *(("choose columns, or get more rows",) if wide else ()),
                kind="NOTE" if wide else "FAULT",
            )


def _errors(value: float, noise: float, evidence: Evidence) -> float:
    """Standard errors by which a gain is above chance.

    For quantities those of the correlation of predictions and targets, whose square R^2 is at most: an R^2 of 0.1 is
    little, and yet far from chance.
    """
    if evidence.data.classes:
        return value / max(noise, 1e-9)
    return 1.5 * math.sqrt(max(value, 0.0)) / max(noise, 1e-9)


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

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        order = evidence.data.order
        if order is None or evidence.batch_size < 4:
            return
        share = (order - 1.0) / (evidence.batch_size - 1.0)
        if share > self.ratio and order > 3.0:
            yield self.finding(
                "order of the batches",
                {"variance of batch means, 1 if shuffled": order},
                "batches hold few kinds of targets each, so every update undoes the last",
                "shuffle the rows anew in each epoch: minigrad.data.Loader(x, y, batch_size)",
            )
