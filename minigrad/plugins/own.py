"""What distributions of minigrad's own repository offer, for messages that name it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["OFFERS", "how_to_get", "owner_of"]

OFFERS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "minigrad.callbacks": {"minigrad-loggers": "csv jsonl mlflow tensorboard wandb"},
    "minigrad.commands": {
        "minigrad-diagnosis-bench": "bench-diagnosis", "minigrad-compare": "compare", "minigrad-sweep": "sweep",
    },
    "minigrad.communicators": {"minigrad-mpi": "mpi"},
    "minigrad.engines": {"minigrad-cc": "cc"},
    "minigrad.ops": {"minigrad-special": "special"},
    "minigrad.optimizers": {
        "minigrad-modern": """adabelief adadelta adafactor adamax adamp adan ademamix adopt aggmo came cautious
            cautious-adamw cautious-lion lamb lars lion look-ahead madgrad muon nadam novograd prodigy qhadam radam
            rprop sam schedule-free sharpness-aware soap sophia-h yogi""",
        "minigrad-newton": "gauss-newton l-bfgs newton newton-cg",
    },
})  # fmt: skip
"""Group of entry points -> distribution below plugins/ -> names, with blanks between them."""


def owner_of(group: str, name: str) -> str | None:
    """The distribution of minigrad's repository that offers a name; None if none does."""
    return next((owner for owner, names in OFFERS.get(group, {}).items() if name in names.split()), None)


def how_to_get(owner: str) -> str:
    """Say what installs a distribution of minigrad's repository.

    Its checkout, never an index of packages, which could answer with a stranger's.
    """
    return f"in a checkout of minigrad, pip install ./plugins/{owner}"
