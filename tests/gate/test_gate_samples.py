"""Which arguments an op is tried on: shapes, options, numbers, each against a list written by hand or a property."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.typing import Array
from minigrad.verify.cases import BROADCASTS, broadcasts, difference_cases, fresh, metadata, structure_shapes
from minigrad.verify.covering import neighbours
from minigrad.verify.declare import Domain
from minigrad.verify.derived_shapes import unlisted_shapes
from minigrad.verify.seeded_random import SeededRandom
from support.gate_case import REAL, made

Shapes = tuple[tuple[int, ...], ...]


def op(*shapes: Shapes, options: Sequence[Mapping[str, object]] = ({},), **domains: Domain) -> Op:
    """An op that gives back its first argument."""

    def one(x: Array, *, a: object = 0, b: object = 0) -> Array:
        return x

    def two(x: Array, w: Array, *, a: object = 0, b: object = 0) -> Array:
        return x

    several = len(domains) > 1 or any(len(case) > 1 for case in shapes)
    return made(
        two if several else one,
        {},
        domains or dict.fromkeys("xw" if several else "x", REAL),
        params=options,
        shapes=shapes,
    )


def listed(text: str) -> list[tuple[str, Shapes]]:
    """`label: shape shape`, a line each; a shape as 2.3.4, one without axes as a point."""
    rows = [line.strip().partition(": ") for line in text.strip().splitlines()]
    return [
        (label, tuple(tuple(int(n) for n in shape.split(".") if n) for shape in shapes.split(" ")))
        for label, _, shapes in rows
    ]


CHANGED = {
    ((2, 3, 4),): """
        all axes of one length: 4.4.4
        all axes longer by one: 3.4.5
        an axis longer by one: 3.3.4
        an axis longer by one: 2.4.4
        an axis longer by one: 2.3.5
        last axes shorter by one: 2.3.3
        an axis of one: 2.3.1
        all axes of one: 1.1.1
        two axes of one: 1.3.1
        an axis of one: 1.3.4
        long: 211.3.4
        a block: 64.3.4
        empty: 0.3.4
        an axis of one: 2.1.4
        an axis of two: 2.2.4
        long: 2.211.4
        a block: 2.64.4
        empty: 2.0.4
        an axis of two: 2.3.2
        long: 2.3.211
        a block: 2.3.64
        empty: 2.3.0
        one more axis (1): 2.2.3.4
        one more axis (2): 1.2.2.3.4
        one more axis (3): 2.1.2.2.3.4
        one axis less (1): 3.4
        one axis less (2): 4
        one axis less (3): .
        an axis of 6: 2.3.6
        an axis of 9: 2.3.9""",
    ((2, 3), (3, 4)): """
        all axes of one length: 4.4 4.4
        all axes longer by one: 3.4 4.5
        an axis longer by one: 3.3 3.4
        an axis longer by one: 2.4 3.4
        an axis longer by one: 2.3 4.4
        an axis longer by one: 2.3 3.5
        last axes shorter by one: 2.2 3.3
        all square: 3.3 4.4
        an axis of one: 2.1 3.4
        all axes of one: 1.1 1.1
        an axis of one: 1.3 3.4
        long: 211.3 3.4
        a block: 64.3 3.4
        empty: 0.3 3.4
        an axis of one: 2.1 1.4
        an axis of two: 2.2 2.4
        long: 2.211 211.4
        a block: 2.64 64.4
        empty: 2.0 0.4
        an axis longer by one: 2.4 4.4
        an axis of one: 2.3 3.1
        an axis of two: 2.3 3.2
        an axis of three: 2.3 3.3
        long: 2.3 3.211
        a block: 2.3 3.64
        empty: 2.3 3.0
        empty: 0.3 0.4
        one more axis (1): 2.2.3 2.3.4
        one more axis (2): 1.2.2.3 1.2.3.4
        one more axis (3): 2.1.2.2.3 2.1.2.3.4
        one more axis (4): 1.2.1.2.2.3 1.2.1.2.3.4
        one more axis: 2.2.3 3.4
        one more axis to broadcast: 2.1.2.3 2.3.3.4
        one more axis to broadcast: 2.3.2.3 2.1.3.4
        one axis less: 3 3.4
        an argument to broadcast: 2.3 4
        an argument to broadcast: 2.3 1.4
        an axis of 2: 2.2 3.4
        an axis of 6: 2.6 3.4
        an axis of 9: 2.9 3.4""",
    ((5, 5), (5,)): """
        all axes longer by one: 6.6 6
        an axis longer by one: 6.5 5
        an axis longer by one: 5.6 5
        an axis longer by one: 5.5 6
        last axes shorter by one: 5.4 4
        an axis of one: 5.1 5
        all axes of one: 1.1 1
        empty: 0.5 0
        one more axis (1): 2.5.5 2.5
        one more axis (2): 1.2.5.5 1.2.5
        one more axis (3): 2.1.2.5.5 2.1.2.5
        one more axis (4): 1.2.1.2.5.5 1.2.1.2.5
        one more axis: 2.5.5 5
        one more axis to broadcast: 2.1.5.5 2.3.5
        one more axis to broadcast: 2.3.5.5 2.1.5
        a shared axis of 1: 1.5 1
        a shared axis of 6: 6.5 6
        one axis less (1): 5 .
        an argument to broadcast: 5 5
        an argument to broadcast: 1.5 5
        an argument to broadcast: 5.5 .
        an argument to broadcast: 5.5 1
        an axis of 2: 5.2 2
        an axis of 3: 5.3 3
        an axis of 6: 5.6 6
        an axis of 9: 5.9 9""",
    ((3, 3),): """
        all axes longer by one: 4.4
        an axis longer by one: 4.3
        an axis longer by one: 3.4
        last axes shorter by one: 3.2
        an axis of one: 3.1
        all axes of one: 1.1
        an axis of one: 1.3
        long: 211.3
        long: 3.211
        empty: 0.3
        one more axis (1): 2.3.3
        one more axis (2): 1.2.3.3
        one more axis (3): 2.1.2.3.3
        one more axis (4): 1.2.1.2.3.3
        one axis less (1): 3
        one axis less (2): .
        an axis of 6: 3.6
        an axis of 9: 3.9""",
    ((),): """
        one more axis (1): 2
        one more axis (2): 1.2
        one more axis (3): 2.1.2
        one more axis (4): 1.2.1.2""",
}


@pytest.mark.parametrize("declared", CHANGED, ids=str)
def test_each_length_and_the_number_of_axes_is_varied(declared: Shapes) -> None:
    assert list(unlisted_shapes(op(declared), ({"a": 2, "b": 3},))) == listed(CHANGED[declared])


def test_free_shapes_come_first_and_matrices_stay_square() -> None:
    free = list(unlisted_shapes(op(), ({},)))
    assert free[:7] == listed("""
        square: 3.3
        1-d: 5
        4-d: 2.1.3.2
        5-d: 2.1.2.1.3
        6-d: 1.2.1.2.1.3
        long: 211
        two axes of one: 1.3.1""")
    assert free[7:] == [row for row in listed(CHANGED[((2, 3, 4),)])[:-2] if row[1] != ((1, 3, 1),)]
    assert list(unlisted_shapes(op(x=mg.spd(3), w=mg.real((3, 2))), ({},))) == listed("""
        one more axis: 2.3.3 2.3.2
        one more axis twice: 2.1.3.3 2.1.3.2
        matrices of 1 rows: 1.1 1.2
        matrices of 2 rows: 2.2 2.2
        matrices of 4 rows: 4.4 4.2""")
    assert [s for _, s in unlisted_shapes(op(x=mg.spd(2)), ({},))][2:] == [((1, 1),), ((3, 3),)]


def test_shapes_beyond_a_few_thousand_entries_are_not_tried() -> None:
    shapes = dict(unlisted_shapes(op(((30, 40),)), ({"a": 7},)))
    assert "long" not in shapes  # 211 x 40
    assert shapes["a block"] == ((30, 64),)
    assert "all axes of one length" not in shapes
    assert shapes["empty"] == ((30, 0),)
    assert not any(label.startswith("an axis of 7") for label in shapes)  # no count
    assert ("long", ((211, 23),)) in list(unlisted_shapes(op(((2, 23),)), ({},)))  # 4,853 entries
    assert dict(unlisted_shapes(op(((2, 20),)), ({},)))["all axes of one length"] == ((20, 20),)
    assert dict(unlisted_shapes(op(((2, 21),)), ({},)))["all axes of one length"] == ((2, 2),)


def test_axes_longer_than_numbers_in_the_code() -> None:
    def forward(x: Array) -> Array:
        return x * (1.0 if x.shape[-1] < 640 else 2.0 if x.shape[-1] < 300 else 210.0 if len(x) < 900 else 2001.0)

    declared = made(forward, {}, {"x": REAL}, shapes=[((3, 4),)])
    assert [row for row in unlisted_shapes(declared, ({},)) if row[0].startswith("more than")] == listed("""
        more than 640: 3.641
        more than 300: 3.301""")
    square = made(forward, {}, {"x": REAL}, shapes=[((4, 4),)])
    assert not [label for label, _ in unlisted_shapes(square, ({},)) if label.startswith("more than")]


@pytest.mark.parametrize(
    ("name", "values", "ndim", "tried"),
    [
        ("axis", [-1, None], 3, [-1, None, 0, 1, 2, -3, -2]),
        ("axis", [None], 2, [None, 0, 1, -2, -1]),
        ("axes", [(0, 1)], 2, [(0, 1), (-2, -1), (1, 0), (), (0,), (1,)]),
        ("axes", [(0, 1, 2)], 3, [(0, 1, 2), (1, 2, 0), (-3, -2, -1), (2, 1, 0), (), (0,), (1,), (2,)]),
        ("axis", [(0,)], 3, [(0,), (-3,), (1,), (-2,), (2,), (-1,), (), (0, 1, 2)]),
        ("k", [3], 3, [3, 4, 2, 0, 1, -1]),
        ("k", [-2], 1, [-2, -1, -3, 0, 1]),
        ("stride", [2, 1], 2, [2, 1, 3, 0]),
        ("stride", [-2], 2, [-2, -1, -3, 0, 1]),
        ("stride_axis", [1], 2, [1, 2, 0, -1]),
        ("flag", [True], 2, [True, False]),
        ("x", [0.5], 1, [0.5, 0.6875, 0.0, 1.0, 0.1875]),
        ("x", [0.0], 1, [0.0, 0.375, 1.0]),
        ("x", [float("inf")], 1, [float("inf"), 0.0, 1.0, -float("inf")]),
        ("mode", ["mean"], 1, ["mean", "sum", "max"]),
        ("mode", [3], 1, [3, 4, 2, 0, 1, -1]),
        ("order", [(2, 0, 1)], 3, [(2, 0, 1), (3, 1, 2), (1, 0, 2), (1, 2, 0)]),
        ("size", [(2, 3)], 3, [(2, 3), (3, 4), (3, 2), (3, 3)]),
        ("size", [(4,)], 3, [(4,), (5,)]),
        ("perm", [(1, 0)], 2, [(1, 0), (2, 1), (0, 1), (2, 0)]),
        ("shift", [(1, 2.0)], 2, [(1, 2.0)]),
    ],
)
def test_what_a_user_passes_beside_the_listed_values(
    name: str, values: list[object], ndim: int, tried: list[object]
) -> None:
    found = neighbours(name, values, ndim, ["sum", "max"])
    assert list(map(repr, found)) == list(map(repr, tried))


def test_each_argument_is_once_the_one_that_broadcasts() -> None:
    for count in (2, 3):
        seen = list(broadcasts(count, thorough=True))
        assert len(seen) == count * len(BROADCASTS)
        for k, (one, rest) in enumerate(BROADCASTS):
            assert seen[k * count : (k + 1) * count] == [
                tuple(one if i == odd else rest for i in range(count)) for odd in range(count)
            ]
    assert list(broadcasts(2, thorough=False)) == [((3, 1), (2, 1, 4)), ((2, 1, 4), (3, 1))]
    assert len({tuple(np.broadcast_shapes(one, rest)) for one, rest in BROADCASTS}) >= 10


def test_the_cases_of_a_declaration() -> None:
    """All options on the first shapes, the first options on the others, and draws until 40 numbers have been seen."""
    several = op(((2,), (3,)), ((4,), (1,)), options=[{"a": 1}, {"a": 2}])
    cases = list(difference_cases(several, 5))
    assert [(c.label, c.kwargs["a"]) for c in cases[:3]] == [("base", 1), ("base", 2), ("shapes 1", 1)]
    assert [c.label for c in cases[3:]] == [f"base, draw {k}" for k in range(2, 10)]
    assert all(c.kwargs["a"] == 1 for c in cases[3:])
    assert [tuple(a.shape for a in c.arrays) for c in cases[:3]] == [((2,), (3,)), ((2,), (3,)), ((4,), (1,))]
    assert len(list(difference_cases(several, 5, thorough=False))) == 3
    assert len({c.arrays[0].tobytes() for c in cases}) == len(cases)
    for length, draws in ((40, 0), (20, 0), (19, 2), (10, 4), (5, 8), (1, 8), (0, 0)):
        assert len(list(difference_cases(op(((length,),)), 0))) == 1 + draws, length
    again = fresh(several, cases[0], SeededRandom(9))
    assert again.label == "base, second draw"
    assert [a.shape for a in again.arrays] == [(2,), (3,)]
    assert (again.arrays[0] != cases[0].arrays[0]).any()
    assert [dict(m) for m in metadata(several)] == [{"a": 1, "b": 0}, {"a": 2, "b": 0}]


def test_shapes_that_any_op_is_tried_on() -> None:
    assert [label for label, _ in structure_shapes(op(), True)] == ["0-d", "1-d", "2-d", "4-d", "empty"]
    assert list(structure_shapes(op(), False)) == [("0-d", ((),)), ("empty", ((2, 0, 4),))]
    pairs = list(structure_shapes(op(x=REAL, w=REAL), True))
    assert pairs[1] == ("1-d", ((17,), (17,)))
    assert [shapes for label, shapes in pairs if label == "broadcast"] == list(broadcasts(2, True))
    assert not list(structure_shapes(op(((2,),)), True))
    assert not list(structure_shapes(op(x=mg.real((3,))), True))

    def total(*xs: Array) -> Array:
        return sum(xs[1:], xs[0])

    variadic = list(structure_shapes(made(total, {}, {"xs": REAL}), True))
    assert variadic[0] == ("0-d", ((), ()))
    assert variadic[5:7] == [
        ("one array for *xs", ((2, 3, 4),)),
        ("three arrays for *xs", ((2, 3, 4),) * 3),
    ]
    assert len(list(structure_shapes(made(total, {}, {"xs": REAL}), False))) == 2 + 1 + 2
