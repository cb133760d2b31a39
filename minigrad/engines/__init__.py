"""Engines run groups of elementwise calls.

NumPy, tile by tile, or a plugin (see README.md).
"""

from minigrad import lazy

_PUBLIC = {
    "discovery": "EngineWithFallback available create_engine",
    "group": "ElementwiseCall FusionGroup Input Output convert masked_multiply select sum_squares",
    "plan": "ArrayCall LinksPlans Operand PlannedCall PlansUpdates UpdatePlan",
    "protocol": "API CompiledGroup Engine EngineError UnknownEngine",
    "tiles": "NumpyEngine",
}
_RENAMED = {
    "Apply": "ElementwiseCall",
    "Binder": "EngineWithFallback",
    "Bound": "CompiledGroup",
    "Group": "FusionGroup",
    "made": "create_engine",
}

__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC, renamed=_RENAMED)
