"""The options catalog against its oracles: value, gradient, second gradient."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.ops_catalog import Entry
from support.ops_options import ENTRIES
from support.ops_property import EVERYDAY, SOAK, agree


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@given(data=st.data())
@EVERYDAY
def test_function_agrees_with_its_oracle(entry: Entry, data: st.DataObject) -> None:
    agree(entry, data)


@pytest.mark.soak
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@given(data=st.data())
@SOAK
def test_function_agrees_with_its_oracle_at_length(entry: Entry, data: st.DataObject) -> None:
    agree(entry, data)
