"""Second and third derivatives of whole nets against PyTorch's, to 1e-10. Collected only where torch is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import minigrad as mg
from minigrad.typing import Array
from support.core_nets import FIVE_HUNDRED, THREE_LAYERS, Net
from support.core_torch import hessian, third


def largest_gap(found: object, expected: Array) -> float:
    """Largest difference, relative to the largest entry."""
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


def test_hessian_of_500_parameters() -> None:
    found = mg.hessian(FIVE_HUNDRED.loss)(FIVE_HUNDRED.w)
    gap = largest_gap(found, hessian(FIVE_HUNDRED))
    print(f"Hessian of {FIVE_HUNDRED.w.size} parameters: relative gap {gap:.1e}")
    assert gap < 1e-10


@pytest.mark.parametrize("sizes", [(3, 4, 4, 2), (2, 3, 2, 1)])
def test_third_derivative_of_a_three_layer_net(sizes: tuple[int, ...]) -> None:
    net = THREE_LAYERS if sizes == tuple(THREE_LAYERS.sizes) else Net.of(sizes, 5, seed=1)
    found = mg.jacobian(mg.hessian(net.loss))(net.w)
    gap = largest_gap(found, third(net))
    print(f"third derivative, {net.w.size} parameters: relative gap {gap:.1e}")
    assert gap < 1e-10
