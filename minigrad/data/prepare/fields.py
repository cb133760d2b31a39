"""JSON values of saved recipes, each checked to be of the kind it should be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import get_args

from minigrad.data.prepare.cells import NumberStyle

__all__ = ["real_of", "style_from", "text_of", "texts_of"]


def text_of(value: object) -> str:
    """A JSON value that must be a text."""
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} where a text should be")
    return value


def texts_of(value: object) -> tuple[str, ...]:
    """A JSON value that must be a list of texts."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"a {type(value).__name__} where a list of texts should be")
    return tuple(text_of(v) for v in value)


def real_of(value: object) -> float:
    """A JSON value that must be a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} where a number should be")
    return float(value)


def style_from(fields: Mapping[str, object]) -> NumberStyle:
    """How numbers are written, from JSON values; recipes of older versions do not say it.

    Raises:
        TypeError: a style that there is not.
    """
    style = fields.get("style", "point")
    if style not in get_args(NumberStyle):
        raise TypeError(f"numbers in the style {style!r:.40}")
    return style  # type: ignore[return-value]  # it is one of them
