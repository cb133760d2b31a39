"""The Python blocks of every README run as they stand; the first one's commands, refusal and paths are right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.missing_plugins import needs

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("minigrad/*/README.md")), *sorted(ROOT.glob("plugins/*/README.md"))]


def blocks(page: str) -> list[str]:
    """The Python on a page."""
    return re.findall(r"```python\n(.*?)```", page, re.S)


def plugin_of(page: Path) -> list[str]:
    """The plugin whose README a page is."""
    return [page.parent.name] if page.parent.parent.name == "plugins" else []


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b, id=f"{page.relative_to(ROOT)}-{k}", marks=needs(*plugin_of(page)))
        for page in PAGES
        for k, b in enumerate(blocks(page.read_text()))
    ],
)
def test_python_blocks_run(block: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_wrong_rule_is_refused_as_the_readme_says() -> None:
    block = next(b for b in blocks(README) if "mg.register" in b)
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


def test_every_path_in_the_readme_exists() -> None:
    for path in re.findall(r"`((?:minigrad|plugins|tests)/[\w./-]*)`", README):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / ".github").rglob("*.md"))], ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def test_what_it_says_is_printed_is_part_of_what_the_first_run_shows() -> None:
    shown = re.search(r"```text\n(minigrad .*?)```", README, re.S)
    whole = (ROOT / "minigrad/docs/pages/tutorials/first-run.md").read_text()
    assert shown is not None
    assert not [line for line in shown[1].splitlines() if line not in whole.splitlines()]


def test_the_readme_is_two_screens() -> None:
    assert len(README.splitlines()) <= 120
