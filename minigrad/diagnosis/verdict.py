"""From rules to a diagnosis.

Causes hide their after-effects, and the first finding is the one to mend.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import attrs

from minigrad.diagnosis.catalog import Catalog
from minigrad.diagnosis.curve import LossCurve
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding
from minigrad.diagnosis.rule import FAMILIES, Rule
from minigrad.plugins.isolation import contained, summary
from minigrad.text import as_html, finite_or_none

__all__ = ["Diagnosis", "diagnose"]

_OWN = "minigrad.diagnosis."
_Found: TypeAlias = tuple[Rule, Finding]


@attrs.frozen
class Diagnosis:
    """What was found, in the order in which it should be mended.

    Attributes:
        findings: faults first, causes first.
        effects: findings that one of these explains, with the code that does.
        summary: lines about the learning rate, the wiggle and the gap, whatever was found.
        broken: rules that failed, by distribution, with the reason.
        excluded: where no cause was found for a bad outcome, what was tried and is in order.
    """

    findings: tuple[Finding, ...]
    effects: tuple[tuple[Finding, str], ...] = ()
    summary: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Findings that are faults."""
        return tuple(f for f in self.findings if f.kind == "FAULT")

    @property
    def healthy(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    def as_document(self) -> dict[str, object]:
        """Plain values, for JSON; figures that are not finite become None."""
        return {
            "healthy": self.healthy,
            "findings": [_plain(f) for f in self.findings],
            "effects": [{"code": f.code, "kind": f.kind, "where": f.where, "of": code} for f, code in self.effects],
            "summary": list(self.summary),
            "excluded": list(self.excluded),
            "broken_rules": list(self.broken),
        }

    def _repr_html_(self) -> str:
        """The verdict, as a notebook shows it."""
        return as_html(str(self))

    def __str__(self) -> str:
        head = [f"diagnosis  {line}" if i == 0 else f"           {line}" for i, line in enumerate(self.summary)]
        body = [str(f) for f in self.findings] or ["no fault found"]
        sure = self.faults[0].probability if self.faults else None
        if sure is not None:
            body.append(f"probability {sure:.2f}: as often as {self.faults[0].code} was right on held-out runs")
        if self.effects:
            body.append("explained by these: " + ", ".join(_after_effects(self.effects)))
        body += [f"in order: {text}" for text in self.excluded]
        body += [f"rule left out: {text}" for text in self.broken]
        return "\n".join([*head, *body])


def _after_effects(effects: Sequence[tuple[Finding, str]]) -> Iterable[str]:
    """Each code with its cause, once.

    Of several findings of a code the places, such as the names of checks.
    """
    places: dict[tuple[str, str], list[str]] = {}
    for finding, cause in effects:
        places.setdefault((finding.code, cause), []).append(finding.where)
    for (code, cause), where in places.items():
        yield f"{code} ({', '.join(where)}) by {cause}" if len(where) > 1 else f"{code} by {cause}"


def _plain(finding: Finding) -> dict[str, object]:
    values = {**attrs.asdict(finding), "evidence": finding.evidence, "advice": finding.advice}
    values["probability"] = finding.probability
    return {name: finite_or_none(value) for name, value in values.items()}


def diagnose(evidence: Evidence, rules: Catalog) -> Diagnosis:
    """Let every rule look, and sort out what they found.

    A rule that raises is left out, and named.
    """
    findings: list[_Found] = []
    broken = list(rules.broken)
    for origin, rule in rules:
        try:
            if type(rule).__module__.startswith(_OWN):
                offered = list(rule.look(evidence))
            else:
                with contained():
                    offered = list(rule.look(evidence))
            wrong = [f for f in offered if not isinstance(f, Finding)]
            if wrong:
                raise TypeError(f"it gave {wrong[0]!r}, which is no Finding")
            findings += [(rule, f) for f in offered]
        except Exception as error:  # a plugin's rule must not end the diagnosis of the others
            broken.append(f"{rule.code} of {origin}: {summary(error)}")
    findings.sort(key=lambda pair: (pair[1].kind != "FAULT", FAMILIES.index(pair[0].family)))
    shown, hidden = _explained(findings)
    lines = _overview(evidence, shown, [f for f, _ in hidden])
    return Diagnosis(tuple(shown), tuple(hidden), tuple(lines), tuple(broken), tuple(_excluded(evidence, shown)))


def _explained(findings: list[_Found]) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """Findings, causes first, without those that a fault explains.

    Of several in a circle the first stays.
    """
    shown = dict(enumerate(findings))
    hidden: dict[int, tuple[Finding, str]] = {}
    for place in reversed(range(len(findings))):
        rule, finding = findings[place]
        for other, (cause, fault) in shown.items():
            mutual = cause.code in rule.effects
            explains = fault.kind == "FAULT" and finding.code in cause.effects and finding.code != fault.code
            if explains and (not mutual or other < place):
                hidden[place] = finding, fault.code
                del shown[place]
                break
    # What a hidden fault explained is explained by what hides it, unless that was hidden later on.
    return [f for _, f in shown.values()], [hidden[place] for place in sorted(hidden)]


_OUTCOMES = frozenset({"UNDERFIT", "NO_LEARNING", "CHECK_FAILED"})
"""Faults that say how it ended, and not why."""


def _excluded(evidence: Evidence, findings: Sequence[Finding]) -> Iterable[str]:
    """What was tried and is in order.

    For a reader who has to look for the cause of a bad outcome elsewhere.
    """
    faults = [f for f in findings if f.kind == "FAULT"]
    if not faults or any(f.code not in _OUTCOMES for f in faults):
        return
    tried, start = evidence.experiments, evidence.start
    if tried.mixed is not None:
        yield f"each row's loss is its own (turn {tried.mixed:.1e} when another row is exchanged)"
    if tried.covered is not None and tried.covered == 1.0:
        yield "the optimizer holds every parameter of the model"
    if evidence.samples and all(s.descent > 0.0 for s in evidence.samples[:2]):
        yield "updates go down the gradient"
    if start.doubling is not None and 0.5 < start.doubling < 1.5:
        yield "the loss is a mean over rows"
    if evidence.data.scale is not None:
        yield f"inputs have a typical standard deviation of {evidence.data.scale.typical:.2g}"
    if evidence.data.simple is not None:
        yield f"the data can be learnt: simple rules come {100 * evidence.data.simple.val:.0f} % of the way to perfect"
    yield "next experiment: the same script on 20 training rows only, without regularisation, until the loss is 0"


def _overview(evidence: Evidence, findings: Sequence[Finding], effects: Sequence[Finding]) -> Iterable[str]:
    """The learning rate, the wiggle against the batch size, the gap.

    Never at odds with the findings.
    """
    curve = evidence.curve
    if curve is None:
        yield "too few updates to say anything about the learning rate"
        return
    yield f"learning rate {_rate(curve, evidence, findings, effects)}"
    if math.isfinite(curve.wiggle):
        size = evidence.batch_size
        factor = "" if not size else f"; batches of {4 * size} would halve it"
        wiggle = f"{curve.wiggle:.3f}" if curve.wiggle < 10.0 else "more than 10"
        yield f"wiggle {wiggle} of the loss of a constant answer at a batch size of {size or '?'}{factor}"
    end = evidence.end
    if end is not None and end.train_score is not None and end.val_score is not None:
        gap = end.train_score - end.val_score
        text = f"{100 * gap:+.1f} points" if abs(gap) < 10.0 else "enormous:"
        yield f"gap {text} between training ({_short(end.train_score)}) and validation ({_short(end.val_score)})"


_HIGH = ("NONFINITE", "DIVERGE", "LR_HIGH")
_LEVEL = 0.5


def _rate(curve: LossCurve, evidence: Evidence, findings: Sequence[Finding], effects: Sequence[Finding]) -> str:
    """What is to be said of the learning rate.

    By the findings first, then by the level reached, then by the shape.
    """
    faults = [f.code for f in findings if f.kind == "FAULT"]
    rate = next((c for c in faults if c in (*_HIGH, "LR_LOW", "LR_DECAY_FAST", "BATCH_NOISE")), "")
    way = _way(evidence, curve)
    if rate in _HIGH:
        peak = f"up to {curve.peak:.3g} times the loss of a constant answer" if curve.peak > 1.2 else way
        return f"looks TOO HIGH: see {rate} ({peak})"
    if rate:
        word = {"LR_LOW": "TOO LOW", "LR_DECAY_FAST": "to DECAY TOO FAST"}.get(rate, "TOO HIGH for such small batches")
        return f"looks {word}: see {rate} ({way})"
    if faults:
        return f"cannot be judged before {faults[0]} is mended ({way})"
    if curve.verdict == "diverging" or evidence.diverged:
        return f"may be too high: the loss climbs ({way})"
    if evidence.left is not None and evidence.left > _LEVEL and not _good_enough(evidence):
        words = {"linear": "the loss falls in a straight line: a higher one may be faster", "stuck": "it may be high"}
        return f"cannot be called good: much of the loss is left; {words.get(curve.verdict, 'see the epochs')} ({way})"
    shape = f"R^2 of a line {curve.straight:.2f}, of a decay {curve.decay:.2f}"
    return f"looks GOOD: the loss falls and levels off ({way}; {shape})"


def _way(evidence: Evidence, curve: LossCurve) -> str:
    """How far the loss came, as a share of the way from a constant answer to 0."""
    left = curve.last / curve.scale if curve.scale > 0.0 else math.nan
    if not math.isfinite(left):
        return "the loss is not finite"
    if left < 0.0:
        return f"the loss ended below 0, at {curve.last:.3g}"
    if left > 1.0:
        return f"the loss ended at {left:.3g} times that of a constant answer"
    return f"{100.0 * (1.0 - left):.0f} % of the way from a constant answer to a loss of 0"


def _good_enough(evidence: Evidence) -> bool:
    """Whether the network does as well as simple rules.

    So that what is left of the loss may be noise.
    """
    simple, val = evidence.data.simple, evidence.val_gain
    return simple is not None and val is not None and val.value > simple.val - max(0.05, simple.noise)


def _short(score: float) -> str:
    return f"{score:.3f}" if abs(score) < 1000.0 else f"{score:.1e}"
