"""The numbers that an op is tried on: the random source against its reference, domains by what they promise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import minigrad as mg
from minigrad.typing import Array
from minigrad.verify.cases import base_shapes, difference_cases
from minigrad.verify.checks.directional_check import _are_uneven
from minigrad.verify.checks.entrywise_check import ARRANGEMENTS, FEW, THOROUGH
from minigrad.verify.checks.special_entries import _numbers, _selections
from minigrad.verify.checks.special_numbers import _variants
from minigrad.verify.declare import Domain
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest
from minigrad.verify.sweep import _until_every_entry_counts
from support.gate_case import POSITIVE, REAL, UNIT, made


def splitmix(seed: int, count: int) -> list[float]:
    """The reference, one number after the other (Steele, Lea and Flood, 2014)."""
    mask = 2**64 - 1
    state = seed * 0x632BE59BD9B4E019 & mask
    numbers = []
    for _ in range(count):
        state = state + 0x9E3779B97F4A7C15 & mask
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        numbers.append(((z ^ z >> 31) >> 11) * 2.0**-53)
    return numbers


@pytest.mark.parametrize("seed", [0, 1, 2**70 + 5, -3])
def test_the_random_numbers_are_those_of_splitmix(seed: int) -> None:
    rng, due = SeededRandom(seed), splitmix(seed, 1024 + 3000 + 10)
    assert rng.uniform((2, 3)).tolist() == [due[:3], due[3:6]]
    assert rng.uniform((1017,)).tolist() == due[6:1023]
    assert rng.uniform(()).tolist() == due[1023]
    assert rng.uniform((3000,)).tolist() == due[1024:4024]  # a block of its own
    assert rng.uniform((2,)).tolist() == splitmix(seed, 4026)[4024:]


def test_numbers_made_of_random_ones() -> None:
    u = np.array(splitmix(7, 1024))
    rng = SeededRandom(7)
    due = (0.5 + np.floor(np.abs(2.0**23 * u - 2.0**22)) / 2.0**22) * np.where(u < 0.5, -1.0, 1.0)
    assert rng.signed_magnitudes((2, 100)).tolist() == due[:200].reshape(2, 100).tolist()
    assert rng.signed_magnitudes((56,)).tolist() == due[200:256].tolist()
    assert rng.signed_magnitudes((1,)).tolist() == due[256:257].tolist()
    assert SeededRandom(7).signed_magnitudes((300,)).tolist() == due[:300].tolist()
    assert SeededRandom(7).choice(np.array([3.0, 5.0, 9.0]), (50,)).tolist() == [
        (3.0, 5.0, 9.0)[int(3.0 * number)] for number in u[:50]
    ]
    assert SeededRandom(7).permutation(9).tolist() == sorted(range(9), key=lambda k: u[k])
    raised = SeededRandom(7).with_low_bits(np.array([4.0, -4.0]))
    assert raised == pytest.approx(
        [4.0 * (1.0 + 2.0**-26 * (0.5 + u[0])), -4.0 * (1.0 + 2.0**-26 * (0.5 + u[1]))], abs=0
    )
    assert raised.astype(np.float32).tolist() == [4.0, -4.0]


BANDS = {  # edges of the strata of each domain, and its ends
    "real": ([2.0**-10, 2.0**-4, 1.0, 2.0, 4.0, 8.0], True),
    "positive": ([2.0**-10, 2.0**-4, 1.0, 2.0, 4.0, 8.0], False),
    "nonzero": ([2.0**-4, 2.0**-3, 1.0, 2.0, 4.0, 8.0], True),
    "unit": ([2.0**-10, 2.0**-4, 0.5, 0.9, 0.99], True),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", BANDS)
def test_each_stratum_of_a_domain_has_its_share(kind: str, seed: int) -> None:
    edges, signed = BANDS[kind]
    domain: Domain = getattr(mg, kind)()
    cells = (len(edges) - 1) * (1 + signed)
    x = domain.draw(SeededRandom(seed), (20, cells))
    assert x.shape == (20, cells)
    assert (x * 4096.0 == np.rint(x * 4096.0)).all()
    assert (np.abs(x) >= edges[0]).all()
    assert (np.abs(x) <= edges[-1]).all()
    for low, high in pairwise(edges):
        for sign in (1.0, -1.0) if signed else (1.0,):
            inside = np.sort((sign * x)[(sign * x > low) & (sign * x < high)])
            assert 17 <= inside.size <= 20  # one may be rounded onto an edge
            if (high - low) > 0.1:
                assert inside[0] < low + 0.1 * (high - low)
                assert inside[-1] > high - 0.12 * (high - low)
                assert np.max(np.diff(inside)) < 0.11 * (high - low)
    few = np.concatenate([domain.draw(SeededRandom(100 * seed + k), (3,)) for k in range(60)])
    for low, high in pairwise(edges):  # few numbers favour none
        assert np.count_nonzero((np.abs(few) >= low) & (np.abs(few) <= high)) > 0.4 * few.size / (len(edges) - 1)


@pytest.mark.parametrize("kind", ["real", "positive", "nonzero", "unit", "distinct"])
def test_no_step_of_a_direction_leaves_its_domain(kind: str) -> None:
    domain: Domain = getattr(mg, kind)()
    x = domain.draw(SeededRandom(3), (400,))
    u = domain.direction(SeededRandom(4), x)
    for t in (2.0**-5, -(2.0**-5), 2.0**-6):
        moved = x + t * u
        assert (np.sign(moved) == np.sign(x)).all()
        assert kind != "unit" or (np.abs(moved) < 1.0).all()
        assert ((moved - x) == t * u).all()
    room = np.minimum(np.abs(x), 1.0 - np.abs(x)) if kind == "unit" else np.minimum(np.abs(x), 1.0)
    size = np.abs(u) / room
    assert (size > 0.2).all()
    assert (size < 1.5).all()
    assert np.max(size) > 1.2
    assert np.min(size) < 0.4


def test_matrices_numbers_apart_indices_and_masks() -> None:
    x = mg.distinct().draw(SeededRandom(2), (5, 60))
    gaps = np.diff(np.sort(x, axis=None))
    assert np.min(gaps) >= 0.25
    assert np.max(gaps) <= 0.5
    assert abs(float(np.mean(x))) < 0.2
    assert (x != 0.0).all()
    assert x.tolist() != np.sort(x, axis=None).reshape(5, 60).tolist()
    a = mg.spd().draw(SeededRandom(5), (7, 3, 3))
    assert (a == np.swapaxes(a, 1, 2)).all()
    values = np.linalg.eigvalsh(a)
    assert np.min(values) >= 1.0
    assert np.max(values) < 3.0
    u = mg.spd().direction(SeededRandom(6), a)
    assert (u == np.swapaxes(u, 1, 2)).all()
    assert np.max(np.abs(u)) <= 0.5 * 0.5 * 3.0
    assert np.max(np.abs(u)) > 0.3
    b = mg.square_wellconditioned().draw(SeededRandom(5), (200, 3, 3))
    assert np.max(np.linalg.cond(b)) < 10.0
    assert np.max(np.abs(b - np.eye(3) * [1.5, 2.0, 2.5])) <= 0.5
    assert (np.swapaxes(b, 1, 2) != b).any()
    w = mg.square_wellconditioned().direction(SeededRandom(6), b)
    assert np.min(np.abs(w)) >= 0.5
    assert np.max(np.abs(w)) <= 1.5
    index = mg.integer_index(5).draw(SeededRandom(1), (2, 6))
    assert sorted(set(index.ravel().tolist())) == [0, 1, 2, 3, 4]
    assert np.max(np.unique(index, return_counts=True)[1]) == 3
    masks = mg.boolean().draw(SeededRandom(1), (4000,))
    assert abs(float(np.mean(masks)) - 0.5) < 0.05
    assert mg.spd(4).shape == (4, 4)
    assert mg.square_wellconditioned((2, 3, 3)).shape == (2, 3, 3)
    assert mg.spd((2, 3, 3)).shape == (2, 3, 3)
    assert mg.integer_index().high == 2


def test_round_numbers_and_how_they_are_put_together() -> None:
    assert _numbers(POSITIVE).tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 0.5, 0.25, 0.1, 1.5, 2.5]
    assert _numbers(mg.nonzero()).tolist() == [*_numbers(POSITIVE), *(-_numbers(POSITIVE))]
    assert list(map(repr, _numbers(REAL).tolist()[-2:])) == ["0.0", "-0.0"]
    assert _numbers(UNIT).tolist() == [0.0, 0.5, -0.5, 0.25, -0.25, 0.75, -0.75]
    assert not _numbers(mg.spd()).size
    x = np.array([2.5, 0.0, 1.0, -1.0, 0.0, 1.0, 2.5, -1.0, 2.5, 0.0, 1.0, -1.0])
    other = np.linspace(-2.0, 2.0, 12)
    case = CheckCase((x, other), {}, "base", 3)
    found = {label: np.asarray(places) for label, places in _selections(EvaluatedCase(case, (), (), {}), 0)}
    assert x[found["0 throughout"]].tolist() == [0.0] * 3
    assert x[found["1 throughout"]].tolist() == [1.0] * 3
    assert x[found["-1 throughout"]].tolist() == [-1.0] * 3
    assert sorted(found["with a single zero"].tolist()) == [0, 1, 2, 3, 5, 6, 7, 8, 10, 11]
    assert set(x[found["of whole numbers"]].tolist()) == {0.0, 1.0, -1.0}
    assert len(found["of whole numbers"]) == 9
    assert x[found["in rising order"]].tolist() == sorted(x.tolist())
    assert x[found["in falling order"]].tolist() == sorted(x.tolist(), reverse=True)
    assert x[found["of unlike numbers in rising order"]].tolist() == [-1.0, 0.0, 1.0, 2.5]
    assert x[found["of unlike numbers in falling order"]].tolist() == [2.5, 1.0, 0.0, -1.0]
    assert x[found["in rows of equal numbers"]].tolist() == [[v] * 3 for v in (-1.0, 0.0, 1.0, 2.5)]
    assert x[found["in equal rows"]].tolist() == [[-1.0, 0.0, 1.0, 2.5]] * 3
    assert (x < other)[found["below another argument"]].all()
    assert len(found["below another argument"]) == np.count_nonzero(x < other)
    assert len(found["above another argument"]) == np.count_nonzero(x > other)
    bare = EvaluatedCase(CheckCase((np.array([2.5, 1.5, 2.5]),), {}, "base", 3), (), (), {})
    assert [label for label, _ in _selections(bare, 0)] == [
        "of whole numbers", "in rising order", "in falling order", "of unlike numbers in rising order",
        "of unlike numbers in falling order",
    ]  # fmt: skip


def test_arrays_of_numbers_that_stand_out() -> None:
    x = np.array([[1.5, -2.25], [3.0, 0.5]])
    found = dict(_variants(x, zeros=True, fixed=False))
    assert {label: a.tolist() for label, a in list(found.items())[:11]} == {
        "of zeros": [[0.0, 0.0], [0.0, 0.0]],
        "with a row of zeros": [[0.0, 0.0], [3.0, 0.5]],
        "of equal numbers": [[1.5, 1.5], [1.5, 1.5]],
        "of ones": [[1.0, 1.0], [1.0, 1.0]],
        "of whole numbers": [[2.0, -3.0], [3.0, 1.0]],
        "in rising order": [[-2.25, 1.5], [0.5, 3.0]],
        "in falling order": [[1.5, -2.25], [3.0, 0.5]],
        "of minus ones": [[-1.0, -1.0], [-1.0, -1.0]],
        "with a single zero": [[1.5, -2.25], [3.0, 0.0]],
        "with equal rows": [[1.5, -2.25], [1.5, -2.25]],
        "with rows of equal numbers": [[1.5, 1.5], [3.0, 3.0]],
    }
    assert [label for label, _ in _variants(x[0], zeros=False, fixed=True)][:1] == ["of equal numbers"]
    assert "of zeros" not in dict(_variants(x, zeros=False, fixed=False))
    assert "of ones" not in dict(_variants(x, zeros=True, fixed=True))
    assert "with a row of zeros" not in dict(_variants(x[0], zeros=True, fixed=False))


def test_outputs_are_uneven_where_some_are_a_millionth_of_the_largest() -> None:
    whole = np.array([1, 5_000_000])
    for sizes, uneven in (
        ([2e3, 1.9e-3], True),
        ([-2e3, 1.9e-3], True),
        ([2e3, 2.1e-3], False),
        ([2e3, 0.0], False),
        ([2e-3, 1.9e-9], True),
        ([2e-3, 2.1e-9], False),
        ([], False),
    ):
        assert _are_uneven((np.array(sizes), whole)) is uneven
    assert not _are_uneven((whole,))


def test_numbers_are_drawn_until_each_entry_has_had_a_gradient() -> None:
    """Two draws that show nothing new are enough, and eight whatever they show."""

    def drawn(*lit: str) -> int:
        cases = [EvaluatedCase(case, (), (), {0: np.array([float(c) for c in row])}) for row in lit]
        following = iter(cases[1:])
        return len(_until_every_entry_counts(cases[0], lambda: next(following)))

    case = CheckCase((), {}, "base", 3)
    assert drawn("111") == 0
    assert drawn("110", "001") == 1
    assert drawn("100", "100", "010", "100", "010", "001") == 4
    assert drawn("100", "110", "100", "110") == 3
    assert drawn("100", "100", "010", "001") == 3
    assert drawn("1000000000", *(f"{'0' * k}1{'0' * (9 - k)}" for k in range(1, 9)), "0000000001") == 8


def test_the_shapes_and_strides_that_entries_are_arranged_in() -> None:
    a = np.arange(40.0)
    arranged = {label: arrange(a) for label, arrange in THOROUGH}
    assert {label: x.shape for label, x in arranged.items()} == {
        "square in Fortran order, reversed strides": (1, 6, 6),
        "0-d": (),
        "empty": (2, 0, 3),
        "3 x 3": (3, 3),
        "20 x 2": (20, 2),
        "3 x 12": (3, 12),
        "one row": (1, 40),
        "one column": (40, 1),
        "two axes of one": (1, 9, 1),
        "4-d": (2, 1, 5, 4),
        "5-d": (2, 1, 2, 2, 5),
        "6-d": (1, 2, 2, 1, 2, 5),
        "2-d Fortran order": (5, 8),
        "every other entry": (20,),
        "one element": (1, 1, 1),
        "3-d": (2, 4, 5),
        "many entries": (2120,),
    }
    square = arranged["square in Fortran order, reversed strides"]
    assert square[0].T.tolist() == a[:-37:-1].reshape(6, 6).tolist()
    assert max(square.strides[1:]) < 0
    assert arranged["2-d Fortran order"].flags.f_contiguous
    assert arranged["every other entry"].tolist() == a[::2].tolist()
    assert arranged["0-d"] == 7.0
    assert arranged["one element"] == 3.0
    assert (arranged["many entries"].reshape(-1, 40) == a).all()
    assert arranged["4-d"].ravel().tolist() == a.tolist()
    assert [label for label, _ in ARRANGEMENTS] == list(arranged)[:3]
    assert [label for label, _ in FEW] == [*list(arranged)[:4], "many entries"]


def test_samples_are_numbered_and_a_variadic_argument_stands_for_two() -> None:
    def total(*xs: Array) -> Array:
        return sum(xs[1:], xs[0])

    assert base_shapes(made(total, {}, {"xs": REAL})) == (((2, 3, 4), (2, 3, 4)),)
    sampled = made(lambda x: x, {}, {"x": REAL}, samples=lambda rng: [mg.Sample(rng.normal(size=k)) for k in (2, 3, 4)])
    cases = list(difference_cases(sampled, 3))
    assert [(c.label, c.arrays[0].size) for c in cases] == [("sample 0", 2), ("sample 1", 3), ("sample 2", 4)]
    e = OpUnderTest(sampled).run(cases[0], SeededRandom(1))
    assert 0.0 <= e.seconds < 0.5
