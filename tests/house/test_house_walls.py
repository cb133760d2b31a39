"""Walls: who imports whom, what the tape may know, how long files and folders may be, what only one place does.

Where a room does not keep a wall yet, its number of breaches stands here and may only shrink; the aim is empty tables.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import minigrad.api
from minigrad.core.registry import REGISTRY
from support.house_sources import (
    LIBRARY,
    PACKAGE,
    PLUGINS,
    ROOT,
    code_lines,
    imported,
    imports_after_code,
    imports_inside_functions,
    of,
    room_of,
    where,
)

CORE = sorted((PACKAGE / "core").glob("*.py"))
EVERY = [*LIBRARY, *PLUGINS]

CORE_FILES, CORE_LINES = 12, 1_000
FILE_LINES, FILE_AIM, FOLDER_FILES = 400, 300, 20
OWN = {"numpy", "attrs", "attr", "safetensors"}
OPTIONAL = {"data": {"PIL", "pyarrow"}, "train": {"rich"}, "optim": {"pytest"}, "pytest_ops": {"pytest"}}
"""Packages that a room may import where they are installed."""

REMAINING: dict[str, dict[str, int]] = {
    "imports inside functions": {},
    "imports after code": {},
    "op names": {},
    "files over 300 lines of code": {},
    "modules beyond 20 in a folder": {"verify": 4},
    "padding outside text.py": {},
    "modules without a docstring": {},
    "foreign packages": {},
}
REMAINING_CORE = {"files": 12, "lines": 1000}


def check(wall: str, breaches: list[tuple[str, str]]) -> None:
    """Fail where a room has more breaches than it had; what only moved from room to room is let through."""
    counted = Counter(room for room, _ in breaches)
    if counted.total() <= sum(REMAINING[wall].values()):
        return
    for room, number in counted.items():
        allowed = REMAINING[wall].get(room, 0)
        lines = "\n".join(text for r, text in breaches if r == room)
        assert number <= allowed, f"{wall}: {room} has {number}, {allowed} are allowed:\n{lines}"


def over_files(look: Callable[[Path, ast.Module], list[int]], files: list[Path] = EVERY) -> list[tuple[str, str]]:
    """Room and place of every line that `look` finds."""
    return [(room_of(p), where(p, line)) for p in files for line in look(p, ast.parse(p.read_text()))]


@pytest.fixture(scope="module")
def contracts() -> subprocess.CompletedProcess[str]:
    """What import-linter says of the contracts in pyproject.toml."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    arguments = [sys.executable, "-c", command, "--no-cache", "--no-logo"]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_contracts_on_imports_are_kept(contracts: subprocess.CompletedProcess[str]) -> None:
    assert contracts.returncode == 0, contracts.stdout + contracts.stderr
    assert " 0 broken" in contracts.stdout


def test_the_contracts_name_every_plugin() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    forbidden = next(c for c in options if c["id"] == "plugins")["forbidden_modules"]
    everything = (ROOT / "plugins").iterdir()  # which is what `pip install ./plugins/*` takes
    assert sorted(forbidden) == sorted(p.name.replace("-", "_") for p in everything)


def test_imports_stand_at_the_top() -> None:
    """An import in a function hides an arrow of the map of rooms; the command line may, to answer without NumPy."""
    free = {PACKAGE / "lazy.py", PACKAGE / "api.py", PACKAGE / "pytest_ops.py", PACKAGE / "optim" / "pytest_plugin.py"}
    files = [p for p in LIBRARY if room_of(p) != "cli" and p not in free]
    check("imports inside functions", over_files(lambda _, tree: imports_inside_functions(tree), files))
    registering = {PACKAGE / "ops" / "__init__.py"}  # its imports register families in an order that matters
    files = [p for p in LIBRARY if p not in registering]
    check("imports after code", over_files(lambda _, tree: imports_after_code(tree), files))


def op_names(tree: ast.Module, names: set[str]) -> list[int]:
    """Lines with a string that is an op's name and nothing else; attributes listed in `__slots__` may share one."""
    slots = [a for a in ast.walk(tree) if isinstance(a, ast.Assign) and ast.unparse(a.targets[0]) == "__slots__"]
    free = {id(n) for assignment in slots for n in ast.walk(assignment)}
    strings = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in free)
    return [n.lineno for n in strings if n.value in names]


