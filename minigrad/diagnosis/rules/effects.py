"""Which after-effects a cause has: codes that several rules name."""

from __future__ import annotations

__all__ = ["FIT", "NUMERICS", "RATE", "START"]

START = frozenset({"INIT_LOSS", "VANISH", "EXPLODE", "SATURATED", "SYMMETRY"})
NUMERICS = frozenset({"NONFINITE", "DIVERGE", "DEAD_RELU", "DEAD_OUTPUT"})
RATE = frozenset({"LR_HIGH", "LR_LOW", "MOMENTUM_HIGH", "LR_DECAY_FAST", "BATCH_NOISE", "WIGGLE"})
FIT = frozenset(
    {"REG_DOMINATES", "DROPOUT_HIGH", "MODE_GAP", "OVERFIT", "UNDERFIT", "NO_LEARNING", "IMBALANCE", "LABEL_MISMATCH"}
)
