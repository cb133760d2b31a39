"""One mechanism for lazy public names: what it promises, and that nothing else in the package does the same."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

import attrs
import pytest

import minigrad as mg
from minigrad import lazy
from tools.write_stub import ARRAY_METHODS, array_methods, packages, path_of, stub

ROOT = Path(mg.__file__).parent


@pytest.mark.parametrize("package", packages())
def test_every_public_name_loads_and_has_a_docstring(package: str) -> None:
    module = import_module(package)
    assert isinstance(module.__all__, list)
    for name in module.__all__:
        value = getattr(module, name)
        documented = isinstance(value, type | ModuleType | FunctionType | mg.Op)
        assert not documented or value.__doc__, f"{package}.{name}"
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", packages())
def test_the_stub_is_fresh_and_lists_the_public_names(package: str) -> None:
    text = path_of(package).read_text()
    assert text == stub(package), "run tests/tools/write_stub.py"
    listed: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            listed |= {a.asname for a in node.names if a.asname and not a.asname.startswith("_")}
        elif isinstance(node, ast.Assign):
            listed |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    module = import_module(package)
    assert listed == {*module.__all__, *vars(module).get("_RENAMED", {})}


class Empty:
    """What every class has: the interpreter's own entries, which differ from version to version."""

    __slots__ = ()
    annotated: int


def members(text: str, name: str) -> set[str]:
    """Names that the body of a class defines: methods, properties, attributes."""
    body = next(n.body for n in ast.parse(text).body if isinstance(n, ast.ClassDef) and n.name == name)
    assigned = [
        n.targets[0] if isinstance(n, ast.Assign) else n.target
        for n in body
        if isinstance(n, ast.Assign | ast.AnnAssign)
    ]
    return {n.name for n in body if isinstance(n, ast.FunctionDef)} | {ast.unparse(target) for target in assigned}


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="written by Python 3.11; others print annotations otherwise"
)
def test_the_stub_of_tensors_methods_lists_what_is_installed() -> None:
    """Read off the class at run time, so that a method which the stub's writer overlooks fails, too."""
    assert ARRAY_METHODS.read_text() == array_methods(), "run tests/tools/write_stub.py"
    listed = members(ARRAY_METHODS.read_text(), "ArrayMethods")
    own = members((ROOT / "core" / "tensor.py").read_text(), "Tensor")
    installed = set(vars(mg.Tensor)) - own - set(vars(Empty)) - {"__weakref__"}
    hidden = {"__getattr__"}  # it answers for every name: to a type checker no attribute would be missing
    assert listed == installed - hidden
    assert hidden <= installed
    assert len(listed) > 80


@pytest.mark.parametrize("package", packages())
def test_a_misspelt_name_is_answered_with_the_nearest(package: str) -> None:
    module = import_module(package)
    name = max(module.__all__, key=len)
    with pytest.raises(AttributeError, match=rf"{package!r} has no '{name[:-1]}_'\. Did you mean '{name}'"):
        getattr(module, name[:-1] + "_")


def test_nothing_else_makes_names_up() -> None:
    for path in ROOT.rglob("__init__.py"):
        functions = [n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
        assert not {"__getattr__", "__dir__"} & set(functions), f"{path}: use minigrad.lazy"


@pytest.mark.parametrize("package", packages())
def test_old_names_warn_and_name_the_new_one(package: str) -> None:
    module = import_module(package)
    for old, new in vars(module).get("_RENAMED", {}).items():
        home, _, attribute = new.rpartition(":")
        with pytest.warns(DeprecationWarning, match=f"^{package}.{old} is now {home or package}"):
            value = getattr(module, old)
        assert value is (lazy.load(home or package, attribute)), old
        assert old not in module.__all__


def test_the_old_module_of_derivatives_warns() -> None:
    code = "import warnings; warnings.simplefilter('error'); from minigrad.calculus import grad"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "minigrad.calculus is now minigrad.transforms.grad" in done.stderr
    code = "from minigrad.calculus import grad; import minigrad; assert grad is minigrad.grad"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_loads_neither_numpy_nor_typing() -> None:
    code = "import sys; old = set(sys.modules); import minigrad, minigrad.nn; print(*sorted(set(sys.modules) - old))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    assert set(done.stdout.split()) <= {
        *("__future__", "_warnings", "warnings", "importlib", "importlib._bootstrap", "importlib._bootstrap_external"),
        *("minigrad", "minigrad.api", "minigrad.lazy", "minigrad.nn"),
    }


@lazy.renamed_fields(width="size")
@attrs.define
class Box:
    """A class whose field `size` was called `width`."""

    size: int
    depth: int = 1


def test_old_fields_of_a_class_warn() -> None:
    with pytest.warns(DeprecationWarning, match=r"^Box\(width=...\) is now Box\(size=...\)") as caught:
        box = Box(width=3, depth=2)  # type: ignore[call-arg]
    assert caught[0].filename == __file__
    assert box == Box(3, 2)
    with pytest.warns(DeprecationWarning, match=r"^Box\.width is now Box\.size"):
        assert getattr(box, "width") == 3  # noqa: B009 - mypy does not know it
    with pytest.raises(TypeError, match="width is the old name of size; give size only"):
        Box(size=1, width=3)  # type: ignore[call-arg]
