"""Computing without recording, or recording again inside such a block."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from minigrad.core.mode import Mode, mode_override
from minigrad.runtime.blocks import Block

__all__ = ["enable_grad", "no_grad"]


class _Recording(Block[Mode]):
    grad: bool

    if not TYPE_CHECKING:  # a type checker shall know the block as one

        def __new__(cls, function: object = None) -> object:
            """A block, or with a function that function decorated: `@no_grad` is `@no_grad()`."""
            return object.__new__(cls) if function is None else cls()(function)

    def __init__(self) -> None:
        super().__init__(partial(mode_override, grad=self.grad))


class no_grad(_Recording):
    """Context manager and decorator inside which ops are evaluated but not recorded.

    What is computed there cannot be differentiated.

    One object can be used again, inside itself, and in several threads and asyncio tasks at a time: what it does is
    held in context variables, so that others are not affected. Decorated generators and coroutines compute without
    recording whenever they run, and leave those that run them as they are.
    """

    grad = False


class enable_grad(_Recording):
    """Context manager and decorator inside which ops are recorded.

    Also in a `no_grad` block around it.
    """

    grad = True
