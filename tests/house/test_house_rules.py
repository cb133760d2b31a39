"""The house plan: which room may import which, beyond the layers of pyproject.toml, and what no file may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "minigrad"
SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if "templates" not in p.parts)

LOW = {"core", "typing", "runtime", "text", "lazy", "api"}
MAY_IMPORT: dict[str, set[str]] = {
    "core": {"core", "lazy", "text"},
    "runtime": {"core", "runtime"},
    "typing": LOW,
    "text": set(),
    "plugins": {"core", "plugins", "lazy", "text"},
    "verify": LOW | {"verify"},
    "ops": LOW | {"verify", "ops", "plugins"},
    "linalg": LOW | {"verify", "ops", "linalg"},
    "fft": LOW | {"verify", "ops", "fft"},
    "transforms": LOW | {"ops", "transforms"},
    "engines": LOW | {"engines", "plugins"},
    "optim": LOW | {"transforms", "optim", "engines", "plugins"},
    "optimizers": LOW | {"optim", "optimizers"},
    "nn": LOW | {"ops", "nn"},
    "data": LOW | {"data"},
    "charts": LOW | {"charts"},
    "diagnosis": LOW | {"ops", "nn", "data", "optim", "train", "plugins", "diagnosis"},
    # Averages an optimizer's gradients and a model's buffers over processes; training stands on it, not the reverse.
    "parallel": LOW | {"plugins", "optim", "nn", "checkpoint", "parallel"},
}
"""Rooms and what they may import; rooms that are not listed may import everything but `optimizers`."""


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every minigrad module that a file imports at run time, with the line."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(n)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for part in node.body
        for n in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "minigrad":
            if node.module == "minigrad":
                yield from ((f"minigrad.{a.name}", node.lineno) for a in node.names)
            else:
                yield node.module, node.lineno
        elif isinstance(node, ast.Import):
            yield from ((a.name, node.lineno) for a in node.names if a.name.split(".")[0] == "minigrad")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_rooms_import_only_what_they_may() -> None:
    wrong = []
    for path in SOURCES:
        room = room_of(path)
        allowed = MAY_IMPORT.get(room)
        for module, line in imports(path):
            target = module.split(".")[1] if "." in module else ""
            if target == "optimizers" and room != "optimizers":
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}: optimizers come through entry points")
            elif allowed is not None and target and target not in allowed:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nobody_pickles_evaluates_or_swallows(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        where = f"{path.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert not any(a.name == "*" for a in node.names), f"{where}: import *"
            named = {a.name for a in node.names} | {getattr(node, "module", "") or ""}
            assert not named & {"pickle", "dill", "marshal"}, where
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec"), where
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
            assert not (broad and len(node.body) == 1 and isinstance(node.body[0], ast.Pass)), f"{where}: swallowed"


def test_an_import_that_is_not_allowed_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("from minigrad.optimizers.sgd import SGD\nimport minigrad.train\nfrom minigrad import nn\n")
    assert [m for m, _ in imports(bad)] == ["minigrad.optimizers.sgd", "minigrad.train", "minigrad.nn"]
