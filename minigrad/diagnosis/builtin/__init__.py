"""The built-in rules, behind one entry point of the group `minigrad.rules`."""

from __future__ import annotations

from collections.abc import Iterator

from minigrad.diagnosis.builtin.batches import BatchShift, Mispaired, RowsUnused
from minigrad.diagnosis.builtin.data import BadData, InputScale, LabelsRandom, TargetLeak, Unshuffled
from minigrad.diagnosis.builtin.experiments import (
    CheckFailed,
    LossUnbounded,
    LostUpdates,
    NoUpdate,
    OtherParameters,
    OutputRange,
    RepeatedBatch,
    RowsMixed,
    WeightsReset,
)
from minigrad.diagnosis.builtin.fit import (
    DropoutHigh,
    Imbalance,
    NoLearning,
    Overfit,
    RegularizationDominates,
    Underfit,
)
from minigrad.diagnosis.builtin.probes import GradientChanged, InputIgnored, LossBlind
from minigrad.diagnosis.builtin.rate import (
    BatchNoise,
    DeadRelu,
    Diverge,
    NonFinite,
    RateDecayFast,
    RateHigh,
    RateLow,
)
from minigrad.diagnosis.builtin.rule import Builtin
from minigrad.diagnosis.builtin.splits import LabelMismatch, Leak, ValShift
from minigrad.diagnosis.builtin.start import (
    Explode,
    InitLoss,
    Saturated,
    Symmetry,
    TargetScale,
    Vanish,
)
from minigrad.diagnosis.builtin.wiring import (
    Ascent,
    ClippedOutput,
    DoubleSoftmax,
    EvalWhileTraining,
    FrozenParameter,
    GradientBug,
    LinearStack,
    OneOutput,
    StaleGradient,
    SumLoss,
    TrainWhileEvaluating,
    WrongLoss,
)

__all__ = ["built_in_rules"]


def built_in_rules() -> Iterator[type[Builtin]]:
    """The class of every built-in rule, in the order in which causes are likely."""
    yield from (
        BadData,
        InputScale,
        Mispaired,
        RowsUnused,
        BatchShift,
        ValShift,
        Leak,
        TargetLeak,
        LabelsRandom,
        LabelMismatch,
        Unshuffled,
        RepeatedBatch,
        LossBlind,
        RowsMixed,
        InputIgnored,
        OtherParameters,
        NoUpdate,
        LossUnbounded,
        OutputRange,
        WeightsReset,
        LostUpdates,
        GradientBug,
        DoubleSoftmax,
        ClippedOutput,
        OneOutput,
        WrongLoss,
        SumLoss,
        StaleGradient,
        GradientChanged,
        Ascent,
        FrozenParameter,
        LinearStack,
        EvalWhileTraining,
        TrainWhileEvaluating,
        Symmetry,
        TargetScale,
        InitLoss,
        Vanish,
        Explode,
        Saturated,
        NonFinite,
        Diverge,
        DeadRelu,
        RateHigh,
        RateLow,
        RateDecayFast,
        BatchNoise,
        RegularizationDominates,
        DropoutHigh,
        Overfit,
        Imbalance,
        Underfit,
        NoLearning,
        CheckFailed,
    )
