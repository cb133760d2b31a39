"""A section for every registered op, on one page for each family."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from minigrad import api
from minigrad.core import REGISTRY, Op
from minigrad.docs.describe_op import facts_of
from minigrad.docs.markdown import anchor, docstring, escape, fence, table
from minigrad.docs.reference.op_picture import op_picture
from minigrad.docs.reference.page import Page

__all__ = ["op_pages", "op_section"]

_ORACLE = "largest error, in units in the last place"


def op_pages() -> Iterator[Page]:
    """A page for each module that defines ops, and the list of them."""
    api.register_all()
    families: dict[str, list[Op]] = defaultdict(list)
    for op in sorted(REGISTRY, key=lambda op: op.name):
        families[op.module].append(op)
    for module, ops in sorted(families.items()):
        title = "NumPy's own functions" if module == "numpy" else _family(module).replace("_", " ")
        lead = f"# Ops: {title}\n\n{len(ops)} ops, defined in `{module}`.\n\n"
        yield Page(_path(module), lead + "\n".join(map(op_section, ops)))
    rows = [
        (f"[{_breakable(op.name)}]({anchor('op', op.name)})", ", ".join(f"`{a.name}`" for a in op.arguments),
            escape((op.__doc__ or "").strip().split("\n")[0]) if op.module != "numpy" else "NumPy's function")
        for op in sorted(REGISTRY, key=lambda op: op.name)
    ]  # fmt: skip
    toc = "\n".join(_path(module).removeprefix("reference/") for module in sorted(families))
    text = (
        f"# Ops\n\n{len(rows)} ops stand behind all functions. Each was compared with finite differences when it was "
        "registered; `minigrad ops NAME` prints the same as its section here.\n\n"
    )
    contents = f"```{{toctree}}\n:maxdepth: 1\n:hidden:\n\n{toc}\n```\n\n"
    yield Page("reference/ops", text + contents + table(("op", "arguments", "what it computes"), rows))


def _breakable(name: str) -> str:
    """A name that a narrow column may break after an underscore."""
    return escape(name).replace("\\_", "\\_<wbr>")


def _family(module: str) -> str:
    return module.removeprefix("minigrad.").removeprefix("ops.").replace(".", ": ")


def _path(module: str) -> str:
    return f"reference/ops/{module.removeprefix('minigrad.').replace('.', '-')}"


@lru_cache
def _oracle_rows() -> dict[str, list[str]]:
    """Name -> errors in units in the last place, from the table of `minigrad/ops/README.md`."""
    text = (Path(__file__).parents[2] / "ops" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|((?:[^|\n]*\|){6})", text.partition("<!-- oracle -->")[2], re.M)
    return {name: [cell.strip() for cell in cells.split("|")[:6]] for name, cells in rows}


def _oracle(name: str) -> list[tuple[str, str]]:
    """What the comparison with 50 digits found."""
    errors = _oracle_rows().get(name)
    if errors is None:
        return [(_ORACLE, "not measured by itself: its functions are compared with NumPy, SciPy and PyTorch")]
    wide, narrow = (", ".join(f"{what} {error}" for what, error in zip(("value", "slope", "curvature"), part,
        strict=True) if error) for part in (errors[:3], errors[3:]))  # fmt: skip
    return [(_ORACLE, f"float64: {wide}; float32: {narrow}")]


def op_section(op: Op) -> str:
    """All about an op: what it computes, its rule, what was checked and measured."""
    known = facts_of(op)
    rules = "\n\n".join(known.rules) or ("Its derivative is zero wherever it exists: there is no rule."
        if op.claims.piecewise_constant else "")  # fmt: skip
    parts = [
        f"({anchor('op', op.name)})=\n## {escape(op.name)}\n",
        fence(known.call, "py"),
        docstring(known.text),
        table(("", ""), [(label, escape(text)) for label, text in (*known.facts, *_oracle(op.name))]),
    ]
    picture = op_picture(op)
    if picture is not None:
        parts.append(f'```{{raw}} html\n<div class="mg">{picture.figure()}</div>\n```\n')
    else:
        parts.append("It has no picture: along one number of its first sample the first output stays as it is.\n")
    if known.forward:
        parts += ["**The function on arrays**\n", fence(known.forward, "py")]
    if rules:
        parts += ["**The rule, as written**\n", fence(rules, "py")]
    parts += ["**Certificate**\n", fence(known.certificate)]
    return "\n".join(parts)
