"""How much the gate tries on some plain ops: a check that is silently left out, or made twice, is seen here.

The figures are those of the gate as it is. Whoever lets it try more or less writes the new ones: what stands beside
them says what is counted.
"""

# Rules are untyped.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeAlias

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.core.op import Op
from minigrad.core.tensor import as_array
from minigrad.verify import verify
from minigrad.verify.declare import Domain
from support.gate_case import REAL, made


@attrs.frozen
class Counts:
    """What the gate has done.

    Attributes:
        cases: compared with differences.
        checks: all comparisons.
        kinks: entries on kinks.
        refused: cases that the op refuses.
        sharp: cases in which each argument had a gradient.
        reveals: the relative error that the sharpest and the bluntest case of each argument would have revealed.
        forward: calls of the forward function.
        rules: calls of rules.
        kinds: kinds of arrays that it was called on: shapes, types, strides.
    """

    cases: int
    checks: int
    kinks: int
    refused: int
    sharp: tuple[int, ...]
    reveals: tuple[str, ...]
    forward: int
    rules: int
    kinds: int


class Tally:
    """Functions that count their calls."""

    def __init__(self) -> None:
        self.forward = self.rules = 0
        self.kinds: set[object] = set()

    def of_forward(self, function: Callable[..., object]) -> Callable[..., object]:
        """A forward function that also notes what it is called on."""

        @wraps(function)
        def call(*arrays, **options):
            self.forward += 1
            self.kinds.add(
                (*((np.shape(a), np.asarray(a).dtype.str, np.asarray(a).strides) for a in arrays), repr(options))
            )
            return function(*arrays, **options)

        return call

    def of_rule(self, function: Callable[..., object]) -> Callable[..., object]:
        """A rule that counts."""

        @wraps(function)
        def call(*arrays, **options):
            self.rules += 1
            return function(*arrays, **options)

        return call


def op_of(name: str, tally: Tally) -> Op:
    """An op whose functions count."""
    forward, rules, domains, more = OPS[name]
    counting = {argument: tally.of_rule(rule) for argument, rule in rules.items()}
    return made(tally.of_forward(forward), counting, domains, name=name.replace(" ", "_"), **more)


def _spread(g, x, axis):
    return mg.expand_dims(g, axis=axis) + x * 0.0


def _top(x):
    numbers = as_array(x)
    hit = numbers == np.max(numbers, axis=-1, keepdims=True)
    return (hit / np.sum(hit, axis=-1, keepdims=True)).astype(numbers.dtype)


def _places(index, x):
    return (as_array(index)[:, None] % 4 == np.arange(len(as_array(x)))).astype(as_array(x).dtype)


def _total(x, *, axis: int = 0):
    return np.sum(x, axis=axis)


def _shifted(x, *, by: float = 0.5):
    return x + by


