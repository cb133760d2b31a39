"""Evidence of a sound run, made up, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from minigrad.data.measure import Drift, Scale
from minigrad.diagnosis.evidence import (
    Activation,
    DataFacts,
    Evidence,
    Experiments,
    ModelStats,
    ParameterStats,
    Point,
    Sample,
    Start,
    Usage,
)
from minigrad.diagnosis.outcome import Gain
from minigrad.diagnosis.simple_rules import SimpleRules

NAMES = ("layers.0.weight", "layers.2.weight", "layers.4.weight")


def inside(loss: float) -> ModelStats:
    return ModelStats(
        activations=(Activation("relu after layers.0", "relu", 0.8), Activation("tanh after layers.2", "tanh", 0.6)),
        parameters=tuple(ParameterStats(n, 1000, 0.1, 0.01) for n in NAMES),
        loss=loss,
        outputs_std=0.5,
        score=0.9,
        training_loss=loss,
    )


def sample(step: int, ratio: float = 1e-3, lr: float = 0.01, stale: float | None = 1.0) -> Sample:
    each = dict.fromkeys(NAMES, 0.1)
    return Sample(step, 1.0, lr, dict.fromkeys(NAMES, 0.1 * ratio), each, each, 0.9, stale if step in (2, 3) else None)


def sound() -> Evidence:
    """Ten classes, chance 2.303, a loss that decays to 0.2, and a small gap."""
    losses = tuple((0.2 + 2.1 * np.exp(-np.arange(200) / 30.0)).tolist())
    points = tuple(
        Point(e, 0.2 + 2.1 * float(np.exp(-e)), 0.3 + 2.0 * float(np.exp(-e)), 0.95 - 0.85 * float(np.exp(-e)), 0.9)
        for e in range(11)
    )
    confusion = tuple(tuple(18 if i == j else (2 if j == (i + 1) % 10 else 0) for j in range(10)) for i in range(10))
    return Evidence(
        data=DataFacts(
            rows=1000, val_rows=200, features=64, classes=10, majority=0.11, chance_accuracy=0.1, order=1.0,
            scale=Scale(std=1.0, largest=4.0, typical=1.0, widest=1.0, column=0, offset=0.0, norm=8.0),
            drift=Drift(ratio=1.0, shift=0.0, within=0.0, targets=0.0),
            simple=SimpleRules(val=0.88, train=0.86, noise=0.02, train_noise=0.02, rows=200),
        ),
        start=Start(chance=2.303, formula="ln 10", shift=0.0, doubling=1.0, outputs=10),
        usage=Usage(),
        first=inside(2.35),
        last=inside(0.2),
        samples=tuple(sample(s) for s in (1, 2, 3, 4, 6, 9, 15, 30, 60, 120, 190)),
        losses=losses,
        points=points,
        steps_per_epoch=20,
        batch_size=50,
        epochs=10,
        hyper={"lr": 0.01},
        confusion=confusion,
        experiments=Experiments(mixed=0.0, foreign=0, covered=1.0),
        train_gain=Gain(0.95, 0.02),
        val_gain=Gain(0.89, 0.02),
    )  # fmt: skip


def data(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: attrs.evolve(e, data=attrs.evolve(e.data, **changes))


def start(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: attrs.evolve(e, start=attrs.evolve(e.start, **changes))


def simple(**changes: float) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        assert e.data.simple is not None
        return attrs.evolve(e, data=attrs.evolve(e.data, simple=attrs.evolve(e.data.simple, **changes)))  # type: ignore[arg-type]

    return change


def scale(**changes: float) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        assert e.data.scale is not None
        return attrs.evolve(e, data=attrs.evolve(e.data, scale=attrs.evolve(e.data.scale, **changes)))  # type: ignore[arg-type]

    return change


def drift(**changes: float) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        assert e.data.drift is not None
        return attrs.evolve(e, data=attrs.evolve(e.data, drift=attrs.evolve(e.data.drift, **changes)))

    return change


def tried(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: attrs.evolve(e, experiments=attrs.evolve(e.experiments, **changes))


def gains(train: float, val: float, noise: float = 0.02) -> Callable[[Evidence], Evidence]:
    return lambda e: attrs.evolve(e, train_gain=Gain(train, noise), val_gain=Gain(val, noise))


def usage(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: attrs.evolve(e, usage=attrs.evolve(e.usage, **changes))


def first(**changes: Any) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        assert e.first is not None
        return attrs.evolve(e, first=attrs.evolve(e.first, **changes))

    return change


def last(**changes: Any) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        assert e.last is not None
        return attrs.evolve(e, last=attrs.evolve(e.last, **changes))

    return change


def ends(train: float, score: float = 0.2, val: float | None = None) -> Callable[[Evidence], Evidence]:
    """Losses that stay at about `train`, and an end with these scores."""

    def change(e: Evidence) -> Evidence:
        end = Point(10, train, train, score, score if val is None else val)
        return attrs.evolve(e, points=(*e.points[:1], end), losses=(e.losses[0], *[train] * 199))

    return change


def ratios(ratio: float) -> Callable[[Evidence], Evidence]:
    return lambda e: attrs.evolve(e, samples=tuple(sample(s.step, ratio) for s in e.samples))


def both(*changes: Callable[[Evidence], Evidence]) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        for c in changes:
            e = c(e)
        return e

    return change
