"""What can go wrong between processes.

Each message names the rank or plugin, the reason and the remedy.
"""

from __future__ import annotations

from minigrad.core.errors import MinigradError

__all__ = ["CommunicatorError", "Diverged", "HandshakeError", "ParallelError"]


class ParallelError(MinigradError):
    """Base of everything that data-parallel training raises."""


class CommunicatorError(ParallelError):
    """A communicator is unknown, cannot be used here, or breaks a law.

    A law is what every communicator must keep.
    """


class HandshakeError(ParallelError):
    """The processes were not set up alike.

    Raised in all of them; the message names ranks and differences.
    """


class Diverged(ParallelError):
    """The parameters of two processes, equal after every step by construction, are not.

    Raised in all of them.
    """
