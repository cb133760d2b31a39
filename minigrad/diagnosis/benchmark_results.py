"""What the benchmark measured of every rule.

The file is `measured.json`, which `minigrad bench-diagnosis --save` writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import attrs

__all__ = ["PATH", "Measured", "measured", "measured_of", "probability_of"]

PATH = Path(__file__).with_name("measured.json")


@attrs.frozen
class Measured:
    """A rule on held-out data sets, seeds and architectures.

    Attributes:
        runs: broken runs for which the rule is a right answer.
        found: in how many of them a right answer was given.
        healthy: healthy runs.
        alarms: in how many of them the rule spoke of a FAULT.
        broken: broken runs.
        extra: in how many of them it spoke of a FAULT that was not there.
    """

    runs: int
    found: int
    healthy: int
    alarms: int
    broken: int
    extra: int

    def __str__(self) -> str:
        recall = f"found {self.found} of {self.runs} broken runs" if self.runs else "no broken run is of this kind"
        alarms = f"{self.alarms} of {self.healthy} healthy runs, {self.extra} of {self.broken} others"
        return f"{recall}; false alarm in {alarms}"


def measured() -> Mapping[str, Measured]:
    """Code -> what was measured. Empty if there is no file."""
    if not PATH.exists():
        return {}
    document = json.loads(PATH.read_text(encoding="utf-8"))
    return {code: Measured(**figures) for code, figures in document["rules"].items()}


@lru_cache
def _probabilities() -> Mapping[str, float]:
    document = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    return dict(document.get("probabilities", {}))


def probability_of(code: str) -> float | None:
    """Probability that a FAULT of this code names what is wrong.

    It is its share on held-out runs, some of them healthy.

    A code that was never shown there has that of all codes together; a rule of another distribution has none.
    """
    if not PATH.exists() or code not in measured():
        return None
    known = _probabilities()
    return known.get(code, known.get(""))


def measured_of(code: str) -> str:
    """In words."""
    figures = measured().get(code)
    return "not measured: the rule is not of this distribution" if figures is None else str(figures)
