"""The format of docstrings: Google style, Markdown inside, one entry a line and one name an entry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import cleandoc

from support.house_sources import docstrings

KINDS = ("entry", "first", "words", "rest", "raises", "name")
"""What is looked at: one name an entry and one entry a line; the first line; words; Markdown; a section of errors;
and whether an entry's name is one that the function or class has."""

SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Examples):$")
ENTRY = re.compile(r"    (\*{0,2}`?[A-Za-z_][\w.`]*)(?: \([^)]*\))?: ")
SEVERAL = re.compile(r"    \*{0,2}`?\w[\w.`]*(?:,| and) [\w*`, ]*: ")
SECOND = re.compile(r"[.;,] (?:and )?([a-z_]\w*)(?:, [a-z_]\w*)*: ")
REST = re.compile(r"``|:(?:func|class|mod|meth|attr|data|exc|ref|doc):`|::\s*$|^\s*\.\. \w+::|:param |:returns?:", re.M)
WORDS = re.compile(r"\b(?:some|no|any)body\b|\bwhoever\b", re.I)
BEGINS = re.compile(r"(?:The same|Of the|Of an?|See|Itself|As)\b")
PROSE = re.compile(r"\bRaises [A-Z`]")


def findings(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Line, kind and text of everything in a file's docstrings that breaks the format."""
    for constant, described in docstrings(tree):
        text, line = cleandoc(str(constant.value)), constant.lineno
        first = text.split("\n")[0]
        if len(first) > 88 or not re.search(r"[.?!:]['\")]?$", first) or BEGINS.match(first):
            yield line, "first", first
        yield from ((line, "rest", m.group()) for m in REST.finditer(text))
        yield from ((line, "words", m.group()) for m in WORDS.finditer(text))
        public = isinstance(described, ast.FunctionDef) and not described.name.startswith("_")
        yield from ((line, kind, row) for kind, row in _body(text, _names(described), public))


def _body(text: str, names: set[str] | None, public: bool) -> Iterator[tuple[str, str]]:
    """Findings below the first line: entries of sections, and errors told outside of theirs."""
    section = ""
    for row in text.split("\n"):
        if header := SECTION.match(row):
            section = header[1]
        elif row and not row.startswith(" "):
            section = ""
            if "Attributes: " in row:
                yield "entry", row
        if public and not section and PROSE.search(row):
            yield "raises", row
        if section not in ("Args", "Attributes", "Raises") or not row.startswith("    "):
            continue
        entry = ENTRY.match(row)
        if not row.startswith("     ") and (SEVERAL.match(row) or not entry):
            yield "entry", row
        elif second := SECOND.search(row):
            if section == "Raises" or names is None or second[1] in names:
                yield "entry", row
        elif entry and section != "Raises" and names is not None and entry[1].strip("*`") not in names:
            yield "name", row


def _names(node: ast.AST) -> set[str] | None:
    """Parameters of a function; fields and methods of a class without bases; None where they are not all in sight."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        a = node.args
        every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
        return {argument.arg for argument in every}
    if isinstance(node, ast.ClassDef):
        plain = {"Protocol", "NamedTuple", "Generic", "Exception", "object"}
        if not {ast.unparse(b).split("[")[0].split(".")[-1] for b in node.bases} <= plain:
            return None
        assigned = {t.attr for n in ast.walk(node) for t in ast.walk(n) if isinstance(t, ast.Attribute)}
        fields = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
        methods = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef)}
        arguments = _names(methods["__init__"]) if "__init__" in methods else None
        return assigned | fields | methods.keys() | (arguments or set())
    return None
