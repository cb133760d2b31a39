"""A rule's state as named leaves: for saving, for slicing into tiles, for comparing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np

from minigrad.core.errors import nearest
from minigrad.core.types import Array
from minigrad.optim.errors import StateError

__all__ = ["Leaf", "Migrates", "State", "check_fits", "copied", "leaves", "rebuild", "same", "state_version"]

State: TypeAlias = attrs.AttrsInstance
Leaf: TypeAlias = Array | float | int | bool


@runtime_checkable
class Migrates(Protocol):
    """A rule whose state has changed its form since an earlier release."""

    state_version: int

    def migrate(self, version: int, tree: Mapping[str, Leaf]) -> Mapping[str, Leaf]:
        """The leaves saved by `state_version == version`, renamed and converted to today's form."""
        ...


def state_version(rule: object) -> int:
    """The number of the form of a rule's state: its `state_version`, or 1."""
    version = getattr(rule, "state_version", 1)
    return version if isinstance(version, int) else 1


def leaves(state: State) -> dict[str, Leaf]:
    """Name -> array or number, for all leaves of a state: `{"m.total": ..., "m.weight": 0.1}`.

    A field that is None is absent.

    Raises:
        StateError: for anything that is not plain data.
    """
    found: dict[str, Leaf] = {}
    _collect(state, "", found)
    return found


def rebuild(template: State, values: Mapping[str, Leaf]) -> State:
    """A state of the form of `template` whose leaves are `values`, named as by `leaves`."""
    return _rebuild(template, "", values.__getitem__)


def copied(value: Leaf) -> Leaf:
    """A leaf that shares no memory with `value`."""
    return value.copy() if isinstance(value, np.ndarray) else value


def same(a: Leaf, b: Leaf) -> bool:
    """Equal to the last bit, in shape and in kind."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    return type(a) is type(b) and np.asarray(a).tobytes() == np.asarray(b).tobytes()


def check_fits(owner: str, saved: Mapping[str, Leaf], expected: Mapping[str, Leaf]) -> None:
    """Raise StateError naming each leaf that is unexpected, missing, or of another form."""
    wrong = [f"unexpected {name!r}.{nearest(name, expected)}" for name in saved if name not in expected]
    wrong += [f"missing {name!r}" for name in expected if name not in saved]
    for name in expected:
        if name in saved and _form(saved[name]) != _form(expected[name]):
            wrong.append(f"{name!r} is {_form(saved[name])}, expected {_form(expected[name])}")
    if wrong:
        raise StateError(f"{owner}: the saved state does not fit: {'; '.join(wrong)}")


def _form(leaf: Leaf) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}" if isinstance(leaf, np.ndarray) else type(leaf).__name__


def _collect(state: State, prefix: str, found: dict[str, Leaf]) -> None:
    cls = type(state)
    for field in getattr(cls, "__attrs_attrs__", None) or attrs.fields(cls):
        value: object = getattr(state, field.name)
        name = prefix + field.name
        if isinstance(value, np.ndarray | float | int):
            found[name] = value
        elif isinstance(value, tuple) and all(isinstance(element, np.ndarray) for element in value):
            found.update((f"{name}.{k}", element) for k, element in enumerate(value))
        elif attrs.has(type(value)):
            _collect(value, name + ".", found)  # type: ignore[arg-type]  # has() narrows only the class
        elif value is not None:
            raise StateError(
                f"{cls.__name__}.{field.name} is a {type(value).__name__}: a state may hold arrays, Moments, "
                "numbers, None, tuples of arrays (one for each parameter) and attrs classes of these, so that it can "
                "be saved and compared"
            )


def _rebuild(template: State, prefix: str, value_of: Callable[[str], Leaf]) -> State:
    values_by_name: dict[str, object] = {}
    for field in attrs.fields(type(template)):
        old: object = getattr(template, field.name)
        name = prefix + field.name
        if old is None:
            values_by_name[field.alias or field.name] = None
        elif isinstance(old, tuple):
            values_by_name[field.alias or field.name] = tuple(value_of(f"{name}.{k}") for k in range(len(old)))
        elif isinstance(old, np.ndarray | float | int):
            values_by_name[field.alias or field.name] = value_of(name)
        else:
            values_by_name[field.alias or field.name] = _rebuild(old, name + ".", value_of)  # type: ignore[arg-type]
    return type(template)(**values_by_name)
