"""The test that every entry of the catalog is put through, and the settings of its runs."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from support.ops_catalog import Entry
from support.ops_check import check_derivatives, check_value
from support.ops_draw import CODE, Draw

TOGETHER = 20
"""Calls in one Hypothesis example: drawing an example costs Hypothesis as much time as several calls take."""
CALLS = int(os.environ.get("MINIGRAD_OPS_CALLS", "60"))
codes = st.binary(min_size=TOGETHER * CODE, max_size=TOGETHER * CODE)
"""The bytes of `TOGETHER` calls."""


def calls(count: int, fresh: bool) -> settings:
    """Settings for at least `count` drawn calls, besides the simplest one; `fresh`: other ones each time.

    Failures are not shrunk (shrinking twenty calls together takes minutes): the failing call is small, and is shown.
    """
    return settings(
        max_examples=-(-count // TOGETHER) + 1,
        deadline=None,
        derandomize=not fresh,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


EVERYDAY = calls(CALLS, fresh=False)
SOAK = calls(2000, fresh=True)


def agree(entry: Entry, code: bytes, at_length: bool) -> None:
    """Value, gradient and second gradient of the calls that `code` describes.

    PyTorch's results for as many other calls are recorded, and `test_ops_torch_recorded.py` compares value and both
    gradients with them; so the differences of everyday runs are left to one call in ten.
    """
    for place in range(TOGETHER):
        call = entry.calls(Draw(code[place * CODE : (place + 1) * CODE]))
        differences = at_length or entry.pytorch is None or place % 10 == 0
        try:
            check_value(entry, call, tensors=not differences)
            if differences:
                check_derivatives(entry, call)
        except Exception as error:
            error.add_note(f"in the call {call}")
            raise
