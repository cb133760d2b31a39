"""Sources of the documentation: written pages, READMEs of rooms, and the reference."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from minigrad.api import PUBLIC
from minigrad.core import REGISTRY
from minigrad.diagnosis import rules
from minigrad.docs.markdown import anchor
from minigrad.docs.reference.commands import command_page
from minigrad.docs.reference.example_notebooks import NOTEBOOKS, write_notebooks
from minigrad.docs.reference.example_table import example_sections
from minigrad.docs.reference.findings import finding_page
from minigrad.docs.reference.notes_pictures import fill_pictures
from minigrad.docs.reference.ops import op_pages
from minigrad.docs.reference.optimizers import optimizer_page
from minigrad.docs.reference.page import Page
from minigrad.docs.reference.plugins import plugin_page
from minigrad.docs.reference.public_names import name_pages, public_names
from minigrad.optim import available

__all__ = ["PAGES", "ROOM_PAGES", "expected_anchors", "write_sources"]

PAGES = Path(__file__).parent / "pages"
"""Pages written by hand."""
PACKAGE = Path(__file__).parents[1]

ROOM_PAGES = {
    "rooms/gate": "verify/README.md",
    "rooms/ops": "ops/README.md",
    "rooms/special-numbers": "ops/SPECIAL_NUMBERS.md",
    "rooms/programs": "program/README.md",
    "rooms/engines": "engines/README.md",
    "rooms/optim": "optim/README.md",
    "rooms/data": "data/README.md",
    "rooms/datasheet": "data/DATASHEET.md",
    "rooms/training": "train/README.md",
    "rooms/from-pytorch": "train/COMING_FROM_PYTORCH.md",
    "rooms/diagnosis": "diagnosis/README.md",
}
"""Page of the documentation -> file of the package that it shows as it is."""


_EXAMPLES = "<!-- examples -->"


def write_sources(folder: Path, parsers: Mapping[str, ArgumentParser], tell: Callable[[float, str], None]) -> list[str]:
    """Write all sources below a folder; returns the anchors that the pages must then have.

    Args:
        folder: made if it is missing.
        parsers: name of each command -> its parser.
        tell: called after each page with the share that is done, in [0, 1], and the page.
    """
    parts: list[Callable[[], Iterable[Page]]] = [
        _written, _rooms, name_pages, op_pages, lambda: [optimizer_page()], lambda: [finding_page()],
        lambda: [command_page(parsers)], lambda: [plugin_page()],
    ]  # fmt: skip
    for k, pages in enumerate(parts):
        for page in pages():
            path = folder / f"{page.path}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page.text, encoding="utf-8")
            tell(k / len(parts), page.path)
    write_notebooks(folder / NOTEBOOKS)
    return expected_anchors(parsers)


def expected_anchors(commands: Mapping[str, ArgumentParser]) -> list[str]:
    """Anchors of everything that the reference must have."""
    names = [
        anchor("name", f"{'mg' if module == 'minigrad' else module.removeprefix('minigrad.')}.{name}")
        for module, entries in public_names().items()
        for name in entries
        if module != "minigrad" or name not in PUBLIC[""].split()
    ]
    return [
        *names,
        *(anchor("op", op.name) for op in REGISTRY),
        *(anchor("optimizer", name) for name in available()),
        *(anchor("finding", rule.code) for _, rule in rules()),
        *(anchor("command", name) for name in commands),
    ]


def _written() -> Iterator[Page]:
    for path in sorted(PAGES.rglob("*.md")):
        name = path.relative_to(PAGES).with_suffix("").as_posix()
        text = path.read_text(encoding="utf-8")
        if _EXAMPLES in text:
            text = text.replace(_EXAMPLES, example_sections())
        yield Page(name, fill_pictures(text))


def _rooms() -> Iterator[Page]:
    shown = {source: f"/{page}" for page, source in ROOM_PAGES.items()}
    for page, source in ROOM_PAGES.items():
        text = (PACKAGE / source).read_text(encoding="utf-8")
        yield Page(page, _link_inside(text, source, shown))


def _link_inside(text: str, source: str, shown: Mapping[str, str]) -> str:
    """Links of a README to shown files as links between pages.

    Its pictures stand inline, all other links are text.
    """

    def replaced(match: re.Match[str]) -> str:
        picture, label, target = match[1], match[2], match[3]
        if "://" in target or target.startswith("#"):
            return match[0]
        file = (PACKAGE / source).parent.joinpath(target).resolve()
        if picture and file.suffix == ".svg":
            return file.read_text(encoding="utf-8").strip()
        inside = file.relative_to(PACKAGE).as_posix() if file.is_relative_to(PACKAGE) else ""
        return f"[{label}]({shown[inside]})" if inside in shown else label

    return re.sub(r"(!?)\[([^\]]+)\]\(([^)\s]+)\)", replaced, text)
