"""What can go wrong on the way to ONNX and back."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minigrad.core.errors import MinigradError

__all__ = ["MissingOnnx", "OnnxExportError", "OnnxImportError", "load_onnx"]


class OnnxExportError(MinigradError, ValueError):
    """A model, or an op in it, has no counterpart in ONNX."""


class OnnxImportError(MinigradError, ValueError):
    """A file is no ONNX model, or holds a node that minigrad does not know."""


class MissingOnnx(MinigradError, ImportError):
    """The package onnx is needed for this and is not installed."""


def load_onnx() -> Any:
    """Import the package onnx.

    Raises:
        MissingOnnx: it is not installed.
    """
    try:
        return import_module("onnx")
    except ImportError as error:
        raise MissingOnnx(
            "ONNX files need the package onnx: pip install onnx (and onnxruntime, to run them)"
        ) from error
