"""What a rule says about a run: a finding, in words and with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from minigrad.diagnosis.benchmark_results import probability_of

__all__ = ["Finding", "Kind"]

Kind: TypeAlias = Literal["FAULT", "NOTE"]


def _at_most_three(finding: Finding, attribute: attrs.Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    if len(value) > 3:
        raise ValueError(f"{finding.code}: {len(value)} things to try; a reader can use three at most")


@attrs.frozen
class Finding:
    """Something about a run that is wrong (FAULT), or worth knowing (NOTE).

    Attributes:
        kind: FAULT or NOTE.
        code: stable and short; `minigrad explain CODE` says more.
        where: layer, parameter, split, step or epoch; empty for the whole run.
        evidence: the figures it rests on, by name.
        why: what they mean, a sentence.
        advice: what to try, the likeliest first; three at most.
    """

    kind: Kind
    code: str
    where: str
    evidence: Mapping[str, float]
    why: str
    advice: tuple[str, ...] = attrs.field(default=(), validator=_at_most_three)

    @property
    def probability(self) -> float | None:
        """How probably it names what is wrong; None for a NOTE.

        As counted on the runs of the benchmark.
        """
        return probability_of(self.code) if self.kind == "FAULT" else None

    def __str__(self) -> str:
        place = f" at {self.where}" if self.where else ""
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.evidence.items())
        lines = [f"{self.kind} {self.code}{place}: {self.why} ({figures})" if figures else f"{self.kind} {self.code}"]
        if not figures:
            lines = [f"{self.kind} {self.code}{place}: {self.why}"]
        lines += [f"  try: {text}" for text in self.advice]
        return "\n".join(lines)