Function: TypeAlias = Callable[..., object]
OPS: dict[str, tuple[Function, Mapping[str, Function], Mapping[str, Domain], dict[str, Any]]] = {
    "square": (lambda x: x * x, {"x": lambda g, y, x: g * 2.0 * x}, {"x": REAL}, {"elementwise": True}),
    "size": (
        lambda x: np.abs(x),
        {"x": lambda g, y, x: g * mg.sign(x)},
        {"x": REAL},
        {"elementwise": True, "kinks": [0.0]},
    ),
    "product": (
        lambda a, b: a * b,
        {"a": lambda g, y, a, b: g * b, "b": lambda g, y, a, b: g * a},
        {"a": REAL, "b": REAL},
        {"elementwise": True},
    ),
    "shifted": (
        _shifted,
        {"x": lambda g, y, x, by: g * 1.0},
        {"x": REAL},
        {"elementwise": True, "params": [{"by": 0.25}]},
    ),
    "total": (
        _total,
        {"x": lambda g, y, x, axis: _spread(g, x, axis)},
        {"x": REAL},
        {"params": [{}, {"axis": 1}], "shapes": [((3, 4),)]},
    ),
    "turned": (
        lambda x: x[..., ::-1] * 2.0,
        {"x": lambda g, y, x: mg.flip(g, axis=-1) * 2.0},
        {"x": REAL},
        {"linear": True, "shapes": [((2, 3),)]},
    ),
    "scaled rows": (
        lambda a, b: a * b[..., None],
        {"a": lambda g, y, a, b: g * mg.expand_dims(b, axis=-1), "b": lambda g, y, a, b: mg.sum(g * a, axis=-1)},
        {"a": REAL, "b": REAL},
        {"shapes": [((2, 3), (2,))]},
    ),
    "sampled": (
        lambda x: x * x * x,
        {"x": lambda g, y, x: g * 3.0 * x * x},
        {"x": REAL},
        {"samples": lambda rng: [mg.Sample(rng.uniform(1.0, 2.0, 4)), mg.Sample(rng.uniform(1.0, 2.0, (2, 3)))]},
    ),
    "largest": (
        lambda x: np.max(x, axis=-1),
        {"x": lambda g, y, x: mg.expand_dims(g, axis=-1) * _top(x)},
        {"x": REAL},
        {"shapes": [((2, 3),)], "kinks": "ties"},
    ),
    "everything": (
        lambda x: np.sum(x),
        {"x": lambda g, y, x: g + x * 0.0},
        {"x": REAL},
        {"shapes": [((2, 3),)], "linear": True},
    ),
    "joined": (
        lambda *xs: sum(xs[1:], xs[0] * 1.0),
        {"xs": lambda g, y, *xs: tuple(g * 1.0 for _ in xs)},
        {"xs": REAL},
        {"elementwise": True, "linear": True},
    ),
    "picked": (
        lambda x, index, mask: x[index] * mask,
        {"x": lambda g, y, x, index, mask: mg.sum(mg.expand_dims(g * mask, axis=-1) * _places(index, x), axis=0)},
        {"x": REAL, "index": mg.integer_index(4), "mask": mg.boolean()},
        {"shapes": [((4,), (3,), (3,))]},
    ),
    "both": (
        lambda x: (x * 2.0, x * x),
        {"x": lambda g, y, x: g[0] * 2.0 + g[1] * 2.0 * x},
        {"x": REAL},
        {"shapes": [((3,),)]},
    ),
    "copied": (
        lambda x: np.stack([x, x[..., ::-1] * 2.0]),
        {"x": lambda g, y, x: g[0] + mg.flip(g[1], axis=-1) * 2.0},
        {"x": REAL},
        {"shapes": [((2, 3),)]},
    ),
    "matrix": (lambda x: x * x, {"x": lambda g, y, x: g * 2.0 * x}, {"x": mg.spd(2)}, {}),
    "capped": (
        lambda x: np.minimum(x, 0.125),
        {"x": lambda g, y, x: g * (as_array(x) < 0.125).astype(as_array(x).dtype)},
        {"x": mg.positive()},
        {"shapes": [((2,),)]},
    ),
    "sampled entries": (
        lambda x: x * x,
        {"x": lambda g, y, x: g * 2.0 * x},
        {"x": REAL},
        {"samples": lambda rng: [mg.Sample(rng.uniform(1.0, 2.0, 4))], "elementwise": True},
    ),
    "signs": (lambda x: np.sign(x), {}, {"x": REAL}, {"piecewise_constant": True, "elementwise": True}),
}

