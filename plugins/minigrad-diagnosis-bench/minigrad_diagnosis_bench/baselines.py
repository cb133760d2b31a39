"""Plain readings of what Keras and PyTorch Lightning have built in, on the same runs.

Keras: TerminateOnNaN; EarlyStopping(monitor="val_loss", patience=3), read as overfitting when it stops a run;
ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5), its documentation's example, read as a learning rate
that is too high when it acts. Lightning: EarlyStopping (patience=3, check_finite=True), detect_anomaly (NaN in
backward), and overfit_batches=1, whose documentation says that a model that cannot overfit one batch has a bug: read as
wrong wiring or initialisation when 100 updates on one batch leave more than a tenth of the first loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.core.tensor import from_array
from minigrad_diagnosis_bench.running import optimizer_for
from minigrad_diagnosis_bench.setting import Setting, build

__all__ = ["keras", "lightning", "overfits"]

_PATIENCE, _PLATEAU, _UPDATES = 3, 5, 100


def keras(losses: Sequence[float], val_losses: Sequence[float]) -> frozenset[str]:
    """What Keras's callbacks would say, as codes."""
    codes = set()
    if any(not math.isfinite(v) for v in losses):
        codes.add("NONFINITE")
    if _waits(val_losses, _PATIENCE):
        codes.add("OVERFIT")
    if _waits(val_losses, _PLATEAU):
        codes.add("LR_HIGH")
    return frozenset(codes)


def lightning(losses: Sequence[float], val_losses: Sequence[float], overfitted: bool) -> frozenset[str]:
    """Say what Lightning's callbacks and flags would say, as codes.

    WIRING stands for any finding of that family.
    """
    codes = set()
    if any(not math.isfinite(v) for v in (*losses, *val_losses)):
        codes.add("NONFINITE")
    if _waits(val_losses, _PATIENCE):
        codes.add("OVERFIT")
    if not overfitted:
        codes.add("WIRING")
    return frozenset(codes)


def _waits(values: Sequence[float], patience: int) -> bool:
    """Whether `patience` values in a row, before the end, were not below the least so far."""
    best, waited = math.inf, 0
    for value in values:
        if value < best:
            best, waited = value, 0
        else:
            waited += 1
            if waited >= patience:
                return True
    return False


def overfits(s: Setting, seed: int) -> bool:
    """Whether 100 updates on one batch, as the run would make them, bring its loss to a tenth."""
    model = build(s, seed)
    optimizer, loss = optimizer_for(s, model), s.loss_of()
    rows = np.random.default_rng([seed, 13]).permutation(len(s.x))[: s.batch]
    x, y = s.x[rows], s.y[rows]
    first = last = math.nan
    model.train(s.train_mode)
    with np.errstate(all="ignore"):
        for update in range(_UPDATES):
            value = loss(model(from_array(x)), y)
            last = float(value.item())
            first = last if update == 0 else first
            if not math.isfinite(last):
                return False
            if s.zero_grad:
                optimizer.zero_grad()
            value.backward()
            try:
                optimizer.step()
            except ArithmeticError:
                return False
    return last < 0.1 * first
