"""The catalog against PyTorch's recorded numbers: value, gradient and second gradient to 1e-9.

40 calls of each entry every day, the other 160 as soaks.
`tests/tools/torch_reference.py` records them, and compares any number of further calls where PyTorch is installed.
"""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from minigrad.typing import Array
from support.ops_catalog import Entry
from support.ops_draw import recorded_codes
from support.ops_record import CALLS, RECORD, Question, catalog, disagreement, ours

EVERY = 5
ENTRIES = [e for e in catalog() if e.pytorch is not None]


@pytest.fixture(scope="module")
def record() -> dict[str, tuple[Array, Array]]:
    """Answers and fingerprints of the arguments, by entry."""
    with np.load(RECORD) as file:
        return {str(n): (a, p) for n, a, p in zip(file["names"], file["answers"], file["prints"], strict=True)}


def test_the_record_is_complete(record: dict[str, tuple[Array, Array]]) -> None:
    assert list(record) == [e.name for e in ENTRIES], "run tests/tools/torch_reference.py write"
    assert all(a.shape == (CALLS, 3) for a, _ in record.values())


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("first", [0, *(pytest.param(k, marks=pytest.mark.soak) for k in range(1, EVERY))])
def test_function_agrees_with_torch(entry: Entry, first: int, record: dict[str, tuple[Array, Array]]) -> None:
    questions = zip(recorded_codes(entry.name, CALLS), *record[entry.name], strict=True)
    for code, expected, fingerprint in islice(questions, first, None, EVERY):
        question = Question.of(entry, code)
        assert abs(question.fingerprint() - fingerprint) < 1e-4, "other arguments than were recorded"
        assert not (fault := disagreement(ours(question), expected.tolist())), f"{fault} at {question.call}"
