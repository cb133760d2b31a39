"""Data-parallel training: each process works on its part of every batch.

All hold the same parameters.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from minigrad.checkpoint.generators import generators
from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.lazy import warn_renamed
from minigrad.nn import Module
from minigrad.nn.module_tree import walk
from minigrad.optim import Need, StatefulOptimizer
from minigrad.parallel.discovery import connect
from minigrad.parallel.errors import Diverged, ParallelError
from minigrad.parallel.handshake import agree, checksum, config_fingerprint
from minigrad.parallel.laws import examine
from minigrad.parallel.message import GradientAllReduce
from minigrad.parallel.protocol import Communicator
from minigrad.parallel.watchdog import Watchdog
from minigrad.runtime.interrupts import complete
from minigrad.runtime.parameters import assign

__all__ = ["TIMEOUT", "DataParallel", "distribute", "shard_bounds"]

TIMEOUT = "MINIGRAD_PARALLEL_TIMEOUT"
"""Environment variable: seconds without news from a process after which the job ends.

300 if it is not set.
"""

_LIMIT = 300.0
_STREAM = 3
"""Number that sets the seeds of ranks apart from others.

Random numbers of rank r at step t come from the seed `[seed, 3, t, r, number of the generator]`.
"""

A = TypeVar("A", bound=np.generic)
B = TypeVar("B", bound=np.generic)


def shard_bounds(count: int, rank: int, size: int) -> tuple[slice, int]:
    """Return which rows of a joined batch a process computes, and how many of them count.

    The batch has `count` rows; the process is `rank` of `size`.

    The parts are contiguous, in order of rank, and differ by one row at most. A process for which no row is left
    computes the first two (or the only one) all the same, and they count as none: no process is a case of its own.
    """
    start, stop = rank * count // size, (rank + 1) * count // size
    return (slice(start, stop), stop - start) if stop > start else (slice(0, min(2, count)), 0)


def distribute(
    model: Module,
    optimizer: StatefulOptimizer,
    communicator: str | Communicator | None = "auto",
    *,
    seed: int = 0,
    about: Mapping[str, object] | None = None,
    timeout: float | None = None,
) -> DataParallel:
    """Make a training loop data-parallel.

    The same program runs in each process, on its part of every batch.

    >>> group = parallel.distribute(model, opt)
    >>> for x, y in loader:
    ...     x, y = group.local_slice(x, y)  # then as ever: zero_grad, loss, backward, step

    First the communicator's laws are tried; then all processes compare versions, plugins, parameters, optimizer and
    `about`; then rank 0's parameters and buffers go to all. From then on `optimizer.step` averages gradients first.
    Processes leave with `group.leave()` or a `with` block, which also watches over processes that hang.

    Args:
        communicator: see `connect`. In one process nothing is changed and nothing costs.
        seed: of the random numbers of dropout and its like, which every process draws for itself.
        about: name -> anything else that must be alike, such as the configuration of the run.
        timeout: seconds without news after which the job ends; default `MINIGRAD_PARALLEL_TIMEOUT`, else 300.

    Raises:
        CommunicatorError: see `connect`; or a law is broken.
        HandshakeError: the processes are not set up alike; names ranks and differences, in all of them.
        ParallelError: the optimizer needs more than gradients, or the timeout is no positive number.
    """
    link = connect(communicator)
    group = DataParallel(link, model, optimizer, seed, _seconds(timeout))
    if link.size > 1:
        if optimizer.needs != Need.GRAD:
            raise ParallelError(
                f"{optimizer.name} evaluates the loss itself, at points of its own, which {link.size} processes cannot "
                "share: choose an optimizer that needs gradients only, or train in one process"
            )
        try:
            with group.watched("starting, with the handshake"):
                examine(link)
                agree(link, {"seed of dropout": str(seed), **config_fingerprint(optimizer, about or {})})
                group.enter()
            return group
        except BaseException:
            complete(group.leave)  # the optimizer must not wait for processes that have gone
            raise
    return group


class DataParallel:
    """This process among those that train together. Made by `distribute`.

    Attributes:
        communicator: how they talk.
        rank: number of this process, from 0.
        size: number of processes.
        step: number of batches shared so far, on which random numbers depend; set it when a run is resumed.
        loss: after a step, the joined batch's mean loss, of what each process gave to `note_loss`.
    """

    def __init__(
        self, communicator: Communicator, model: Module, optimizer: StatefulOptimizer, seed: int, limit: float = _LIMIT
    ) -> None:
        self.communicator = communicator
        self.rank, self.size = communicator.rank, communicator.size
        self.step = optimizer.t
        self.loss = float("nan")
        self._model, self._optimizer, self._seed = model, optimizer, seed
        self._noted = float("nan")
        self._rows: int | None = None
        self._joined = 0
        self._exchange: GradientAllReduce | None = None
        self._watchdog = Watchdog(communicator, limit)

    @property
    def lead(self) -> bool:
        """Whether this is rank 0, the one that prints and writes."""
        return self.rank == 0

    def enter(self) -> None:
        """Take over rank 0's numbers.

        From now on every `optimizer.step` averages over processes.
        """
        trained = {id(p.tensor) for cell in self._optimizer.buckets for p in cell.parameters}
        for cell in self._optimizer.buckets:
            self.communicator.broadcast(cell.params)
            cell.renew()
        others = [t for _, t in walk(self._model) if isinstance(t, Tensor) and id(t) not in trained]
        for t in others:
            value = t.numpy().copy()
            self.communicator.broadcast(value.reshape(-1))
            if t.requires_grad:
                assign(t, value)
            else:
                t[...] = value
        self._exchange = GradientAllReduce(
            self.communicator, self._optimizer, [t for t in others if not t.requires_grad]
        )
        self._optimizer.grad_hook = self._combine

    def leave(self) -> None:
        """From now on this process steps by itself."""
        if self._optimizer.grad_hook == self._combine:
            self._optimizer.grad_hook = None
        self._watchdog.stop()

    @contextmanager
    def watched(self, doing: str) -> Iterator[None]:
        """A block that ends the job if it waits for others in vain."""
        try:
            self._watchdog.start()
            self._watchdog.mark(doing, waiting=True)
            yield
        finally:
            self._watchdog.stop()

    def __enter__(self) -> Self:
        try:
            if self.size > 1:
                self._watchdog.start()
        except BaseException:  # a block that was not begun is not left either
            complete(self.leave)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        complete(self.leave)

    def local_slice(self, x: NDArray[A], y: NDArray[B]) -> tuple[NDArray[A], NDArray[B]]:
        """Return this process's rows of the joined batch `x`, `y`.

        Every process must have drawn the batch alike.
        """
        self.step += 1
        if self.size == 1:
            return x, y
        self._watchdog.mark(f"at work on step {self.step}", waiting=False)
        self._joined = len(x)
        part, self._rows = shard_bounds(len(x), self.rank, self.size)
        self._reseed()
        return x[part], y[part]

    def share(self, x: NDArray[A], y: NDArray[B]) -> tuple[NDArray[A], NDArray[B]]:
        """Old name of `local_slice`."""
        warn_renamed("group.share", "group.local_slice")
        return self.local_slice(x, y)

    def note(self, loss: float) -> None:
        """Old name of `note_loss`."""
        warn_renamed("group.note", "group.note_loss")
        self.note_loss(loss)

    def note_loss(self, loss: float) -> None:
        """Say this process's mean loss, before `optimizer.step`.

        The joined batch's is `loss` after it.
        """
        self.loss = self._noted = loss

    def sum_over_processes(self, figures: Array) -> Array:
        """The sum over processes of a vector, in all of them."""
        if self.size == 1:
            return figures
        summed = np.ascontiguousarray(figures).copy()
        self._watchdog.mark("waiting for the figures of the others", waiting=True)
        self.communicator.allreduce(summed)
        self._watchdog.mark("at work after an evaluation", waiting=False)
        return summed

    def broadcast_stop(self, word: str) -> str:
        """Rank 0's word, in all processes, after a check that all hold the same parameters.

        Raises:
            Diverged: a rank's parameters are not bit by bit those of rank 0; raised in all processes.
        """
        if self.size == 1:
            return word
        mine = {"word": word, **{f"{i}": checksum([cell.params]) for i, cell in enumerate(self._optimizer.buckets)}}
        self._watchdog.mark("waiting for the others at the end of an epoch", waiting=True)
        first, *others = [json.loads(text) for text in self.communicator.gather(json.dumps(mine).encode())]
        self._watchdog.mark(f"at work after step {self.step}", waiting=False)
        strays = [r for r, theirs in enumerate(others, 1) if {**theirs, "word": ""} != {**first, "word": ""}]
        if strays:
            raise Diverged(
                f"after step {self.step} rank {', '.join(map(str, strays))} holds other parameters than rank 0. "
                "Something changed them in one process alone (a callback?), or the machines compute differently"
            )
        return str(first["word"])

    def _combine(self) -> None:
        if self._rows is None or self._exchange is None:
            raise ParallelError(
                "how many rows is this step's gradient the mean of? Take them by x, y = group.local_slice(x, y) before "
                "each step"
            )
        self._watchdog.mark(f"waiting for the gradients of the others at step {self.step}", waiting=True)
        totals = self._exchange.run(self._rows, self._noted)
        self._watchdog.mark(f"at work after step {self.step}", waiting=False)
        if totals.rows != self._joined:
            raise ParallelError(
                f"rank {self.rank} shared a batch of {self._joined} rows at step {self.step}, but the parts of all "
                f"processes have {totals.rows} together: all must draw the same batches"
            )
        self.loss, self._noted, self._rows = totals.loss, float("nan"), None

    def _reseed(self) -> None:
        """Seed the random numbers of this step.

        They are this process's own, and the same when the run is repeated or resumed.
        """
        own = {id(g): g for g in generators(self._model).values()}
        for i, generator in enumerate(own.values()):
            bits = generator.bit_generator
            seed = np.random.SeedSequence([self._seed, _STREAM, self.step, self.rank, i])
            bits.state = type(bits)(seed).state


def _seconds(timeout: float | None) -> float:
    text = os.environ.get(TIMEOUT, "") if timeout is None else str(timeout)
    try:
        limit = float(text) if text else _LIMIT
    except ValueError:
        limit = -1.0
    if not 0.0 < limit < float("inf"):
        raise ParallelError(f"the timeout ({TIMEOUT}) must be a number of seconds above 0, got {text!r}")
    return limit
