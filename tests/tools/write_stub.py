"""Write the stubs of lazy public names and of Tensor's methods: `python tests/tools/write_stub.py`.

A package that calls `lazy.names` keeps its tables in `_PUBLIC` and `_RENAMED`; its `__init__.pyi` says the same to type
checkers. What `minigrad.ops.numpy` installs on Tensors stands in `minigrad/core/array_methods.pyi`.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import minigrad
from minigrad import lazy

ROOT = Path(minigrad.__file__).parent
_WIDTH = 120


def packages() -> list[str]:
    """Names of the packages whose `__init__.py` calls `lazy.names`."""
    paths = sorted(p for p in ROOT.rglob("__init__.py") if "lazy.names(" in p.read_text())
    return [".".join(("minigrad", *p.parent.relative_to(ROOT).parts)) for p in paths]


def path_of(package: str) -> Path:
    """Where the stub of a package stands."""
    return ROOT.joinpath(*package.split(".")[1:], "__init__.pyi")


def stub(package: str) -> str:
    """The text of the stub of a package."""
    module = import_module(package)
    renamed: dict[str, str] = vars(module).get("_RENAMED", {})
    by_module: dict[str, list[str]] = defaultdict(list)
    assigned: list[str] = []
    for name, (home, attribute) in sorted(lazy.parse(package, vars(module)["_PUBLIC"]).items()):
        if not attribute:
            by_module[package].append(f"{name} as {name}")
        elif name == attribute:
            by_module[home].append(f"{name} as {name}")
        else:  # a stub exports `x as x` only: other names are assigned
            by_module[home].append(f"{attribute} as _{attribute}")
            assigned.append(f"{name} = _{attribute}")
    for old, new in sorted(renamed.items()):
        home, _, attribute = new.rpartition(":")
        if home and attribute:
            by_module[home].append(f"{attribute} as _{attribute}")
            assigned.append(f"{old} = _{attribute}")
        elif home:  # a module with a stand-in under its old name
            by_module[package].append(f"{old} as {old}")
        else:
            assigned.append(f"{old} = {new}")
    lines = [f'"""The public names of {package}, for type checkers. Written by tests/tools/write_stub.py."""']
    lines += ["# ruff: noqa", "# isort: skip_file", "", "# fmt: off"]
    for home, names in sorted(by_module.items()):
        lines += _import(home, sorted(names))
    version = ["__version__: str"] if "__version__" in vars(module) else []
    return "\n".join([*lines, "", *assigned, *version, "__all__: list[str]", ""])


def _import(module: str, names: list[str]) -> list[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= _WIDTH:
        return [line]
    lines = [f"from {module} import ("]
    row = "   "
    for name in names:
        if len(row) + len(name) + 2 > _WIDTH:
            lines.append(row)
            row = "   "
        row += f" {name},"
    return [*lines, row, ")"]


ARRAY_METHODS = ROOT / "core" / "array_methods.pyi"
_ARRAY_METHODS = '''"""What `minigrad.ops.numpy` installs on Tensors, for type checkers.

Written by tests/tools/write_stub.py.
"""
# ruff: noqa
# fmt: off

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.tensor import Tensor, TensorLike
from minigrad.core.types import Array, Axis, BoolArray, IndexArray, Shape, TensorBase

class ArrayMethods(TensorBase):
'''


def array_methods() -> str:
    """The text of the stub of Tensor's installed methods."""
    from minigrad.ops.numpy.dispatch import TensorProtocols
    from minigrad.ops.numpy.standard_methods import LOGIC, StandardMethods
    from minigrad.ops.numpy.tensor_methods import OPERATORS, TensorMethods

    lines = []
    for operator, reflected in OPERATORS.values():
        other = ", other: TensorLike" if reflected else ""
        lines += [f"    def {name}(self{other}) -> Tensor: ..." for name in (operator, reflected) if name]
    for name in LOGIC:
        lines += [f"    def __{side}{name}__(self, other: TensorLike) -> Tensor: ..." for side in ("", "r")]
    for namespace in (TensorMethods, StandardMethods, TensorProtocols):
        for name, member in vars(namespace).items():
            function = member.fget if isinstance(member, property) else member
            if not inspect.isfunction(function) or name == "__getattr__":
                continue
            if isinstance(member, property):
                lines.append("    @property")
            signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
            doc = (function.__doc__ or "").strip()
            override = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""  # they give Tensors
            body = f'\n        """{doc}"""' if doc else f" ...{override}"
            lines.append(f"    def {name}{signature}:{body}")
    return _ARRAY_METHODS + "\n".join(lines) + "\n"


if __name__ == "__main__":
    ARRAY_METHODS.write_text(array_methods())
    for each in packages():
        path_of(each).write_text(stub(each))
