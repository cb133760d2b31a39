"""Values that JSON can hold, and gives back as they were."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from minigrad.checkpoint.errors import CheckpointError
from minigrad.text import clip_text

__all__ = ["Json", "as_object", "refuse_no_json"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_DEEPEST = 100
"""Lists and objects inside each other, well below what any caller's stack lets JSON read."""
_MOST_DIGITS = 4_000
"""Digits of an integer; Python reads 4,300 from a text unless it is told otherwise."""
_MOST_BITS = int(_MOST_DIGITS * 3.32)


def as_object(value: Json) -> dict[str, Json]:
    """A JSON value that is an object.

    Raises:
        TypeError: the value is none.
    """
    if not isinstance(value, dict):
        raise TypeError(f"a {type(value).__name__} where an object should be")
    return value


def refuse_no_json(path: Path, value: object, where: str = "about") -> None:
    """Refuse what JSON cannot say, or would say in such a way that something else comes back.

    Raises:
        CheckpointError: names the place.
    """
    pending: list[tuple[str, object, int]] = [(where, value, 0)]
    while pending:
        place, part, depth = pending.pop()
        shown = clip_text(place, 60)
        if part is None or isinstance(part, str | float):
            continue
        if isinstance(part, int):
            if part.bit_length() > _MOST_BITS:
                raise CheckpointError.of(path, f"{shown} is a number of more than {_MOST_DIGITS} digits")
        elif isinstance(part, dict | list | tuple):
            if depth == _DEEPEST:
                raise CheckpointError.of(path, f"{shown} lies more than {_DEEPEST} levels deep")
            if isinstance(part, dict):
                for key in part:
                    if not isinstance(key, str):
                        raise CheckpointError.of(
                            path, f"{shown} has the key {clip_text(repr(key), 40)}: names in JSON are strings"
                        )
            named = part.items() if isinstance(part, dict) else enumerate(part)
            pending += [(f"{place}[{key!r}]", v, depth + 1) for key, v in named if not _is_short(v)]
        else:
            raise CheckpointError.of(
                path, f"{shown} is a {type(part).__name__}, which JSON cannot hold: give numbers, strings, lists, dicts"
            )


def _is_short(value: object) -> bool:
    """Whether a value needs no second look: lists of a million numbers are common."""
    return type(value) in (str, float, bool) or (type(value) is int and -(2**63) < value < 2**63)
