"""From a model and its optimizer to a file and back."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

import attrs
import numpy as np

import minigrad
from minigrad.checkpoint.contents import Contents, Json, as_object, read, write
from minigrad.checkpoint.errors import CheckpointError
from minigrad.checkpoint.generators import generators, misfits, state_of, with_state
from minigrad.core.errors import MinigradError, nearest
from minigrad.core.tensor import tensor
from minigrad.core.types import Array
from minigrad.nn import Module
from minigrad.optim import StatefulOptimizer
from minigrad.runtime.parameters import has_grad

__all__ = ["Checkpoint", "load", "save"]

Scalar: TypeAlias = "float | int | bool | str"
Value = TypeVar("Value")
_SHOWN = 3


def save(
    path: str | os.PathLike[str],
    model: Module,
    optimizer: StatefulOptimizer | None = None,
    *,
    arrays: Mapping[str, Array] | None = None,
    about: Mapping[str, Json] | None = None,
) -> int:
    """Replace `path` by a checkpoint of the present moment, and return its size in bytes.

    It holds parameters, buffers and random generators of the model; the optimizer's state, step count (on which its
    schedules depend) and, between the micro-batches of an update, the gradients gathered so far.

    Args:
        arrays: what else the caller wants to find again, under `Checkpoint.arrays`.
        about: and under `Checkpoint.about`.

    Raises:
        CheckpointError: it could not be written; what was at `path` is still there.
    """
    target = _path(path)
    if not isinstance(model, Module):
        raise CheckpointError.of(target, f"a model is a minigrad.nn.Module, not a {type(model).__name__}")
    if optimizer is not None and not isinstance(optimizer, StatefulOptimizer):
        raise CheckpointError.of(target, f"an optimizer comes from mg.optimizer, this is a {type(optimizer).__name__}")
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"arrays/{name}": value for name, value in _by_name(target, "arrays", arrays).items()}
    scalars: dict[str, Json] = {}
    state = {} if optimizer is None else optimizer.state_dict()
    for key, value in state.items():
        if isinstance(value, np.ndarray):
            tensors[f"optimizer/{key}"] = value
        else:
            scalars[key] = {"float64": float(value)} if isinstance(value, np.floating) else value
    if state.get("micro"):
        for name, t in model.named_parameters():
            if t.grad is not None and has_grad(t):
                tensors[f"gradient/{name}"] = t.grad.numpy()
    try:
        states = {name: state_of(generator) for name, generator in generators(model).items()}
    except TypeError as error:
        raise CheckpointError.of(target, str(error)) from None
    document: dict[str, Json] = {
        "versions": dict(versions()),
        "optimizer": scalars if optimizer is not None else None,
        "generators": states,
        "about": _by_name(target, "about", about),
    }
    return write(target, Contents(tensors, document))


def load(path: str | os.PathLike[str]) -> Checkpoint:
    """Read and verify a checkpoint.

    Raises:
        CheckpointError: a byte is not as `save` wrote it.
    """
    source = _path(path)
    contents = read(source)
    kinds: dict[str, dict[str, Array]] = {kind: {} for kind in ("model", "optimizer", "gradient", "arrays")}
    try:
        for name, value in contents.tensors.items():
            kind, _, rest = name.partition("/")
            kinds[kind][rest] = value
        document = contents.about
        scalars = document["optimizer"]
        return Checkpoint(
            source,
            kinds["model"],
            None if scalars is None else {**_scalars(scalars), **kinds["optimizer"]},
            kinds["gradient"],
            as_object(document["generators"]),
            kinds["arrays"],
            as_object(document["about"]),
            {name: str(version) for name, version in as_object(document["versions"]).items()},
        )
    except (KeyError, TypeError) as error:
        what = f"holds no model of minigrad: {type(error).__name__}: {error} is unexpected or missing"
        raise CheckpointError.of(source, what) from None


def versions() -> dict[str, str]:
    """Versions of what the last bits of a run depend on."""
    return {"minigrad": minigrad.__version__, "numpy": np.__version__, "python": platform.python_version()}


@attrs.frozen(eq=False)
class Checkpoint:
    """What was saved.

    Attributes:
        path: the file.
        model: its parameters and buffers by name.
        optimizer: its state as `StatefulOptimizer.state_dict` gave it; None if there was none.
        gradients: those of the micro-batches since the last update, where gradients are accumulated.
        generators: states of the model's random generators.
        arrays: what the caller of `save` added.
        about: JSON values that the caller of `save` added.
        versions: of minigrad, numpy and python when it was saved.
    """

    path: Path
    model: Mapping[str, Array]
    optimizer: Mapping[str, Array | Scalar] | None
    gradients: Mapping[str, Array]
    generators: Mapping[str, Json]
    arrays: Mapping[str, Array]
    about: Mapping[str, Json]
    versions: Mapping[str, str]

    def restore(self, model: Module, optimizer: StatefulOptimizer | None = None) -> None:
        """Put everything back, to the last bit.

        Hyperparameters and schedules stay those of `optimizer`.

        Args:
            optimizer: None to take the model alone.

        Raises:
            CheckpointError: the file is of another model (names parameters and shapes) or another optimizer (names
                both). Nothing has been changed.
        """
        wrong = [*self._model_differences(model), *misfits(model, self.generators)]
        if wrong:
            more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            what = f"is of another model than this {type(model).__name__}: {'; '.join(wrong[:_SHOWN])}{more}"
            raise CheckpointError.of(self.path, what, "Build the model as it was when it was saved")
        if optimizer is not None:
            if self.optimizer is None:
                raise CheckpointError.of(self.path, "holds a model and no optimizer: restore(model) takes it alone")
            try:
                optimizer.load_state_dict(self.optimizer)
            except MinigradError as error:
                raise CheckpointError.of(self.path, f"is of another optimizer: {error}") from error
        model.load_state_dict(self.model)
        for name, generator in generators(model).items():
            with_state(generator, self.generators[name])
        if optimizer is not None:
            self._accumulate(model)

    @property
    def other_versions(self) -> str:
        """Which libraries are not those that it was saved with, in words; empty if all are."""
        here = versions()
        changed = [f"{k} {v} (now {here.get(k)})" for k, v in self.versions.items() if here.get(k) != v]
        return ", ".join(changed)

    def _model_differences(self, model: Module) -> list[str]:
        own = model.state_dict()
        wrong = [
            f"{name} {_form(self.model[name])} in the file, {_form(value)} in the model"
            for name, value in own.items()
            if name in self.model and _form(self.model[name]) != _form(value)
        ]
        wrong += [
            f"{name} {_form(value)} is in the model only" for name, value in own.items() if name not in self.model
        ]
        wrong += [
            f"{name} {_form(value)} is in the file only.{nearest(name, own)}".removesuffix(".")
            for name, value in self.model.items()
            if name not in own
        ]
        return wrong

    def _accumulate(self, model: Module) -> None:
        """Give the parameters the gradients that were under way.

        They are accumulated as the gradients of sum(p * g), which are exactly g.
        """
        for name, t in model.named_parameters():
            t.zero_grad()
            if name in self.gradients:
                (t * tensor(self.gradients[name], dtype=t.dtype)).sum().backward()


def _path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise CheckpointError(f"a checkpoint is a file: give its path, not a {type(path).__name__}")
    return Path(path)


def _by_name(path: Path, role: str, values: Mapping[str, Value] | None) -> dict[str, Value]:
    """Copy what the caller adds; names must be strings, since 1 and "1" would become one."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise CheckpointError.of(path, f"{role} is a {type(values).__name__}: give a dict of names and values")
    for name in values:
        if not isinstance(name, str):
            raise CheckpointError.of(path, f"{role} has the key {name!r}: names are strings")
    return dict(values)


def _form(value: Array) -> str:
    return f"{value.shape} {value.dtype}"


def _scalars(value: Json) -> dict[str, Scalar]:
    scalars: dict[str, Scalar] = {}
    for key, scalar in as_object(value).items():
        plain = np.float64(_number(scalar["float64"])) if isinstance(scalar, dict) else scalar
        if not isinstance(plain, float | int | str):
            raise TypeError(f"optimizer state {key!r}")
        scalars[key] = plain
    return scalars


def _number(value: Json) -> float:
    if not isinstance(value, float):
        raise TypeError("a number should be a number")
    return value
