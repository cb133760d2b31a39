"""The tape can be read in one sitting: few files, few lines, no circle, nothing hidden in functions, no op by name."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import minigrad.ops as library
from minigrad.core.graph import Node, OpNode, record_call
from minigrad.core.registry import REGISTRY
from minigrad.runtime import fastpath

CORE = Path(inspect.getfile(OpNode)).parent
FILES = sorted(CORE.glob("*.py"))
MOST_FILES = 12
MOST_LINES = 1_000
UPWARD_FOR_TYPES = {("op", "tensor")}
"""Imports up the floors that type checkers alone need: the overloads of `Op.__call__`."""

NAMES = {op.name for op in REGISTRY}


def code_lines(source: str) -> int:
    """Lines that are neither blank, nor a comment, nor part of a docstring."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            text = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                documented |= set(range(statement.lineno, (statement.end_lineno or 0) + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(1 for n, line in lines if line.strip() and not line.strip().startswith("#") and n not in documented)


def ops_named(tree: ast.Module) -> list[str]:
    """Ops that are named by a string, or as an attribute of the library: `REGISTRY["add"]`, `ops.add`."""
    strings = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    attributes = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value).endswith("ops")]
    return [f"{n.lineno}: {n.value}" for n in strings if n.value in NAMES] + [
        f"{n.lineno}: {ast.unparse(n)}" for n in attributes if n.attr in NAMES
    ]


def hidden_imports(tree: ast.Module) -> list[int]:
    """Lines of imports inside functions and classes, and of those that come after other statements of a module."""
    found = [
        node.lineno
        for scope in ast.walk(tree)
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef)
        for node in ast.walk(scope)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    begun = False
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found += [statement.lineno] if begun else []
        else:
            docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            begun = begun or not (docstring or _for_types(statement))
    return found


def _for_types(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test)


def imported(tree: ast.Module, module: str) -> Iterator[str]:
    """Stems of the core's files that a file imports, type-only imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minigrad.core."):
            stem = (node.module or "").split(".")[2]
            if (module, stem) not in UPWARD_FOR_TYPES and (CORE / f"{stem}.py").exists():
                yield stem


def floors(trees: dict[str, ast.Module]) -> list[str]:
    """The files from the lowest to the highest; raises CycleError where there is a circle."""
    return list(TopologicalSorter({m: set(imported(t, m)) for m, t in trees.items()}).static_order())


def trees() -> dict[str, ast.Module]:
    return {p.stem: ast.parse(p.read_text()) for p in FILES}


def test_the_tape_is_small() -> None:
    assert len(FILES) <= MOST_FILES
    lines = {p.name: code_lines(p.read_text()) for p in FILES}
    assert sum(lines.values()) <= MOST_LINES, lines


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_the_tape_knows_no_op_and_hides_no_import(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert {"add", "getitem", "sum_to", "matmul"} <= NAMES, f"{library.__name__} is loaded"
    assert not ops_named(tree)
    assert not hidden_imports(tree)


def test_the_tape_has_floors() -> None:
    order = floors(trees())
    assert order.index("types") < order.index("op") < order.index("graph") < order.index("tensor")
    assert order.index("tensor") < order.index("apply")
    assert order.index("tensor") < order.index("backward")


def test_the_upward_arrow_for_types_is_for_types() -> None:
    for module, target in UPWARD_FOR_TYPES:
        tree = trees()[module]
        guarded = [s for s in tree.body if _for_types(s)]
        names = [n.module for s in guarded for n in ast.walk(s) if isinstance(n, ast.ImportFrom)]
        assert names == [f"minigrad.core.{target}"]
        at_run_time = [s.module for s in tree.body if isinstance(s, ast.ImportFrom)]
        assert f"minigrad.core.{target}" not in at_run_time


def fields_assigned(tree: ast.AST) -> list[set[str]]:
    """For each place that makes an `OpNode` field by field, the names of the fields that are set there."""
    found = []
    for scope in ast.walk(tree):
        for body in (getattr(scope, "body", None), getattr(scope, "orelse", None)):
            if not isinstance(body, list):
                continue
            for k, statement in enumerate(body):
                if isinstance(statement, ast.Assign) and ast.unparse(statement.value) == "OpNode()":
                    rest = (s for s in body[k + 1 :] if isinstance(s, ast.Assign))
                    targets = (ast.unparse(t) for s in rest for t in s.targets)
                    found.append({t.removeprefix("node.") for t in targets if t.startswith("node.")})
    return found


def test_the_inlined_copies_set_the_fields_of_a_node() -> None:
    fields = {slot for cls in (Node, OpNode) for slot in cls.__slots__} - {"line"}  # mg.debug() alone sets that
    copies = fields_assigned(ast.parse(inspect.getsource(fastpath)))
    assert len(copies) == 2, "one for ops of one argument, one for two"
    assert [fields, fields] == copies
    assert fields_assigned(ast.parse(inspect.getsource(record_call))) == [fields]


# -- each check, on text that breaks it ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from minigrad.core.apply import apply\n",
        "class C:\n    import numpy\n",
        "x = 1\nimport numpy\n",
        "import numpy\n\n\ndef f(): ...\n\n\nfrom minigrad.core import backward\n",
    ],
)
def test_a_hidden_import_is_seen(text: str) -> None:
    assert hidden_imports(ast.parse(text))
    assert not hidden_imports(
        ast.parse('"""Text."""\nimport numpy\nif TYPE_CHECKING:\n    import typing\nimport attrs\n')
    )


@pytest.mark.parametrize(
    "text", ["REGISTRY['add'].apply(x)", "way = {'getitem': 1}", "REGISTRY.ops.matmul", "ops.exp(x)"]
)
def test_an_op_by_name_is_seen(text: str) -> None:
    assert ops_named(ast.parse(text))
    assert not ops_named(ast.parse("np.add(x, y); x.sum(); REGISTRY.role('unbroadcast')"))


def test_a_circle_is_seen() -> None:
    around = {
        "tensor": ast.parse("from minigrad.core.backward import backward"),
        "backward": ast.parse("from minigrad.core.tensor import Tensor"),
    }
    with pytest.raises(CycleError):
        floors(around)


def test_a_missing_field_is_seen() -> None:
    text = "def f():\n    node = OpNode()\n    node.op = op\n    node.value = y\n"
    assert fields_assigned(ast.parse(text)) == [{"op", "value"}]


def test_docstrings_and_comments_are_no_lines_of_code() -> None:
    assert (
        code_lines('"""One.\n\nTwo."""\n\n# three\nx = 1\n\n\ndef f():\n    """Four."""\n    return x  # five\n') == 3
    )
