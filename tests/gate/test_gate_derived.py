"""What is tried beside the declared cases: in which order, with which numbers, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.core.types import Shape
from minigrad.typing import Array
from minigrad.verify.cases import base_shapes, metadata
from minigrad.verify.code_constants import constants
from minigrad.verify.covering import CoveringArray, aliases, neighbours
from minigrad.verify.derived_cases import COSTLY, DerivedCases, unlisted_metadata, whole_numbers
from minigrad.verify.derived_shapes import TELLING
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase
from support.gate_case import REAL, made

OPTIONS = ({"flag": True, "count": 2},)


def op(options: Sequence[Mapping[str, object]] = OPTIONS, shape: Shape = (2, 3)) -> Op:
    def forward(x: Array, *, flag: bool = True, count: int = 2) -> Array:
        return x

    return made(forward, {}, {"x": REAL}, params=options, shapes=[(shape,)])


def derived(declared: Op, few_shapes: bool = False) -> DerivedCases:
    return DerivedCases(declared, metadata(declared), SeededRandom(1), 7, few_shapes)


def indexing(high: int) -> Op:
    """An op of numbers, indices and a mask."""

    def forward(x: Array, index: Array, mask: Array) -> Array:
        return x

    domains = {"x": REAL, "index": mg.integer_index(high), "mask": mg.boolean()}
    return made(forward, {}, domains, shapes=[((3,), (2, 2), (3,))])


def numbers(a: Array) -> str:
    """Whether all are small, exact in float32, or neither."""
    exact = bool((a.astype(np.float32) == a).all())
    return "small" if exact and np.max(np.abs(a)) <= 2.0 else "exact" if exact else "fine"


def test_each_thing_is_changed_alone_before_any_two_meet() -> None:
    cases = derived(op())
    seen = [(c, cases.in_company) for c in cases]
    alone = [c for c, company in seen if not company]
    labels = [c.label for c in alone]
    assert labels[0] == "all axes of one length"
    assert labels[17:19] == ["long", "long"]  # after those that say what length costs
    assert [c.kwargs for c in alone[:19]] == [dict(OPTIONS[0])] * 19
    assert [(c.label, *c.kwargs.values()) for c in alone[19:23]] == [
        ("flag changed", False, 2),
        ("count changed", True, 3),
        ("count changed", True, 1),
        ("count changed", True, 0),
    ]
    assert [c.arrays[0].shape for c in alone[19:23]] == [(2, 3)] * 4
    meeting = [c for c, company in seen if company]
    assert [c.label for c in meeting[:4]] == ["all axes of one length, flag changed"] + [
        "all axes of one length, count changed"
    ] * 3
    assert all(c.arrays[0].shape == (3, 3) for c in meeting[:4])
    assert meeting[4].label == "all axes longer by one, flag changed, count changed"
    assert {numbers(c.arrays[0]) for c in meeting if c.arrays[0].size} == {"small"}
    assert {numbers(c.arrays[0]) for c in alone if c.arrays[0].size} == {"fine"}
    assert all(c.derived and c.seed == 7 for c, _ in seen)
    spelled = [(c.label, *c.kwargs.values()) for c, _ in seen[-6:]]
    assert list(map(repr, spelled)) == [
        repr((start + label, *values))
        for label, values in (
            ("flag changed", (1, 2)),
            ("flag changed", (np.bool_(True), 2)),
            ("count changed", (True, np.int64(2))),
        )
        for start in ("", "all axes of one length, ")
    ]
    coverage = cases.coverage()
    assert not coverage.left_out
    assert not coverage.refused
    assert coverage.covered == 19 * 4 + 3
    assert coverage.factors["flag"] == ("True", "False")
    assert coverage.factors["argument shapes"][:2] == ("base ((2, 3),)", "all axes of one length ((3, 3),)")
    assert not cases.left_out


def test_few_shapes_are_the_first_of_the_telling_ones() -> None:
    cases = list(derived(op(), few_shapes=True))
    labels = list(dict.fromkeys(c.label for c in cases if "changed" not in c.label))
    assert sorted(labels) == sorted(TELLING)
    assert {c.label: c.arrays[0].shape for c in cases}["long"] == (211, 3)
    assert {c.label: c.arrays[0].shape for c in cases}["an axis of one"] == (2, 1)


def test_a_second_axis_more_is_not_tried_where_one_is_refused() -> None:
    for unwelcome in ("one more axis (1)", "one axis less (1)"):
        cases = derived(op())
        seen = []
        for case in cases:
            seen.append(case.label)
            if case.label == unwelcome:
                cases.refuse(True)
        kind = unwelcome[:-3]
        assert [label for label in seen if label.startswith(kind)] == [unwelcome]
        other = "one axis less (2)" if "more" in kind else "one more axis (4)"
        assert other in seen
        assert f"one {kind[4:]}" not in cases.left_out
        assert any(kind in text for text in cases.coverage().refused)
    cases = derived(op())
    seen = []
    for case in cases:
        seen.append(case.label)
        if case.label == "one more axis (2)" or case.label.startswith("one more axis (1), "):
            cases.refuse(False)
    assert "one more axis (3)" in seen  # only the first says anything of the others


def test_long_axes_are_left_out_where_short_ones_are_costly() -> None:
    for seconds, tried in ((COSTLY * 1.01, False), (COSTLY, True)):
        cases = derived(op())
        labels = []
        for case in cases:
            labels.append(case.label)
            if case.label == "empty":
                cases.note(EvaluatedCase(case, (), (), {}, seconds=seconds))
            elif case.label == "one more axis (1)":
                cases.note(EvaluatedCase(case, (), (), {}, seconds=0.0))
        assert ("long" in labels) is tried
        assert bool(cases.left_out) is not tried
        assert tried or cases.left_out[0] == f"long: shorter ones took {seconds:.2g} s each"
        assert "a block" in labels


def test_indices_and_masks_that_a_short_cut_may_be_meant_for() -> None:
    cases = [c for c in derived(indexing(5)) if "ind" in c.label or "mask" in c.label]
    assert len(cases) == 4 * 10
    for k in range(4):
        by_label = {c.label: c for c in cases[10 * k : 10 * k + 10]}
        (base,) = {c.arrays[0].tobytes() for c in by_label.values()}
        negative, single, narrow, unsigned, rising, falling, equal = (
            by_label[label].arrays[1]
            for label in (
                "negative indices", "one index counted from the end", "indices in int32", "indices without a sign",
                "indices in order", "indices backwards", "equal indices",
            )
        )  # fmt: skip
        index = negative + 5
        assert (narrow == index).all()
        assert (unsigned == index).all()
        assert (narrow.dtype.name, unsigned.dtype.name) == ("int32", "uint8")
        assert 0 <= np.min(index) <= np.max(index) <= 4
        assert (single == np.where(index == np.max(index), index - 5, index)).all()
        assert rising.ravel().tolist() == sorted(index.ravel().tolist())
        assert falling.ravel().tolist() == sorted(index.ravel().tolist(), reverse=True)
        assert (equal == np.max(index)).all()
        assert all(a.shape == (2, 2) for a in (negative, single, narrow, unsigned, rising, falling, equal))
        assert by_label["everything masked"].arrays[2].tolist() == [True] * 3
        assert by_label["nothing masked"].arrays[2].tolist() == [False] * 3
        assert by_label["a single entry masked"].arrays[2].tolist() == [False, False, True]
        assert base
    assert len({c.arrays[0].tobytes() for c in cases}) == 4
    assert any(c.label == "indices without a sign" for c in derived(indexing(256)))
    assert not any(c.label == "indices without a sign" for c in derived(indexing(257)))


def test_options_that_are_not_listed() -> None:
    declared = op([{"flag": True, "count": 2}, {"flag": False, "count": 2}])
    listed = [dict(m) for m in metadata(declared)]
    found = list(unlisted_metadata(declared, metadata(declared)))
    assert not [kwargs for _, kwargs in found if any(repr(kwargs) == repr(m) for m in listed)]
    assert [(label, *kwargs.values()) for label, kwargs in found[:3]] == [
        ("count changed", True, 3),
        ("count changed", True, 1),
        ("count changed", True, 0),
    ]
    assert {label for label, _ in found} == {"count changed", "flag changed, count changed", "flag changed"}
    assert [repr(kwargs["flag"]) for label, kwargs in found if label == "flag changed"] == ["1", "np.True_"]


def test_whole_numbers_are_rounded_away_from_zero() -> None:
    whole = whole_numbers(np.array([0.001, -0.001, 1.5, -1.5, 3.0, -7.25, 0.0]))
    assert whole.tolist() == [1, -1, 2, -2, 3, -8, 0]
    assert whole.dtype == np.int64


def _third(x: Array) -> Array:
    return x * 33.0


def _second(x: Array) -> Array:
    return _third(x) * 22.0


def _first(x: Array) -> Array:
    return _second(x) * 11.0


def test_code_is_read_two_calls_deep_up_to_some_words_and_numbers() -> None:
    def calls(x: Array) -> Array:
        return _first(x)

    declared = made(calls, {}, {"x": REAL})
    assert constants(declared) == ((), (11.0, 22.0))

    def words(x: Array, *, mode: str = "a") -> Array:
        return x * ["b", "c", "no word", "d", "e", "f", "abcdefghijklmnop", "abcdefghijklmnopq"].index(mode)

    found, _ = constants(made(words, {}, {"x": REAL}))
    assert found == ("b", "c", "d", "e")

    def long(x: Array, *, mode: str = "a") -> Array:
        return x * (mode in ("abcdefghijklmnop", "abcdefghijklmnopq"))

    assert constants(made(long, {}, {"x": REAL}))[0] == ("abcdefghijklmnop",)

    def many(x: Array) -> Array:
        return x * np.array([2, 3, 4, -1, True, 5, 6, 7, 8, 9, 10])  # type: ignore[no-any-return]

    assert constants(made(many, {}, {"x": REAL}))[1] == (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)


@pytest.mark.parametrize("sizes", [(3, 3, 2), (2, 4)])
def test_a_telling_value_meets_each_other_value_early(sizes: tuple[int, ...]) -> None:
    rows = list(CoveringArray(sizes, 100, telling=1))
    alone = sum(n - 1 for n in sizes)
    others = [(f, v) for f in range(1, len(sizes)) for v in range(1, sizes[f])]
    due = [tuple(1 if k == 0 else v if k == f else 0 for k in range(len(sizes))) for f, v in others]
    assert rows[1 + alone : 1 + alone + len(due)] == due
    assert len(rows) == len(set(rows))
    assert list(CoveringArray(sizes, 2, telling=1))[2:] == due[:2]


def test_values_that_are_refused_alone_are_tried_in_company_last() -> None:
    array = CoveringArray((3, 3), 100)
    rows = []
    for row in array:
        rows.append(row)
        if row[0] == 1:
            array.refuse(row)
    assert rows[5:] == [(2, 1), (2, 2), (1, 1), (1, 2)]
    assert array.coverage({"a": ("0", "1", "2"), "b": ("0", "1", "2")}).refused == ("a=1, b=1", "a=1, b=2")
    assert str(array.coverage({"a": ("0", "1", "2"), "b": ("0", "1", "2")})) == (
        "2 pairs of a (3) x b (3) compared, 2 refused by the op, 0 left out"
    )
    loud = CoveringArray((3, 3), 100)
    order = []
    for row in loud:
        order.append(row)
        if row[0] == 1:
            loud.refuse(row, unwelcome=False)
    assert order[5:] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert array.is_pair((1, 2))
    assert not array.is_pair((0, 2))


def test_a_case_on_other_arrays_keeps_what_it_is() -> None:
    case = CheckCase((np.ones((2, 3)),), {"axis": 1}, "base", 5, derived=True)
    moved = case.on((np.zeros(4, np.float32),))
    assert (moved.label, moved.seed, moved.derived, moved.kwargs) == ("base", 5, True, {"axis": 1})
    assert str(moved) == "base: (4,) float32, axis=1; seed 5"
    assert case.on(case.arrays, "other").label == "other"
    assert attrs.evolve(case, derived=False).on(()).derived is False
    assert base_shapes(op()) == (((2, 3),),)


def _in_blocks(x: Array) -> Array:
    return x * (2.0 if x.shape[-1] > 640 else 4.0)


def test_words_and_numbers_of_inner_and_called_functions() -> None:
    def forward(x: Array, *, mode: str = "sum") -> Array:
        """A docstring is no word."""
        return np.asarray(np.sum(_in_blocks(x), axis=-1) if mode == "sum" else np.max(x, axis=-1))

    def rule(g: Array, y: Array, x: Array, *, mode: str) -> Array:
        return (lambda z: z * 7.5 if mode in ("largest", "max") else z)(g)[..., None] + x * 0.0

    words, numbers = constants(made(forward, {"x": rule}, {"x": REAL}, params=[{"mode": "sum"}]))
    assert {"sum", "largest", "max"} <= set(words)
    assert {640.0, 2.0, 7.5} <= set(numbers)
    assert not {0.0, 1.0, -1.0} & set(numbers)


def test_functions_of_other_modules_are_not_read() -> None:
    words, numbers = constants(
        made(lambda x: mg.softmax(x).data, {"x": lambda g, y, x: g * 3.0 + x * 0.0}, {"x": REAL}, shapes=[((3,),)])
    )
    assert words == ()
    assert numbers == (3.0,)


def test_a_word_is_tried_with_other_words_of_the_code_and_a_flag_as_a_number() -> None:
    assert neighbours("mode", ["sum"], 1, ["sum", "mean"]) == ["sum", "mean"]
    assert neighbours("count", [2], 1, ["mean"]) == [2, 3, 1, 0]
    assert aliases([False, True]) == [1, np.bool_(True)]
    assert [type(v) for v in aliases([2, -3])] == [np.int64, np.int64]
    assert neighbours("pad_index", [0], 1)[-1] == -1
