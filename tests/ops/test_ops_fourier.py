"""The fourier catalog against its oracles: value, gradient, second gradient."""

from __future__ import annotations

import pytest
from hypothesis import given

from support.ops_catalog import Entry
from support.ops_fourier import ENTRIES
from support.ops_property import EVERYDAY, SOAK, agree, codes


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@given(code=codes)
@EVERYDAY
def test_function_agrees_with_its_oracle(entry: Entry, code: bytes) -> None:
    agree(entry, code, at_length=False)


@pytest.mark.soak
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@given(code=codes)
@SOAK
def test_function_agrees_with_its_oracle_at_length(entry: Entry, code: bytes) -> None:
    agree(entry, code, at_length=True)
