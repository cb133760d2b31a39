"""minigrad: a small reverse-mode autograd framework in which no unverified gradient runs.

The public names are listed in `minigrad.api` and loaded on first use; the first of them verifies the op library. So
`minigrad --help` answers without NumPy, and a program pays only for the families of ops it uses.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_ROOMS = frozenset(
    ("calculus", "checkpoint", "core", "data", "fft", "linalg", "nn", "ops", "optim", "program", "train", "verify")
)


def __getattr__(name: str) -> object:
    """Public names, rooms (`minigrad.nn`), and ops that users and plugins have registered, by name."""
    if name in _ROOMS:
        return import_module(f"minigrad.{name}")
    if name.startswith("__"):
        raise AttributeError(name)
    api = import_module("minigrad.api")
    if name in api.PUBLIC:
        value: object = api.load(name)
        globals()[name] = value
        return value
    from importlib.util import find_spec

    # `from minigrad import engines` asks here first; the ops of plugins, searched next, load whatever they stand on.
    if find_spec(f"minigrad.{name}") is not None:
        return import_module(f"minigrad.{name}")
    from minigrad.core import REGISTRY
    from minigrad.core.errors import nearest

    found = REGISTRY.get(name) or import_module("minigrad.ops.plugins").find(name)
    if found is not None:
        return found
    known = {*api.PUBLIC, *_ROOMS, *(op.name for op in REGISTRY)}
    raise AttributeError(f"module 'minigrad' has no {name!r}.{nearest(name, known)}")


def __dir__() -> list[str]:
    return sorted({*import_module("minigrad.api").PUBLIC, *_ROOMS, "__version__"})
