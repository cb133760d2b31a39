"""Engines run groups of elementwise calls: NumPy, tile by tile, or a plugin (see README.md)."""

from minigrad.engines.discovery import Binder, available, made
from minigrad.engines.group import Apply, Group, Input, Output, convert, select, sum_squares
from minigrad.engines.protocol import API, Bound, Engine, EngineError, UnknownEngine
from minigrad.engines.tiles import NumpyEngine

__all__ = [
    "API",
    "Apply",
    "Binder",
    "Bound",
    "Engine",
    "EngineError",
    "Group",
    "Input",
    "NumpyEngine",
    "Output",
    "UnknownEngine",
    "available",
    "convert",
    "made",
    "select",
    "sum_squares",
]
