"""minigrad's communicator on mpi4py. Importing this file loads no MPI; making a communicator does."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, NoReturn

import numpy as np

from minigrad.parallel import CommunicatorError, launched
from minigrad.typing import Array

if TYPE_CHECKING:
    from mpi4py import MPI

__all__ = ["SMALL", "MPICommunicator"]

SMALL = 65536
"""Bytes that all processes together may send to each other in one go; larger sums are shared out among them."""


class MPICommunicator:
    """All processes that mpiexec started, or those of an MPI communicator of your own.

    Sums are added up in order of rank, whatever the MPI library, its version and its choice of algorithm: each process
    adds up one section of the numbers of all, then everybody gets all sections. A process sends and receives
    2 (p - 1) / p times the buffer, as in the best algorithms that leave the order open. Short sums are exchanged whole.

    Args:
        comm: default `MPI.COMM_WORLD`.

    Raises:
        CommunicatorError: mpi4py finds no MPI library; or the program was started by plain `python`, where a process
            that raises leaves the others waiting for ever.
    """

    api: ClassVar[tuple[int, int]] = (1, 0)

    def __init__(self, comm: MPI.Intracomm | None = None) -> None:
        _require_runner()
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            raise CommunicatorError(
                f"mpi4py finds no MPI library ({' '.join(str(error).split())}): install that of your system, or "
                "pip install 'minigrad-mpi[mpich]'"
            ) from error
        # A communicator of our own: messages of others on the same processes cannot get in between.
        self._comm: MPI.Intracomm = (MPI.COMM_WORLD if comm is None else comm).Dup()
        self._byte = MPI.BYTE
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()

    def allreduce(self, buffer: Array) -> None:
        """The sum in order of rank; see the class."""
        if buffer.nbytes * self.size <= SMALL:
            everything = np.empty((self.size, buffer.size), buffer.dtype)
            self._comm.Allgather([buffer, self._byte], [everything, self._byte])
            _add_up(everything, buffer)
            return
        bounds = [r * buffer.size // self.size for r in range(self.size + 1)]
        counts = [(stop - start) * buffer.itemsize for start, stop in pairwise(bounds)]
        places = [start * buffer.itemsize for start in bounds[:-1]]
        own = buffer[bounds[self.rank] : bounds[self.rank + 1]]
        section = np.empty((self.size, own.size), buffer.dtype)
        self._comm.Alltoallv([buffer, counts, places, self._byte], [section, self._byte])
        _add_up(section, own)
        self._comm.Allgatherv([own.copy(), self._byte], [buffer, counts, places, self._byte])

    def broadcast(self, buffer: Array, root: int = 0) -> None:
        """Rank `root`'s numbers."""
        self._comm.Bcast([buffer, self._byte], root)

    def gather(self, message: bytes) -> list[bytes]:
        """All messages, as bytes: nothing is pickled."""
        lengths = np.empty(self.size, np.int64)
        self._comm.Allgather(np.array([len(message)], np.int64), lengths)
        received = bytearray(int(lengths.sum()))
        stops = np.cumsum(lengths)
        counts, places = lengths.tolist(), (stops - lengths).tolist()
        self._comm.Allgatherv([message, self._byte], [received, counts, places, self._byte])
        return [bytes(received[place : place + count]) for place, count in zip(places, counts, strict=True)]

    def barrier(self) -> None:
        """Wait for all."""
        self._comm.Barrier()

    def abort(self, code: int) -> NoReturn:
        """End the job. Also from a thread while another is inside MPI."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._comm.Abort(code)
        os._exit(code)


def _add_up(rows: Array, total: Array) -> None:
    """((row 0 + row 1) + row 2) + ... into `total`."""
    np.copyto(total, rows[0])
    for row in rows[1:]:
        total += row


def _require_runner() -> None:
    if launched() > 1 and "mpi4py.run" not in sys.modules:
        raise CommunicatorError(
            "started by plain python, where one process that raises leaves the others waiting for ever. Start it as "
            f"mpiexec -n {launched()} python -m mpi4py <script or -m module> ..., which ends them all"
        )
