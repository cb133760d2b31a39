"""What is wrong with HTML: links that lead nowhere, names without a section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["HtmlPage", "broken_links", "fetched", "missing_names", "read_pages"]

_LOADING = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""Elements that a browser loads something for, and the attribute that says what."""


class HtmlPage(HTMLParser):
    """Links, targets and loaded files of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.loaded: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to, and what it is called."""
        values = {name: value or "" for name, value in attributes}
        self.ids.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.add(values["href"])
        if tag in _LOADING and _LOADING[tag] in values:
            self.loaded.add(values[_LOADING[tag]])


def read_pages(folder: Path) -> dict[Path, HtmlPage]:
    """Every page below a folder, by its whole path."""
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        page = HtmlPage()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path.resolve()] = page
    return pages


def broken_links(folder: Path, pages: Mapping[Path, HtmlPage]) -> list[str]:
    """Links and loaded files that lead nowhere, as "page: link".

    Addresses outside the folder are not followed.
    """
    broken = []
    for path, page in pages.items():
        for link in sorted(page.links | page.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("data:"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages.get(target)
            fragment = unquote(parts.fragment)
            if not target.exists() or (fragment and known is not None and fragment not in known.ids):
                broken.append(f"{path.relative_to(folder.resolve())}: {link}")
    return broken


def fetched(pages: Mapping[Path, HtmlPage]) -> list[str]:
    """What pages would load from elsewhere, as "page: address"; offline ones have none."""
    return [
        f"{path.name}: {address}"
        for path, page in pages.items()
        for address in sorted(page.loaded)
        if urlsplit(address).netloc
    ]


def missing_names(pages: Mapping[Path, HtmlPage], anchors: Iterable[str]) -> list[str]:
    """Anchors that no page has."""
    known = {name for page in pages.values() for name in page.ids}
    return sorted(set(anchors) - known)
