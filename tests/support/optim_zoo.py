"""Published rules as a third party would write them, beside those that are installed: what they have in common."""

from __future__ import annotations

from typing import ClassVar, TypeVar

import attrs

from minigrad.optim import Need
from minigrad.typing import Array

T = TypeVar("T", bound=type)
ZOO: dict[str, type] = {}
"""Name -> rule."""


@attrs.frozen
class Rule:
    """What the rules have in common."""

    api: ClassVar[tuple[int, int]] = (1, 0)
    needs: ClassVar[Need] = Need.GRAD
    laws: ClassVar[frozenset[str]] = frozenset()


def published(cls: T) -> T:
    """Put a rule into the zoo."""
    rule: T = attrs.frozen(cls)
    ZOO[cls.__name__] = rule
    return rule


@attrs.frozen
class M:
    m: Array


@attrs.frozen
class MV:
    m: Array
    v: Array


@attrs.frozen
class MVU:
    m: Array
    v: Array
    u: Array
