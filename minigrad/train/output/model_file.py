"""`best.safetensors`: weights, how the model is built, how rows are prepared for it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from minigrad.core.types import Array
from minigrad.text import clip_middle, describe_error, nearest_file
from minigrad.train.errors import TrainError
from minigrad.train.output.origin import seal

__all__ = ["MODEL_FILE", "SCRIPT_FILE", "about_file", "digest_of", "model_bytes", "read_model", "script_recipe"]

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
    if os.path.isdir(file):
        raise about_file(file, "is a folder, not a file of weights")
    try:
        with safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dict
    except FileNotFoundError:
        _refuse_unreadable(file)
        what = f"there is no such file.{nearest_file(file)} A run's folder holds {MODEL_FILE} once an epoch is over"
        raise about_file(file, what) from None
    except (SafetensorError, OSError, MemoryError, OverflowError, ValueError, TypeError, KeyError) as error:
        raise about_file(file, f"cannot be read ({describe_error(error)})") from None
    try:
        about = json.loads(metadata[_KEY])
    except (KeyError, ValueError, RecursionError):
        raise about_file(file, "holds weights, but not those of a run of minigrad") from None
    if not isinstance(about, dict):
        raise about_file(file, "what is said about the weights is no object")
    return weights, about


def _refuse_unreadable(file: Path) -> None:
    """Say why a file that is there cannot be opened: safetensors tells all reasons alike.

    Raises:
        TrainError: it is there.
    """
    try:
        file.open("rb").close()
    except FileNotFoundError:
        return
    except OSError as error:
        raise about_file(file, f"cannot be read ({error.strerror or error})") from None


def about_file(file: Path, what: str) -> TrainError:
    """The error about a file of a run, in less than 300 characters whatever it holds."""
    return TrainError(f"{clip_middle(file, 110)}: {clip_middle(' '.join(what.split()), 180)}")


def script_recipe(script: Path) -> dict[str, object]:
    """Say how the model of a script is built again: name, hash and seal of the run's copy."""
    digest = digest_of(script)
    return {"kind": "script", "file": SCRIPT_FILE, "sha256": digest, "seal": seal(digest)}


def digest_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
