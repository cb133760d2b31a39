"""The test that every entry of the catalog is put through."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from support.ops_catalog import Entry
from support.ops_check import check_gradient, check_second, check_value

EVERYDAY = settings(
    max_examples=int(os.environ.get("MINIGRAD_OPS_EXAMPLES", "30")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SOAK = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))


def agree(entry: Entry, data: st.DataObject) -> None:
    """Value, gradient and second gradient of one drawn call."""
    call = data.draw(entry.calls)
    check_value(entry, call)
    check_gradient(entry, call)
    if data.draw(st.integers(0, 3)) == 0:  # costs as much as the other two together
        check_second(entry, call)
