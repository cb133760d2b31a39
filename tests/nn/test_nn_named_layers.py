"""Layers under PyTorch's names and options against its recorded numbers: outputs and all gradients."""

from __future__ import annotations

import numpy as np
import pytest

from support.nn_golden import NAMED_RECORD
from support.nn_named_cases import CASES, NamedCase, evaluate


@pytest.fixture(scope="module")
def record() -> dict[str, dict[str, np.ndarray]]:
    """Case -> name of an array -> numbers."""
    cases: dict[str, dict[str, np.ndarray]] = {}
    with np.load(NAMED_RECORD, allow_pickle=False) as file:
        for name in file.files:
            case, _, array = name.partition("/")
            cases.setdefault(case, {})[array] = file[name]
    return cases


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layer_equals_pytorchs_record(case: NamedCase, record: dict[str, dict[str, np.ndarray]]) -> None:
    ours = evaluate(case)
    assert ours.keys() == record[case.name].keys()
    for name, theirs in record[case.name].items():
        scale = float(np.max(np.abs(theirs), initial=1.0))
        np.testing.assert_allclose(ours[name], theirs, rtol=case.rtol, atol=1e-12 * scale, err_msg=name)


def test_the_record_is_of_these_cases(record: dict[str, dict[str, np.ndarray]]) -> None:
    assert record.keys() == {"version", *(case.name for case in CASES)}
