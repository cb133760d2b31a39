"""What the plugins of this workspace offer, for tests that want one."""

from __future__ import annotations

import re
from collections.abc import Generator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest


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


def import_plugin(module: str) -> Any:
    """A module of a plugin; the test, or the file that asks while it is imported, is skipped where there is none."""
    distribution = module.partition(".")[0].replace("_", "-")
    return pytest.importorskip(module, reason=how_to_get(distribution))


def missing_plugin(error: BaseException) -> str | None:
    """The plugin for want of which minigrad refused a name; None if that is not what happened."""
    # Not before: conftest.py limits the threads of a NumPy that is not loaded yet.
    from minigrad.cli.parser import UsageError
    from minigrad.optim.errors import UnknownOptimizer

    if not isinstance(error, UnknownOptimizer | UsageError | ImportError):
        return None
    named = re.search(
        r"not installed: in a checkout of minigrad, pip install \./plugins/(minigrad-[a-z-]+)", str(error)
    )
    return named[1] if named and not is_installed(named[1]) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Skip a test that asks for what only a plugin of this workspace offers, where that is not installed."""
    try:
        return (yield)
    except Exception as error:
        plugin = missing_plugin(error)
        if plugin is None:
            raise
        pytest.skip(how_to_get(plugin))
