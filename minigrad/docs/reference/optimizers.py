"""A section for every installed optimizer: formula, laws, options, path over a valley."""

from __future__ import annotations

import attrs

from minigrad.core.errors import MinigradError
from minigrad.docs.markdown import anchor, docstring, escape, fence, source_of, table
from minigrad.docs.reference.page import Page
from minigrad.docs.reference.paths import VALLEY, Path, path_picture, walk_best
from minigrad.optim import available, load
from minigrad.optim.hyperparameters import range_of
from minigrad.plugins.entry_points import Entry

__all__ = ["optimizer_page"]

_STEPS = 60


def optimizer_page() -> Page:
    """All optimizers that are installed where the documentation is built."""
    entries = sorted(available().items())
    lead = (
        f"# Optimizers\n\n{len(entries)} rules are installed. `mg.optimizer(NAME, model.parameters(), lr=...)` uses "
        "one; `minigrad optimizers check NAME` examines it. A rule keeps the laws it claims, each of which is checked "
        "before it is used; [what the laws allow](/rooms/optim) says why. In formulas w are the weights, g is the "
        f"gradient, t counts steps from 1. Pictures show {_STEPS} steps from the same start, at the learning rate of a "
        "coarse grid that ends lowest.\n\n"
    )
    return Page("reference/optimizers", lead + "\n".join(_section(name, entry) for name, entry in entries))


def _section(name: str, entry: Entry) -> str:
    head = f"({anchor('optimizer', name)})=\n## {escape(name)}\n\n"
    try:
        rule = load(name)
    except MinigradError as refused:
        return f"{head}{escape(str(entry))} is refused: {escape(str(refused))}\n"
    options = [
        (f"`{field.name}`", f"`{field.default}`", escape(range_of(field)))
        for field in attrs.fields(rule)
        if field.default is not attrs.NOTHING
    ]
    laws = ", ".join(f"`{law}`" for law in sorted(rule.laws)) or "none beyond those of every rule"
    path = walk_best(name, VALLEY, _STEPS)
    parts = [
        head + docstring(rule.__doc__),
        f"Offered by `{entry.distribution}` {entry.version} as `{entry.value}`. Laws it claims: {laws}. "
        f"It needs: {escape(str(rule.needs.name or rule.needs).lower())}.\n",
        table(("option", "default", "may be"), options) if options else "",
        _picture(name, path),
        "**The rule, as written**\n",
        fence(source_of(rule.update), "py"),
    ]
    return "\n".join(parts)


def _picture(name: str, path: Path | None) -> str:
    if path is None:
        return "It has no picture: on this surface it needs more than a gradient and a learning rate.\n"
    rate = "no learning rate" if path.rate is None else f"lr {path.rate:g}"
    picture = path_picture(f"path-{name}", f"{name}, {rate}", VALLEY, [path], {})
    end = f"After {_STEPS} steps the height is {path.height:.2e}, from {VALLEY.value(*VALLEY.start):.3g}."
    return f'```{{raw}} html\n<div class="mg">{picture.figure()}</div>\n```\n\n{end}\n'
