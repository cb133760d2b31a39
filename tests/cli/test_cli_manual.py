"""Completion scripts, the manual page, paging: what the command line tells about itself."""

from __future__ import annotations

import pydoc
import shutil
import subprocess
import sys
from argparse import SUPPRESS
from importlib.util import find_spec
from pathlib import Path

import pytest

from minigrad.cli import main
from minigrad.cli.builtin_commands import BUILTIN
from minigrad.cli.manual import completion, pager
from minigrad.cli.manual.all_parsers import all_parsers, whole_parser
from minigrad.cli.manual.man import manual_page
from support.cli_calls import code_of

SHTAB = pytest.mark.skipif(find_spec("shtab") is None, reason="the extra shell is not installed")


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@SHTAB
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_name_every_command_and_are_read_by_their_shell(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script(shell, capsys)
    assert not [name for name in BUILTIN if name not in text]
    path = tmp_path / shell
    path.write_text(text)
    if shutil.which(shell):
        done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@SHTAB
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_and_optimizers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "completion"
    path.write_text(script("bash", capsys))

    def completed(*words: str) -> set[str]:
        line = " ".join(f"'{word}'" for word in words)
        program = (
            f"source {path}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
            f"_shtab_minigrad minigrad '{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
        return set(subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True).stdout.split())

    assert completed("minigrad", "trai") == {"train"}
    assert {"adam", "adamw", "adagrad"} <= completed("minigrad", "train", "--optimizer", "ada")
    assert completed("minigrad", "train", "--los") == {"--loss"}
    assert completed("minigrad", "completion", "") >= {"bash", "zsh", "fish"}


@SHTAB
@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "completion.fish"
    path.write_text(script("fish", capsys))
    command = ["fish", "--no-config", "-c", f"source {path}; complete -C 'minigrad trai'"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("train")


@SHTAB
@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
@pytest.mark.parametrize("how", ["source {path}", 'eval "$(cat {path})"'])
def test_zsh_registers_what_is_sourced(how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "completion.zsh"
    path.write_text(script("zsh", capsys))
    program = f"autoload -Uz compinit; compinit -u -d {tmp_path}/dump; {how.format(path=path)}; print $_comps[minigrad]"
    done = subprocess.run(["zsh", "-f", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("_shtab_minigrad\n", "")


def test_the_missing_extra_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(completion, "find_spec", lambda name: None)
    assert main(["completion", "bash"]) == 1
    assert "pip install '.[shell]'" in capsys.readouterr().err


def test_the_manual_page_has_every_command_and_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    page = manual_page()
    assert page.startswith('.TH MINIGRAD 1 "1970-01-01"')
    for name, parser in all_parsers().items():
        assert f'.SS "{name}"'.replace("-", "\\-") in page
        for action in parser._actions:
            if action.help != SUPPRESS:
                assert not [o for o in action.option_strings if o.replace("-", "\\-") not in page]


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_groff_finds_nothing_wrong_with_the_manual_page() -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", "-z"]
    done = subprocess.run(command, input=manual_page(), capture_output=True, text=True, check=True)
    assert not done.stderr
    shown = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou", "-rLL=80n"],
        input=manual_page(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "minigrad train --data pets/" in shown
    assert not [line for line in shown.splitlines() if len(line) > 80]


def test_long_text_goes_through_the_pager_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(pydoc, "pager", shown.append)
    pager.show_text("line\n" * 100)
    assert capsys.readouterr().out.count("line") == 100
    for stream in (sys.stdout, sys.stdin):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    pager.show_text("short")
    assert capsys.readouterr().out == "short\n"
    pager.show_text("line\n" * 100)
    assert len(shown) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", [60, 100, 200])
def test_help_keeps_to_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for name, parser in {"": whole_parser(), **all_parsers()}.items():
        lines = parser.format_help().splitlines()
        assert not [line for line in lines if len(line) > columns], name
        assert name != "doctor" or max(map(len, lines)) > columns - 15


def test_narrow_help_says_all_that_wide_help_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for parser in all_parsers().values():
        said = []
        for columns in ("60", "400"):
            monkeypatch.setenv("COLUMNS", columns)
            words = parser.format_help().replace(" \\\n", " ").split()
            said.append("".join(words).replace("-", ""))  # a word of the help may be broken at its hyphen
        assert sorted(said[0]) == sorted(said[1])


@pytest.mark.parametrize("arguments", [["--help"], ["ops", "relu"], ["explain"], ["optimizers"]])
def test_nothing_is_coloured_without_a_terminal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*arguments) == 0
    assert "\x1b" not in capsys.readouterr().out
