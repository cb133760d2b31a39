"""How sure a finding is.

The share of the FAULTs of its code that named what was wrong, and how well that share holds.

The probability of a code is counted on all runs. Its reliability is not: there each run's findings are judged by the
probability that the runs of all other data sets give, so no data set vouches for itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import attrs
import numpy as np

from minigrad_diagnosis_bench.cases import Result

__all__ = ["Bin", "brier_score", "probabilities", "reliability", "reliability_svg"]

_PRIOR = 2.0
"""Findings that the share over all codes counts for, in that of each code."""
_EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


@attrs.frozen
class Bin:
    """Findings of about the same probability.

    Attributes:
        stated: their mean probability.
        seen: share of them that were right.
        count: how many.
    """

    stated: float
    seen: float
    count: int


def _judged(results: Iterable[Result]) -> list[tuple[str, str, bool]]:
    """Task, code and rightness of every FAULT.

    In valid runs whose right answer is known.
    """
    valid = [r for r in results if r.valid and not r.error and (r.right or not r.case.fault)]
    return [(r.case.task, code, code in r.right) for r in valid for code in r.faults]


def probabilities(results: Iterable[Result]) -> dict[str, float]:
    """Code -> probability that a FAULT of it names what is wrong, counted on these runs."""
    return _counted([(code, right) for _, code, right in _judged(results)])


def _counted(shown: Sequence[tuple[str, bool]]) -> dict[str, float]:
    total, hits = Counter(code for code, _ in shown), Counter(code for code, right in shown if right)
    middle = (sum(hits.values()) + 1.0) / (sum(total.values()) + 2.0)
    return {code: (hits[code] + _PRIOR * middle) / (total[code] + _PRIOR) for code in total} | {"": middle}


def _out_of_sample(results: Iterable[Result]) -> list[tuple[float, bool]]:
    """Probability by the runs of other data sets, and rightness, of every FAULT."""
    shown = _judged(results)
    pairs = []
    for task in dict.fromkeys(task for task, _, _ in shown):
        known = _counted([(code, right) for other, code, right in shown if other != task])
        pairs += [(known.get(code, known[""]), right) for own, code, right in shown if own == task]
    return pairs


def reliability(results: Iterable[Result]) -> list[Bin]:
    """Stated probabilities against the shares that were right, in a few bins."""
    pairs = _out_of_sample(results)
    bins = []
    for low, high in pairwise(_EDGES):
        inside = [(p, right) for p, right in pairs if low < p <= high]
        if inside:
            stated, seen = (float(v) for v in np.mean(inside, axis=0))
            bins.append(Bin(stated, seen, len(inside)))
    return bins


def brier_score(results: Iterable[Result]) -> float:
    """Mean squared difference between probability and outcome (Brier 1950); 0 is perfect."""
    pairs = _out_of_sample(results)
    return float(np.mean([(p - right) ** 2 for p, right in pairs])) if pairs else 0.0


def reliability_svg(bins: Sequence[Bin]) -> str:
    """The curve as a picture, on whose diagonal a probability is what it says.

    Areas go with the number of findings.
    """
    most = max((b.count for b in bins), default=1)
    dots = "".join(
        _dot(40 + 240 * b.stated, 260 - 240 * b.seen, 3 + 9 * (b.count / most) ** 0.5, b.count) for b in bins
    )
    marks = "".join(
        f'<text x="{40 + 240 * v:.0f}" y="276" text-anchor="middle">{v:g}</text>'
        f'<text x="34" y="{264 - 240 * v:.0f}" text-anchor="end">{v:g}</text>'
        for v in (0.0, 0.5, 1.0)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 300" width="300" height="300" '
        'font-family="sans-serif" font-size="10"><rect width="300" height="300" fill="white"/>'
        '<path d="M40 20V260H280" fill="none" stroke="#444"/>'
        '<path d="M40 260L280 20" stroke="#999" stroke-dasharray="4"/>'
        f'{marks}{dots}<text x="160" y="293" text-anchor="middle">probability that is stated</text>'
        '<text x="12" y="140" text-anchor="middle" transform="rotate(-90 12 140)">share that was right</text></svg>\n'
    )


def _dot(x: float, y: float, radius: float, count: int) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#2a6fdb" fill-opacity="0.6">'
        f"<title>{count} findings</title></circle>"
    )
