"""A small network, rows, and a short run in each process."""

from __future__ import annotations

import numpy as np

from minigrad import data, nn
from minigrad.parallel import Communicator
from minigrad.train import History, fit
from support.parallel_threads import bits

DIGITS = data.load("digits").scaled()
SMALL = (DIGITS.x_train[:150], DIGITS.y_train[:150], DIGITS.x_val[:90], DIGITS.y_val[:90])


def net(seed: int = 0) -> nn.Module:
    """Two small layers in float64."""
    made = nn.Sequential(nn.Linear(64, 8, rng=seed), nn.ReLU(), nn.Linear(8, 10, rng=seed + 1))
    return made.astype(np.float64)


def run(link: Communicator, model: nn.Module, **options: object) -> tuple[History, bytes]:
    """The history of two quiet epochs on few rows, and all bits of the model at the end."""
    history = fit(model, SMALL, checks=False, quiet=True, communicator=link, **{"epochs": 2, **options})  # type: ignore[arg-type]
    return history, bits(list(model.state_dict().values()))
