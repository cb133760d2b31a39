"""Every example as a notebook: its docstring, its code in cells, and a cell that runs it."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from pathlib import Path

from minigrad.examples import Example, examples
from minigrad.train.fitting import fit

__all__ = ["NOTEBOOKS", "notebook_cells", "write_notebooks"]

NOTEBOOKS = "_static/notebooks"
"""Folder of the notebooks, from the first page."""
_OPTIONS = [name for name, of in inspect.signature(fit).parameters.items() if of.kind is of.KEYWORD_ONLY]


def write_notebooks(folder: Path) -> None:
    """Write `NAME.ipynb` for every example, in a folder that is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for example in examples():
        cells = [_cell(k, kind, text) for k, (kind, text) in enumerate(notebook_cells(example))]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
        (folder / f"{example.name}.ipynb").write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")


def notebook_cells(example: Example) -> list[tuple[str, str]]:
    """Kind ("markdown" or "code") and text of each cell.

    Functions and classes have a cell each. The last cell does what `minigrad run --example` does.
    """
    source = example.path.read_text(encoding="utf-8")
    body = ast.parse(source).body[1:]  # without the docstring
    text = "\n".join(f"`{line.strip()}`" if "minigrad run" in line else line for line in example.text.splitlines())
    words = f"# {example.name}\n\n{example.title}\n\n{text}".rstrip()
    return [("markdown", words), *(("code", text) for text in _pieces(source, body)), ("code", _call(example, body))]


def _pieces(source: str, body: list[ast.stmt]) -> Iterator[str]:
    """Statements between definitions, and each definition, with the comments before them."""
    lines, start, end = source.splitlines(), (body[0].lineno - 1 if body else 0), 0
    before: ast.stmt | None = None
    for node in body:
        if before is not None and (_is_definition(node) or _is_definition(before)):
            yield "\n".join(lines[start:end]).strip()
            start = end
        if isinstance(node, ast.If):
            return  # `if __name__ == "__main__"`, for which there is the last cell
        before, end = node, node.end_lineno or node.lineno
    yield "\n".join(lines[start:]).strip()


def _is_definition(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef | ast.If)


def _call(example: Example, body: list[ast.stmt]) -> str:
    if not example.is_script:
        return "main()"
    assigned = {t.id for node in body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)}
    options = "".join(f", {name}={name}" for name in _OPTIONS if name in assigned)
    return f"from minigrad.train import fit\n\nhistory = fit(model, data{options})"


def _cell(number: int, kind: str, text: str) -> dict[str, object]:
    cell: dict[str, object] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
    return cell if kind == "markdown" else {**cell, "execution_count": None, "outputs": []}
