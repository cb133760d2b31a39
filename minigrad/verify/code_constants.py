"""What the code of an op compares with: numbers and words that stand in its functions.

A branch at 256 entries or for mode="sum" is met by no sample that does not know of it. Its own code does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import getclosurevars
from types import CodeType, FunctionType

from minigrad.core.op import Op

_MOST_WORDS = 4
_LONGEST_WORD = 16
_MOST_NUMBERS = 8


def constants(op: Op) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Words and numbers in the code of the forward function and of the rules.

    Args:
        op: whose functions are read, two calls deep, within the module that each is from.

    Returns:
        Words that can be names, and numbers other than 0 and 1, in the order in which they stand.
    """
    words: dict[str, None] = {}
    numbers: dict[float, None] = {}
    seen: set[CodeType] = set()
    for function in (op.forward, *(rule.function for rule in op.rules)):
        for constant in _of_function(function, seen, 2):
            if isinstance(constant, str):
                if constant.isidentifier() and len(constant) <= _LONGEST_WORD:
                    words[constant] = None
            elif isinstance(constant, int | float) and not isinstance(constant, bool) and abs(constant) not in (0, 1):
                numbers[float(constant)] = None
    return tuple(words)[:_MOST_WORDS], tuple(numbers)[:_MOST_NUMBERS]


def _of_function(function: Callable[..., object], seen: set[CodeType], depth: int) -> Iterator[object]:
    """Constants of a function, and of those inside of it and called by it.

    A docstring is among them, and no name.
    """
    if not isinstance(function, FunctionType) or function.__code__ in seen:
        return
    names: list[str] = []
    for code in _nested(function.__code__):
        seen.add(code)
        names += code.co_names
        yield from _flat(code.co_consts)
    inside = getclosurevars(function).nonlocals.values()
    called = [function.__globals__.get(name) for name in names] if depth else []
    for other in (*inside, *called):
        if isinstance(other, FunctionType) and other.__module__ == function.__module__:
            yield from _of_function(other, seen, depth - 1)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _flat(constants: tuple[object, ...]) -> Iterator[object]:
    for constant in constants:
        if isinstance(constant, tuple):
            yield from _flat(constant)
        else:
            yield constant
