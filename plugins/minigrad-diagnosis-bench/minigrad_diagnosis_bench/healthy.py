"""Healthy runs: a grid of reasonable choices for every task.

Those count whose result is near the best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from minigrad_diagnosis_bench.setting import Setting

__all__ = ["NEAR", "VARIANTS", "suits"]

NEAR = 0.02
"""Distance from the best of its grid up to which a run is healthy.

In validation accuracy (or R^2), below the best.
"""


def _with(optimizer: str, **hyper: float) -> Callable[[Setting], Setting]:
    return lambda s: attrs.evolve(s, optimizer=optimizer, hyper=hyper)


def _rate(factor: float) -> Callable[[Setting], Setting]:
    return lambda s: s.with_hyper(lr=factor * s.hyper["lr"])


def _wider(s: Setting) -> Setting:
    return s.with_arch(hidden=tuple(2 * h for h in s.arch.hidden))


def _deeper(s: Setting) -> Setting:
    return s.with_arch(hidden=(*s.arch.hidden, 32))


def _cosine(part: float) -> float:
    return 1.0 - 0.95 * part


VARIANTS: Mapping[str, Callable[[Setting], Setting]] = {
    "base": lambda s: s,
    "slower": _rate(0.5),
    "faster": _rate(2.0),
    "sgd": _with("sgd", lr=0.1),
    "nesterov": _with("nesterov", lr=0.02, momentum=0.9),
    "adagrad": _with("adagrad", lr=0.03),
    "rmsprop": _with("rmsprop", lr=2e-3),
    "adam": _with("adam", lr=4e-3),
    "longer": lambda s: attrs.evolve(s, epochs=2 * s.epochs),
    "small batches": lambda s: attrs.evolve(s.with_hyper(lr=0.5 * s.hyper["lr"]), batch=8),
    "large batches": lambda s: attrs.evolve(s.with_hyper(lr=2.0 * s.hyper["lr"]), batch=100),
    "linear schedule": lambda s: attrs.evolve(s, schedule=_cosine),
    "a little l2": lambda s: attrs.evolve(s, l2=1e-3),
    "clipped": lambda s: attrs.evolve(s, clip=1.0),
    "wider": _wider,
    "deeper": _deeper,
    "tanh": lambda s: s.with_arch(activation="tanh"),
    "dropout": lambda s: s.with_arch(dropout=0.2),
    "batch norm": lambda s: s.with_arch(norm=True),
}


def suits(name: str, s: Setting) -> bool:
    """Tell whether a variant makes sense for a task.

    A linear machine has no width, and hinges want short steps.
    """
    if s.group != "classic":
        return name in ("base", "slower", "faster", "adam", "longer", "wider")
    if s.family == "svm":
        return name in ("base", "slower", "faster", "longer", "small batches", "linear schedule", "a little l2", "adam")
    if name in ("deeper", "tanh"):
        return s.arch.kind == "mlp"
    if name == "batch norm":
        return s.arch.kind in ("mlp", "conv")
    if name == "dropout":
        return s.arch.kind in ("mlp", "rnn")
    if s.arch.kind in ("rnn", "lm", "conv"):
        return name in (
            "base",
            "slower",
            "faster",
            "rmsprop",
            "adam",
            "a little l2",
            "clipped",
            "wider",
            "linear schedule",
        )
    return True
