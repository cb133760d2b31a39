"""Figures of the rows, and what experiments on model, loss, optimizer and loop showed.

They are parts of `minigrad.diagnosis.Evidence`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from minigrad.data.measure import Drift, Scale
from minigrad.diagnosis.simple_rules import SimpleRules

__all__ = ["Batches", "DataFacts", "Experiments", "Leakage", "Probes"]


@attrs.frozen(kw_only=True)
class Leakage:
    """What gives the target away.

    Attributes:
        column: the input column that leaves least of the target unexplained; -1 if none was looked at.
        left: share of the target's variance that it leaves (of the column's own, within classes); 0 is the target.
        others: share that least squares on all other columns leave, on other rows; None where the column leaves more
            than a tenth.
        copied: share of the symbols to predict that are the input symbols at their own places.
    """

    column: int = -1
    left: float = 1.0
    others: float | None = None
    copied: float = 0.0


@attrs.frozen(kw_only=True)
class DataFacts:
    """Figures of the rows, taken once.

    Attributes:
        rows: number of training rows.
        val_rows: number of validation rows.
        features: numbers in a row.
        classes: 0 for quantities.
        indices: whether inputs are integers, such as characters, that mean nothing as quantities.
        broken: a value that cannot be trained on, in words with its place; empty if there is none.
        scale: of the training inputs; None for symbols.
        drift: between the splits; None without validation rows, and for symbols.
        shared: share of the validation rows whose inputs are also training rows.
        repeated: share of the training rows whose inputs occur more than once among them by chance: 0 where a column
            hardly repeats a value, so that equal rows are copies.
        told_apart: how well the nearest neighbour tells validation rows from training rows: 0 not at all, 1 always.
        told_within: the same for the two halves of the training rows, in the order in which they are stored; 0 where
            the splits are not told apart.
        blank: share of the columns that vary among validation rows and are constant among training rows, where chance
            does not do that.
        missing: share of the training rows whose class no validation row has, although 12 were to be expected.
        leakage: columns that give the target away.
        majority: share of the largest class.
        common: number of the largest class.
        chance_accuracy: share of that class among the validation rows.
        target_shift: largest distance between the distribution functions of training and validation quantities, where
            it is beyond chance.
        unseen: share of the validation rows whose class no training row has.
        levels: distinct values of quantities.
        whole: whether they are 0, 1, 2, ... without gaps, in one column.
        target_mean: mean of quantities.
        target_std: standard deviation of quantities.
        target_low: the least of them.
        order: variance of the means of batches of the targets in the order they were used, over what shuffled rows
            give, which is 1; None if no batch was seen.
        simple: what simple rules reach; None where they cannot be tried.
    """

    rows: int
    val_rows: int = 0
    features: int
    classes: int = 0
    indices: bool = False
    broken: str = ""
    scale: Scale | None = None
    drift: Drift | None = None
    shared: float = 0.0
    repeated: float = 0.0
    told_apart: float = 0.0
    told_within: float = 0.0
    blank: float = 0.0
    missing: float = 0.0
    leakage: Leakage = attrs.field(factory=Leakage)
    majority: float = 0.0
    common: int = 0
    chance_accuracy: float = 0.0
    target_shift: float = 0.0
    unseen: float = 0.0
    levels: int = 0
    whole: bool = False
    target_mean: float = 0.0
    target_std: float = 1.0
    target_low: float = 0.0
    order: float | None = None
    simple: SimpleRules | None = None


@attrs.frozen(kw_only=True)
class Experiments:
    """Short experiments on the user's own model, loss and optimizer.

    None of them can fail in a sound run.

    Attributes:
        mixed: how far the gradient of a row's outputs turns when another row is exchanged: 0 where each row's loss
            depends on that row alone (up to a factor that all rows share). None where it could not be measured.
        shapes: outputs and targets, where they are of a different number of axes without being classes.
        low: least output that the model can give; -inf if there is no bound.
        high: largest output that it can give; inf if there is no bound.
        floor: loss of the best outputs within these bounds, over that of a constant answer; None without bounds.
        loss_floor: what the loss levels off at as right scores of classes grow, over that of a constant answer; None
            where it does not level off.
        unbounded: whether the loss falls without end as outputs grow.
        failed: checks of the run that failed before training, by name, with what they said.
        repeated: share of the first batches whose targets are those of the first batch, in their order.
        moved: how often weights changed by more than a twentieth between two updates, by something else than an update.
        foreign: parameters that the optimizer holds and the model does not; None if it is not known.
        covered: share of the model's parameters that the optimizer holds; None if it is not known.
        spacing: distance between neighbouring numbers of the parameters' dtype, relative: 1e-3 for float16.
        step_calls: how often the optimizer's step was called; None if it is not known.
    """

    mixed: float | None = None
    shapes: str = ""
    low: float = -math.inf
    high: float = math.inf
    floor: float | None = None
    loss_floor: float | None = None
    unbounded: bool = False
    failed: Mapping[str, str] = attrs.field(factory=dict)
    repeated: float = 0.0
    moved: int = 0
    foreign: int | None = None
    covered: float | None = None
    spacing: float = 1.2e-7
    step_calls: int | None = None


@attrs.frozen(kw_only=True)
class Probes:
    """What model and loss answer when one thing is changed.

    None where that could not be tried.

    Attributes:
        mixed: largest change of a row's outputs when other rows of the batch are exchanged, over their spread.
        ignored: share of the input columns that no output depends on.
        ahead: change of what a language model predicts at a place when symbols behind that place are changed.
        dropped: share of the outputs that are 0 in training mode only.
        blind_targets: whether the loss's gradient is the same for other targets.
        blind_rows: share of the rows whose outputs the loss does not depend on.
        blind_columns: share of the columns of quantities whose outputs the loss does not depend on.
        blind_places: share of the places of a sequence that the loss does not depend on.
    """

    mixed: float | None = None
    ignored: float | None = None
    ahead: float | None = None
    dropped: float = 0.0
    blind_targets: bool = False
    blind_rows: float = 0.0
    blind_columns: float = 0.0
    blind_places: float = 0.0


@attrs.frozen(kw_only=True)
class Batches:
    """The batches of a loop of one's own, compared with the rows that it was said to train on.

    Attributes:
        fed: rows in all batches together.
        known: share of them that are training rows.
        from_val: share of them that are validation rows.
        used: share of the training rows that were in a batch, they or rows that are equal to them.
        mispaired: share of those whose target was that of another row; None where targets were changed on the way.
        size: root mean square of the inputs, over that of the training rows.
        by_chance: share of the rows whose target would be another if targets were dealt out at random.
        alike: share of the first batches of the first epoch that hold the same rows as the first; None for fewer than
            four.
    """

    fed: int
    known: float
    from_val: float
    used: float
    mispaired: float | None
    size: float
    by_chance: float = 1.0
    alike: float | None = None
