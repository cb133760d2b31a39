"""Former home of `minigrad compare`, which is the distribution minigrad-compare now."""

from __future__ import annotations

from minigrad.plugins.moved import load_moved

_NAMES = frozenset(
    ("GRID", "CompareError", "Comparison", "Curve", "Plane", "Problem", "Result", "Trial", "compare", "merit", "run")
)


def __getattr__(name: str) -> object:
    """A name from where it is now, with a DeprecationWarning."""
    if name in _NAMES:
        return load_moved("minigrad.train.compare", name, "compare", "compare")
    raise AttributeError(f"module 'minigrad.train.compare' has no {name!r}")
