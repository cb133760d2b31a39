"""Training in several processes at once: every process computes the gradient of its part of each batch.

>>> history = mg.fit(model, data, communicator="auto")           # in a script started by mpiexec
>>> ranks = parallel.join(model, opt)                            # or in a loop of one's own

The processes talk through a `Communicator`, which a plugin of the group `minigrad.communicators` provides.
"""

from minigrad.parallel.discovery import GROUP, available, connect, launched
from minigrad.parallel.errors import CommunicatorError, Diverged, HandshakeError, ParallelError
from minigrad.parallel.laws import examine, ordered_sum
from minigrad.parallel.protocol import API, Alone, Communicator
from minigrad.parallel.ranks import TIMEOUT, Ranks, join, portion

__all__ = [
    "API",
    "GROUP",
    "TIMEOUT",
    "Alone",
    "Communicator",
    "CommunicatorError",
    "Diverged",
    "HandshakeError",
    "ParallelError",
    "Ranks",
    "available",
    "connect",
    "examine",
    "join",
    "launched",
    "ordered_sum",
    "portion",
]
