"""Exit codes besides 0; README.md says the same."""

from __future__ import annotations

__all__ = ["CHECK_FAILED", "FAILED", "INTERRUPTED", "MISUSED"]

FAILED = 1
"""An error, which one line on stderr tells."""
MISUSED = 2
"""A command line that makes no sense."""
CHECK_FAILED = 3
"""A check that was asked for has failed."""
INTERRUPTED = 130
"""Ctrl-C."""
