"""Broken plugins, each an installed distribution: named, explained, and without effect on anything else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.optim_broken import BROKEN
from support.optim_dists import GOOD, LOAD_ALL_AND_LOOK, ask, install


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("site")
    for number, (name, (source, _)) in enumerate(BROKEN.items()):
        module = f"broken_{number}"
        install(folder, f"mini-{name}", {name: f"{module}:Rule"}, {module: source}, version=f"0.{number}")
    install(folder, "sound-plugin", {"good": "sound_rule:Rule"}, {"sound_rule": GOOD})
    return ask([folder], LOAD_ALL_AND_LOOK)


def test_all_are_listed_and_none_escapes(verdict: Any) -> None:
    assert len(BROKEN) >= 40
    assert set(BROKEN) <= set(verdict["listed"])
    assert verdict["wrong"] == {}


def test_the_sound_ones_work_and_the_process_is_as_before(verdict: Any) -> None:
    assert verdict["good"] == [0.5, 1.5]
    assert verdict["same"]
    assert set(verdict["refused"]) == set(BROKEN)


@pytest.mark.parametrize("name", BROKEN)
def test_the_refusal_names_plugin_and_reason(name: str, verdict: Any) -> None:
    number = list(BROKEN).index(name)
    message = verdict["refused"][name]
    assert f"optimizer {name} (mini-{name} 0.{number}, broken_{number}:Rule) cannot be used" in message
    reason = message.split("cannot be used: ", 1)[1]
    assert re.search(BROKEN[name][1], reason), reason


def test_entry_points_that_lead_nowhere(tmp_path: Path) -> None:
    install(tmp_path, "lost", {"lost": "no_such_module:Rule", "bare": "attrs", "deep": "attrs:a.b.c"}, {})
    code = """
    from minigrad.optim import PluginError, load
    answer = []
    for name in ("lost", "bare", "deep"):
        try:
            load(name)
        except PluginError as error:
            answer.append(str(error))
    """
    lost, bare, deep = ask([tmp_path], code)
    assert "ModuleNotFoundError: No module named 'no_such_module'" in lost
    assert "must be a class, it is a module" in bare
    assert "attrs has no 'a'" in deep
