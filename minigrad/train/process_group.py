"""The processes that train together, as the trainer sees them.

One by default, several by `minigrad.parallel`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from minigrad import lazy
from minigrad.core.types import Array
from minigrad.nn import Module
from minigrad.optim import StatefulOptimizer

if TYPE_CHECKING:
    from minigrad.parallel import Communicator

__all__ = ["ProcessGroup", "SingleProcessGroup", "connect_group", "process_group"]

A = TypeVar("A", bound=np.generic)
B = TypeVar("B", bound=np.generic)


class ProcessGroup(Protocol):
    """What a trainer needs of the processes it trains with.

    All of them call the methods alike.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        step: number of batches shared so far; set when a run is resumed.
        loss: after a step, the mean loss of the whole batch.
    """

    rank: int
    size: int
    step: int
    loss: float

    @property
    def lead(self) -> bool:
        """Whether this is rank 0, the one that prints and writes."""
        ...

    def local_slice(self, x: NDArray[A], y: NDArray[B]) -> tuple[NDArray[A], NDArray[B]]:
        """This process's rows of a batch that every process has drawn alike."""
        ...

    def note_loss(self, loss: float) -> None:
        """Take the mean loss of this process's rows, before the update."""
        ...

    def sum_over_processes(self, figures: Array) -> Array:
        """The sum of a vector `(n,)` over processes, in all of them."""
        ...

    def broadcast_stop(self, reason: str) -> str:
        """Why the run stops, as rank 0 says; the same in all processes."""
        ...

    def leave(self) -> None:
        """Step alone from now on."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class SingleProcessGroup:
    """The group of a run in one process: nothing is shared, nothing costs."""

    rank = 0
    size = 1
    lead = True

    def __init__(self) -> None:
        self.step = 0
        self.loss = math.nan

    def local_slice(self, x: NDArray[A], y: NDArray[B]) -> tuple[NDArray[A], NDArray[B]]:
        """The whole batch."""
        self.step += 1
        return x, y

    def note_loss(self, loss: float) -> None:
        """Keep it as the loss of the batch."""
        self.loss = loss

    def sum_over_processes(self, figures: Array) -> Array:
        """The vector itself."""
        return figures

    def broadcast_stop(self, reason: str) -> str:
        """The reason itself."""
        return reason

    def leave(self) -> None:
        """Nothing is to be left."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass


def connect_group(communicator: str | Communicator | None) -> Communicator | None:
    """Return the communicator of a run in several processes.

    None for a run in one, which never loads `minigrad.parallel`.

    Raises:
        CommunicatorError: see `minigrad.parallel.connect`.
    """
    if communicator is None:
        return None
    connect: Callable[..., Communicator] = lazy.load("minigrad.parallel", "connect")
    link = connect(communicator)
    return link if link.size > 1 else None


def process_group(
    model: Module, optimizer: StatefulOptimizer, link: Communicator | None, *, seed: int, about: Mapping[str, object]
) -> ProcessGroup:
    """The group of this run, after all processes have compared their set-up.

    Args:
        model: whose parameters rank 0 hands to all.
        optimizer: whose gradients are averaged from now on.
        link: from `connect_group`.
        seed: of random numbers that every process draws for itself.
        about: what must be alike in all processes besides the optimizer.

    Raises:
        ParallelError: the processes cannot train together; see `minigrad.parallel.distribute`.
    """
    if link is None:
        return SingleProcessGroup()
    distribute: Callable[..., ProcessGroup] = lazy.load("minigrad.parallel", "distribute")
    return distribute(model, optimizer, link, seed=seed, about=about)
