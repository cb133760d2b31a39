"""What the plugins of this workspace offer, for tests that want one."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

import pytest

from minigrad.cli.parser import UsageError
from minigrad.optim.errors import UnknownOptimizer


def is_installed(distribution: str) -> bool:
    """Whether a distribution is installed here."""
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def needs(*distributions: str) -> pytest.MarkDecorator:
    """A mark: the test is skipped where one of these plugins is not installed."""
    missing = [d for d in distributions if not is_installed(d)]
    return pytest.mark.skipif(bool(missing), reason=" and ".join(map(how_to_get, missing)))


def how_to_get(distribution: str) -> str:
    """Where a plugin of this workspace comes from."""
    return f"{distribution} is not installed: pip install ./plugins/{distribution}"


def missing_plugin(error: BaseException) -> str | None:
    """The plugin for want of which minigrad refused a name; None if that is not what happened."""
    if not isinstance(error, UnknownOptimizer | UsageError | ImportError):
        return None
    named = re.search(
        r"not installed: in a checkout of minigrad, pip install \./plugins/(minigrad-[a-z-]+)", str(error)
    )
    return named[1] if named and not is_installed(named[1]) else None
