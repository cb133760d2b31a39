"""What a rule may look at: what it has declared, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from minigrad.optim import Need, NeedError

__all__ = ["check_offered"]


def check_offered(need: Need, looks: Mapping[Need, Callable[[], object]]) -> None:
    """Make every look: the declared one succeeds, each other is refused by its name."""
    for other, look in looks.items():
        if other == need:
            look()
        else:
            with pytest.raises(NeedError, match=f"Need.{other.name}"):
                look()
