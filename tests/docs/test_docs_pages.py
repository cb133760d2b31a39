"""Every page that was written by hand: its programs and commands run, and print what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from minigrad.docs.sources import PAGES
from support.docs_pages import every_page, fences, misses, run_page

FAST = (
    *("how-to/array-api", "how-to/check-torch", "how-to/from-pytorch", "how-to/onnx", "how-to/schedules"),
    "tutorials/an-op",
)
"""Pages of the everyday suite; the others train, and run among the soaks."""
CASES = [
    pytest.param(page, id=name, marks=[] if name in FAST else [pytest.mark.soak])
    for page in every_page()
    for name in [page.relative_to(PAGES).with_suffix("").as_posix()]
    if any(language in ("python", "sh") for language, _ in fences(page.read_text()))
]


@pytest.mark.parametrize("page", CASES)
def test_blocks_run_and_print_what_is_shown(page: Path, tmp_path: Path) -> None:
    assert not list(run_page(page.read_text(), tmp_path))


def test_every_block_has_a_language_that_says_whether_it_runs() -> None:
    known = {"python", "py", "sh", "console", "text", "text printed", "toml", "{toctree}"}
    for page in every_page():
        assert {language for language, _ in fences(page.read_text())} <= known, page


def test_what_does_not_run_or_print_is_seen(tmp_path: Path) -> None:
    wrong = "```python\nprint(1.5)\n```\n```text\n2.25\n```\n```text\ntwo\n```\n"
    assert len(list(run_page(wrong, tmp_path))) == 1
    assert len(list(run_page("```sh\nexit 3  # exits with 3\nexit 4\n```\n", tmp_path))) == 1
    assert not list(misses("a 1\n", "a 2"))