TRIED: dict[tuple[str, bool], Counts] = {  # by op, and whether the check is thorough
    ("square", True): Counts(1, 48, 0, 0, (1,), ("3e-12 3e-12",), 151, 159, 42),
    ("square", False): Counts(1, 8, 0, 0, (1,), ("3e-12 3e-12",), 17, 15, 7),
    ("size", True): Counts(1, 48, 120, 0, (1,), ("4e-12 4e-12",), 223, 228, 42),
    ("size", False): Counts(1, 8, 120, 0, (1,), ("4e-12 4e-12",), 23, 18, 7),
    ("product", True): Counts(1, 100, 0, 0, (1, 1), ("5e-12 5e-12", "6e-12 6e-12"), 249, 502, 87),
    ("product", False): Counts(1, 11, 0, 0, (1, 1), ("5e-12 5e-12", "6e-12 6e-12"), 31, 58, 10),
    ("shifted", True): Counts(8, 58, 0, 0, (8,), ("3e-12 4e-12",), 234, 228, 73),
    ("shifted", False): Counts(1, 8, 0, 0, (1,), ("4e-12 4e-12",), 17, 15, 7),
    ("total", True): Counts(84, 187, 0, 5, (25,), ("3e-12 2e-11",), 969, 450, 104),
    ("total", False): Counts(2, 10, 0, 0, (2,), ("9e-12 1e-11",), 42, 24, 4),
    ("turned", True): Counts(26, 139, 0, 1, (24,), ("5e-12 2e-11",), 628, 277, 25),
    ("turned", False): Counts(1, 9, 0, 0, (1,), ("2e-11 2e-11",), 20, 15, 3),
    ("scaled rows", True): Counts(34, 149, 0, 4, (32, 32), ("6e-12 4e-11", "5e-12 3e-10"), 898, 754, 40),
    ("scaled rows", False): Counts(1, 9, 0, 0, (1, 1), ("2e-11 2e-11", "2e-11 2e-11"), 28, 32, 3),
    ("sampled", True): Counts(2, 28, 0, 0, (2,), ("4e-12 4e-12",), 74, 78, 9),
    ("sampled", False): Counts(2, 11, 0, 0, (2,), ("4e-12 4e-12",), 43, 25, 4),
    ("largest", True): Counts(61, 329, 18, 2, (60,), ("4e-12 4e-11",), 1615, 819, 26),
    ("largest", False): Counts(1, 9, 18, 0, (1,), ("2e-11 2e-11",), 55, 19, 3),
    ("everything", True): Counts(27, 140, 0, 0, (25,), ("5e-12 2e-11",), 640, 282, 28),
    ("everything", False): Counts(1, 9, 0, 0, (1,), ("8e-12 8e-12",), 20, 15, 3),
    ("joined", True): Counts(3, 145, 0, 0, (6,), ("3e-12 1e-11",), 327, 332, 143),
    ("joined", False): Counts(1, 11, 0, 0, (2,), ("4e-12 5e-12",), 23, 20, 9),
    ("picked", True): Counts(94, 329, 0, 12, (92,), ("3e-12 5e-11",), 1373, 687, 36),
    ("picked", False): Counts(1, 9, 0, 0, (1,), ("9e-12 9e-12",), 28, 16, 2),
    ("both", True): Counts(21, 109, 0, 0, (20,), ("5e-12 3e-11",), 484, 244, 15),
    ("both", False): Counts(1, 9, 0, 0, (1,), ("8e-12 8e-12",), 28, 16, 2),
    ("copied", True): Counts(26, 113, 0, 1, (24,), ("6e-12 4e-11",), 573, 277, 27),
    ("copied", False): Counts(1, 9, 0, 0, (1,), ("1e-11 1e-11",), 28, 16, 3),
    ("matrix", True): Counts(14, 78, 0, 0, (14,), ("7e-12 1e-11",), 213, 148, 10),
    ("matrix", False): Counts(1, 8, 0, 0, (1,), ("8e-12 8e-12",), 18, 15, 3),
    ("capped", True): Counts(42, 235, 0, 0, (39,), ("8e-12 4e-10",), 1375, 455, 14),
    ("capped", False): Counts(1, 8, 0, 0, (1,), ("2e-11 2e-11",), 18, 15, 2),
    ("sampled entries", True): Counts(1, 18, 0, 0, (1,), ("4e-12 4e-12",), 49, 48, 5),
    ("sampled entries", False): Counts(1, 9, 0, 0, (1,), ("4e-12 4e-12",), 23, 16, 3),
    ("signs", True): Counts(3, 28, 0, 0, (0,), ("inf inf",), 36, 0, 22),
    ("signs", False): Counts(1, 7, 0, 0, (0,), ("inf inf",), 8, 0, 6),
}
FEW_TRIED: dict[str, Counts] = {  # thorough, of the shapes that are not declared the most telling ones
    "product": Counts(1, 66, 0, 0, (1, 1), ("5e-12 5e-12", "6e-12 6e-12"), 215, 434, 64),
    "turned": Counts(15, 116, 0, 0, (14,), ("5e-12 2e-11",), 488, 224, 14),
}


@pytest.mark.parametrize("thorough", [True, False])
@pytest.mark.parametrize("name", OPS)
def test_what_is_tried_on_plain_ops(name: str, thorough: bool) -> None:
    assert counted(name, thorough) == TRIED[name, thorough]


@pytest.mark.parametrize("name", ["product", "turned"])
def test_few_shapes_are_fewer(name: str) -> None:
    few, all_of_them = counted(name, True, few_shapes=True), TRIED[name, True]
    assert few == FEW_TRIED[name]
    assert few.kinds < all_of_them.kinds
    assert few.checks < all_of_them.checks


def counted(name: str, thorough: bool, few_shapes: bool = False) -> Counts:
    """What the gate does on an op at seed 0."""
    tally = Tally()
    op = op_of(name, tally)
    found = verify(op, 0, thorough=thorough, few_shapes=few_shapes)
    sharp = tuple(p.cases for p in found.powers)
    reveals = tuple(f"{p.resolution:.0e} {p.worst:.0e}" for p in found.powers)
    refused = len(found.refused)
    return Counts(
        found.cases, found.checks, found.kinks, refused, sharp, reveals, tally.forward, tally.rules, len(tally.kinds)
    )
