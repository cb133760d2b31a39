"""Old homes of what moved: the names still load, with a warning; where they cannot, it is said how to get them."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from minigrad.train.lr_find import RateRange, lr_find
from support.missing_plugins import needs

SEARCH = ["Space", "SpaceError", "Sweep", "Trial", "parse_space", "sweep"]
COMPARE = ["GRID", "CompareError", "Comparison", "Curve", "Plane", "Problem", "Result", "Trial", "compare"]


def test_the_range_test_is_found_where_it_was() -> None:
    tune = import_module("minigrad.tune")
    with pytest.warns(DeprecationWarning, match=r"minigrad.tune.find_rate is now minigrad.train.lr_find.lr_find"):
        assert tune.find_rate is lr_find
    with pytest.warns(DeprecationWarning, match=r"is now minigrad.train.lr_find.RateRange"):
        assert tune.RateRange is RateRange


@needs("minigrad-compare", "minigrad-sweep")
@pytest.mark.parametrize(
    ("module", "name"), [*(("minigrad.tune", n) for n in SEARCH), *(("minigrad.train.compare", n) for n in COMPARE)]
)
def test_what_became_a_distribution_is_found_where_it_was(module: str, name: str) -> None:
    with pytest.warns(
        DeprecationWarning, match=rf"^{module}.{name} is now minigrad_(sweep|compare)\.\w+\.{name};"
    ) as seen:
        value = getattr(import_module(module), name)
    assert value is not None
    assert seen[0].filename == __file__


def test_without_the_distribution_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tune, compare = import_module("minigrad.tune"), import_module("minigrad.train.compare")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if "site-packages" not in place])
    with pytest.raises(ImportError, match=r"pip install \./plugins/minigrad-sweep"):
        _ = tune.sweep
    with pytest.raises(ImportError, match=r"pip install \./plugins/minigrad-compare"):
        _ = compare.Problem


@pytest.mark.parametrize("module", ["minigrad.tune", "minigrad.train.compare"])
def test_other_names_are_not_there(module: str) -> None:
    with pytest.raises(AttributeError, match="has no 'nonsense'"):
        _ = import_module(module).nonsense
