"""Model scripts: a Python file that defines `model`, `data`, `loss` and leaves the running to minigrad.

Every field is checked, and what is wrong with one is said with the line that defines it.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import cast

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.errors import MinigradError, nearest
from minigrad.data import Dataset
from minigrad.nn import Loss, Module, find_loss
from minigrad.train.errors import TrainError
from minigrad.train.rows import Source, Split, as_split

__all__ = ["OPTIONAL", "REQUIRED", "Script", "ScriptError", "load_script"]

REQUIRED: Mapping[str, str] = {
    "model": "a minigrad.nn.Module, such as nn.mlp(784, [128], 10)",
    "data": "a Dataset, arrays (x, y), or (x_train, y_train, x_val, y_val)",
    "loss": "'softmax', 'svm', 'mse', or a function of outputs and targets that returns a Tensor",
}
OPTIONAL: Mapping[str, str] = {
    "regularization": "a function of the model that returns a Tensor, such as nn.L2(1e-3)",
    "optimizer": "the name of an installed optimizer, such as 'adam'",
    "schedule": "a minigrad.optim schedule of the learning rate, or a function of the step",
    "lr": "a learning rate, a number",
    "epochs": "a whole number",
    "batch_size": "a whole number",
    "seed": "a whole number",
}


class ScriptError(TrainError):
    """A model script cannot be used; the message begins with file and line."""


@attrs.frozen(eq=False)
class Script:
    """What a model script defines.

    Attributes:
        path: of the file.
        model, split, loss, regularization: checked and ready; `split` in the dtype of the model.
        fields: all fields that a script may define, as they stand, by name; those it leaves out are missing.
    """

    path: Path
    model: Module
    split: Split
    loss: Loss
    regularization: Callable[[Module], Tensor] | None
    fields: Mapping[str, object]
    _lines: Mapping[str, int]

    def wrong(self, name: str, problem: str) -> ScriptError:
        """The error for a field, with the line that defines it."""
        return ScriptError(f"{self.path}:{self._lines.get(name, 1)}: {name}: {problem}")


def load_script(path: Path) -> Script:
    """Run the file as a module (so not its `if __name__ == "__main__":`) and check what it defines.

    Raises:
        ScriptError: no such file, a syntax error, an exception while it runs, or a field that is missing or wrong.
    """
    lines = _lines_of(path)
    module = _imported(path)
    known = {**REQUIRED, **OPTIONAL}
    fields = {name: getattr(module, name) for name in known if hasattr(module, name)}
    for name, what in REQUIRED.items():
        if name not in fields:
            near = _misspelt(name, lines)
            line = lines[near] if near else max(lines.values(), default=1)
            hint = f" Is {near!r} meant?" if near else ""
            raise ScriptError(f"{path}:{line}: the script defines no {name!r}: {what}.{hint}")

    def wrong(name: str, problem: str) -> ScriptError:
        return ScriptError(f"{path}:{lines.get(name, 1)}: {name}: {problem}")

    for name, value in fields.items():
        problem = _problem(name, value)
        if problem:
            raise wrong(name, f"{problem}; it must be {known[name]}")
    model, data = fields["model"], fields["data"]
    assert isinstance(model, Module)
    parameters = model.parameters()
    if not parameters:
        raise wrong("model", f"{type(model).__name__} has no parameters, so there is nothing to train or check")
    try:
        split = as_split(cast("Source", data), parameters[0].dtype)
    except MinigradError as error:
        raise wrong("data", str(error)) from error
    except ValueError as error:
        raise wrong("data", f"{type(error).__name__}: {error}") from error
    try:
        loss = find_loss(cast("str | Loss", fields["loss"]))
    except MinigradError as error:
        raise wrong("loss", str(error)) from error
    term = cast("Callable[[Module], Tensor] | None", fields.get("regularization"))
    return Script(path, model, split, loss, term, fields, lines)


def _problem(name: str, value: object) -> str:
    """Why a value cannot be the field, or an empty text."""
    kind = type(value).__name__
    number = int(value) if isinstance(value, int | np.integer) and not isinstance(value, bool) else None
    if isinstance(value, type) and name in ("model", "loss", "regularization"):
        return f"it is the class {value.__name__}, not an object of it (is '()' missing?)"
    fits = {
        "model": isinstance(value, Module),
        "data": isinstance(value, Dataset | tuple),
        "loss": isinstance(value, str) or callable(value),
        "regularization": value is None or callable(value),
        "optimizer": isinstance(value, str),
        "schedule": value is None or callable(value),
        "lr": value is None or isinstance(value, float) or number is not None,
        "epochs": number is not None and number > 0,
        "batch_size": number is not None and number > 0,
        "seed": number is not None and number >= 0,
    }
    return "" if fits[name] else f"it is {value!r}" if isinstance(value, int | float | str) else f"it is of type {kind}"


def _lines_of(path: Path) -> dict[str, int]:
    """Name -> the line of its last assignment at the top level of the file."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or error}") from error
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ScriptError(f"{path}:{line}: {type(error).__name__}: {getattr(error, 'msg', error)}") from error
    found: dict[str, int] = {}
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = node.lineno
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found[statement.name] = statement.lineno
    return found


def _imported(path: Path) -> ModuleType:
    name = f"minigrad_script_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ScriptError(f"{path}: not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # attrs looks up the module of a class by name
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python script.py` has it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise ScriptError(f"{path}:{_line_in(path, error)}: {type(error).__name__}: {error}") from error
    return module


def _line_in(path: Path, error: BaseException) -> int:
    """The line of the script that an exception came through last."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == path.resolve()]
    return (frames[-1].lineno or 1) if frames else 1


def _misspelt(name: str, lines: Mapping[str, int]) -> str:
    """A name that the script defines and that looks like the missing one."""
    found = nearest(name, [n for n in lines if n not in REQUIRED and n not in OPTIONAL])
    return found.split("'")[1] if found else ""
