"""No other file has a table printer, a formatter of bytes or a NaN filter of its own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / "minigrad" / "text.py"
OTHERS = [
    path
    for room in ("minigrad", "plugins")
    for path in sorted((ROOT / room).rglob("*.py"))
    if path != HOME and not {"tests", "templates"} & set(path.parts)
]
DUPLICATE = re.compile(
    r"isfinite\([^()]*(\([^()]*\))*[^()]*\) else None"  # x if isfinite(x) else None
    r"|None if [^\n]*not (math|np)\.isfinite"
    r"|[\"' ]([kKMG]i?)B\b[^\n]*[\"']"  # a unit of bytes inside a text
)


def paddings(source: str) -> list[int]:
    """Lines that pad a text with blanks, which is what a table printer of its own is made of."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr in ("ljust", "rjust")
    ]


def duplicates(source: str) -> list[str]:
    """Filters of NaN and units of bytes in the code of a file, its docstrings and comments aside."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            texts = [x for x in body if isinstance(x, ast.Expr) and isinstance(x.value, ast.Constant)]
            node.body = [x for x in body if x not in texts] or [ast.Pass()]  # type: ignore[attr-defined]
    return [match[0] for match in DUPLICATE.finditer(ast.unparse(tree))]


def test_only_text_pads_cells() -> None:
    assert [f"{path.relative_to(ROOT)}:{line}" for path in OTHERS for line in paddings(path.read_text())] == []


def test_only_text_formats_bytes_and_filters_nan() -> None:
    assert [f"{path.relative_to(ROOT)}: {hit}" for path in OTHERS for hit in duplicates(path.read_text())] == []


def test_what_is_looked_for_is_seen() -> None:
    assert paddings("a = 1\nx.ljust(3)") == [2]
    for line in ("y = a if math.isfinite(b[f(0)]) else None", "y = None if not np.isfinite(a) else a", 'y = f"{n} kB"'):
        assert duplicates(line), line
    assert not duplicates('def f():\n    """At most 32 MiB."""\n    return 1  # 5 KiB')
