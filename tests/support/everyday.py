"""Which cases of a long list run every day; the others run as soaks of the same test."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from _pytest.mark.structures import ParameterSet

__all__ = ["one_in"]


def one_in(every: int, cases: Iterable[object], name: Callable[..., str] = str) -> list[ParameterSet]:
    """Parameters of a test: one case in `every` for each day, all of them where soaks run too.

    Args:
        every: 1 for all.
        cases: in an order in which neighbours are alike, so that each kind keeps some.
        name: of a case; what is printed and typed after `-k`.
    """
    return [
        pytest.param(case, id=name(case), marks=[pytest.mark.soak] if k % every else []) for k, case in enumerate(cases)
    ]
