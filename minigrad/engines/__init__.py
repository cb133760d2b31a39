"""Engines run groups of elementwise calls: NumPy, tile by tile, or a plugin (see README.md)."""

from minigrad import lazy
from minigrad.engines.discovery import EngineWithFallback, available, create_engine
from minigrad.engines.group import ElementwiseCall, FusionGroup, Input, Output, convert, select, sum_squares
from minigrad.engines.protocol import API, CompiledGroup, Engine, EngineError, UnknownEngine
from minigrad.engines.tiles import NumpyEngine

__all__ = [
    "API",
    "CompiledGroup",
    "ElementwiseCall",
    "Engine",
    "EngineError",
    "EngineWithFallback",
    "FusionGroup",
    "Input",
    "NumpyEngine",
    "Output",
    "UnknownEngine",
    "available",
    "convert",
    "create_engine",
    "select",
    "sum_squares",
]

_RENAMED = {
    "Apply": "ElementwiseCall",
    "Binder": "EngineWithFallback",
    "Bound": "CompiledGroup",
    "Group": "FusionGroup",
    "made": "create_engine",
}
__getattr__, _, _ = lazy.names(__name__, {}, renamed={old: f"{__name__}:{new}" for old, new in _RENAMED.items()})
