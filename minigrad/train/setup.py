"""What `minigrad train` trains: data, model and loss from options, without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import cast

import attrs
import numpy as np

from minigrad import data, nn
from minigrad.checkpoint import Checkpoint
from minigrad.core.errors import nearest
from minigrad.data import Dataset
from minigrad.data.dataset import Task
from minigrad.nn import Loss, Module, find_loss
from minigrad.nn.regularization import Regularization
from minigrad.optim import ClipNorm
from minigrad.optim import optimizer as make_optimizer
from minigrad.parallel import Communicator
from minigrad.train.architectures import Architecture, choose_architecture
from minigrad.train.callbacks import Callback
from minigrad.train.errors import TrainError
from minigrad.train.fitting import fit
from minigrad.train.history import History
from minigrad.train.lr_schedules import default_rate, named_schedule
from minigrad.train.metrics import choose_criterion, choose_metrics
from minigrad.train.script.script import Settings
from minigrad.train.splits import Split, as_split
from minigrad.train.weighting import row_weights, weighted

__all__ = ["Setup", "SetupOptions"]

LOSSES: Mapping[Task, tuple[str, ...]] = {
    "classification": ("softmax", "svm"),
    "regression": ("mse", "mae", "huber"),
    "multilabel": ("bce",),
}
"""Names of the losses that fit each task, the usual one first."""


@attrs.frozen(kw_only=True)
class SetupOptions:
    """What decides a run without a script; the names are those of `minigrad train`.

    Attributes:
        data: name or path of a data set.
        target: columns of a table that are to be predicted.
        task: of a table or `.npz`, where the targets leave it open.
        weights: column of a table that says what each row counts.
        size: pixels that pictures are brought to.
        model: see `choose_architecture`.
        hidden: widths of hidden layers; None for the usual ones.
        dropout: share of units left out in training.
        loss: by name; None for the usual one.
        l2: strength of the L2 penalty.
        optimizer: by name.
        hyperparameters: of the optimizer, besides the learning rate.
        lr: learning rate; None for the optimizer's own.
        schedule: of the learning rate, by name.
        warmup: updates.
        clip: bound on the norm of the gradient.
        accumulate: batches for an update.
        epochs: passes over the training rows.
        batch_size: rows in a step.
        patience: epochs without a better one after which the run stops.
        class_weight: "balanced", or None.
        metrics: more figures of each epoch.
        monitor: the figure that chooses the best epoch.
        mode: which way it is better.
        seed: of weights, order and checks.
    """

    data: str = "fashion"
    target: tuple[str, ...] = ()
    task: Task | None = None
    weights: str | None = None
    size: int | None = None
    model: str = "auto"
    hidden: tuple[int, ...] | None = None
    dropout: float = 0.0
    loss: str | None = None
    l2: float = 0.0
    optimizer: str = "minigrad:adam"
    hyperparameters: Mapping[str, object] = attrs.field(factory=dict)
    lr: float | None = None
    schedule: str | None = None
    warmup: int = 0
    clip: float | None = None
    accumulate: int = 1
    epochs: int = 20
    batch_size: int = 64
    patience: int | None = None
    class_weight: str | None = None
    metrics: tuple[str, ...] = ()
    monitor: str | None = None
    mode: str | None = None
    seed: int = 0

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> SetupOptions:
        """The options among other values by name; lists become tuples."""
        names = {field.name for field in attrs.fields(cls)}
        chosen = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items() if n in names}
        if chosen.get("target") is None:
            chosen.pop("target", None)
        elif isinstance(chosen["target"], str):
            chosen["target"] = (chosen["target"],)
        return cls(**chosen)  # type: ignore[arg-type]  # the command line has checked them, or wrote them itself

    def with_changes(self, changed: Mapping[str, object]) -> SetupOptions:
        """These options, some of them changed.

        `optimizer.momentum` is a hyperparameter, and `hidden` may be a single width, or several such as `64+32`.

        Raises:
            TrainError: there is no such option.
        """
        names = [field.name for field in attrs.fields(SetupOptions)]
        plain: dict[str, object] = {}
        hyper = dict(self.hyperparameters)
        for name, value in changed.items():
            if name.startswith("optimizer."):
                hyper[name.removeprefix("optimizer.")] = value
            elif name not in names:
                raise TrainError(f"there is no option {name!r}.{nearest(name, names)} Known: {', '.join(names)}")
            else:
                plain[name] = _widths(value) if name == "hidden" else value
        return attrs.evolve(self, hyperparameters=hyper, **plain)  # type: ignore[arg-type]


class Setup:
    """Rows, model and loss that options describe, ready to be trained, checked or searched.

    Args:
        options: what is asked for.
        loaded: the rows, where they have been loaded already.

    Raises:
        DataError: see `data.load`.
        TrainError: the model or the loss does not fit the data.

    Attributes:
        options: what was asked for.
        loaded: the data as they are stored.
        ready: as the model takes them.
        architecture: of the model.
        model: with its first weights.
        loss_name: of the loss.
        loss: a function of outputs and targets.
        regularization: a term of the model, or None.
    """

    def __init__(self, options: SetupOptions, loaded: Dataset | None = None) -> None:
        self.options = options
        self.loaded = loaded or data.load(
            options.data, seed=options.seed, target=_as_given(options.target), task=options.task,
            weights=options.weights, size=options.size,
        )  # fmt: skip
        self.loss_name = _fitting_loss(options.loss, self.loaded)
        self.ready = _ready(self.loaded, options.model)
        self.architecture: Architecture = choose_architecture(
            options.model, self.ready, options.hidden, options.dropout
        )
        self.model: Module = self.architecture.build(options.seed)
        self.loss: Loss = find_loss(self.loss_name)
        self.regularization: Regularization | None = nn.L2(options.l2) if options.l2 else None

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.loaded.name

    @cached_property
    def split(self) -> Split:
        """The rows, in the dtype of the model."""
        return as_split(self.ready, self.model.parameters()[0].dtype)

    @property
    def settings(self) -> Settings:
        """What `fit` is told besides model, data and loss."""
        o = self.options
        settings: dict[str, object] = {name: getattr(o, name) for name in Settings.__annotations__}
        return cast(Settings, settings)

    def fit(
        self,
        changed: Settings | None = None,
        *,
        callbacks: Sequence[Callback] = (),
        checks: bool = True,
        resume: Checkpoint | None = None,
        eager: bool = False,
        quiet: bool = False,
        communicator: str | Communicator | None = None,
    ) -> History:
        """Train as the options say, with `changed` settings; see `minigrad.train.fit`."""
        settings: Settings = {**self.settings, **(changed or {})}
        return fit(
            self.model,
            self.ready,
            loss=self.loss_name,
            regularization=self.regularization,
            callbacks=callbacks,
            checks=checks,
            resume=resume,
            eager=eager,
            quiet=quiet,
            communicator=communicator,
            **settings,
        )

    def try_options(self) -> None:
        """Find mistakes in the options before a folder is made for the run.

        Raises:
            OptimizerError: there is no such optimizer or hyperparameter, or a value is wrong.
            TrainError: a schedule, a metric, the figure to choose by or a weight does not fit.
        """
        o = self.options
        metrics = choose_metrics(o.metrics, self.split, self.loss)
        if o.monitor is not None:
            choose_criterion(o.monitor, o.mode, metrics, self.split)
        if row_weights(self.split, o.class_weight, self.ready.sample_weight) is not None:
            weighted(self.loss)
        if "lr" in o.hyperparameters and o.lr is not None:
            raise TrainError("the learning rate is given twice: by --lr, and by --set optimizer.lr")
        hyper = {**o.hyperparameters, **({} if o.lr is None else {"lr": o.lr})}
        clip = None if o.clip is None else ClipNorm(o.clip)
        make_optimizer(o.optimizer, [nn.parameter(np.zeros(1))], clip=clip, **hyper)  # type: ignore[arg-type]
        if o.schedule or o.warmup:
            lr = default_rate(o.optimizer) if o.lr is None else o.lr
            batches = -(-len(self.ready.x_train) // o.batch_size)
            named_schedule(o.schedule or "constant", lr, max(1, o.epochs * -(-batches // o.accumulate)), o.warmup)


def _widths(value: object) -> object:
    """Widths of hidden layers as a tuple, from one of them or from a text such as 64+32."""
    if isinstance(value, str) and all(part.strip().isdigit() for part in value.split("+")):
        return tuple(int(part) for part in value.split("+"))
    return (int(value),) if isinstance(value, int | float) else value


def _as_given(target: tuple[str, ...]) -> str | tuple[str, ...] | None:
    """One name alone, which may stand for several."""
    return target[0] if len(target) == 1 else target or None


def _fitting_loss(name: str | None, loaded: Dataset) -> str:
    fitting = LOSSES[loaded.task]
    if name is not None and name not in fitting:
        raise TrainError(
            f"--loss {name} does not fit {loaded.name}, which is {loaded.task}: choose {' or '.join(fitting)}"
        )
    if loaded.kind == "text" and name == "svm":
        raise TrainError("--loss svm is for one class a row, not for characters: choose softmax")
    return name or fitting[0]


def _ready(loaded: Dataset, model: str) -> Dataset:
    """The rows as floats: pixels in [0, 1], columns standardised; characters stay numbers."""
    if loaded.kind == "image":
        return loaded.scaled("image" if model == "conv" else "flat", normalize="unit")
    if model == "conv" and loaded.kind == "table" and loaded.x_train.ndim in (3, 4):
        return loaded.scaled("native")
    return loaded.scaled(normalize="standard")
