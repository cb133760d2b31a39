"""What rules look at.

Figures of the data, of the untrained model, of some steps, and of the model at the end.

Plain frozen values, so that a rule can be tried on figures made up for it, and so that any recorder can fill them in.
A figure that could not be taken is None, and a rule that needs it keeps quiet.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import isfinite

import attrs

from minigrad.diagnosis.curve import LossCurve, curve_of
from minigrad.diagnosis.facts import Batches, DataFacts, Experiments, Leakage, Probes
from minigrad.diagnosis.outcome import Gain

__all__ = [
    "Activation",
    "Batches",
    "DataFacts",
    "Evidence",
    "Experiments",
    "Leakage",
    "ModelStats",
    "ParameterStats",
    "Point",
    "Probes",
    "Sample",
    "Start",
    "Usage",
]


@attrs.frozen
class Activation:
    """One nonlinearity, over the rows of a probe batch.

    Attributes:
        name: op and the parameter before it: "relu after layers.0.bias".
        op: its name.
        std: of the values.
        dead: share of the units that are 0 for every row (relu).
        saturated: share of the values in the flat ends: |tanh| > 0.99, sigmoid outside [0.01, 0.99].
    """

    name: str
    op: str
    std: float
    dead: float = 0.0
    saturated: float = 0.0


@attrs.frozen
class ParameterStats:
    """One parameter, at one moment.

    Attributes:
        rms: root mean square of its numbers.
        grad: of its gradient on the probe batch.
        alike: whether all units (columns) start from the same numbers.
        weight: whether it has two or more axes.
    """

    name: str
    size: int
    rms: float
    grad: float
    alike: bool = False
    weight: bool = True


@attrs.frozen
class ModelStats:
    """The inside of a model on a probe batch, in evaluation mode, without regularisation.

    Attributes:
        activations: in the order of the forward pass.
        parameters: in the order of the model.
        loss: of the batch.
        outputs_std: spread of the outputs over rows, averaged over columns.
        stacked: names of weights that are multiplied onto another weight with no nonlinearity between the two.
        score: accuracy or R^2 on the batch.
        training_loss: of the batch with the model in training mode; None without dropout.
        end: name of the op that gave the outputs; empty if it is not known.
        breadth: of the outputs, over their length: 0 where those of all rows lie on a line. None for fewer than three
            columns.
    """

    activations: tuple[Activation, ...]
    parameters: tuple[ParameterStats, ...]
    loss: float
    outputs_std: float
    stacked: tuple[str, ...] = ()
    score: float | None = None
    training_loss: float | None = None
    breadth: float | None = None
    end: str = ""

    @property
    def weights(self) -> tuple[ParameterStats, ...]:
        """The parameters that are weights."""
        return tuple(p for p in self.parameters if p.weight)


@attrs.frozen
class Start:
    """Tests of loss and model before the first update.

    Attributes:
        chance: loss of a model that knows nothing; None if the loss does not say.
        formula: where it comes from.
        constant: loss of the best answer that does not look at the inputs, among a few; None if it is not known.
        probabilities: whether outputs are >= 0 and sum to 1.
        between: whether all lie in [0, 1].
        clipped: share of the outputs that are exactly 0.
        shift: |change of the loss| when 1 is added to all outputs: 0 for a loss that takes a softmax itself.
        doubling: loss of two halves together over the mean of both: 1 for a mean, 2 for a sum.
        repeat: largest difference between two evaluations of the same rows.
        outputs: columns of the output.
        even: loss of the untrained model with every class counted alike, and that of the shares of the classes as
            answer; None where no class is rare.
        wrong_gradients: parameters whose gradient disagrees with differences.
    """

    chance: float | None = None
    formula: str = ""
    constant: float | None = None
    probabilities: bool = False
    between: bool = False
    clipped: float = 0.0
    shift: float | None = None
    doubling: float | None = None
    repeat: float = 0.0
    outputs: int = 1
    even: tuple[float, float] | None = None
    wrong_gradients: tuple[str, ...] = ()


@attrs.frozen
class Sample:
    """One update, looked at closely.

    Attributes:
        step: number, from 1.
        lr: learning rate, None if the optimizer has none.
        loss: of the batch, before the update.
        updates: parameter -> root mean square of its change.
        weights: parameter -> root mean square of its numbers.
        grads: parameter -> root mean square of its gradient.
        descent: cosine between the update and minus the gradient; negative when it climbs.
        stale: |gradient used - gradient of this batch's loss - gradient used before| over |gradient used before|: 0
            when old gradients were kept. None where it was not measured.
        own: cosine between the gradient used and that of this batch's loss. None where it was not measured.
        turned: parameters whose gradient was that of the loss with the opposite sign.
    """

    step: int
    loss: float
    lr: float | None
    updates: Mapping[str, float]
    weights: Mapping[str, float]
    grads: Mapping[str, float]
    descent: float
    stale: float | None = None
    own: float | None = None
    turned: tuple[str, ...] = ()


@attrs.frozen
class Point:
    """Figures after an epoch (0: untrained).

    Scores are accuracies, or 1 - loss / chance for regression.
    """

    epoch: int
    train_loss: float
    val_loss: float | None = None
    train_score: float | None = None
    val_score: float | None = None


@attrs.frozen(kw_only=True)
class Usage:
    """How the model was used, as seen from its loss.

    Attributes:
        frozen_mode: updates computed in evaluation mode by a model with dropout or batch normalisation.
        noisy_mode: evaluations in training mode of such a model.
        dropout: the largest dropout probability.
        normalised: whether there is batch normalisation.
        recurrent: whether there are recurrent layers.
    """

    frozen_mode: int = 0
    noisy_mode: int = 0
    dropout: float = 0.0
    normalised: bool = False
    recurrent: bool = False


@attrs.frozen(kw_only=True)
class Evidence:
    """Everything a rule may look at.

    Attributes:
        data: figures of the rows.
        start: tests before the first update.
        usage: how the model was called.
        first: the inside of the model before training.
        last: the inside of the model after training.
        samples: updates that were looked at, early ones closely, later ones ever more rarely.
        losses: data loss of every batch.
        extra_first: what regularisation added to the loss at the start.
        extra_last: what regularisation added to the loss, mean of the last epoch.
        points: epochs, the untrained model first.
        steps_per_epoch: batches in an epoch.
        batch_size: rows in a batch.
        epochs: what was asked for, 0 if unknown.
        hyper: hyperparameters of the optimizer that are numbers.
        accumulate: batches to an update.
        failure: why the run ended in an error; empty if it did not.
        confusion: validation rows by class (row) and prediction (column); empty without classes.
        experiments: on model, loss and optimizer.
        probes: what the untrained model and the loss answer when one thing is changed.
        ignored_last: share of the input columns that no output of the trained model depends on.
        batches: of a loop of one's own; None for those of `fit`, which are in order.
        train_gain: how far the trained model goes from chance to perfect on training rows; None if that has no meaning.
        val_gain: the same on validation rows.
        resumed: whether the run went on from a checkpoint, so that `first` is no untrained model.
    """

    data: DataFacts
    start: Start = attrs.field(factory=Start)
    usage: Usage = attrs.field(factory=Usage)
    first: ModelStats | None = None
    last: ModelStats | None = None
    samples: tuple[Sample, ...] = ()
    losses: tuple[float, ...] = ()
    extra_first: float = 0.0
    extra_last: float = 0.0
    points: tuple[Point, ...] = ()
    steps_per_epoch: int = 1
    batch_size: int = 0
    epochs: int = 0
    hyper: Mapping[str, float] = attrs.field(factory=dict)
    accumulate: int = 1
    failure: str = ""
    confusion: tuple[tuple[int, ...], ...] = ()
    experiments: Experiments = attrs.field(factory=Experiments)
    probes: Probes = attrs.field(factory=Probes)
    ignored_last: float | None = None
    batches: Batches | None = None
    train_gain: Gain | None = None
    val_gain: Gain | None = None
    resumed: bool = False

    @cached_property
    def curve(self) -> LossCurve | None:
        """The shape of the losses, in shares of the loss of chance; None for too few."""
        return curve_of(self.losses, self.level)

    @property
    def level(self) -> float | None:
        """The loss that learning starts from.

        Of the best constant answer, of chance, or of the untrained model.
        """
        if self.first is None:
            return None
        constant = self.start.constant
        known = constant if constant is not None and constant > 0.0 else self.start.chance
        return known or max(self.first.loss, 1e-12)

    @property
    def end(self) -> Point | None:
        """The last epoch."""
        return self.points[-1] if self.points else None

    @property
    def best_val(self) -> float | None:
        """The best validation score of any epoch after the first update."""
        scores = [p.val_score for p in self.points if p.epoch > 0 and p.val_score is not None]
        return max(scores, default=None)

    @property
    def left(self) -> float | None:
        """Share of the loss of chance that is left at the end, on training rows.

        None where either is not known.
        """
        level = self.level
        return None if self.end is None or not level or self.end.epoch == 0 else self.end.train_loss / level

    @cached_property
    def diverged(self) -> bool:
        """Whether the loss or a gradient became infinite or NaN."""
        return bool(self.failure) or not all(map(isfinite, self.losses))
