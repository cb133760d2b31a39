"""How processes talk to each other.

The typed protocol that plugins implement, and the default of one process.
"""

from __future__ import annotations

from typing import ClassVar, NoReturn, Protocol, runtime_checkable

from minigrad.core.types import Array

__all__ = ["API", "Communicator", "SingleProcess"]

API = (1, 0)
"""Version of the contract. A communicator says which one it was written for, as `api`."""


@runtime_checkable
class Communicator(Protocol):
    """A fixed number of processes that run the same program.

    All methods but `abort` are called by all of them alike.

    Attributes:
        api: contract version it targets.
        rank: number of this process, from 0.
        size: number of processes.
    """

    api: ClassVar[tuple[int, int]]

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        ...

    @property
    def size(self) -> int:
        """Number of processes."""
        ...

    def allreduce(self, buffer: Array) -> None:
        """Replace a contiguous `(n,)` buffer by the sum over processes, added up in order of rank.

        Entry by entry `((b0 + b1) + b2) + ...`: the same bits in every process, at every run, for every length.
        """
        ...

    def broadcast(self, buffer: Array, root: int = 0) -> None:
        """Replace a contiguous buffer by that of process `root`."""
        ...

    def gather(self, message: bytes) -> list[bytes]:
        """The messages of all processes in order of rank, in every process. Lengths may differ."""
        ...

    def barrier(self) -> None:
        """Return when all processes have come here."""
        ...

    def abort(self, code: int) -> NoReturn:
        """End all processes at once, wherever they are, with exit code `code`.

        May be called from any thread.
        """
        ...


class SingleProcess:
    """The communicator of a program that runs in one process."""

    api: ClassVar[tuple[int, int]] = API
    rank = 0
    size = 1

    def allreduce(self, buffer: Array) -> None:
        """A sum of one."""

    def broadcast(self, buffer: Array, root: int = 0) -> None:
        """Nothing to copy from."""

    def gather(self, message: bytes) -> list[bytes]:
        """The message."""
        return [message]

    def barrier(self) -> None:
        """Return at once."""

    def abort(self, code: int) -> NoReturn:
        """Exit."""
        raise SystemExit(code)
