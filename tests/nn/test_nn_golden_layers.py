"""Every layer against PyTorch's recorded numbers: output, gradients of the input and of every parameter."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import tensor
from support.nn_cases import CASES, Case
from support.nn_golden import RECORD, cotangent


@pytest.fixture(scope="module")
def record() -> dict[str, np.ndarray]:
    """Case/array -> numbers."""
    with np.load(RECORD, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _close(ours: np.ndarray, theirs: np.ndarray, what: str, rtol: float = 1e-10) -> None:
    scale = float(np.max(np.abs(theirs), initial=1.0))
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12 * scale, err_msg=what)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layer_equals_pytorchs_record(case: Case, record: dict[str, np.ndarray]) -> None:
    layer = case.layer()
    x = tensor(case.input(), requires_grad=not case.symbols)
    y = layer(x)
    _close(y.numpy(), record[f"{case.name}/output"], "output", case.torch_rtol)
    y.backward(cotangent(y.shape))
    if not case.symbols:
        assert x.grad is not None
        _close(x.grad.numpy(), record[f"{case.name}/input"], "gradient of the input", case.torch_rtol)
    for name, p in layer.named_parameters():
        if not isinstance(layer, nn.Residual):
            assert p.grad is not None
            _close(p.grad.numpy(), record[f"{case.name}/{name}"], f"gradient of {name}")


def test_the_record_is_of_these_cases(record: dict[str, np.ndarray]) -> None:
    assert {name.partition("/")[0] for name in record} == {"version", *(case.name for case in CASES)}
