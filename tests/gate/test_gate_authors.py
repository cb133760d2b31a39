"""What the pages for authors of ops show: it runs, and a strict type checker accepts it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import minigrad.verify as verify_room
from minigrad.cli.main import main

ROOT = Path(__file__).resolve().parent.parent.parent


def blocks(page: Path) -> list[str]:
    """The Python code of a page, block by block."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def strict(files: list[Path], *more: str) -> str:
    """What `mypy --strict` says to files, with the cache of the repository."""
    command = [sys.executable, "-m", "mypy", "--strict", *more, *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_examples_of_the_gate_are_typed(tmp_path: Path) -> None:
    files = []
    for number, code in enumerate(blocks(Path(verify_room.__file__).parent / "README.md")):
        files.append(tmp_path / f"example_{number}.py")
        files[-1].write_text(code, encoding="utf-8")
    assert len(files) >= 4
    assert not strict(files)


def test_a_new_plugin_and_what_its_page_shows_are_typed(tmp_path: Path) -> None:
    assert main(["new", "op", "softlog", "--out", str(tmp_path)]) == 0
    (folder,) = (path.parent for path in tmp_path.rglob("README.md"))
    (code,) = blocks(folder / "README.md")
    example = tmp_path / "example.py"
    example.write_text(code, encoding="utf-8")
    source = folder / "src" / "minigrad_softlog"
    assert not strict([example, *source.glob("*.py")], "--exclude-gitignore")
