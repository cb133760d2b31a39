"""The public names of minigrad.engines, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.engines.discovery import (
    EngineWithFallback as EngineWithFallback, available as available, create_engine as create_engine,
)
from minigrad.engines.group import (
    ElementwiseCall as ElementwiseCall, FusionGroup as FusionGroup, Input as Input, Output as Output,
    convert as convert, masked_multiply as masked_multiply, select as select, sum_squares as sum_squares,
)
from minigrad.engines.plan import (
    ArrayCall as ArrayCall, LinksPlans as LinksPlans, Operand as Operand, PlannedCall as PlannedCall,
    PlansUpdates as PlansUpdates, UpdatePlan as UpdatePlan,
)
from minigrad.engines.protocol import (
    API as API, CompiledGroup as CompiledGroup, Engine as Engine, EngineError as EngineError,
    UnknownEngine as UnknownEngine,
)
from minigrad.engines.tiles import NumpyEngine as NumpyEngine

Apply = ElementwiseCall
Binder = EngineWithFallback
Bound = CompiledGroup
Group = FusionGroup
made = create_engine
__all__: list[str]
