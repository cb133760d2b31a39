"""`minigrad docs`: build the documentation and open it, or tell about one op."""

from __future__ import annotations

import os
import sys
import webbrowser
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import minigrad
from minigrad.cli.exit_codes import CHECK_FAILED
from minigrad.cli.manual.all_parsers import all_parsers
from minigrad.cli.manual.pager import show_text
from minigrad.cli.output import write_json
from minigrad.docs.describe_op import describe_op
from minigrad.docs.reference.notes_pictures import draw_picture
from minigrad.docs.site import Site, build_site
from minigrad.text import format_bytes, list_names
from minigrad.train.output.progress_line import Live, live_line
from minigrad.train.output.written_file import write_file

__all__ = ["docs"]


def docs(arguments: Namespace) -> int:
    """Build the site, print what was built, and open it; exits with 3 if it is not whole."""
    if arguments.op is not None:
        return _tell(arguments, describe_op(arguments.op))
    if arguments.picture is not None:
        path = Path(arguments.out or f"{arguments.picture}.svg")
        write_file(path, draw_picture(arguments.picture).svg())
        return _tell(arguments, f"saved {path}")
    out = Path(arguments.out) if arguments.out else _cache()
    out.mkdir(parents=True, exist_ok=True)
    line = live_line(sys.stderr)
    try:
        site = build_site(out, all_parsers(), _progress(line))
    finally:
        if line is not None:
            line.clear()
    if arguments.json:
        write_json(_document(site))
    else:
        print(_said(site))
    if not arguments.no_open and not arguments.json:
        webbrowser.open(site.index.resolve().as_uri())
    return CHECK_FAILED if site.broken or site.missing else 0


def _tell(arguments: Namespace, text: str) -> int:
    if arguments.json:
        write_json({"command": "docs", "op": arguments.op, "picture": arguments.picture, "text": text})
    else:
        show_text(text)
    return 0


def _progress(line: Live | None) -> Callable[[float, str], None]:
    """What shows how far a build is.

    On a terminal it is a line, elsewhere the beginning of each part.
    """
    begun: set[str] = set()

    def tell(share: float, text: str) -> None:
        part = text.partition(":")[0]
        if line is not None:
            line.show(share, text)
        elif part not in begun:
            print(f"{share:4.0%} {text}", file=sys.stderr, flush=True)
        begun.add(part)

    return tell


def _cache() -> Path:
    """A folder for this version in the user's cache."""
    if sys.platform == "darwin":
        home = Path.home() / "Library" / "Caches"
    else:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "minigrad" / f"docs-{minigrad.__version__}"


def _document(site: Site) -> dict[str, object]:
    return {
        "command": "docs",
        "index": str(site.index),
        "pages": site.pages,
        "bytes": site.size,
        "seconds": dict(zip(("sources", "sphinx", "examined"), site.seconds, strict=True)),
        "broken_links": list(site.broken),
        "missing_names": list(site.missing),
    }


def _said(site: Site) -> str:
    seconds = ", ".join(f"{name} {s:.1f} s" for name, s in zip(("sources", "Sphinx", "examined"), site.seconds,
        strict=True))  # fmt: skip
    lines = [f"{site.pages} pages, {format_bytes(site.size)} ({seconds})"]
    lines.append(f"broken links {len(site.broken)}, names missing {len(site.missing)}")
    lines += [f"  {list_names(names, 400)}" for names in (site.broken, site.missing) if names]
    return "\n".join([*lines, f"saved {site.index}"])
