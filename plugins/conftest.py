"""Tests of plugins that name another one, which is not installed, say how to get it."""

from __future__ import annotations

from support.missing_plugins import pytest_runtest_call

__all__ = ["pytest_runtest_call"]
