"""Numbers beside those of a case, and what the function does there."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import chain

import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.types import Array
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen

_AT_RANDOM = 4
_NEARBY = 2.0**-20
"""How far neighbours of a gradient are."""

_PIECES = 64
_PIECE = 2.0**-14
"""How far neighbours of a slope are."""

_WITHIN = 2.0**-24
"""Step of the difference that has a slope there."""


def neighbours(
    case: CheckCase, moved: Container[int], rng: SeededRandom, count: int = _AT_RANDOM, distance: float = _NEARBY
) -> Iterator[CheckCase]:
    """Cases beside `case`, with each entry moved its own way.

    Args:
        case: what is moved.
        moved: positions of the arguments that move.
        rng: source of the ways.
        count: of cases.
        distance: how far entries move, between half and one and a half times.
    """
    for _ in range(count):
        arrays = (
            frozen(a + distance * rng.signed_magnitudes(a.shape)) if i in moved else a
            for i, a in enumerate(case.arrays)
        )
        yield case.on(tuple(arrays))


def _together(case: CheckCase, moved: Container[int]) -> Iterator[CheckCase]:
    """All entries moved up, and all moved down: pieces that ways of their own seldom meet."""
    for sign in (_PIECE, -_PIECE):
        yield case.on(tuple(frozen(a + sign) if i in moved else a for i, a in enumerate(case.arrays)))


def slopes_of_pieces(
    subject: OpUnderTest, e: EvaluatedCase, u: Mapping[int, Array], rng: SeededRandom
) -> tuple[Array, Array]:
    """The least and the greatest slope of each output on the pieces around a corner.

    Slopes are along `u` and times the output's cotangent. Where several corners meet, as at a tie of two numbers that
    have corners themselves, the slopes along one line are not all there are: what a chain rule gives is a mixture of
    those of all pieces nearby.

    Returns:
        Two arrays with an entry for each entry of all real outputs in turn.
    """
    slopes_seen: list[Array] = []
    for case in chain(_together(e.case, u), neighbours(e.case, u, rng, _PIECES, _PIECE)):
        try:
            ahead, behind = (
                subject.evaluate(case, [np.asarray(a + t * u[i]) if i in u else a for i, a in enumerate(case.arrays)])
                for t in (_WITHIN, -_WITHIN)
            )
        except RegistrationError:
            raise
        except Exception:  # off the domain
            continue
        parts = [
            (w * (a - b)).ravel() / (2.0 * _WITHIN)
            for w, a, b in zip(e.cotangents, ahead, behind, strict=True)
            if w.dtype.kind == "f"
        ]
        slopes_seen.append(np.concatenate(parts))
    if not slopes_seen:
        nothing = np.zeros(sum(w.size for w in e.cotangents if w.dtype.kind == "f"))
        return nothing + np.inf, nothing - np.inf
    slopes = np.nan_to_num(np.array(slopes_seen), nan=0.0)
    return slopes.min(axis=0), slopes.max(axis=0)
