"""The covering array covers all pairs that the op takes, and says what has become of the others."""

from __future__ import annotations

from itertools import combinations, product
from time import thread_time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.typing import Array
from minigrad.verify import verify
from minigrad.verify.covering import CoveringArray
from minigrad.verify.derived_cases import COSTLY
from support.gate_case import REAL, made

Row = tuple[int, ...]


def pairs(sizes: Row) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    """All pairs of values other than the usual one of two factors."""
    return {
        ((f, v), (h, w))
        for f, h in combinations(range(len(sizes)), 2)
        for v, w in product(range(1, sizes[f]), range(1, sizes[h]))
    }


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5).map(tuple))
@settings(max_examples=50, deadline=None)
def test_every_pair_stands_in_some_row(sizes: Row) -> None:
    rows = list(CoveringArray(sizes, 10_000))
    seen = {pair for row in rows for pair in combinations(enumerate(row), 2)}
    assert pairs(sizes) <= seen
    assert len(rows) == len(set(rows))
    assert len(rows) <= 1 + sum(n - 1 for n in sizes) + len(pairs(sizes))
    assert rows[0] == (0,) * len(sizes)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple), st.integers(0, 2**32 - 1), st.integers(1, 60))
@settings(max_examples=50, deadline=None)
def test_pairs_are_covered_refused_or_left_out(sizes: Row, seed: int, most: int) -> None:
    """Refused is a row with a pair that is not allowed; nothing that is allowed is called refused if all are tried."""
    rng = np.random.default_rng(seed)
    barred = {pair for pair in sorted(pairs(sizes)) if rng.random() < 0.3}
    array = CoveringArray(sizes, most)
    for row in array:
        if barred.intersection(combinations(enumerate(row), 2)):
            array.refuse(row)
    coverage = array.coverage({f"f{k}": tuple(map(str, range(n))) for k, n in enumerate(sizes)})
    assert coverage.covered + len(coverage.refused) + len(coverage.left_out) == len(pairs(sizes))
    text = {", ".join(f"f{f}={v}" for f, v in pair) for pair in barred}
    assert not text.isdisjoint(coverage.refused) or not text or set(coverage.left_out) >= text
    if not coverage.left_out:
        assert text == set(coverage.refused)


def test_a_pair_is_tried_beside_values_that_it_can_stand_beside() -> None:
    """Value 1 of the first factor is refused beside the usual value of the last: a stack, an axis counted from 0."""
    array = CoveringArray((2, 2, 3), 100)
    for row in array:
        if row[0] == 1 and row[2] == 0:
            array.refuse(row)
    coverage = array.coverage({"shape": ("0", "1"), "reverse": ("0", "1"), "axis": ("0", "1", "2")})
    assert coverage.covered == len(pairs((2, 2, 3)))


def test_the_certificate_tells_what_was_combined() -> None:
    def forward(x: Array, *, axis: int = -1, reverse: bool = False) -> Array:
        y: Array = np.cumsum(x[..., ::-1], axis=axis)[..., ::-1] if reverse else np.cumsum(x, axis=axis)
        return y

    def rule(g: Array, y: Array, x: Array, *, axis: int, reverse: bool) -> Array:
        turned = mg.flip(g, axis=-1) if reverse else g
        total = mg.flip(mg.cumsum(mg.flip(turned, axis=axis), axis=axis), axis=axis)
        return mg.flip(total, axis=-1) if reverse else total

    certificate = verify(made(forward, {"x": rule}, {"x": REAL}, shapes=[((3, 4),)]), seed=0)
    coverage = certificate.coverage
    assert coverage is not None
    assert coverage.covered > 40
    assert not coverage.left_out
    assert set(coverage.factors) == {"argument shapes", "axis", "reverse"}
    assert any("one axis less" in text and "axis=1" in text for text in coverage.refused)
    assert not any("one more axis" in text for text in coverage.refused)  # axes of a stack are counted from its front
    assert "combinations: " in str(certificate)


def test_no_long_axis_is_tried_where_short_ones_take_long() -> None:
    """A rule whose steps grow with the cube of a length would take minutes, and gigabytes of tape."""
    seen = set()

    def rule(g: Array, y: Array, x: Array) -> Array:
        seen.add(x.shape[-1])
        start = thread_time()
        while x.shape[-1] == 64 and thread_time() - start < 2.0 * COSTLY:
            pass
        return g * 2.0 * x

    certificate = verify(made(lambda x: x * x, {"x": rule}, {"x": REAL}, shapes=[((3,),)]), seed=0)
    assert max(seen) == 64
    assert any(text.startswith("long: shorter ones took 0.1") for text in certificate.refused)
    assert any("at second order: its rules took 0.1" in text for text in certificate.refused)
