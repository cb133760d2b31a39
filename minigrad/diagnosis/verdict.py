"""From rules to a diagnosis.

Causes hide their after-effects, and the first finding is the one to mend.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import attrs

from minigrad.diagnosis.catalog import Catalog
from minigrad.diagnosis.curve import LossCurve
from minigrad.diagnosis.evidence import Evidence
from minigrad.diagnosis.finding import Finding
from minigrad.diagnosis.rule import FAMILIES, Rule
from minigrad.plugins.isolation import contained, summary
from minigrad.text import finite_or_none

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
    """

    findings: tuple[Finding, ...]
    effects: tuple[tuple[Finding, str], ...] = ()
    summary: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

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
            "effects": [{"code": f.code, "kind": f.kind, "of": code} for f, code in self.effects],
            "summary": list(self.summary),
            "broken_rules": list(self.broken),
        }

    def __str__(self) -> str:
        head = [f"diagnosis  {line}" if i == 0 else f"           {line}" for i, line in enumerate(self.summary)]
        body = [str(f) for f in self.findings] or ["no fault found"]
        if self.effects:
            body.append("explained by these: " + ", ".join(f"{f.code} by {code}" for f, code in self.effects))
        body += [f"rule left out: {text}" for text in self.broken]
        return "\n".join([*head, *body])


def _plain(finding: Finding) -> dict[str, object]:
    values = {**attrs.asdict(finding), "evidence": finding.evidence, "advice": finding.advice}
    return {name: finite_or_none(value) for name, value in values.items()}


def diagnose(seen: Evidence, rules: Catalog) -> Diagnosis:
    """Let every rule look, and sort out what they found.

    A rule that raises is left out, and named.
    """
    found: list[_Found] = []
    broken = list(rules.broken)
    for origin, rule in rules:
        try:
            if type(rule).__module__.startswith(_OWN):
                made = list(rule.look(seen))
            else:
                with contained():
                    made = list(rule.look(seen))
            wrong = [f for f in made if not isinstance(f, Finding)]
            if wrong:
                raise TypeError(f"it gave {wrong[0]!r}, which is no Finding")
            found += [(rule, f) for f in made]
        except Exception as error:  # a plugin's rule must not end the diagnosis of the others
            broken.append(f"{rule.code} of {origin}: {summary(error)}")
    found.sort(key=lambda pair: (pair[1].kind != "FAULT", FAMILIES.index(pair[0].family)))
    shown, hidden = _explained(found)
    return Diagnosis(tuple(shown), tuple(hidden), tuple(overview(seen)), tuple(broken))


def _explained(found: list[_Found]) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """Findings, causes first, without those that a fault explains.

    Of two that explain each other the first stays.
    """
    shown: list[Finding] = []
    hidden: list[tuple[Finding, str]] = []
    for place, (rule, finding) in enumerate(found):
        cause = ""
        for other, (r, f) in enumerate(found):
            mutual = r.code in rule.effects
            if f.kind == "FAULT" and other != place and finding.code in r.effects and (not mutual or other < place):
                cause = f.code
                break
        if cause:
            hidden.append((finding, cause))
        else:
            shown.append(finding)
    return shown, hidden


def overview(seen: Evidence) -> Iterable[str]:
    """The learning rate by the shape of the curve, the wiggle against the batch size, the gap."""
    curve = seen.curve
    if curve is None:
        yield "too few updates to say anything about the learning rate"
        return
    yield _rate(curve, seen)
    size = seen.batch_size
    factor = "" if not size else f"; batches of {4 * size} would halve it"
    yield f"wiggle {curve.wiggle:.3f} of chance level at a batch size of {size or '?'}{factor}"
    end = seen.end
    if end is not None and end.train_score is not None and end.val_score is not None:
        gap = end.train_score - end.val_score
        yield (
            f"gap {100 * gap:+.1f} points between training ({end.train_score:.3f}) and validation ({end.val_score:.3f})"
        )


_WORDS = {
    "linear": "looks TOO LOW: the loss falls in a straight line",
    "good": "looks GOOD: the loss falls fast at first and then levels off",
    "stuck": "looks HIGH: the loss fell fast and is stuck",
    "diverging": "is TOO HIGH: the loss climbs",
    "flat": "cannot be judged: the loss does not move",
    "unknown": "cannot be judged",
}


def _rate(curve: LossCurve, seen: Evidence) -> str:
    verdict = "diverging" if seen.diverged else curve.verdict
    shape = f"R^2 of a line {curve.straight:.2f}, of a decay {curve.decay:.2f}"
    if verdict == "diverging":
        return f"learning rate {_WORDS[verdict]} (up to {curve.peak:.3g} times chance level)"
    return f"learning rate {_WORDS[verdict]} (fell by {100 * curve.drop:.0f} % of chance level; {shape})"
