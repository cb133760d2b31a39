"""The ways in which rules are bent on purpose: where each acts, and what it makes of a gradient."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad.core.op import Op
from minigrad.core.registry import REGISTRY
from minigrad.typing import Array, V
from minigrad.verify.declare import declaration_of
from minigrad.verify.mutation.larger import enlarged
from minigrad.verify.mutation.mutants import MUTATIONS, Site, mutant, mutants
from support.gate_case import REAL, made
from support.gate_sites import numbers, site, slopes

ONES = np.ones(2)
X = np.array([[-1.5, 0.05, 2.5], [3.5, -0.05, 2.0]])
R = np.arange(1.0, 7.0).reshape(2, 3)
EVERYWHERE = np.ones((2, 3))


def entry(k: int) -> Array:
    """1 but for one entry, which a thousandth is added to."""
    factors = np.ones(6)
    factors[k] = 1.001
    return factors.reshape(2, 3)


GV = np.asarray(site(X).g)
BENT: dict[str, Array] = {
    "sign": -R,
    "twice": 2.0 * R,
    "half": 0.5 * R,
    "zero": 0.0 * R,
    "1 + 1e-4": 1.0001 * R,
    "1 + 1e-6": 1.000001 * R,
    "first entry x 1.001": entry(0) * R,
    "middle entry x 1.001": entry(3) * R,
    "last entry x 1.001": entry(5) * R,
    "entries reversed": R[::-1, ::-1],
    "transposed": R,
    "bias": R + 6e-4,
    "|g|": R * np.sign(GV),
    "wrong for g < 0": R * np.where(GV < 0.0, 2.0, 1.0),
    "wrong for x < 0": R * np.where(X < 0.0, 1.01, 1.0),
    "wrong for x > 2": R * np.where(X > 2.0, 1.01, 1.0),
    "wrong for |x| < 0.1": R * np.where(np.abs(X) < 0.1, 1.01, 1.0),
    "wrong for 0-d": R,
    "wrong for 1-d": R,
    "wrong for an axis of length 1": R,
    "wrong for keepdims": R,
    "wrong for axis 1": R,
    "wrong for axis 0": R,
    "wrong for three axes or more": R,
    "wrong for the same array twice": R,
    "wrong for Fortran order": R,
    "wrong for negative strides": R,
    "broadcast mean": R,
    "broadcast sum dropped": R,
    "clipped g": R / np.maximum(np.abs(GV), 1.0),
    "wrong for float32": R,
    "second order lost": R,
    "second order twice": R,
    "float32 promoted": R,
}


def test_what_each_way_of_bending_makes_of_a_gradient() -> None:
    assert BENT.keys() == MUTATIONS.keys()
    for name, change in MUTATIONS.items():
        found = change(site(X), R.copy())
        assert np.asarray(found).shape == BENT[name].shape, name
        assert found == pytest.approx(BENT[name], rel=1e-12), name


SQUARE = numbers(3, 3)
SAME = np.array([1.5, 2.5])
WIDE = np.arange(1.0, 13.0).reshape(2, 2, 3)
SPECIAL: list[tuple[str, Site, object, object]] = [  # how, where, what is due, what comes of it
    ("transposed", site(SQUARE), SQUARE, SQUARE.T),
    ("wrong for 0-d", site(np.array(1.5)), np.array(2.0), 2.02),
    ("wrong for 1-d", site(SAME), SAME, 1.01 * SAME),
    ("wrong for an axis of length 1", site(X[:1]), R[:1], 1.01 * R[:1]),
    ("wrong for keepdims", site(X, keepdims=True), R, 1.01 * R),
    ("wrong for keepdims", site(X, keepdims=False), R, R),
    ("wrong for axis 1", site(X, axis=1), R, 1.01 * R),
    ("wrong for axis 0", site(X, axis=0), R, 1.01 * R),
    ("wrong for axis 0", site(X, axis=1), R, R),
    ("wrong for three axes or more", site(X[None]), R[None], 1.01 * R[None]),
    ("wrong for the same array twice", site(SAME, None, SAME), SAME, 1.01 * SAME),
    ("wrong for the same array twice", site(SAME, None, SAME.copy()), SAME, SAME),
    ("wrong for Fortran order", site(np.asfortranarray(X)), R, 1.01 * R),
    ("wrong for Fortran order", site(SAME), SAME, SAME),
    ("wrong for negative strides", site(X[::-1]), R, 1.01 * R),
    ("wrong for negative strides", site(X[:1, :1][::-1]), R[:1, :1], R[:1, :1]),
    ("broadcast mean", site(X), WIDE, 0.5 * WIDE),
    ("broadcast mean", site(np.zeros((0, 3))), WIDE, WIDE),
    ("broadcast sum dropped", site(X), WIDE, WIDE[0]),
    ("broadcast sum dropped", site(X[:1]), WIDE, WIDE[0, :1]),
    ("broadcast sum dropped", site(X), np.zeros((0, 2, 3)), np.zeros((0, 2, 3))),
    ("wrong for float32", site(X.astype(np.float32)), R.astype(np.float32), 1.5 * R),
    ("clipped g", site(X, np.ones(2)), R, R),
    ("|g|", site(X, np.ones(2)), R, R),
    ("|g|", site(X, (ONES, ONES)), R, R),
    ("wrong for g < 0", site(X, -np.ones(2)), R, R),
    ("first entry x 1.001", site(SAME[:1]), SAME[:1], SAME[:1]),
    ("last entry x 1.001", site(SAME), SAME, SAME * [1.0, 1.001]),
    ("middle entry x 1.001", site(SAME), SAME, SAME * [1.0, 1.001]),
    ("entries reversed", site(np.array(1.5)), np.array(2.0), 2.0),
]


@pytest.mark.parametrize(
    ("name", "at", "due", "made_of_it"), SPECIAL, ids=[f"{k}-{row[0]}" for k, row in enumerate(SPECIAL)]
)
def test_where_a_way_of_bending_acts(name: str, at: Site, due: Array, made_of_it: Array) -> None:
    found = MUTATIONS[name](at, due)
    assert np.asarray(found).shape == np.asarray(made_of_it).shape
    assert found == pytest.approx(made_of_it, rel=1e-6)


def test_bent_second_derivatives_and_types() -> None:
    x = np.array([1.5, -2.5])
    value, first, second = slopes(MUTATIONS["second order twice"], x)
    assert value == pytest.approx(x**3)
    assert first == pytest.approx(6.0 * x**2)
    assert second == pytest.approx(12.0 * x)
    assert slopes(MUTATIONS["second order lost"], x)[1] == pytest.approx([0.0, 0.0])
    narrow = np.ones(2, np.float32)
    promoted = MUTATIONS["float32 promoted"](site(narrow), narrow)
    assert isinstance(promoted, np.ndarray)
    assert promoted.dtype == np.float64
    halves = narrow.astype(np.float16)
    assert MUTATIONS["float32 promoted"](site(narrow), halves) is halves


def test_a_mutant_changes_one_rule_and_leaves_the_op() -> None:
    def both(g: V, y: V, a: V, b: V) -> tuple[V, V]:
        return g * b, g * a

    op = made(lambda a, b: a * b, {"a b": both}, {"a": REAL, "b": REAL}, elementwise=True)
    twin = mutant(op, "b", MUTATIONS["twice"])
    g = np.ones(1)
    right = op.rules[0].function(g, g, 3.0 * g, 5.0 * g)
    wrong = twin.rules[0].function(g, g, 3.0 * g, 5.0 * g)
    assert right == (5.0, 3.0)
    assert wrong == (5.0, 6.0)
    assert not twin.registered
    found = list(mutants(op, 3, {"twice": MUTATIONS["twice"], "wrong for axis 1": MUTATIONS["wrong for axis 1"]}))
    assert [(r.argument, r.mutation, r.state, r.seed) for r in found] == [
        ("a", "twice", "killed", 3),
        ("a", "wrong for axis 1", "unreached", 3),
        ("b", "twice", "killed", 3),
        ("b", "wrong for axis 1", "unreached", 3),
    ]


def test_larger_shapes_are_multiples_where_the_op_takes_them() -> None:
    def odd(x: Array, *, start: int = 0) -> Array:
        if x.shape[-1] % 2 == 0 or x.shape[-1] < 3:
            raise ValueError("an odd number is needed")
        return x if start < 9 else x / 0.0

    declared = made(odd, {}, {"x": REAL}, shapes=[((1, 3),), ((2, 5),), ((2, 4),)], params=[{"start": 1}])
    for factor, shapes in ((3, (((1, 9),), ((6, 15),))), (2, (((1, 5),), ((4, 7),)))):
        twin = enlarged(declared, factor)
        assert isinstance(twin, Op)
        assert declaration_of(twin).shapes == shapes
        assert not twin.registered
    whole = enlarged(REGISTRY["exp"], 2)
    assert isinstance(whole, Op)
    assert not whole.registered
    with np.errstate(all="ignore"):
        unfit = made(odd, {}, {"x": REAL}, shapes=[((1, 3),)], params=[{"start": 9}])
        assert enlarged(unfit, 3) == "its metadata fit the declared shapes only"
