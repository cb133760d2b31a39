"""Model scripts: Python files that define `model`, `data` and `loss`.

They leave the running to minigrad.

Every field is checked before anything is trained, and what is wrong with one is said with the line that defines it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict, cast

import attrs
import numpy as np

from minigrad.checkpoint import Checkpoint
from minigrad.core import Tensor
from minigrad.data.prepare.table_sources import is_table_path
from minigrad.nn import Loss, Module
from minigrad.optim import Schedule, StatefulOptimizer
from minigrad.parallel import Communicator
from minigrad.train.callbacks import Callback
from minigrad.train.fitting import fit
from minigrad.train.history import History
from minigrad.train.metrics import MetricChoice
from minigrad.train.script.fields import FIELDS, REQUIRED, suggest_field
from minigrad.train.script.script_ast import ScriptError, ScriptNames, outline
from minigrad.train.script.user_code import errors_in, import_file
from minigrad.train.script.validate import checked
from minigrad.train.splits import Split
from minigrad.train.weighting import ClassWeight

__all__ = ["Script", "ScriptError", "Settings", "load_script"]


class Settings(TypedDict, total=False):
    """The arguments of `fit` that a script may give, under the names it gives them."""

    optimizer: str | StatefulOptimizer
    hyperparameters: Mapping[str, object]
    lr: float | Schedule | None
    schedule: str | None
    warmup: int
    clip: float | None
    accumulate: int
    epochs: int
    batch_size: int
    seed: int
    patience: int | None
    class_weight: ClassWeight | None
    metrics: MetricChoice
    monitor: str | None
    mode: str | None


@attrs.frozen
class StepSchedule(Schedule):
    """A learning rate that a function of the step t = 1, 2, ... gives."""

    function: Callable[[int], float]

    def __call__(self, t: int) -> float:
        return float(self.function(t))


@attrs.frozen(eq=False)
class Script:
    """What a model script defines.

    Attributes:
        path: of the file.
        model: checked, as the script built it.
        split: the rows, in the dtype of the model.
        loss: a function of outputs and targets.
        regularization: a term of the model, or None.
        fields: all fields that a script may define, as they stand, by name; those it leaves out are missing.
    """

    path: Path
    model: Module
    split: Split
    loss: Loss
    regularization: Callable[[Module], Tensor] | None
    fields: Mapping[str, object]
    _outline: ScriptNames

    def wrong(self, name: str, problem: str) -> ScriptError:
        """The error for a field, with the line that defines it."""
        return self._outline.wrong(name, problem)

    @property
    def title(self) -> str:
        """What messages call it."""
        return str(self.path)

    @property
    def settings(self) -> Settings:
        """What the script says about the run, as `fit` takes it."""
        options = {name: _plain(self.fields[name]) for name in Settings.__annotations__ if name in self.fields}
        schedule = options.get("schedule")
        if schedule is not None and not isinstance(schedule, str):
            del options["schedule"]
            function = cast("Callable[[int], float]", schedule)
            options["lr"] = function if isinstance(function, Schedule) else StepSchedule(function)
        return cast(Settings, options)

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
        """Train as the script says, with `changed` settings and more callbacks.

        Errors are those of `minigrad.train.fit`; one that passes through the script is a ScriptError with its line.
        """
        own = cast("Sequence[Callback]", self.fields.get("callbacks", ()))
        loss = self.fields["loss"]
        settings: Settings = {**self.settings, **(changed or {})}
        with errors_in(self.path):
            return fit(
                self.model,
                self.split,
                loss=loss if isinstance(loss, str) else self.loss,
                regularization=self.regularization,
                callbacks=(*own, *callbacks),
                checks=checks,
                resume=resume,
                eager=eager,
                quiet=quiet,
                communicator=communicator,
                **settings,
            )


def load_script(path: Path) -> Script:
    """Import a model script and check what it defines.

    What stands under `if __name__ == "__main__":` does not run.

    A file that lacks a required field is refused before anything in it runs. Images named by `data = "fashion"` come
    as rows `(N, D)` in [0, 1], or as `(N, C, H, W)` where the model takes only these; tables are standardised.

    Raises:
        ScriptError: no such file, a syntax error, an exception while it runs, or a field that is missing, misspelt or
            wrong; model, loss and regularization are tried on two rows.
    """
    if is_table_path(path) or path.suffix.lower() in (".npz", ".npy", ".txt"):
        raise ScriptError(f"{path}: is no Python file. Data is given by --data {path}, without a script")
    outlined = outline(path)
    if outlined.complete:
        _refuse_loop(outlined, [name for name in REQUIRED if name not in outlined.settled])
        _complete(outlined, outlined.lines)
    module = import_file(path)
    _complete(outlined, vars(module))
    fields = {name: getattr(module, name) for name in FIELDS if hasattr(module, name)}
    ready = checked(outlined, fields)
    return Script(path, ready.model, ready.split, ready.loss, ready.regularization, fields, outlined)


def _refuse_loop(script: ScriptNames, missing: Sequence[str]) -> None:
    """Refuse a script that lacks fields and trains by itself, with what watches its loop."""
    if not missing or script.loop is None:
        return
    line, call = script.loop
    watch = (
        "callbacks=[doctor := minigrad.diagnosis.Doctor()] there, print(doctor.diagnosis) at the end" if call == "fit"
        else "loss = minigrad.diagnosis.watch(loss, model, optimizer, data) first, print(loss.diagnose()) at the end"
    )  # fmt: skip
    raise ScriptError(
        f"{script.path}:{line}: the script trains by itself ({call}) and defines no {_listed(missing)}: "
        f"run it with python. For findings: {watch}"
    )


def _complete(script: ScriptNames, names: Mapping[str, object]) -> None:
    """Refuse required fields that are missing, and names that look like fields.

    The latter do nothing. The error is ScriptError.
    """
    missing = [name for name in REQUIRED if name not in names]
    _refuse_loop(script, missing)
    own = {name: line for name, line in script.lines.items() if name not in FIELDS and not name.startswith("_")}
    if missing:
        near = next(((name, field) for name in own if (field := suggest_field(name, missing))), None)
        line = own[near[0]] if near else max(script.lines.values(), default=1)
        hint = f" Is {near[0]!r} meant to be {near[1]!r}?" if near else ""
        what = "; ".join(f"{name}: {FIELDS[name].what}" for name in missing)
        raise ScriptError(f"{script.path}:{line}: the script defines no {_listed(missing)}.{hint} ({what})")
    for name in sorted(script.unused & set(own), key=own.__getitem__):
        field = suggest_field(name, [f for f in FIELDS if f not in names])
        if field:
            raise script.wrong(
                name,
                f"there is no such field, and nothing in the file reads it. Did you mean {field!r}? (A name of your "
                "own may begin with '_'.)",
            )


def _listed(names: Sequence[str]) -> str:
    return " and no ".join(map(repr, names))


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
