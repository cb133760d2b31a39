"""How long imports take, over the interpreter's own start."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

import numpy as np

__all__ = ["import_times"]

_ROUNDS = 7
_OWN = ("numpy", "minigrad")
_FOREIGN = ("torch", "jax.numpy", "autograd", "mygrad", "tinygrad")


def import_times(peer: str | None) -> dict[str, float | None]:
    """Median milliseconds over `python -c pass`, in turns; None for what is not installed."""
    commands: dict[str, list[str]] = {name: [sys.executable, "-c", f"import {name}"] for name in _OWN}
    if peer is not None:
        commands.update((name, [peer, "-c", f"import {name}"]) for name in _FOREIGN)
    bare = {python: [python, "-c", "pass"] for python in {sys.executable, peer} if python}
    times: dict[str, list[float]] = {}
    for _ in range(_ROUNDS):
        for name, command in {**bare, **commands}.items():
            began = perf_counter()
            done = subprocess.run(command, capture_output=True, check=False)
            times.setdefault(name, []).append(perf_counter() - began if done.returncode == 0 else float("nan"))
    medians = {name: 1e3 * float(np.median(t)) for name, t in times.items()}
    found: dict[str, float | None] = {}
    for name, command in commands.items():
        over = medians[name] - medians[command[0]]
        found[name] = over if np.isfinite(over) else None
    return found
