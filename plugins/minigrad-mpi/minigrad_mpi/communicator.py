"""minigrad's communicator on mpi4py.

Importing this file loads no MPI; making a communicator does.
"""

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

__all__ = ["MPICommunicator"]

_WHOLE = 65536
"""Bytes of all buffers up to which each process adds them up itself.

It then receives all of them.
"""

_PAIRWISE = 32768
"""Bytes from which sections are exchanged with one process at a time.

This keeps a busy memory bus and node in order.
"""


class MPICommunicator:
    """All processes that mpiexec started, or those of an MPI communicator of your own.

    Sums are added up in order of rank, whatever the MPI library, its version and its choice of algorithm: each process
    adds up one section of the numbers of all, then everybody gets all sections. A process sends and receives
    2 (p - 1) / p times the buffer, as in the best algorithms that leave the order open. Short buffers are exchanged
    whole. The way changes nothing in the result.

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
                "pip install './plugins/minigrad-mpi[mpich]' in a checkout"
            ) from error
        # A communicator of our own: messages of others on the same processes cannot get in between.
        self._comm: MPI.Intracomm = (MPI.COMM_WORLD if comm is None else comm).Dup()
        self._byte, self._in_place = MPI.BYTE, MPI.IN_PLACE
        self._scratch = np.empty(0, np.uint8)
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()

    def allreduce(self, buffer: Array) -> None:
        """The sum in order of rank; see the class."""
        if buffer.nbytes * self.size <= _WHOLE:
            rows = self._rows(buffer.size, buffer.dtype)
            self._comm.Allgather([buffer, self._byte], [rows, self._byte])
            _add_up(rows, buffer)
            return
        bounds = [r * buffer.size // self.size for r in range(self.size + 1)]
        sections = [buffer[start:stop] for start, stop in pairwise(bounds)]
        own = sections[self.rank]
        rows = self._rows(own.size, buffer.dtype)
        if buffer.nbytes > _PAIRWISE * self.size:
            self._exchange_in_pairs(sections, rows)
        else:
            self._exchange_at_once(buffer, sections, rows)

    def _exchange_at_once(self, buffer: Array, sections: list[Array], rows: Array) -> None:
        """Collectives of the library, which has algorithms for many processes and short messages."""
        counts = [section.nbytes for section in sections]
        places = [sum(counts[:r]) for r in range(self.size)]
        self._comm.Alltoallv([buffer, counts, places, self._byte], [rows, self._byte])
        _add_up(rows, sections[self.rank])
        self._comm.Allgatherv(self._in_place, [buffer, counts, places, self._byte])

    def _exchange_in_pairs(self, sections: list[Array], rows: Array) -> None:
        """Exchange sections with one process at a time.

        In round k each process sends to the one k places up, and receives from the one k places down.
        """
        own, byte, send = sections[self.rank], self._byte, self._comm.Sendrecv
        rounds = [((self.rank + k) % self.size, (self.rank - k) % self.size) for k in range(1, self.size)]
        rows[self.rank] = own
        for to, source in rounds:
            send([sections[to], byte], to, 0, [rows[source], byte], source, 0)
        _add_up(rows, own)
        for to, source in rounds:
            send([own, byte], to, 0, [sections[source], byte], source, 0)

    def _rows(self, n: int, dtype: np.dtype[np.generic]) -> Array:
        """Return scratch memory `(size, n)`, kept from one call to the next.

        Fresh pages would cost as much as the sums.
        """
        bytes_needed = self.size * n * dtype.itemsize
        if self._scratch.size < bytes_needed:
            self._scratch = np.empty(bytes_needed, np.uint8)
        rows: Array = self._scratch[:bytes_needed].view(dtype).reshape(self.size, n)
        return rows

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
