"""One BLAS thread for the tests, and the same drawn examples in each everyday run; a soak draws new ones."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest
from hypothesis import settings

from support import missing_plugins, same_draws

# Small matrices gain nothing from two threads, and lose much on a busy machine. Where a plugin has loaded NumPy already
# it is too late for this process, and its children, which are compared with it to the last bit, shall be as it is.
if "numpy" not in sys.modules:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Workers of pytest-xdist are told the width of a screen that no test is meant to see.
os.environ.pop("COLUMNS", None)

# A shell that starts the tests in the background has them ignore Ctrl-C, which some of them send.
if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("everyday", derandomize=True, deadline=None)
settings.register_profile("soak", deadline=None, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """A run that may stop a merge must not fail by the luck of the draw, nor for want of a plugin."""
    config.pluginmanager.register(missing_plugins)
    config.pluginmanager.register(same_draws)
    everyday = "not soak" in str(config.getoption("markexpr"))
    settings.load_profile("everyday" if everyday else "soak")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minigrad that is alone: no distribution is found on the path, though what is imported already stays."""
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "site-packages" not in place])
