"""`best.safetensors`: weights, how the model is built, how rows are prepared for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from minigrad.core.types import Array
from minigrad.train.errors import TrainError
from minigrad.train.output.origin import seal

__all__ = ["MODEL_FILE", "SCRIPT_FILE", "digest_of", "model_bytes", "read_model", "script_recipe"]

MODEL_FILE, SCRIPT_FILE = "best.safetensors", "script.py"
_KEY = "minigrad"


def model_bytes(weights: Mapping[str, Array], about: Mapping[str, object]) -> bytes:
    """The file: tensors by name, and `about` as JSON in its metadata."""
    # One key only: with several, safetensors writes them in an order that changes from run to run.
    return save(dict(weights), metadata={_KEY: json.dumps(about, allow_nan=False)})


def read_model(file: Path) -> tuple[dict[str, Array], Mapping[str, object]]:
    """Weights by name, and what is said about them.

    Raises:
        TrainError: the file is missing, damaged, or holds weights of something else.
    """
    try:
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dict
    except FileNotFoundError:
        hint = _runs_beside(file)
        raise TrainError(f"{file}: there is no such file. {hint}") from None
    except (SafetensorError, OSError) as error:
        raise TrainError(f"{file}: cannot be read ({error})") from None
    try:
        about = json.loads(metadata[_KEY])
    except (KeyError, ValueError):
        raise TrainError(f"{file}: holds weights, but not those of a run of minigrad") from None
    if not isinstance(about, dict):
        raise TrainError(f"{file}: what is said about the weights is no object")
    return weights, about


def _runs_beside(file: Path) -> str:
    """Which runs there are in the folder where one was looked for."""
    runs = sorted(other.parent.name for other in file.parent.glob(f"*/{MODEL_FILE}"))
    if runs:
        return f"{file.parent} holds the runs {', '.join(runs[-4:])}: give one of them"
    return f"A run's folder holds {MODEL_FILE} once an epoch is over"


def script_recipe(script: Path) -> dict[str, object]:
    """Say how the model of a script is built again: name, hash and seal of the run's copy."""
    digest = digest_of(script)
    return {"kind": "script", "file": SCRIPT_FILE, "sha256": digest, "seal": seal(digest)}


def digest_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
