"""The error of what the array API standard lets a library refuse."""

from minigrad.core.errors import MinigradError

__all__ = ["NotProvided"]


class NotProvided(MinigradError, ValueError):
    """A device, edition, kind of dtype or sharing of memory that is not there."""
