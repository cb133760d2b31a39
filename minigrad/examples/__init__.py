"""Examples to read and to run.

`minigrad examples` lists them, `minigrad run --example NAME` runs one.

Some are model scripts, which define `model`, `data`, `loss` and leave the running to minigrad; the others have a loop
of their own in `main()`, which returns the figures it reached.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import attrs

from minigrad.core.errors import MinigradError, nearest

__all__ = ["Example", "UnknownExample", "examples", "find_example"]


class UnknownExample(MinigradError):
    """There is no example of that name."""


@attrs.frozen
class Example:
    """One example.

    Attributes:
        name: of its module.
        title: first line of its docstring.
        text: the rest, with the figure that it reaches.
        is_script: whether it is a model script; else it has a `main()`.
        path: of the file.
    """

    name: str
    title: str
    text: str
    is_script: bool
    path: Path

    def main(self) -> dict[str, float]:
        """Run the loop of an example that has one; what it reached, by name."""
        module = import_module(f"{__name__}.{self.name}")
        figures: Mapping[str, float] = module.main()
        return dict(figures)


def examples() -> list[Example]:
    """All examples, in alphabetical order. None is imported."""
    return [_read(path) for path in sorted(Path(__file__).parent.glob("*.py")) if not path.name.startswith("_")]


def find_example(name: str) -> Example:
    """The example of that name; `-` and `_` are the same.

    Raises:
        UnknownExample: there is none; names the nearest one.
    """
    by_name = {example.name: example for example in examples()}
    key = name.strip().lower().replace("-", "_").removesuffix(".py")
    if key not in by_name:
        raise UnknownExample(f"there is no example {name!r}.{nearest(key, by_name)} Examples: {', '.join(by_name)}")
    return by_name[key]


def _read(path: Path) -> Example:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, _, text = (ast.get_docstring(tree) or "").partition("\n")
    has_main = any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
    return Example(path.stem, title, text.strip(), not has_main, path)
