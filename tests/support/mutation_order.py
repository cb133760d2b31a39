"""In which order tests are tried on a mutant: those first that are likely to notice it for the time that they take.

The cheapest come first, which are those of a part by itself. Then a test is worth what it reaches that few others do,
in the module of the mutant above all, and the less of it the more tests before it have reached that too: what two
reach in common is seen by the first (greedy covering, as in Rothermel, Untch, Chu and Harrold, "Prioritizing test
cases for regression testing", 2001).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Reach"]

_OWN = 8.0
"""Times that a line of the mutant's own module counts as much as one of another."""
_SEEN_AGAIN = 0.7
"""What is left of the worth of a line when one more test has reached it."""
_CHEAP = 0.4
"""Share of the time that the cheapest tests get."""
_FURTHER = 0.02
"""Seconds that each case of a test function before it adds to the rank of a cheap one: they look at much the same."""
_START = 0.004
"""Seconds that a test takes besides those that were measured."""


@attrs.frozen(eq=False)
class Reach:
    """Which lines each test reaches.

    Attributes:
        paths: the modules of the lines.
        rows: numbers of the lines that a test reaches, by test.
    """

    paths: NDArray[np.str_]
    rows: Mapping[str, NDArray[np.intp]]

    @classmethod
    def of(cls, lines: Mapping[str, Sequence[str]], room: str) -> Reach:
        """Of the lines under a folder, given as tests by `path:line`."""
        places = sorted(place for place in lines if place.startswith(room))
        rows: dict[str, list[int]] = defaultdict(list)
        for number, place in enumerate(places):
            for test in lines[place]:
                rows[test].append(number)
        paths = np.array([place.rpartition(":")[0] for place in places])
        return cls(paths, {test: np.array(row, np.intp) for test, row in rows.items()})

    def _row(self, test: str) -> NDArray[np.intp]:
        return self.rows.get(test, np.zeros(0, np.intp))

    def ordered(self, tests: Iterable[str], path: str, seconds: Mapping[str, float], budget: float) -> list[str]:
        """Some of the tests, which together take about `budget` seconds, but one at least; the most telling first."""
        candidates = sorted(tests)
        reached = np.zeros(len(self.paths))
        for test in candidates:
            reached[self._row(test)] += 1.0
        worth = np.where(self.paths == path, _OWN, 1.0) / np.maximum(reached, 1.0)

        chosen: list[str] = []
        spent = 0.0
        for test in _cheapest(candidates, seconds):
            if chosen and spent + seconds[test] > _CHEAP * budget:
                break
            chosen.append(test)
            spent += seconds[test]
            worth[self._row(test)] *= _SEEN_AGAIN

        def rank(test: str) -> float:
            return -float(worth[self._row(test)].sum()) / (seconds[test] + _START)

        queue = [(rank(test), test) for test in set(candidates).difference(chosen)]
        heapq.heapify(queue)
        while queue:
            _, test = heapq.heappop(queue)
            if (now := rank(test)) > (queue[0][0] if queue else np.inf):  # worth less than it was; the next is better
                heapq.heappush(queue, (now, test))
            elif spent + seconds[test] <= budget:
                chosen.append(test)
                spent += seconds[test]
                worth[self._row(test)] *= _SEEN_AGAIN
        return chosen


def _cheapest(tests: Sequence[str], seconds: Mapping[str, float]) -> list[str]:
    cases: dict[str, list[str]] = defaultdict(list)
    for test in sorted(tests, key=lambda t: (seconds[t], t)):
        cases[test.partition("[")[0]].append(test)
    turns = sorted((seconds[t] + k * _FURTHER, t) for group in cases.values() for k, t in enumerate(group))
    return [test for _, test in turns]
