"""What can go wrong between the two."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minigrad.core.errors import MinigradError

__all__ = ["MissingTorch", "UnreadableWeights", "load_torch"]


class UnreadableWeights(MinigradError, ValueError):
    """A file or state dict holds something that no model can take."""


class MissingTorch(MinigradError, ImportError):
    """PyTorch is needed for this and is not installed."""


def load_torch(purpose: str) -> Any:
    """Import PyTorch.

    Args:
        purpose: what it is needed for, for the message.

    Raises:
        MissingTorch: it is not installed.
    """
    try:
        return import_module("torch")
    except ImportError as error:
        raise MissingTorch(f"{purpose} needs PyTorch: pip install torch. Files in safetensors need it not") from error
