"""Every docstring of the library and its plugins keeps one format."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from support.house_docstrings import KINDS, findings
from support.house_sources import LIBRARY, PLUGINS, where


@pytest.fixture(scope="module")
def by_kind() -> dict[str, list[str]]:
    """Every finding in the library and its plugins, by kind."""
    listed: dict[str, list[str]] = {}
    for path in [*LIBRARY, *PLUGINS]:
        for line, kind, text in findings(ast.parse(path.read_text())):
            listed.setdefault(kind, []).append(f"{where(path, line)}: {text.strip()}")
    return listed


@pytest.mark.parametrize("kind", KINDS)
def test_every_docstring_is_in_the_format(kind: str, by_kind: dict[str, list[str]]) -> None:
    assert not by_kind.get(kind), f"docstrings break {kind!r}:\n" + "\n".join(by_kind[kind])


GOOD = '''
class Plain:
    """A class with one entry a line.

    Attributes:
        rate: in [0, 1]; the default: 0.1 is not an entry.
        shape: of the array,
            which goes on here.
    """
    rate: float
    shape: tuple

def add(x, y):
    """Add two numbers.

    Args:
        x: the first.
        y: the second.

    Raises:
        ShapeError: they do not broadcast.
    """
'''
BAD = {
    "entry": [
        '"""Numbers.\n\nAttributes:\n    rate, shape: of the thing.\n"""\n',
        '"""Numbers.\n\nAttributes:\n    rate: of it. shape: of the other.\n"""\n',
        '"""Numbers.\n\nAttributes: rate: of it."""\n',
        'def f(x, y):\n    """Add.\n\n    Args:\n        x and y: numbers.\n    """\n',
        'def f(x, y):\n    """Add.\n\n    Args:\n        x: the first\n            of two. y: the second.\n    """\n',
    ],
    "first": ['"""The same backwards."""\n', f'"""{"long " * 20}."""\n', '"""A line that goes\non."""\n'],
    "words": ['"""Nobody reads this."""\n', '"""A word.\n\nWhoever wrote it."""\n'],
    "rest": ['"""``x`` is a number."""\n', '"""Follow :func:`f`."""\n', '"""Example.\n\nAs in::\n\n    f(x)\n"""\n'],
    "raises": ['def f(x):\n    """Add. Raises ShapeError where they do not fit."""\n'],
    "name": ['def f(x):\n    """Add.\n\n    Args:\n        y: the first.\n    """\n'],
}


def test_a_docstring_in_the_format_has_no_finding() -> None:
    assert not list(findings(ast.parse(GOOD)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_finding_is_seen(kind: str) -> None:
    for text in BAD[kind]:
        seen = Counter(found for _, found, _ in findings(ast.parse(text)))
        assert seen[kind], text
