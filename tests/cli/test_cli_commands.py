"""Commands of other distributions: listed, run, missed, kept out, ambiguous, broken, without cost to the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minigrad.cli import Command
from minigrad.cli.builtin_commands import BUILTIN
from minigrad.cli.installed_commands import OWN_DISTRIBUTIONS
from minigrad.plugins.entry_points import rescan
from support.cli_calls import code_of
from support.missing_plugins import needs

GOLDEN = Path(__file__).parents[1] / "data" / "cli"


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("MINIGRAD_PLUGINS", raising=False)


def offer(folder: Path, name: str, source: str, *, module: str = "", entry: str = "") -> None:
    """A distribution `<name>-dist` whose command `name` is `COMMAND` of a module with that source."""
    module = module or f"{name}_commands"
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[minigrad.commands]\n{name} = {entry or f'{module}:COMMAND'}\n")


WAVE = """
from minigrad.cli import Command

def add(parser):
    parser.add_argument("--times", type=int, default=1, help="so many, 100% sure")

def work(arguments):
    print("wave " * arguments.times)
    return 3

COMMAND = Command("wave, 100% of the time", "wave_commands:work", add_arguments=add)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    rescan()
    return tmp_path


def words(text: str) -> list[str]:
    """Words of a text: where argparse indents and breaks lines differs between Pythons."""
    return text.split()


@needs("minigrad-compare", "minigrad-diagnosis-bench", "minigrad-sweep")
def test_help_with_minigrads_own_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--help") == 0
    assert words(capsys.readouterr().out) == words((GOLDEN / "help.txt").read_text())


def test_help_of_a_bare_minigrad(bare: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--help") == 0
    assert words(capsys.readouterr().out) == words((GOLDEN / "help_bare.txt").read_text())


@pytest.mark.parametrize("name", sorted(OWN_DISTRIBUTIONS))
def test_a_bare_minigrad_says_how_to_get_a_command(name: str, bare: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(name, "--json") == 2
    out, err = capsys.readouterr()
    folder = f"plugins/{OWN_DISTRIBUTIONS[name]}"
    assert f"pip install ./{folder}" in err
    assert json.loads(out)["error"]["type"] == "Misuse"
    assert (Path(__file__).parents[2] / folder / "pyproject.toml").is_file()


def test_a_command_of_a_plugin_is_listed_and_run(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offer(plugin, "wave", WAVE)
    assert code_of("--help") == 0
    assert "wave, 100% of the time" in capsys.readouterr().out
    assert code_of("wave", "--times", "2") == 3
    assert capsys.readouterr().out == "wave wave \n"
    assert code_of("wave", "--help") == 0
    assert "so many" not in capsys.readouterr().err
    assert code_of("wave", "--tims", "2") == 2
    assert "Did you mean --times?" in capsys.readouterr().err
    assert code_of("wawe") == 2
    assert "Did you mean wave?" in capsys.readouterr().err


def test_two_that_offer_a_command_are_named(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offer(plugin, "wave", WAVE)
    offer(plugin, "wave", WAVE, module="other_wave")
    assert code_of("wave") == 2
    assert "say which, 'other_wave:wave' or 'wave_commands:wave'" in capsys.readouterr().err
    assert code_of("other_wave:wave") == 3
    assert code_of("--help") == 0
    assert "other_wave:wave" in capsys.readouterr().out


def test_a_command_that_is_kept_out(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(plugin, "wave", WAVE)
    monkeypatch.setenv("MINIGRAD_PLUGINS", "none")
    assert code_of("wave") == 2
    assert "MINIGRAD_PLUGINS='none' keeps it out" in capsys.readouterr().err
    assert code_of("--help") == 0
    assert "wave" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys; sys.exit(5)", "SystemExit: 5"),
        ("raise ValueError('100% broken')", "ValueError: 100% broken"),
        ("COMMAND = 3", "must be a minigrad.cli.Command, not a int"),
        ("", "has no attribute 'COMMAND'"),
    ],
)
def test_a_broken_plugin_is_named_and_hurts_no_other(
    source: str, said: str, plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = f"broken_{abs(hash(source))}"
    offer(plugin, "broken", source, module=module)
    assert code_of("broken") == 2
    err = " ".join(capsys.readouterr().err.split())
    assert said in err
    assert f"{module} 1.0" in err
    assert code_of("--help") == 0
    out = capsys.readouterr().out
    assert "cannot be used" in " ".join(out.split())
    assert "sweep" in out
    assert code_of("optimizers") == 0


def test_a_plugin_whose_arguments_cannot_be_made(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = WAVE.replace('"--times"', '"--json"').replace("wave_commands", "twice_commands")
    offer(plugin, "twice", text, module="twice_commands")
    assert code_of("twice") == 2
    assert "the arguments of the command 'twice' cannot be made: ArgumentError" in capsys.readouterr().err


def test_no_plugin_takes_the_place_of_a_built_in_command(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offer(plugin, "optimizers", WAVE.replace("wave_commands", "usurper"), module="usurper")
    assert code_of("optimizers") == 0
    assert "adam" in capsys.readouterr().out
    assert code_of("--help") == 0
    assert "100%" not in capsys.readouterr().out
    assert all(isinstance(command, Command) for command in BUILTIN.values())


def test_a_plugin_that_prints_while_it_is_imported_leaves_stdout_alone(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(plugin, "loud", "print('hello')\n" + WAVE.replace("wave_commands", "loud_commands"))
    assert code_of("loud") == 3
    out, err = capsys.readouterr()
    assert (out, "hello" in err) == ("wave \n", True)