def test_the_tape_knows_no_op() -> None:
    minigrad.api.register_all()
    names = {op.name for op in REGISTRY}
    assert len(names) > 100
    check("op names", over_files(lambda _, tree: op_names(tree, names), CORE))


def test_the_tape_is_read_in_one_sitting() -> None:
    assert len(CORE) <= REMAINING_CORE["files"]
    assert sum(code_lines(p.read_text()) for p in CORE) <= REMAINING_CORE["lines"]


def test_files_and_folders_are_short() -> None:
    lengths = {p: len(p.read_text().splitlines()) for p in EVERY}
    assert not {where(p, n) for p, n in lengths.items() if n > FILE_LINES}
    code = {p: code_lines(p.read_text()) for p in EVERY}  # prose may be as long as it is useful
    check("files over 300 lines of code", [(room_of(p), where(p, n)) for p, n in code.items() if n > FILE_AIM])
    folders = Counter(p.parent for p in EVERY if p.name != "__init__.py")
    beyond = [(room_of(f), str(f.relative_to(ROOT))) for f, n in folders.items() for _ in range(n - FOLDER_FILES)]
    check("modules beyond 20 in a folder", beyond)


def test_every_module_says_what_it_is() -> None:
    bare = over_files(lambda _, tree: [1] if tree.body and ast.get_docstring(tree) is None else [])
    check("modules without a docstring", bare)


def calls(tree: ast.Module, *methods: str) -> list[int]:
    """Lines that call a method of one of these names."""
    return [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr in methods]


def test_tables_are_laid_out_in_one_place() -> None:
    files = [p for p in EVERY if p != PACKAGE / "text.py"]
    check("padding outside text.py", over_files(lambda _, tree: calls(tree, "ljust", "rjust"), files))


def foreign(path: Path, tree: ast.Module) -> list[int]:
    """Lines that import a package which is not Python's, minigrad's or one it may need."""
    may = {"minigrad", "__future__"} | sys.stdlib_module_names | OWN | OPTIONAL.get(room_of(path), set())
    return [getattr(n, "lineno", 0) for n in ast.walk(tree) if any(m.split(".")[0] not in may for m in imported(n))]


def test_minigrad_needs_numpy_attrs_and_safetensors() -> None:
    check("foreign packages", over_files(foreign, LIBRARY))


@pytest.mark.parametrize(
    ("look", "text"),
    [
        (imports_inside_functions, "def f():\n    from minigrad.core import op\n"),
        (imports_inside_functions, "class C:\n    def f(self):\n        import minigrad.core\n"),
        (imports_after_code, "def f(): ...\nfrom minigrad.core import op\n"),
        (lambda tree: op_names(tree, {"add", "sum_to"}), 'x = REGISTRY["add"]\n'),
        (lambda tree: calls(tree, "ljust"), "x = name.ljust(3)\n"),
        (lambda tree: foreign(PACKAGE / "nn" / "module.py", tree), "import scipy.special\n"),
        (lambda tree: foreign(PACKAGE / "nn" / "module.py", tree), "from minigrad_cc import Engine\n"),
        (lambda tree: foreign(PACKAGE / "nn" / "module.py", tree), "def f():\n    import matplotlib\n"),
    ],
)
def test_a_breach_is_seen(look: Callable[[ast.Module], list[int]], text: str) -> None:
    assert look(ast.parse(text))
    assert not look(ast.parse("from minigrad.core import op\nimport numpy as np\n\ndef f():\n    return 'nothing'\n"))


def test_code_lines_are_those_that_are_neither_blank_nor_prose() -> None:
    text = '"""Module\n\nprose."""\n\nimport os  # why\n\n# why\nx: int = (\n    1\n)\n"""What x is."""\n'
    assert code_lines(text) == 4
    assert of("minigrad", ["minigrad.core"])
    assert not of("minigrad", ["minigrad_cc"])
