"""The source files that the tests of the house read, and what they say: rooms, imports, lines of code."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "minigrad"
LIBRARY = sorted(p for p in PACKAGE.rglob("*.py") if "templates" not in p.parts)
PLUGINS = sorted(p for p in (ROOT / "plugins").rglob("*.py") if "tests" not in p.parts and "build" not in p.parts)
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def room_of(path: Path) -> str:
    """The folder below `minigrad`, or the plugin, that a file belongs to."""
    parts = path.relative_to(ROOT).parts
    return parts[1].removesuffix(".py")


def where(path: Path, line: int) -> str:
    """`folder/file.py:12`, as editors open it."""
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name}:{line}"


def imported(node: ast.AST) -> list[str]:
    """The modules that one import statement names; nothing for anything else."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "minigrad" else [node.module]
    return []


def imports_inside_functions(tree: ast.Module, package: str = "minigrad") -> list[int]:
    """Lines with an import of `package` that runs when a function is called."""
    inner = (n for f in ast.walk(tree) if isinstance(f, FUNCTION) for n in ast.walk(f))
    return sorted({n.lineno for n in inner if isinstance(n, ast.Import | ast.ImportFrom) and of(package, imported(n))})


def imports_after_code(tree: ast.Module) -> list[int]:
    """Lines with an import at the top level that follows a definition or a statement with an effect."""
    late, begun = [], False
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            late += [node.lineno] if begun else []
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            begun = True
    return late


def of(package: str, modules: list[str]) -> bool:
    """Whether one of the modules is the package or lies in it."""
    return any(m.split(".")[0] == package for m in modules)


def code_lines(text: str) -> int:
    """Lines that hold code: no blank lines, no comments, no docstrings."""
    tree = ast.parse(text)
    prose = {line for node, _ in docstrings(tree) for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - prose)


def docstrings(tree: ast.Module) -> Iterator[tuple[ast.Constant, ast.AST]]:
    """Each docstring with what it describes; the string under an assignment describes the assigned name."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for above, statement in zip([None, *body], body, strict=False):
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                described = node if above is None else above
                if above is None and isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
                    continue
                yield value, described
