"""Every entry of the catalog against its oracles: value, gradient, second gradient."""

from __future__ import annotations

import pytest
from hypothesis import given

from support.ops_catalog import Entry
from support.ops_property import EVERYDAY, SOAK, agree, codes
from support.ops_record import catalog

each_entry = pytest.mark.parametrize("entry", catalog(), ids=str)


@each_entry
@given(code=codes)
@EVERYDAY
def test_function_agrees_with_its_oracle(entry: Entry, code: bytes) -> None:
    agree(entry, code, at_length=False)


@pytest.mark.soak
@each_entry
@given(code=codes)
@SOAK
def test_function_agrees_with_its_oracle_at_length(entry: Entry, code: bytes) -> None:
    agree(entry, code, at_length=True)
