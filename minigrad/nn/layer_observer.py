"""`LayerObserver`: looks at the calls of modules and ops, and knows which runs which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from minigrad.core.mode import mode_override
from minigrad.core.tensor import Tensor
from minigrad.core.types import AnyArray
from minigrad.nn.module import Module, module_hook
from minigrad.runtime.observer import Observer

__all__ = ["LayerObserver"]


class LayerObserver(Observer):
    """Base of what describes the layers of a model: summaries, statistics of activations.

    A subclass says in `after_module` and in `after` (see `Observer`) what it looks at.

    Attributes:
        active: the modules whose calls are under way, the innermost last.
    """

    def __init__(self) -> None:
        self.active: list[Module] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """A block in which modules and ops are observed; nothing is recorded for gradients."""
        with module_hook(_ModuleCalls(self)), mode_override(grad=False, interceptor=self):
            yield

    def after_module(self, module: Module, inputs: tuple[Tensor | AnyArray, ...], output: Tensor) -> None:
        """Look at one call of a module, which has returned `output`."""
        raise NotImplementedError


class _ModuleCalls:
    """The hook that keeps the stack of running modules."""

    def __init__(self, observer: LayerObserver) -> None:
        self._observer = observer

    def call(self, module: Module, inputs: tuple[Tensor | AnyArray, ...], **options: object) -> Tensor:
        self._observer.active.append(module)
        try:
            output = module.forward(*inputs, **options)
        finally:
            self._observer.active.pop()
        arrays = tuple(x for x in inputs if isinstance(x, Tensor | np.ndarray))  # not a state of several parts, or None
        self._observer.after_module(module, arrays, output if isinstance(output, Tensor) else output[0])
        return output
