"""Finding a communicator: by name, by itself under a launcher such as mpiexec, or none."""

from __future__ import annotations

import os
from collections.abc import Mapping

from minigrad.parallel.errors import CommunicatorError
from minigrad.parallel.protocol import API, Communicator, SingleProcess
from minigrad.plugins import contract, entry_points
from minigrad.plugins.entry_points import Entry

__all__ = ["GROUP", "available", "connect", "launched"]

GROUP = "minigrad.communicators"
_LAUNCHERS = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""Environment variables in which launchers tell how many processes they started.

MPICH and Intel MPI, Open MPI, MVAPICH.
"""


def available() -> dict[str, Entry]:
    """Name -> entry of the installed communicators, without importing any."""
    return entry_points.available(GROUP)


def launched(environment: Mapping[str, str] = os.environ) -> int:
    """How many processes a launcher started; 1 where there was none."""
    counts = [environment.get(name, "") for name in _LAUNCHERS]
    return max([int(c) for c in counts if c.isdecimal()], default=1)


def connect(name: str | Communicator | None = "auto") -> Communicator:
    """The communicator of this process.

    Args:
        name: of an installed one (`mpi`, or `distribution:name`); "none" or None for one process; "auto" for the
            installed one if a launcher started several processes, else one process; or a communicator, as it is.

    Raises:
        CommunicatorError: there is none of this name, it does not keep the contract, or it cannot be used here; and,
            for "auto", several processes were started and no communicator or more than one is installed.
    """
    if name is None or name == "none":
        return SingleProcess()
    if not isinstance(name, str):
        return _conforming(name, type(name).__name__)
    if name != "auto":
        return _started(contract.chosen(GROUP, name, "communicator", CommunicatorError, ["none", "auto"]))
    if launched() == 1:
        return SingleProcess()
    entries = available()
    if len(entries) != 1:
        state = f"{', '.join(sorted(entries))} are installed: say which" if entries else "no communicator is installed"
        raise CommunicatorError(
            f"{launched()} processes were started and {state}. 'pip install ./plugins/minigrad-mpi[mpich]' in a "
            "checkout adds 'mpi'; communicator 'none' lets each process train by itself"
        )
    return _started(*entries.values())


def _started(entry: Entry) -> Communicator:
    return _conforming(contract.made(entry, "communicator", CommunicatorError), str(entry))


def _conforming(communicator: object, who: str) -> Communicator:
    if not isinstance(communicator, Communicator):
        names = ("api", "rank", "size", "allreduce", "broadcast", "gather", "barrier", "abort")
        missing = ", ".join(n for n in names if not hasattr(communicator, n))
        raise CommunicatorError(f"communicator {who} cannot be used: {type(communicator).__name__} has no {missing}")
    gap = contract.version_gap(communicator.api, API)
    if gap:
        raise CommunicatorError(f"communicator {who} cannot be used: {gap}")
    return communicator
