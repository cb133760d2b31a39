"""Programs under an engine that links plans are linked before their first run."""

from __future__ import annotations

import os

import pytest

from minigrad.program.compile import executable


@pytest.fixture(autouse=True)
def linked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the first runs, which are timed call by call."""
    if os.environ.get("MINIGRAD_ENGINE", "auto") != "numpy":
        monkeypatch.setattr(executable, "_TIMED", 0)
