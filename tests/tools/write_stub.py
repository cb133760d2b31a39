"""Write minigrad/__init__.pyi from the table of public names in minigrad/api.py: `python tests/tools/write_stub.py`."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import minigrad
from minigrad import api

HEAD = '''"""The public names of minigrad, for type checkers.

Written by tests/tools/write_stub.py from the table in minigrad/api.py.
"""
# ruff: noqa
# isort: skip_file

# fmt: off
'''
_WIDTH = 120


def stub() -> str:
    """The text of the stub."""
    package = Path(minigrad.__file__).parent
    places = {r: (package / r / "__init__.py", package / f"{r}.py") for r in sorted(vars(minigrad)["_ROOMS"])}
    rooms = [r for r, files in places.items() if any(f.exists() for f in files)]
    by_module: dict[str, list[str]] = defaultdict(list)
    renamed: list[str] = []
    for name, (module, attribute) in sorted(api.PUBLIC.items()):
        if name == attribute:
            by_module[module].append(f"{name} as {name}")
        else:  # a stub exports `x as x` only: other names are assigned
            by_module[module].append(f"{attribute} as _{attribute}")
            renamed.append(f"{name} = _{attribute}")
    lines = [HEAD.rstrip(), *_import("minigrad", [f"{r} as {r}" for r in rooms])]
    for module, names in sorted(by_module.items()):
        lines += _import(module, names)
    return "\n".join([*lines, "", *renamed, "__version__: str", ""])


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


if __name__ == "__main__":
    (Path(minigrad.__file__).parent / "__init__.pyi").write_text(stub())
