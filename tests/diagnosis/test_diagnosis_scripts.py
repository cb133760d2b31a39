"""For every finding there is a script that is told it first, and its mend is not."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from minigrad.cli import main
from minigrad.diagnosis import rules
from minigrad.diagnosis.broken_scripts import SCRIPTS, BrokenScript

EVERY_DAY = ("BAD_DATA", "LR_LOW", "MISPAIRED", "LOSS_BLIND")
"""Codes whose scripts run each day; all do among the soaks."""


def told(text: str, script: BrokenScript, folder: Path) -> list[str]:
    """Codes of the FAULTs that a script is told, in order."""
    path, printed = folder / "script.py", io.StringIO()
    path.write_text(text)
    with contextlib.redirect_stdout(printed):
        if script.watched:
            exec(compile(text, str(path), "exec"), {"__name__": "script"})
        else:
            assert main(["doctor", str(path)]) == 0
    lines = printed.getvalue().splitlines()
    assert any(line.startswith(("diagnosis ", "FAULT ")) for line in lines), printed.getvalue()
    return [line.split()[1].rstrip(":") for line in lines if line.startswith("FAULT ")]


def test_every_code_has_a_script_and_a_mend() -> None:
    assert set(SCRIPTS) == {rule.code for origin, rule in rules() if origin.startswith("minigrad ")}
    for script in SCRIPTS.values():
        assert script.broken != script.mended


def test_a_line_that_is_not_there_is_no_change() -> None:
    with pytest.raises(ValueError, match="there is no line"):
        _ = BrokenScript("lr = 1\n", (("lr = 2\n", ""),)).broken


@pytest.mark.parametrize(
    "code", [code if code in EVERY_DAY else pytest.param(code, marks=pytest.mark.soak) for code in SCRIPTS]
)
def test_the_broken_script_is_told_its_code_first(code: str, tmp_path: Path) -> None:
    assert told(SCRIPTS[code].broken, SCRIPTS[code], tmp_path)[:1] == [code]


@pytest.mark.parametrize("text", sorted({s.mended for s in SCRIPTS.values()}))
def test_a_mended_script_is_told_nothing(text: str, tmp_path: Path) -> None:
    script = next(s for s in SCRIPTS.values() if s.mended == text)
    assert told(text, script, tmp_path) == []
