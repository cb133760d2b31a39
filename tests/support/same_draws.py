"""A plugin of pytest: a test that draws from its module's generator draws the same whatever ran before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

__all__ = ["STATES"]

STATES = pytest.StashKey[dict[str, dict[str, Mapping[str, Any]]]]()
"""Module -> name of a generator -> its state before any test."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note how the generators of all modules stand once these are imported."""
    import numpy as np  # after conftest has said how many threads it may have

    modules = {module.__name__: module for item in items if (module := getattr(item, "module", None)) is not None}
    config.stash[STATES] = {
        name: {key: g.bit_generator.state for key, g in vars(module).items() if isinstance(g, np.random.Generator)}
        for name, module in modules.items()
    }


@pytest.fixture(autouse=True)
def same_draws(request: pytest.FixtureRequest) -> None:
    """Bring the generators of the test's module back to where they began."""
    module = getattr(request, "module", None)
    for key, state in request.config.stash[STATES].get(getattr(module, "__name__", ""), {}).items():
        getattr(module, key).bit_generator.state = state
