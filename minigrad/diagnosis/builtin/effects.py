"""Which after-effects a cause has: codes that several rules name."""

from __future__ import annotations

__all__ = ["FIT", "NUMERICS", "RATE", "RESULT", "START"]

START = frozenset({"INIT_LOSS", "VANISH", "EXPLODE", "SATURATED", "SYMMETRY"})
NUMERICS = frozenset({"NONFINITE", "DIVERGE", "DEAD_RELU"})
RATE = frozenset({"LR_HIGH", "LR_LOW", "LR_DECAY_FAST", "BATCH_NOISE"})
RESULT = frozenset({"OVERFIT", "UNDERFIT", "NO_LEARNING", "IMBALANCE", "LABEL_MISMATCH", "CHECK_FAILED"})
"""What the outcome looks like, whatever the cause."""
FIT = RESULT | {"REG_DOMINATES", "DROPOUT_HIGH"}
