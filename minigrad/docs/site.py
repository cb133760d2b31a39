"""The documentation as HTML: sources are laid out, Sphinx makes pages, these are examined.

Sphinx runs in a process of its own, with every warning an error.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import attrs

import minigrad
from minigrad.charts.style import switched_style
from minigrad.core.errors import MinigradError
from minigrad.docs.examine_site import broken_links, missing_names, read_pages
from minigrad.docs.sources import write_sources
from minigrad.report.style import PAGE_STYLE

__all__ = ["DocsUnavailable", "Site", "build_site"]

_GENERATOR = {"sphinx": "Sphinx", "furo": "Furo", "myst_parser": "MyST-Parser"}
_SETTINGS = {
    "project": "minigrad",
    "version": minigrad.__version__,
    "release": minigrad.__version__,
    "extensions": "myst_parser",
    "html_theme": "furo",
    "html_title": f"minigrad {minigrad.__version__}",
    "html_static_path": "_static",
    "html_css_files": "minigrad.css",
    "html_copy_source": "0",
    "html_show_sourcelink": "0",
    "html_show_copyright": "0",
    "html_theme_options.navigation_with_keys": "1",
    "myst_heading_anchors": "4",
    "myst_links_external_new_tab": "1",
    "html_domain_indices": "0",
    "html_use_index": "0",
}
_LONGEST = 150
"""Characters of what Sphinx says when it fails."""


class DocsUnavailable(MinigradError):
    """The documentation cannot be built: the extra is missing, or a page is wrong."""


@attrs.frozen
class Site:
    """Documentation that was built.

    Attributes:
        folder: where it lies; `index.html` is its first page.
        pages: HTML files.
        size: bytes of all files.
        seconds: for writing the sources, for Sphinx, and for examining its pages.
        broken: links that lead nowhere, as "page: link".
        missing: public names, ops, optimizers, findings and commands that no page has a section for.
    """

    folder: Path
    pages: int
    size: int
    seconds: tuple[float, float, float]
    broken: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def index(self) -> Path:
        """The first page."""
        return self.folder / "index.html"


_PERCENT = re.compile(r"^(reading|writing).*\[ *(\d+)%\] *(.*)")
Tell = Callable[[float, str], None]


def build_site(out: Path, parsers: Mapping[str, ArgumentParser], tell: Tell = lambda share, text: None) -> Site:
    """Build the documentation into a folder; files of an older build are replaced.

    Args:
        out: the folder, which exists.
        parsers: name of each command -> its parser, for the reference.
        tell: called with the share of the work that is done, in [0, 1], and "phase: page".

    Raises:
        DocsUnavailable: the extra `docs` is not installed, or Sphinx found a fault in a page.
    """
    _require_generator()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="minigrad-docs-") as scratch:
        sources = Path(scratch) / "sources"
        expected = write_sources(sources, parsers, lambda share, page: tell(0.35 * share, f"sources: {page}"))
        static = sources / "_static"
        static.mkdir(exist_ok=True)
        (static / "minigrad.css").write_text(_style(), encoding="utf-8")
        written = time.perf_counter()
        _run_sphinx(sources, out, Path(scratch), tell)
    built = time.perf_counter()
    tell(0.9, "examined: links and names")
    pages = read_pages(out)
    broken, missing = broken_links(out, pages), missing_names(pages, expected)
    files = [path for path in out.rglob("*") if path.is_file()]
    return Site(
        out,
        sum(path.suffix == ".html" for path in files),
        sum(path.stat().st_size for path in files),
        (written - started, built - written, time.perf_counter() - built),
        tuple(broken),
        tuple(missing),
    )


def _require_generator() -> None:
    lacking = [name for module, name in _GENERATOR.items() if find_spec(module) is None]
    if lacking:
        raise DocsUnavailable(
            f"the documentation is built by {', '.join(lacking)}, which this Python lacks. In a checkout of minigrad: "
            f"pip install '.[docs]'. Without: minigrad docs --op NAME, minigrad ops NAME, minigrad explain CODE"
        )


def _run_sphinx(sources: Path, out: Path, scratch: Path, tell: Tell) -> None:
    settings = [word for name, value in _SETTINGS.items() for word in ("-D", f"{name}={value}")]
    command = [sys.executable, "-W", "ignore", "-m", "sphinx", "-C", "-W", "--keep-going", "-b", "html",
        "-d", str(scratch / "doctrees"), *settings, str(sources), str(out)]  # fmt: skip
    faults, last = scratch / "faults.txt", ""
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with faults.open("w", encoding="utf-8") as file, subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=file, text=True, encoding="utf-8", errors="replace", env=environment
    ) as running:  # fmt: skip
        assert running.stdout is not None
        for line in running.stdout:
            last = line.strip() or last
            if step := _PERCENT.match(line):
                begin = 0.35 if step[1] == "reading" else 0.6
                tell(begin + 0.003 * int(step[2]), f"{step[1]}: {step[3].strip()}")
    if running.returncode:
        said = (faults.read_text(encoding="utf-8") or last).replace(f"{sources}/", "")
        log = out / "warnings.txt"
        log.write_text(said, encoding="utf-8")
        first = " ".join(said.split("\n")[0].split())[:_LONGEST]
        raise DocsUnavailable(f"Sphinx found faults in the pages, listed in {log}. The first: {first}")


def _style() -> str:
    """The style of charts and their legends, as on a report, in the colours of the theme."""
    tones = {"text": "foreground-primary", "soft": "foreground-secondary", "rule": "background-border"}
    variables = ";".join(f"--{name}:var(--color-{theirs})" for name, theirs in tones.items())
    own = f".mg{{{variables}" + ";margin:1rem 0;max-width:40rem}article table.docutils{margin-left:0}"
    own += "@media(max-width:46em){td code{overflow-wrap:anywhere}td:nth-child(n+3):last-child{min-width:14rem}"
    own += "td a code{overflow-wrap:normal}.headerlink{display:none}}"
    own += "thead:not(:has(th p:not(:empty))){display:none}"  # of tables that have labels only
    changes = ".highlight-diff .gd{color:#b3261e}.highlight-diff .gi{color:#1a7f37}"
    dark = changes.replace("#b3261e", "#ff7b72").replace("#1a7f37", "#56d364")
    changes += f"body[data-theme=dark]{{{dark}}}"
    changes += f"@media(prefers-color-scheme:dark){{body:not([data-theme=light]){{{dark}}}}}"
    return f"{switched_style('data-theme')}{own}{changes}.mg{{{PAGE_STYLE}}}"
