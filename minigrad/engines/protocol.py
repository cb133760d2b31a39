"""What an engine is: something that turns groups into calls that are ready to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

import attrs

from minigrad.core.errors import MinigradError
from minigrad.engines.group import FusionGroup

__all__ = ["API", "CompiledGroup", "Engine", "EngineError", "Thunk", "UnknownEngine"]

API = (1, 2)
"""Version of this contract.

A change of the first number breaks engines; one of the second adds to it.
"""

Thunk: TypeAlias = Callable[[], object]


class EngineError(MinigradError):
    """An engine does not work: names the distribution, and what to do."""


class UnknownEngine(EngineError, LookupError):
    """There is no engine of this name."""


@attrs.frozen(eq=False)
class CompiledGroup:
    """A group that is ready to run.

    Attributes:
        calls: run one after another, without arguments; what they return is ignored.
        bytes: scratch memory that belongs to it.
        note: for `explain()`, what was made of the group.
    """

    calls: tuple[Thunk, ...]
    bytes: int = 0
    note: str = ""


@runtime_checkable
class Engine(Protocol):
    """Runs groups of a program.

    One object serves one program (or one optimizer), in one thread at a time.

    An engine is found through the entry-point group `minigrad.engines`: the entry point is a class, or a function,
    that makes an Engine when it is called without arguments.
    """

    api: ClassVar[tuple[int, int]]

    def bind(self, group: FusionGroup) -> CompiledGroup | None:
        """Compile calls that compute the group's outputs from its inputs.

        At each run anew; None to decline.

        What is declined is run by the built-in engine. Results should agree with NumPy's to a few units in the last
        place. Must not keep references to `group.inputs` arrays beyond the life of what it returns.
        """
        ...
