"""What may stand in the brackets of a Tensor is what NumPy takes there, and nothing else."""

from __future__ import annotations

from array import array
from collections import UserList, deque
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.errors import IndexKeyError

X = np.arange(12.0).reshape(3, 4)


class _GivesAnArray:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([2, 0, 0])


TAKEN: list[Any] = [range(2), range(2, 0, -1), (slice(None), range(0, 4, 2)), range(0), deque([2, 0]), ((0, 2, 2),),
                    (((0,), (1,)), (1, 1)), ((),), [()], array("q", [1, 1]), memoryview(b"\0\2"), bytearray(b"\1"),
                    UserList([True, False, True]), _GivesAnArray(), (slice(None), _GivesAnArray())]  # fmt: skip
REFUSED: list[Any] = [{0, 1}, {0: 1}, "0", b"\0", iter([0]), int, 1.0, ("a",), deque([1.5]), 1j, np.datetime64(1, "D")]


@pytest.mark.parametrize("key", TAKEN)
def test_sequences_buffers_and_what_gives_an_array_are_indices(key: Any) -> None:
    t = mg.tensor(X, requires_grad=True)
    np.testing.assert_array_equal(t[key].numpy(), X[key], strict=True)
    t[key].sum().backward()
    times = np.zeros_like(X)
    np.add.at(times, key, 1.0)
    np.testing.assert_array_equal(np.asarray(t.grad), times)


def test_an_index_that_changes_later_has_been_copied() -> None:
    for key in (deque([0, 1]), array("q", [0, 1]), bytearray(b"\0\1"), UserList([0, 1])):
        t = mg.tensor(X, requires_grad=True)
        y = t[key]
        key[0] = 2
        y.sum().backward()
        np.testing.assert_array_equal(np.asarray(t.grad), [[1.0] * 4, [1.0] * 4, [0.0] * 4])


@pytest.mark.parametrize("key", REFUSED)
def test_what_numpy_refuses_is_refused_by_its_kind(key: Any) -> None:
    with pytest.raises(IndexError):
        X[key]
    with pytest.raises(IndexKeyError, match=type(key[0] if isinstance(key, tuple) else key).__name__) as error:
        mg.tensor(X)[key]
    assert len(str(error.value)) < 300


def test_rows_of_two_lengths_are_no_index() -> None:
    with pytest.raises(IndexKeyError, match="list"):
        mg.tensor(X)[[[0], [1, 2]]]
