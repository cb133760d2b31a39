"""Programs under an engine that links plans are linked before their first run, and wait for its compiler."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from minigrad.program.compile import executable


@pytest.fixture(autouse=True)
def linked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the first runs, which are timed call by call, and without NumPy while kernels are being compiled."""
    if os.environ.get("MINIGRAD_ENGINE", "auto") != "numpy":
        monkeypatch.setattr(executable, "_TIMED", 0)
        if find_spec("minigrad_cc") is not None:
            monkeypatch.setattr("minigrad_cc.engine.gives_same_bits", lambda kernel: False)
