"""Data made on the spot from a seed: the spiral of the course notes, and Gaussian blobs."""

from __future__ import annotations

import numpy as np

from minigrad.data.arrays import AnyDtypeArray, real, whole
from minigrad.data.dataset import Dataset
from minigrad.data.split import split_rows


def spiral(rows: int = 1_000, classes: int = 3, noise: float = 0.2, *, val: float = 0.2, seed: int = 0) -> Dataset:
    """Make interleaved spiral arms in the plane, one a class: not linearly separable.

    Source: the course notes' case study.

    Arm `j` has radius r in (0, 1] and angle `(4 r + 2 pi j / classes) + noise * N(0, 1)` radians; `x` is `(rows, 2)`
    float64 `(r sin, r cos)`. Class sizes differ by one row at most; the share `val` of each class is held out.

    Raises:
        DataError: an argument is out of range.
    """
    whole("rows", rows, 2 * whole("classes", classes, 2, 1_000), 10_000_000)
    real("noise", noise, 0.0, 10.0)
    rng = np.random.default_rng(whole("seed", seed, 0))
    y = np.arange(rows) % classes
    radius = (np.arange(rows) // classes + 1.0) / -(-rows // classes)
    angle = 4.0 * radius + 2.0 * np.pi * y / classes + noise * rng.standard_normal(rows)
    x = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return _made(
        "spiral", x, y, classes, val, seed, f"generated: spiral(rows={rows}, classes={classes}, noise={noise})"
    )


def blobs(
    rows: int = 1_000,
    classes: int = 3,
    features: int = 2,
    spread: float = 1.0,
    *,
    val: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """Make one Gaussian cloud for each class.

    Centres uniform in [-5, 5]^features, standard deviation `spread`.

    `x` is `(rows, features)` float64; class sizes differ by one row at most; the share `val` of each class is held out.

    Raises:
        DataError: an argument is out of range.
    """
    whole("rows", rows, 2 * whole("classes", classes, 2, 1_000), 10_000_000)
    whole("features", features, 1, 100_000)
    real("spread", spread, 0.0, 1e6)
    rng = np.random.default_rng(whole("seed", seed, 0))
    y = np.arange(rows) % classes
    centres = rng.uniform(-5.0, 5.0, (classes, features))
    x = centres[y] + spread * rng.standard_normal((rows, features))
    origin = f"generated: blobs(rows={rows}, classes={classes}, features={features}, spread={spread})"
    return _made("blobs", x, y, classes, val, seed, origin)


def _made(
    name: str,
    x: AnyDtypeArray,
    y: AnyDtypeArray,
    classes: int,
    val: float,
    seed: int,
    source: str,
) -> Dataset:
    train, held = split_rows(x, y, val, seed)
    names = tuple(str(k) for k in range(classes))
    return Dataset(name, x[train], y[train], x[held], y[held], class_names=names, source=f"{source}, seed {seed}")
