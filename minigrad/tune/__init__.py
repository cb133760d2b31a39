"""Former home of the range test (now `minigrad.train.lr_find`) and of the search (now minigrad-sweep)."""

from __future__ import annotations

import warnings

from minigrad.plugins.moved import load_moved
from minigrad.train import lr_find

_RANGE_TEST = {"RateRange": "RateRange", "find_rate": "lr_find"}
_SEARCH = {
    "Space": "space",
    "SpaceError": "space",
    "parse_space": "space",
    "Sweep": "sweep",
    "Trial": "sweep",
    "sweep": "sweep",
}


def __getattr__(name: str) -> object:
    """A name from where it is now, with a DeprecationWarning."""
    if name in _RANGE_TEST:
        now = _RANGE_TEST[name]
        warnings.warn(f"minigrad.tune.{name} is minigrad.train.lr_find.{now} now", DeprecationWarning, stacklevel=2)
        value: object = getattr(lr_find, now)
        return value
    if name in _SEARCH:
        return load_moved("minigrad.tune", name, "sweep", _SEARCH[name])
    raise AttributeError(f"module 'minigrad.tune' has no {name!r}")
