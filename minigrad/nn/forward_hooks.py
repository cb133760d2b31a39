"""Functions that look at the calls of one module: PyTorch's forward hooks."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TypeAlias

import attrs

from minigrad.core.tensor import Tensor
from minigrad.core.types import AnyArray
from minigrad.nn.module_tree import ModuleBase

__all__ = ["FORWARD_HOOKS", "ForwardHook", "HookHandle", "add_forward_hook", "apply_hooks"]

ForwardHook: TypeAlias = Callable[..., "Tensor | None"]
"""Takes a module, the tuple of its inputs and its output; may return another output."""

FORWARD_HOOKS: dict[int, dict[int, ForwardHook]] = {}
"""Id of a module -> its hooks, in order.

Empty as long as there are none, which is all that a call asks.
"""


@attrs.frozen
class HookHandle:
    """A hook that can be taken away again; also a context manager.

    Attributes:
        module_id: id of the module.
        number: which of its hooks.
    """

    module_id: int
    number: int

    def remove(self) -> None:
        """Take the hook away; a second time changes nothing."""
        hooks = FORWARD_HOOKS.get(self.module_id, {})
        hooks.pop(self.number, None)
        if not hooks:
            FORWARD_HOOKS.pop(self.module_id, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def add_forward_hook(module: ModuleBase, hook: ForwardHook) -> HookHandle:
    """Call `hook(module, inputs, output)` after each call of this module.

    Copies of the module have no hooks.
    """
    hooks = FORWARD_HOOKS.get(id(module))
    if hooks is None:
        hooks = FORWARD_HOOKS[id(module)] = {}
        weakref.finalize(module, FORWARD_HOOKS.pop, id(module), None)
    number = max(hooks, default=-1) + 1
    hooks[number] = hook
    return HookHandle(id(module), number)


def apply_hooks(module: ModuleBase, inputs: tuple[Tensor | AnyArray, ...], output: Tensor) -> Tensor:
    """The output of a call after the module's hooks have looked at it, and maybe replaced it."""
    for hook in list(FORWARD_HOOKS.get(id(module), {}).values()):
        replaced = hook(module, inputs, output)
        output = output if replaced is None else replaced
    return output
