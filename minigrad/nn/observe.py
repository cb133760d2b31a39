"""Watching the calls of modules: what `summary` and monitoring are built on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from minigrad.core.types import AnyArray

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor
    from minigrad.nn.module import Module

__all__ = ["WATCHER", "Watcher", "observing"]


class Watcher(Protocol):
    """Takes over every call of a module inside `observing`."""

    def call(self, module: Module, inputs: tuple[Tensor | AnyArray, ...]) -> Tensor:
        """Return `module.forward(*inputs)`, having looked at what goes in and comes out."""
        ...


WATCHER: ContextVar[Watcher | None] = ContextVar("minigrad_nn_watcher", default=None)


@contextmanager
def observing(watcher: Watcher) -> Iterator[None]:
    """Inside the block every call of a module, also of those inside others, goes through `watcher`."""
    token = WATCHER.set(watcher)
    try:
        yield
    finally:
        WATCHER.reset(token)
