"""What each installed plugin says of itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import Distribution, distributions

from minigrad.docs.markdown import anchor, escape
from minigrad.docs.reference.page import Page

__all__ = ["plugin_page"]

_OWN = "minigrad"


def plugin_page() -> Page:
    """Distributions that offer something to minigrad, each with its README."""
    found = {d.metadata["Name"]: d for d in distributions() if _offers(d)}
    lead = (
        f"# Plugins\n\n{len(found)} distributions are installed that offer optimizers, ops, rules, commands or "
        "engines. Each is independent of the others; in a checkout of minigrad those of its own are installed by "
        "`pip install ./plugins/NAME`.\n\n"
    )
    return Page("reference/plugins", lead + "\n".join(_section(name, found[name]) for name in sorted(found)))


def _offers(distribution: Distribution) -> bool:
    groups = {entry.group for entry in distribution.entry_points}
    known = any(group.startswith("minigrad.") for group in groups) or "minigrad" in str(distribution.requires)
    return known and distribution.metadata["Name"] != _OWN


def _section(name: str, distribution: Distribution) -> str:
    offers = [f"`{e.name}` ({e.group.removeprefix('minigrad.')})" for e in distribution.entry_points]
    text = str(distribution.metadata.json.get("description", ""))
    body = re.sub(r"\A\s*# [^\n]*\n", "", text)
    lowered = _outside_fences(body, lambda line: f"#{line}" if line.startswith("#") else _without_links(line))
    head = f"({anchor('plugin', name)})=\n## {escape(name)} {distribution.version}\n\n"
    return f"{head}Offers: {', '.join(offers)}.\n\n{lowered}\n"


def _without_links(line: str) -> str:
    """Links to files beside a README as text: they are not part of the documentation."""
    return re.sub(r"\[([^\]]+)\]\((?![a-z]+://)[^)]+\)", r"\1", line)


def _outside_fences(text: str, change: Callable[[str], str]) -> str:
    """Change the lines of Markdown that are not inside a block of code."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        lines.append(line if inside else change(line))
    return "\n".join(lines)
