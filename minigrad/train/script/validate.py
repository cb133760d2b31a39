"""The check of a model script's fields, each tried on two rows before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar, cast

import attrs
import numpy as np

from minigrad import data as sets
from minigrad.core import Tensor
from minigrad.core.errors import MinigradError, ShapeError
from minigrad.core.tensor import from_array
from minigrad.data import Dataset
from minigrad.nn import Loss, Module, find_loss, parameter
from minigrad.nn.regularization import Regularization
from minigrad.optim import StatefulOptimizer
from minigrad.optim import optimizer as make_optimizer
from minigrad.text import describe_error
from minigrad.train.evaluation import eval_mode
from minigrad.train.label_weights import check_labels_of
from minigrad.train.lr_schedules import named_schedule
from minigrad.train.script.fields import FIELDS, problem
from minigrad.train.script.script_ast import ScriptError, ScriptNames
from minigrad.train.script.user_code import line_in
from minigrad.train.splits import Source, Split, as_split, without_ignored

__all__ = ["ValidatedScript", "checked"]

T = TypeVar("T")

_OF_THE_DRIVER = ("lr", "schedule", "warmup", "clip", "accumulate")


@attrs.frozen(eq=False)
class ValidatedScript:
    """The fields of a script that were checked together."""

    model: Module
    split: Split
    loss: Loss
    regularization: Regularization | None


def checked(outline: ScriptNames, fields: Mapping[str, object]) -> ValidatedScript:
    """Check all fields.

    Raises:
        ScriptError: a field is wrong; names the line of the first.
    """
    return _Checker(outline, fields).ready()


@attrs.frozen(eq=False)
class _Checker:
    outline: ScriptNames
    fields: Mapping[str, object]

    def ready(self) -> ValidatedScript:
        for name, value in self.fields.items():
            wrong = problem(name, value)
            if wrong:
                raise self.outline.wrong(name, f"{wrong}; it must be {FIELDS[name].what}")
        model = cast(Module, self.fields["model"])
        if not self.trying("model", model.parameters):
            kind = type(model).__name__
            raise self.outline.wrong("model", f"{kind} has no parameters, so there is nothing to train or check")
        loss = self.trying("loss", lambda: find_loss(cast("str | Loss", self.fields["loss"])))
        split = self.rows(model, self.split(model), loss)
        term = cast("Regularization | None", self.fields.get("regularization"))
        if term is not None:
            self.number("regularization", lambda: term(model))
        self.updates()
        return ValidatedScript(model, split, loss, term)

    def split(self, model: Module) -> Split:
        """The rows, in the dtype of the model; a named set in the layout that the model takes."""
        raw, dtype = self.fields["data"], model.parameters()[0].dtype
        if not isinstance(raw, str):
            return self.trying("data", lambda: as_split(cast(Source, raw), dtype))
        native = self.trying("data", lambda: sets.load(raw))
        flat = self.trying("data", lambda: as_split(_scaled(native, "flat"), dtype))
        if native.kind != "image" or _takes(model, flat):
            return flat
        images = as_split(_scaled(native, "image"), dtype)
        return images if _takes(model, images) else flat

    def rows(self, model: Module, split: Split, loss: Loss) -> Split:
        """Try model and loss on two rows, and leave out those that the loss ignores."""
        x = split.train.x[:2]
        with eval_mode(model):
            outputs: object = self.trying("model", lambda: model(from_array(x)), f"cannot take rows of {x.shape[1:]}: ")
            if not isinstance(outputs, Tensor):
                kind = type(outputs).__name__
                raise self.outline.wrong("model", f"returns an object of type {kind}, not a Tensor of outputs")
            terms = self.trying("data", lambda: check_labels_of(model, split, loss))
            counted = self.trying("data", lambda: without_ignored(split, terms.ignored)[0])
            two = counted.train.take(np.arange(min(2, len(counted.train))))
            self.number("loss", lambda: loss(model(from_array(two.x)), two.y))
        return counted

    def number(self, name: str, make: Callable[[], object]) -> None:
        """A Tensor with one entry is due."""
        value = self.trying(name, make)
        if not isinstance(value, Tensor):
            raise self.outline.wrong(name, f"returns an object of type {type(value).__name__}, not a Tensor")
        if value.size != 1:
            raise self.outline.wrong(
                name, f"returns a Tensor of shape {value.shape}, not one number: is .mean() missing?"
            )

    def updates(self) -> None:
        """Optimizer, learning rate and schedule fit together."""
        optimizer, fields = self.fields.get("optimizer", "minigrad:adam"), self.fields
        if isinstance(optimizer, StatefulOptimizer):
            for name in _OF_THE_DRIVER:
                if name in fields:
                    raise self.outline.wrong(name, "belongs to the optimizer: give it to mg.optimizer(...), not here")
            return
        name, some = str(optimizer), [parameter(np.zeros(1))]
        self.trying("optimizer", lambda: make_optimizer(name, some))
        lr, schedule = fields.get("lr"), fields.get("schedule")
        if lr is not None:
            self.trying("lr", lambda: make_optimizer(name, some, lr=float(cast(float, lr))))
        if isinstance(schedule, str):
            self.trying("schedule", lambda: named_schedule(schedule, 1.0, 1_000))
        elif schedule is not None:
            if "lr" in fields:
                raise self.outline.wrong("lr", "the schedule gives the learning rate: leave lr out, or name a schedule")
            rate = cast("Callable[[int], float]", schedule)
            if not np.isfinite(self.trying("schedule", lambda: float(rate(1)))):
                raise self.outline.wrong("schedule", "gives a learning rate that is not finite at step 1")

    def trying(self, name: str, make: Callable[[], T], lead: str = "") -> T:
        """Return what `make` returns, with its errors blamed on a field.

        They name the line of the script that they passed through.
        """
        try:
            return make()
        except (Exception, SystemExit) as error:
            self.fail(name, lead, error)

    def fail(self, name: str, lead: str, error: BaseException) -> NoReturn:
        said = str(error) if isinstance(error, MinigradError) else describe_error(error)
        line = line_in(self.outline.path, error) or self.outline.lines.get(name, 1)
        raise ScriptError(f"{self.outline.path}:{line}: {name}: {lead}{said}") from error


def _scaled(data: Dataset, layout: sets.Layout) -> Dataset:
    if data.kind == "text":
        return data
    return data.scaled(layout, "unit" if data.kind == "image" else "standard")


def _takes(model: Module, split: Split) -> bool:
    try:
        with eval_mode(model):
            model(from_array(split.train.x[:2]))
    except ShapeError:
        return False
    return True
