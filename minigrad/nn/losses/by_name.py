"""Losses by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from minigrad.core.errors import nearest
from minigrad.nn.errors import UnknownLoss
from minigrad.nn.losses.baseline import Loss
from minigrad.nn.losses.binary import BinaryCrossEntropy, Hinge
from minigrad.nn.losses.classification import CrammerSinger, SoftmaxCrossEntropy, WestonWatkins
from minigrad.nn.losses.distribution import KLDivergence
from minigrad.nn.losses.regression import Huber, MeanAbsoluteError, MeanSquaredError

__all__ = ["LOSSES", "find_loss"]

LOSSES: Mapping[str, Callable[[], Loss]] = MappingProxyType(
    {
        "softmax": SoftmaxCrossEntropy,
        "svm": WestonWatkins,
        "mse": MeanSquaredError,
        "crammer-singer": CrammerSinger,
        "bce": BinaryCrossEntropy,
        "hinge": Hinge,
        "mae": MeanAbsoluteError,
        "huber": Huber,
        "kl": KLDivergence,
    }
)


def find_loss(choice: str | Loss) -> Loss:
    """The loss of that name (see `LOSSES`), or the callable itself.

    Raises:
        UnknownLoss: there is none of that name; names the nearest.
    """
    if not isinstance(choice, str):
        return choice
    if choice not in LOSSES:
        raise UnknownLoss(f"there is no loss {choice!r}.{nearest(choice, LOSSES)} Known: {', '.join(LOSSES)}")
    return LOSSES[choice]()
