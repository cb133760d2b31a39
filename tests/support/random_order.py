"""A plugin of pytest that shuffles the tests: `PYTHONPATH=tests pytest -p support.random_order tests/core`

The seed is drawn, and printed; TEST_ORDER in the environment repeats an order.
"""

from __future__ import annotations

import os
import random

import pytest

SEED = "TEST_ORDER"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed once, for the worker processes as well, which must list the tests in the same order."""
    os.environ.setdefault(SEED, str(random.randrange(10**6)))


def pytest_report_header(config: pytest.Config) -> str:
    """Say how the order is repeated."""
    return f"random order: {SEED}={os.environ[SEED]}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Shuffle all of them, whatever file or class they are from."""
    random.Random(os.environ[SEED]).shuffle(items)
