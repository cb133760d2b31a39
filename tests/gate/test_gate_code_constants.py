"""What the code of an op compares with is read from it: in inner functions, in closures, in functions it calls."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad.typing import Array
from minigrad.verify.code_constants import constants
from minigrad.verify.covering import aliases, neighbours
from support.gate_case import REAL, made


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
