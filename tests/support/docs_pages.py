"""Pages of the documentation as steps that can be run: files, programs, commands, and what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from minigrad.docs.sources import PAGES

__all__ = ["every_page", "fences", "misses", "run_page"]

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.S | re.M)
_FILE = re.compile(r"# file: (\S+)\n")
_EXIT = re.compile(r"\s+# exits with (\d+)$")
_NUMBER = re.compile(r"-?\d[\d.,e+-]*|\b(?:nan|inf)\b")


def every_page() -> list[Path]:
    """Pages written by hand."""
    return sorted(PAGES.rglob("*.md"))


def fences(text: str) -> list[tuple[str, str]]:
    """Language and text of every block of code."""
    return [(match[1].strip(), match[2]) for match in _FENCE.finditer(text)]


def run_page(text: str, folder: Path) -> Iterator[str]:
    """Run the blocks of a page one after another; yields what is wrong.

    `python` is a program of its own, or a file where it begins with `# file: NAME`. `sh` is commands, each on a line,
    where `# exits with N` says so. `text` behind one of them shows lines that it printed, of which numbers may differ.
    """
    printed = ""
    for language, code in fences(text):
        if language == "python":
            named = _FILE.match(code)
            if named:
                (folder / named[1]).write_text(code[named.end() :])
                continue
            status, printed = _run([sys.executable, "-c", code], folder)
            if status:
                yield f"the block {code[:60]!r} fails: {printed[-600:]}"
        elif language == "sh":
            printed = ""
            for line in filter(None, map(str.strip, code.splitlines())):
                expected = _EXIT.search(line)
                status, said = _run(["bash", "-c", _EXIT.sub("", line)], folder)
                printed += said
                if status != (int(expected[1]) if expected else 0):
                    yield f"{line!r} exits with {status}: {said[-600:]}"
        elif language == "text" and printed:
            yield from misses(code, printed)


def misses(shown: str, printed: str) -> Iterator[str]:
    """Lines that a page shows and nothing printed, numbers apart."""
    said = _masked(printed)
    for line in filter(None, map(str.strip, shown.splitlines())):
        if _masked(line) not in said:
            yield f"nothing printed {line!r}, but {printed[-1500:]!r}"


def _masked(text: str) -> str:
    return " ".join(_NUMBER.sub("#", text).split())


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, done.stdout + done.stderr
