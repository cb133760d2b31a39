"""Training by layers, losses and optimizers together gives the losses that PyTorch gave (tests/data/nn_curves.json)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from support.nn_curves import PROBLEMS, curve

STORED: dict[str, list[float]] = json.loads((Path(__file__).parents[1] / "data" / "nn_curves.json").read_text())[
    "losses"
]


@pytest.mark.parametrize("defined", [False, True], ids=["eager", "defined"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_first_twenty_losses_are_those_of_torch(name: str, defined: bool) -> None:
    # Differences are 1e-15 where the file was written; another LAPACK may round an orthogonal float32 weight otherwise.
    np.testing.assert_allclose(curve(PROBLEMS[name], len(STORED[name]), defined), STORED[name], rtol=0, atol=1e-6)
