"""What options of the command line may be.

Each function reads a word, or raises what argparse prints.

Imports no NumPy.
"""

from __future__ import annotations

import argparse
import math

__all__ = ["codes", "count", "number", "port", "rates", "seed", "seeds", "setting", "widths", "words"]


def words(text: str) -> tuple[str, ...]:
    """One or more words with commas between them."""
    parsed = codes(text)
    if not parsed:
        raise argparse.ArgumentTypeError(f"{text!r} holds none: give one or more, with commas between them")
    return parsed


def rates(text: str) -> tuple[float, ...]:
    """Numbers with commas between them."""
    return tuple(number(word) for word in words(text))


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def count(text: str) -> int:
    """A whole number from 1."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """A whole number from 0."""
    return _whole(text, 0)


def port(text: str) -> int:
    """The number of a port, 0 for any that is free."""
    value = _whole(text, 0)
    if value > 65_535:
        raise argparse.ArgumentTypeError(f"{value} is out of range, ports end at 65535")
    return value


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < least:
        raise argparse.ArgumentTypeError(f"{value} is out of range, at least {least} is needed")
    return value


def widths(text: str) -> tuple[int, ...]:
    """Widths of layers with commas between them; none for 0."""
    if text.strip() in ("0", ""):
        return ()
    return tuple(count(part) for part in text.split(","))


def seeds(text: str) -> tuple[int, ...]:
    """Whole numbers from 0 with commas between them."""
    return tuple(seed(word) for word in text.split(","))


def codes(text: str) -> tuple[str, ...]:
    """Words with commas between them, or none."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def setting(text: str) -> tuple[str, float | bool | str]:
    """optimizer.NAME=VALUE or CODE.NAME=VALUE, as the name and the value."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if equals and value and name.startswith("optimizer.") and len(name) > len("optimizer."):
        return name, _value(value)
    try:
        limit = float(value)
    except ValueError:
        limit = math.nan
    if not equals or "." not in name or math.isnan(limit):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not of the form optimizer.NAME=VALUE, such as optimizer.momentum=0.95, or CODE.NAME=VALUE, "
            "such as OVERFIT.gap=0.2"
        )
    return name, limit


def _value(text: str) -> float | bool | str:
    """A number, true or false, or else the word itself; whole numbers stay whole."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
