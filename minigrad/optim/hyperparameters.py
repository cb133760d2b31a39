"""Hyperparameter fields: plain numbers with a range, checked whenever a rule is built."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import attrs
import numpy as np

from minigrad.optim.errors import HyperparameterError
from minigrad.text import clip_text

__all__ = [
    "choice",
    "count",
    "decay",
    "flag",
    "instance_or_none",
    "may_be_decay",
    "number",
    "range_of",
    "role_of",
    "share",
    "words_of",
]

T = TypeVar("T", bound=str)


def number(
    default: float,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    role: str = "",
) -> float:
    """A field holding one finite float in a range: `lr: float = number(1e-3, ge=0.0)`.

    For attrs classes. Building the class with anything else raises HyperparameterError, which names class, field,
    value and range.
    A learning rate should allow 0: a law says that a rule with `lr=0` stands still.
    """
    accepted = _range("a finite number", ge, gt, le, lt)

    def check(owner: object, field: attrs.Attribute[object], value: object) -> None:
        fine = isinstance(value, float) and math.isfinite(value) and _inside(value, ge, gt, le, lt)
        _require(fine, owner, field.name, value, accepted)

    upper = [bound for bound in (le, lt) if bound is not None]
    field = _field(default, _as_float, check, accepted, role, min(upper, default=math.inf))
    return cast(float, field)


def decay(default: float) -> float:
    """A field holding the share of the past that an average keeps: a number in [0, 1).

    The law "constant-step" schedules such fields. `share` is for other numbers in that range.
    """
    return number(default, ge=0.0, lt=1.0, role="decay")


def share(default: float) -> float:
    """A field holding a part of something: a number in [0, 1]."""
    return number(default, ge=0.0, le=1.0, role="share")


def count(default: int, *, ge: int = 0) -> int:
    """A field holding one integer of at least `ge`."""
    accepted = _range("an integer", ge, None, None, None)

    def check(owner: object, field: attrs.Attribute[object], value: object) -> None:
        fine = isinstance(value, int) and not isinstance(value, bool) and value >= ge
        _require(fine, owner, field.name, value, accepted)

    return cast(int, _field(default, _as_plain, check, accepted))


def flag(default: bool) -> bool:
    """A field holding True or False."""

    def check(owner: object, field: attrs.Attribute[object], value: object) -> None:
        _require(isinstance(value, bool), owner, field.name, value, "True or False")

    return cast(bool, _field(default, _as_plain, check, "True or False"))


def choice(default: T, options: Sequence[str]) -> T:
    """A field holding one of a few words."""
    accepted = "one of " + ", ".join(map(repr, options))

    def check(owner: object, field: attrs.Attribute[object], value: object) -> None:
        _require(value in options, owner, field.name, value, accepted)

    return cast(T, _field(default, _as_plain, check, accepted, words=tuple(options)))


def instance_or_none(kind: type[object], accepted: str) -> Callable[[Any, Any, Any], None]:
    """Make a validator for fields that hold None or an instance of `kind`.

    Messages call it `accepted`.
    """

    def check(owner: object, field: attrs.Attribute[object], value: object) -> None:
        _require(value is None or isinstance(value, kind), owner, field.name, value, f"{accepted}, or None")

    return check


def range_of(field: attrs.Attribute[object]) -> str:
    """What a field made by this module accepts, in words; empty for other fields."""
    return str(field.metadata.get("minigrad.range", ""))


def role_of(field: attrs.Attribute[object]) -> str:
    """What a field made by this module is for: "decay", "share", or "" where it was not said."""
    return str(field.metadata.get("minigrad.role", ""))


def words_of(field: attrs.Attribute[object]) -> tuple[str, ...]:
    """What a field made by `choice` accepts; empty for other fields."""
    words: tuple[str, ...] = field.metadata.get("minigrad.words", ())
    return words


def may_be_decay(field: attrs.Attribute[object]) -> bool:
    """Tell whether a field may be a decay rate.

    It is declared as one, or is a number up to 1 at most of which nothing is said.
    """
    upper = field.metadata.get("minigrad.upper", math.inf)
    return role_of(field) == "decay" or (role_of(field) == "" and isinstance(upper, float) and upper <= 1.0)


def _field(
    default: object,
    converter: Callable[[object], object],
    check: Callable[[object, attrs.Attribute[object], object], None],
    accepted: str,
    role: str = "",
    upper: float = math.inf,
    words: tuple[str, ...] = (),
) -> object:
    field: object = attrs.field(
        default=default,
        converter=converter,
        validator=check,
        metadata={
            "minigrad.range": accepted,
            "minigrad.role": role,
            "minigrad.upper": upper,
            "minigrad.words": words,
        },
    )
    return field


def _as_plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _as_float(value: object) -> object:
    # A NumPy scalar would promote float32 parameters to float64; a Python float does not.
    plain = _as_plain(value)
    if isinstance(plain, float | int) and not isinstance(plain, bool):
        try:
            return float(plain)
        except OverflowError:
            return math.inf if plain > 0 else -math.inf  # which the range refuses
    return plain


def _inside(value: float, ge: float | None, gt: float | None, le: float | None, lt: float | None) -> bool:
    return (
        (ge is None or value >= ge)
        and (gt is None or value > gt)
        and (le is None or value <= le)
        and (lt is None or value < lt)
    )


def _range(noun: str, ge: float | None, gt: float | None, le: float | None, lt: float | None) -> str:
    bounds = [
        f"{sign} {bound:g}" for sign, bound in ((">=", ge), (">", gt), ("<=", le), ("<", lt)) if bound is not None
    ]
    return " ".join([noun, " and ".join(bounds)]) if bounds else noun


def _require(fine: bool, owner: object, name: str, value: object, accepted: str) -> None:
    if not fine:
        spoken = getattr(owner, "spoken_name", type(owner).__name__)
        if callable(value) and accepted.startswith("a finite number"):
            accepted += ", or a Schedule such as minigrad.optim.Cosine (a class of your own may derive from it)"
        raise HyperparameterError(f"{spoken}.{name} must be {accepted}, got {clip_text(repr(value), 60)}")
