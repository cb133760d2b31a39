"""Random command lines: no traceback, a documented exit code, one short line about what is wrong."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from minigrad.cli.builtin_commands import BUILTIN
from minigrad.cli.parser import build_parser
from support.cli_calls import code_of
from support.cli_stranger_files import furnish
from support.cli_strangers import Draw

CODES = {0, 1, 2, 3, 130}
WORDS = (
    "", "-", "--", "-1", "0", "1", "2", "1e400", "nan", "inf", "-5", "9" * 30, "1.5", "x", "a\nb",
    "x" * 3_000, "\u00e4", "\udcff", "*", "..", "/", "/dev/null", "/dev/full", "/proc/self/mem", "/nowhere/at/all",
    "~", "iris", "digits",
    "good.py", "broken.py", "exits.py", "rows.csv", "bad.csv", "empty", "runs", "runs/0001-iris", "folder.py", "adam",
    "sgd", "minigrad:adam", "a:b:c", "1,2", ",", "a=b", "optimizer.lr=0.1", "OVERFIT.gap=2", "lr=1e-3:1e-1", "LR_HIGH",
    "accuracy", "f1", "--help", "--version", "--json", "--strict", "--no-checks", "exp", "conv", "optimizer", "%s",
    "{}",
)  # fmt: skip
QUICK = {"--epochs": "1", "--steps": "3", "--trials": "1", "--rounds": "1", "--rungs": "1", "--seeds": "1"}
SLOW = {
    "selftest": ("--seeds", "check"),
    "serve": ("--port", "check"),
    "optimizers": ("--seeds", "check"),
    "docs": ("--op", "--picture"),
}
"""Commands that examine or build much, or never end, with words that stop them at once."""


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of every kind that the words lead to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minigrad.train.output.run_folder.run_pictures", lambda *_, **__: [])
    net = 'from minigrad import nn\nmodel, data, loss, epochs = nn.mlp(4, [3], 3, rng=0), "iris", "softmax", 1\n'
    Path("good.py").write_text(net)
    Path("broken.py").write_text(f"{net}1 / 0\n")
    Path("exits.py").write_text("import sys; sys.exit(7)\n")
    Path("folder.py").mkdir()
    Path("rows.csv").write_text("a,b,y\n" + "".join(f"{k},{k % 5},{'uv'[k % 2]}\n" for k in range(40)))
    Path("bad.csv").write_bytes(b"a,b\n1\n\xff\xfe,\0\n")
    Path("empty").write_bytes(b"")
    assert code_of("train", "--data", "iris", "--hidden", "3", "--epochs", "1", "--no-checks") == 0


def command_line(rng: random.Random) -> list[str]:
    """A command, some of its options with some words, and perhaps a word too many."""
    name = rng.choice([*BUILTIN, "sweep", "compare", "nope", ""])
    if name in SLOW:
        return [name, rng.choice(SLOW[name]), rng.choice(["x", "-1", "nope", "", "x" * 3_000])]
    words = [name] if name else []
    options = _options(name)
    for option in rng.sample(options, min(len(options), rng.randrange(4))):
        words.append(option)
        if rng.random() < 0.8:
            words.append(rng.choice(WORDS))
    words += rng.choices(WORDS, k=rng.randrange(3))
    if rng.random() < 0.3:  # values meet other options
        words[1:] = rng.sample(words[1:], len(words[1:]))
    for option, value in QUICK.items():
        if option in options and name in ("train", "run", "doctor", "lr-find", "sweep", "compare"):
            words += [option, value]
    if name in ("train", "lr-find", "check") and "--data" not in words:  # without it, 60,000 pictures
        words += ["--data", "iris"]
    if name == "compare" and "--problem" not in words:  # without it, a digits net for every optimizer
        words += ["--problem", "quadratic", "--budget", "2"]
    return words


def _options(name: str) -> list[str]:
    parser = build_parser([name] if name else [])
    for action in parser._actions:
        choices = action.choices if isinstance(action.choices, dict) else {}
        if name in choices:
            return [  # no contest, which takes minutes
                o
                for a in choices[name]._actions
                for o in a.option_strings
                if o not in ("-h", "--help", "--out", "--contest")
            ]
    return []


def check(words: list[str], code: int, said: str) -> None:
    shown = [word[:60] for word in words]
    assert code in CODES, (shown, code, said[-300:])
    assert "Traceback" not in said, (shown, said[-600:])
    assert "InternalError" not in said, (shown, said[-600:])
    lines = [line for line in said.splitlines() if line.startswith(("minigrad: ", "minigrad "))]
    assert code in (0, 3) or lines, (shown, code, said[-300:])
    assert all(len(line) < 300 for line in lines), (shown, max(map(len, lines)))


@pytest.mark.parametrize("count", [60, pytest.param(2_000, marks=pytest.mark.soak)])
def test_random_command_lines(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(count if count == 60 else None)
    codes: Counter[int] = Counter()
    for _ in range(count):
        words = command_line(rng)
        code = code_of(*words)
        check(words, code, capsys.readouterr().err)
        codes[code] += 1
    print(f"{count} command lines, exit codes {dict(codes)}")
    assert len(codes) > 2


@pytest.mark.soak
def test_lines_of_strangers(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Most are valid; whatever is wrong with the others, no file but those they name is touched."""
    folder = tmp_path / "strange"
    folder.mkdir()
    os.chdir(folder)
    furnish(folder)
    seed = random.randrange(10**9)
    draw, codes = Draw(random.Random(seed)), Counter[int]()
    capfd.readouterr()
    for number in range(2_000):
        words, before = draw.line(), files(folder)
        code = code_of(*words)
        out, err = capfd.readouterr()
        told = (seed, number, [word[:60] for word in words])
        assert not {"Traceback", "InternalError"} & set(re.findall(r"\w+", err)), (told, err[-600:])
        assert code in CODES - {130}, (told, code, err[-300:])
        lines = [line for line in err.splitlines() if line.startswith(("minigrad: ", "minigrad "))]
        assert lines or code in (0, 3) or words[0] == "lr-find", (told, code, err[-300:])
        assert all(len(line) < 300 for line in err.splitlines()), (told, err[-600:])
        assert code == 2 or "--json" not in words or json.loads(out), (told, out[:200])
        assert Path.cwd() == folder, told
        after = files(folder)
        lost = [path for path, state in before.items() if after.get(path) != state and not named(path, words)]
        assert not lost, (told, lost)
        codes[code] += 1
    print(f"seed {seed}, exit codes {dict(codes)}")
    assert codes[2] < 500


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file; what a part is called that was left behind makes it a file of its own."""
    found = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert not [path for path in found if path.name.endswith(".part")]
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def named(path: str, words: list[str]) -> bool:
    """Whether a command line says that this file is written: the run that goes on, or where a result goes."""
    given = {option: value for option, value in itertools.pairwise(words) if option.startswith("--")}
    run = os.path.normpath(given.get("--resume", "none")).removesuffix("/checkpoint.safetensors")
    own = (given.get("--out"), given.get("--plot"), given.get("--save"), "paths-valley.svg")
    return path in own or path.startswith(f"{run}/")


@pytest.mark.soak
def test_random_command_lines_in_processes_of_their_own() -> None:
    rng = random.Random()
    for _ in range(60):
        words = [word for word in command_line(rng) if "\0" not in word]
        done = subprocess.run(
            [sys.executable, "-m", "minigrad", *words], capture_output=True, timeout=120, check=False,
            env={**os.environ, "PYTHONIOENCODING": rng.choice(["ascii", "utf-8", "latin-1"])},
        )  # fmt: skip
        check(words, done.returncode, done.stderr.decode("utf-8", "replace"))
