"""Tests that name a plugin which is not installed are skipped, and say how to get it: in the rooms and in plugins."""

from __future__ import annotations

from support.missing_plugins import pytest_runtest_call

__all__ = ["pytest_runtest_call"]
