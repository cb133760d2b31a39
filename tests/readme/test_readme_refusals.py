"""The five refusals of the documentation say what `register` says today."""

from __future__ import annotations

import re
import subprocess
import sys

from minigrad.docs.sources import PAGES

SECTION = (PAGES / "explanation" / "refusals.md").read_text()
CASES = re.findall(r"```py\n(.*?)```\n```text\n(.*?)```", SECTION, re.S)

PROGRAM = """
import numpy as np
import minigrad as mg
{code}
try:
    mg.register(op)
except mg.RegistrationError as error:
    print(f"{{type(error).__name__}}: {{error}}")
"""


def masked(text: str) -> list[str]:
    """The words, numbers masked: which sample is worst may change with the sampling, what is said may not."""
    return re.sub(r"-?\d[\d.e+-]*", "#", text).split()


def test_five_mistakes_are_refused_in_these_words() -> None:
    assert len(CASES) == 5
    programs = [PROGRAM.format(code=code) for code, _ in CASES]
    done = subprocess.run(
        [sys.executable, "-c", "print('=====')\n".join(programs)], capture_output=True, text=True, check=True
    )
    said = done.stdout.split("=====\n")
    for (code, shown), found in zip(CASES, said, strict=True):
        assert len(code.strip().splitlines()) == 2
        assert masked(found) == masked(shown)


def test_each_names_its_op_and_a_next_step() -> None:
    for _, shown in CASES:
        assert re.search(r"op '\w+'", shown)
        assert "  next: " in shown
    assert {shown.split(":")[0] for _, shown in CASES} == {"GradientMismatch", "InvalidRule", "InconclusiveCheck"}
