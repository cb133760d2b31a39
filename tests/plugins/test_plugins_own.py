"""What minigrad's own distributions offer is known where they are not installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import minigrad as mg
from minigrad.engines import UnknownEngine, create_engine
from minigrad.optim import UnknownOptimizer
from minigrad.plugins.own import OFFERS

PLUGINS = Path(__file__).parents[2] / "plugins"


def test_the_table_says_what_the_distributions_say() -> None:
    offers: dict[str, dict[str, set[str]]] = {}
    for path in PLUGINS.glob("*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        for group, entries in project.get("entry-points", {}).items():
            if group.startswith("minigrad."):
                offers.setdefault(group, {})[project["name"]] = set(entries)
    assert {
        group: {owner: set(names.split()) for owner, names in own.items()} for group, own in OFFERS.items()
    } == offers


def test_what_is_not_installed_is_named_with_how_to_get_it(bare: None) -> None:
    x = mg.Tensor([1.0], requires_grad=True)
    with pytest.raises(UnknownOptimizer, match=r"is of minigrad-newton, .*pip install \./plugins/minigrad-newton$"):
        mg.optimizer("newton", [x])
    with pytest.raises(UnknownEngine, match=r"is of minigrad-cc, .*pip install \./plugins/minigrad-cc$"):
        create_engine("cc")
    with pytest.raises(UnknownOptimizer, match="there is no optimizer 'neuton'"):
        mg.optimizer("neuton", [x])
