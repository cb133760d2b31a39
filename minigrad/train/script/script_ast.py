"""What a script defines, read from its text.

Names and their lines, what nothing reads, a training loop of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from minigrad.data.files import no_file_but
from minigrad.text import nearest_file
from minigrad.train.errors import TrainError

__all__ = ["ScriptError", "ScriptNames", "outline"]

_TRAINS = ("backward", "step", "fit")


class ScriptError(TrainError):
    """A model script cannot be used; the message begins with file and line."""


@attrs.frozen
class ScriptNames:
    """A script as its text tells.

    Attributes:
        path: of the file.
        lines: name -> line of its last definition at the top level; what stands under `if __name__ ...` is left out.
        unused: names of plain assignments that nothing in the file reads.
        complete: whether `lines` holds every name (no `import *`, no `globals()`).
        settled: those of `lines` that a loop does not change and that are no module (`from minigrad import data`).
        loop: line and name of a call that trains (`loss.backward()`, `opt.step()`, `fit(...)`), if there is one.
    """

    path: Path
    lines: Mapping[str, int]
    unused: frozenset[str]
    complete: bool
    settled: frozenset[str]
    loop: tuple[int, str] | None

    def wrong(self, name: str, why: str) -> ScriptError:
        """The error for what `name` stands for, with the line that defines it."""
        return ScriptError(f"{self.path}:{self.lines.get(name, 1)}: {name}: {why}")


def outline(path: Path) -> ScriptNames:
    """Read the file, run nothing.

    Raises:
        ScriptError: the file is missing or no Python; names the line.
    """
    if found := no_file_but(path):
        raise ScriptError(f"{path}: {found}")
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except OSError as error:
        close = nearest_file(path) if isinstance(error, FileNotFoundError) else ""
        raise ScriptError(f"{path}: {error.strerror or error}.{close}".rstrip(".")) from error
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ScriptError(f"{path}:{line}: {type(error).__name__}: {getattr(error, 'msg', error)}") from error
    lines, plain = dict[str, int](), set[str]()
    imported = {name for node in _top_level(tree) for name in _modules(node)}
    values = {name for node in _top_level(tree) if not isinstance(node, ast.Import | ast.ImportFrom)
        for name in _bound(node)}  # fmt: skip
    turning = {name for node in _top_level(tree) if isinstance(node, ast.For | ast.While)
        for inner in _top_level(node) for name in _bound(inner)}  # fmt: skip
    for node in _top_level(tree):
        for name in _bound(node):
            lines[name] = node.lineno
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            plain.update(t.id for t in targets if isinstance(t, ast.Name))
    everything = list(ast.walk(tree))
    read = {n.id for n in everything if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store)}
    starred = any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in everything)
    calls = ((n.lineno, _called(n)) for n in everything if isinstance(n, ast.Call))
    loop = min(((line, name) for line, name in calls if name in _TRAINS), default=None)
    settled = frozenset(lines.keys() - (imported - values) - turning)
    return ScriptNames(path, lines, frozenset(plain - read), not starred and "globals" not in read, settled, loop)


def _modules(node: ast.stmt) -> Iterator[str]:
    """The names that an import statement certainly gives to modules."""
    if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module == "minigrad"):
        yield from _bound(node)


def _top_level(tree: ast.AST) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported, those inside if, for, with and try too."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or _is_main(node):
            continue
        inside = (n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt | ast.excepthandler | ast.match_case))
        waiting.extend(reversed(list(inside)))


def _is_main(node: ast.AST) -> bool:
    """Whether it is `if __name__ == "__main__":`, whose body does not run on import."""
    return isinstance(node, ast.If) and any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test))


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a statement itself defines (not those of statements inside it)."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (a.asname or a.name.split(".")[0] for a in node.names)
    else:
        parts = [p for p in ast.iter_child_nodes(node) if isinstance(p, ast.expr | ast.withitem)]
        nodes = [n for part in parts for n in ast.walk(part)]
        own = {id(n) for c in nodes if isinstance(c, ast.comprehension) for n in ast.walk(c.target)}
        yield from (
            n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and id(n) not in own
        )


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
