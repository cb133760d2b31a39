"""Former home of `minigrad compare`, which is the distribution minigrad-compare now."""

from __future__ import annotations

from minigrad.plugins.moved import moved_names

__getattr__ = moved_names(
    __name__,
    "compare",
    {"compare": "GRID CompareError Comparison Curve Plane Problem Result Trial compare merit run"},
)
