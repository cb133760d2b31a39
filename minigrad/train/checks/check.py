"""The result of one sanity check."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["Check", "Status"]

Status = Literal["ok", "note", "fault", "skipped"]


@attrs.frozen
class Check:
    """The result of one check: what was looked at, the verdict, and the evidence.

    The evidence is a sentence (for a fault, also what to do).

    Attributes:
        name: "data", "chance", "regularization", "gradients", "overfit", "baseline", "independence", "determinism".
        value: the figure that was measured, where there is one.
        expected: what it is compared with, where there is something.
        seconds: what the check took.
    """

    name: str
    status: Status
    message: str
    value: float | None = None
    expected: float | None = None
    seconds: float = 0.0
