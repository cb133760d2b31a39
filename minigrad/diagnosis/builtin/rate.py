"""Rules about numbers that run away, and about the learning rate.

Too high, too low, cooled too fast, too noisy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

import attrs

from minigrad.diagnosis.builtin.effects import FIT, RESULT
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.evidence import Evidence, Sample
from minigrad.diagnosis.finding import Finding

__all__ = [
    "BatchNoise",
    "DeadRelu",
    "Diverge",
    "NonFinite",
    "RateDecayFast",
    "RateHigh",
    "RateLow",
    "largest_weights",
    "update_ratio",
]

_LOWER = ("divide the learning rate by 10, and look again", "minigrad lr-find script.py finds a range")


@attrs.frozen
class NonFinite(Builtin):
    """A loss or gradient that became infinite or NaN."""

    code = "NONFINITE"
    family = "numerics"
    title = "the loss became infinite or NaN"
    source = "keras#4848: stop before NaN reaches the weights; the op is named by minigrad.train.monitor.nonfinite"
    effects = frozenset({"DIVERGE", "DEAD_RELU", "LR_HIGH", "EXPLODE"}) | FIT

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        if evidence.diverged and not evidence.data.broken:
            where = f"update {len(evidence.losses)}"
            lr = evidence.hyper.get("lr")
            yield self.finding(
                where,
                {} if lr is None else {"lr": lr},
                evidence.failure
                or "the loss is not finite any more; with inputs in order, the learning rate is too high",
                *_LOWER,
                "clip the gradient: clip=1.0",
            )


@attrs.frozen
class Diverge(Builtin):
    """A training loss far above that of chance.

    Attributes:
        times: the larger of chance and the first loss.
    """

    code = "DIVERGE"
    family = "numerics"
    title = "the loss runs away"
    source = "course notes, learning rate (yellow curve); own threshold"
    effects = frozenset({"DEAD_RELU", "LR_HIGH", "BATCH_NOISE"}) | FIT

    times: float = 3.0

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        curve = evidence.curve
        if curve is None or evidence.diverged or evidence.first is None:
            return
        level = max(evidence.first.loss, evidence.start.chance or 0.0, 1e-12)
        early, late = max(curve.segments[: len(curve.segments) // 2 + 1]), curve.last
        if late > self.times * level or (early > 4.0 * self.times * level and late > 0.5 * level):
            yield self.finding(
                "training loss",
                {"at first": level, "highest": max(early, late), "at the end": late},
                "updates are so long that each makes things worse: the learning rate is too high",
                *_LOWER,
            )


@attrs.frozen
class DeadRelu(Builtin):
    """Rectified units that are 0 for every row.

    Attributes:
        share: of the units of a layer.
        fault: training score below which it is a FAULT and not a NOTE.
        severe: share above which it is one whatever the score.
    """

    code = "DEAD_RELU"
    family = "numerics"
    title = "dead ReLU units"
    source = "course notes, activation functions (40 %); AutoTrainer 70 %; gated by the outcome: own"
    effects = frozenset({"LR_LOW", "UNDERFIT", "NO_LEARNING", "IMBALANCE"})

    share: float = 0.6
    severe: float = 0.95
    fault: float = 0.6

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        start = (
            [a for a in evidence.first.activations if a.op == "relu" and a.dead >= self.share] if evidence.first else []
        )
        end = [a for a in evidence.last.activations if a.op == "relu" and a.dead >= self.share] if evidence.last else []
        bad = start or end
        if not bad:
            return
        worst = max(bad, key=lambda a: a.dead)
        score = evidence.end.train_score if evidence.end is not None else None
        if score is not None and evidence.train_gain is not None:  # which one common class does not lift
            score = min(score, max(evidence.train_gain.value, 0.0))
        poor = score is not None and score < self.fault
        severe = poor or (worst.dead >= self.severe and (score is None or score < 0.9))
        when = "from the start" if start else "by the end"
        yield self.finding(
            worst.name,
            {"dead share": worst.dead, "layers": len(bad)},
            f"units of this layer are 0 for every row {when}, so they never learn again",
            "start biases at 0 and weights with init='he'",
            "lower the learning rate",
            "use nn.LeakyReLU",
            kind="FAULT" if severe else "NOTE",
        )


@attrs.frozen
class RateHigh(Builtin):
    """Steps too long to settle: the loss falls fast and gets stuck, or jumps about.

    Attributes:
        ratio: median update over weight, above which steps are too long.
        left: share of the loss of chance that must be left for it to matter.
        rises: share of the stretches that rise.
        worse: loss at the end over that of chance.
        leap: update over weight of the first three updates.
        killed: share of the units of a layer that training has brought to 0 for every row.
        grown: last over first size of the largest weights, in networks of several layers.
        momentum: from which on momentum is named as the cause.
    """

    code = "LR_HIGH"
    family = "rate"
    title = "the learning rate is too high"
    source = "course notes: update over weight about 1e-3, green curve; AutoTrainer, oscillating loss"
    effects = RESULT | {"LR_LOW", "BATCH_NOISE", "DEAD_RELU"}

    ratio: float = 0.06
    left: float = 0.25
    rises: float = 0.27
    worse: float = 1.15
    leap: float = 0.5
    killed: float = 0.95
    grown: float = 5.0
    momentum: float = 0.98

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        curve, level = evidence.curve, evidence.level
        if curve is None or evidence.diverged or evidence.end is None or evidence.first is None or level is None:
            return
        left = max(evidence.end.train_loss, curve.last) / level
        ratio = update_ratio(evidence)
        peaked = curve.peak * curve.scale > 3.0 * max(level, evidence.first.loss) and left > 0.1
        long = ratio is not None and ratio > self.ratio and left > self.left
        settled = does_as_simple_rules(evidence) or _knows_what_little_there_is(evidence)
        jumps = curve.rises >= self.rises and (ratio is None or ratio > 0.2 * self.ratio)
        jumping = jumps and left > self.left and not settled
        worse = left > self.worse and evidence.first.loss < self.worse * level
        leapt = left > self.left and _first_ratio(evidence) > self.leap
        killed = left > self.left and not settled and _killed(evidence) > self.killed
        grown = left > self.left and _growth(evidence) > self.grown
        if not (long or jumping or peaked or worse or leapt or killed or grown):
            return
        figures = {"loss left, chance 1": left, "share of rises": curve.rises}
        if ratio is not None:
            figures["update over weight"] = ratio
        mu = evidence.hyper.get("momentum", evidence.hyper.get("beta1", 0.0))
        advice: tuple[str, ...] = _LOWER
        if mu >= self.momentum:
            figures["momentum"] = mu
            advice = (
                f"lower the momentum: {mu:g} multiplies steps by {1 / max(1 - mu, 1e-6):.0f}; 0.9 is usual",
                *_LOWER,
            )
        yield self.finding(
            "learning rate",
            figures,
            "steps are too long to settle: the loss bounces about instead of going down",
            *advice,
        )


@attrs.frozen
class RateLow(Builtin):
    """Steps so short that the run ended on its way.

    Attributes:
        ratio: median update over weight.
        travel: or that times the number of updates: by how much of their size all of them could change the weights.
        left: share of the loss of chance that is left.
        linear: the same as `ratio`, for a loss that falls in a straight line.
    """

    code = "LR_LOW"
    family = "rate"
    title = "the learning rate is too low"
    source = "course notes: update over weight about 1e-3, blue line"
    effects = RESULT

    ratio: float = 2.5e-4
    travel: float = 0.15
    left: float = 0.5
    linear: float = 2e-3

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        curve, level = evidence.curve, evidence.level
        if curve is None or evidence.diverged or evidence.end is None or level is None:
            return
        left, ratio = evidence.end.train_loss / level, update_ratio(evidence)
        if ratio is None or left < self.left:
            return
        straight = curve.straight > 0.8 and curve.straight > curve.decay - 0.01 and curve.drop > 0.0 and left > 0.8
        short = ratio < self.ratio or ratio * len(evidence.losses) / evidence.accumulate < self.travel
        if short or ((curve.verdict == "linear" or straight) and ratio < self.linear):
            figures = {"update over weight": ratio, "loss left, chance 1": left, "drop": curve.drop}
            if "lr" in evidence.hyper:
                figures["lr"] = evidence.hyper["lr"]
            yield self.finding(
                "learning rate",
                figures,
                "weights hardly move, and the loss was still on its way when the run ended",
                "multiply the learning rate by 10, and look again",
                "minigrad lr-find script.py finds a range",
                "look at clipping, warm-up and schedule: something may hold the steps short",
            )


@attrs.frozen
class RateDecayFast(Builtin):
    """A learning rate that was gone before the work was done.

    Attributes:
        fall: last over largest learning rate.
        left: share of the loss of chance that is left.
    """

    code = "LR_DECAY_FAST"
    family = "rate"
    title = "the learning rate decays too fast"
    source = "course notes, annealing: cooled too quickly"
    effects = RESULT | {"LR_LOW", "LR_HIGH"}

    fall: float = 0.02
    left: float = 0.35

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        rates = [(s.step, s.lr) for s in evidence.samples if s.lr is not None]
        level = evidence.level
        if len(rates) < 5 or evidence.end is None or level is None:
            return
        top, total = max(r for _, r in rates), len(evidence.losses)
        gone = next((step for step, r in rates if r < self.fall * top and step > 2), None)
        if (
            gone is not None
            and rates[0][1] > self.fall * top
            and gone < 0.5 * total
            and evidence.end.train_loss > self.left * level
        ):
            yield self.finding(
                f"update {gone}",
                {"lr then over highest lr": self.fall, "loss left, chance 1": evidence.end.train_loss / level},
                "the learning rate was all but 0 in the first half of the run, long before the loss was down",
                "let it decay over the whole run: schedule='cosine'",
                "keep it constant until the loss is flat",
            )


@attrs.frozen
class BatchNoise(Builtin):
    """Batches so small that their noise hides the way down.

    Attributes:
        size: batches up to this size can be too small.
        wiggle: of the batch losses, chance 1.
        left: as for LR_HIGH.
        worse: last batch losses, each before its own update, over the loss of a constant answer: none of the updates
            before was of any use then, whatever the network knows of its training rows.
    """

    code = "BATCH_NOISE"
    family = "rate"
    title = "batches are too small for this learning rate"
    source = "course notes: the wiggle goes with the batch size, as 1 / sqrt(size)"
    effects = RESULT | {"LR_HIGH", "DEAD_RELU", "DIVERGE"}

    size: int = 4
    wiggle: float = 0.5
    left: float = 0.4
    worse: float = 1.15

    def look(self, evidence: Evidence) -> Iterator[Finding]:
        curve = evidence.curve
        if curve is None or evidence.end is None or evidence.diverged or not 0 < evidence.batch_size <= self.size:
            return
        level = evidence.start.chance or max(curve.first, 1e-12)
        # A network that does as simple rules do leaves the noise of the targets.
        left = evidence.end.train_loss > self.left * level and not does_as_simple_rules(evidence)
        worse = curve.last > self.worse * (evidence.level or math.inf)
        if curve.wiggle > self.wiggle and (left or worse):
            yield self.finding(
                f"batches of {evidence.batch_size}",
                {"wiggle, chance 1": curve.wiggle},
                "single batches say so little about the whole that updates contradict each other; 16 times the batch "
                "has a quarter of the wiggle",
                "use batches of 32 or 64",
                "lower the learning rate",
                "accumulate=16",
            )


def does_as_simple_rules(evidence: Evidence) -> bool:
    """Whether the network predicts validation rows as well as simple rules do.

    False where these know no more than chance.
    """
    simple, val = evidence.data.simple, evidence.val_gain
    if simple is None or val is None or simple.val < 3.0 * simple.noise:
        return False
    return val.value >= simple.val - max(0.03, simple.noise)


def _knows_what_little_there_is(evidence: Evidence) -> bool:
    """Whether simple rules know next to nothing, and the network more of its own rows alone.

    What is left of the loss is noise of the targets then, and so may rises be.
    """
    simple, val, train = evidence.data.simple, evidence.val_gain, evidence.train_gain
    if simple is None or val is None or train is None or simple.val > 3.0 * simple.noise:
        return False
    return val.value >= simple.val - simple.noise and train.value > 2.0 * train.noise


def update_ratio(evidence: Evidence) -> float | None:
    """Median over samples of the median over weights of update over weight."""
    return _median_ratio(evidence, evidence.samples[len(evidence.samples) // 4 :])


def _killed(evidence: Evidence) -> float:
    """Largest share of a layer of rectified units that training has killed.

    Such a unit is 0 for every row at the end, and was not at the start.
    """
    if evidence.first is None or evidence.last is None:
        return 0.0
    pairs = zip(evidence.first.activations, evidence.last.activations, strict=False)
    return max((b.dead for a, b in pairs if a.op == b.op == "relu" and a.dead < 0.6), default=0.0)


def largest_weights(evidence: Evidence) -> tuple[float, float]:
    """First and last size of the weights that were largest; 0 where there are none.

    Those of a last layer may begin at 0.
    """
    if evidence.first is None or evidence.last is None:
        return 0.0, 0.0
    sizes = [(a.rms, b.rms) for a, b in zip(evidence.first.weights, evidence.last.weights, strict=True)]
    return max(sizes, default=(0.0, 0.0))


def _growth(evidence: Evidence) -> float:
    """Last over first size of the largest weights of a network of several layers."""
    before, after = largest_weights(evidence)
    several = evidence.first is not None and len(evidence.first.weights) > 1
    return after / before if before and several else 0.0


def _first_ratio(evidence: Evidence) -> float:
    return _median_ratio(evidence, evidence.samples[:3]) or 0.0


def _median_ratio(evidence: Evidence, samples: Sequence[Sample]) -> float | None:
    names = {p.name for p in evidence.first.weights} if evidence.first is not None else set()
    medians = []
    for s in samples:
        each = [
            u / s.weights[n] for n, u in s.updates.items() if n in names and s.weights[n] > 0.0 and math.isfinite(u)
        ]
        if each:
            medians.append(median(each))
    return median(medians) if medians else None
