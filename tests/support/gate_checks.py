"""A single check of the gate on a single case, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.core.op import Op
from minigrad.verify.refusal import CheckCase
from minigrad.verify.seeded_random import SeededRandom
from minigrad.verify.subject import EvaluatedCase, OpUnderTest, frozen

__all__ = ["evaluated", "refused"]


def evaluated(op: Op, *arrays: Any, options: Mapping[str, object] = {}) -> tuple[OpUnderTest, EvaluatedCase]:
    """The op, and what it gives on a case, with output gradients of both signs."""
    subject = OpUnderTest(op)
    case = CheckCase(tuple(frozen(np.asarray(a)) for a in arrays), op.bind_kwargs(options), "base", 3)
    return subject, subject.run(case, SeededRandom(5))


def refused(check: Callable[[], object], kind: type[mg.RegistrationError] = mg.RegistrationError) -> str:
    """The message of a refusal of this kind, or "" where the check lets pass."""
    try:
        check()
    except kind as error:
        return str(error)
    return ""
