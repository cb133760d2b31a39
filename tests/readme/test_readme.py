"""The README's Python blocks run as they stand, and its two commands are where the continuous integration looks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.strip().splitlines()[0])
def test_python_blocks_run(block: str) -> None:
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_wrong_rule_is_refused_as_the_readme_says() -> None:
    block = next(b for b in BLOCKS if "mg.register" in b)
    wrong = block.replace("+ 1.0)) + 1.0)", "+ 1.0)))")
    assert wrong != block
    done = subprocess.run([sys.executable, "-c", wrong], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    shown = re.search(r"```text\n(op 'bent'.*?)```", README, re.S)
    assert shown is not None
    said = done.stderr.split("GradientMismatch: ")[1]
    assert words(said) == words(shown[1])


def words(text: str) -> list[str]:
    """The text with numbers masked: which sample is worst may change with the sampling, what is said may not."""
    return re.sub(r"-?\d[\d.e+-]*", "#", text).split()


def test_the_readme_opens_with_two_commands() -> None:
    first = re.search(r"```sh\n(.*?)```", README, re.S)
    assert first is not None
    assert README.index("```") == README.index("```sh")
    commands = first[1].strip().splitlines()
    assert len(commands) == 2
    assert "minigrad train" in commands[0]
    assert "pytest" in commands[1]


def labels(printed: str) -> list[str]:
    """What the lines of a run begin with, which checks it names, and the columns of its table."""
    found = re.findall(r"^([a-z]+)  +\S", printed, re.M) + re.findall(r" (?:ok|note|fault) +(\w+):", printed)
    table = re.search(r"^ +epoch .*$", printed, re.M)
    assert table is not None
    return found + table[0].split()


def test_the_sample_of_a_run_has_the_lines_of_a_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "minigrad", "train", "--data", "digits", "--hidden", "16", "--epochs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    sample = re.search(r"```text\n(minigrad .*?)```", README, re.S)
    assert sample is not None
    assert labels(sample[1]) == labels(done.stdout)


def test_every_path_in_the_readme_exists() -> None:
    root = Path(__file__).parents[2]
    for path in re.findall(r"`((?:minigrad|plugins|tests)/[\w./-]*)`", README):
        assert (root / path).exists(), path
