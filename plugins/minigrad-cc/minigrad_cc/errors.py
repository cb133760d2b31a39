"""Why a kernel is not there."""

from __future__ import annotations

from minigrad import MinigradError

__all__ = ["CompilerError", "KernelWarning", "NoCompiler"]


class NoCompiler(MinigradError):
    """There is no C compiler on this machine, or none that makes shared libraries."""


class CompilerError(MinigradError):
    """The C compiler refused a kernel, or what it made could not be loaded."""


class KernelWarning(UserWarning):
    """Something is run by NumPy that was meant to be C."""
