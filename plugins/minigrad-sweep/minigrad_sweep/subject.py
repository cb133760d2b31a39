"""What is searched: a model script or options of `minigrad train`."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import attrs
import numpy as np

from minigrad import nn
from minigrad.core.errors import MinigradError
from minigrad.optim import optimizer as make_optimizer
from minigrad.train import TrainError
from minigrad.train.script.script import Script, Settings, load_script
from minigrad.train.setup import Setup, SetupOptions
from minigrad_sweep.space import Range, Space, SpaceError, Value

__all__ = ["changed_settings", "command_of", "known_names", "options_of", "refuse_useless_values"]

_OF_THE_DATA = ("data", "target", "task", "weights", "epochs", "hyperparameters", "metrics", "monitor", "mode")
"""Options that no search changes."""


def options_of(arguments: Namespace) -> SetupOptions:
    """The options of `minigrad train`, with a path that holds from anywhere."""
    options = SetupOptions.from_mapping(vars(arguments))
    path = Path(options.data)
    return attrs.evolve(options, data=str(path.resolve())) if path.exists() else options


def known_names(script: bool) -> list[str]:
    """Settings that may be searched, of a script or of options."""
    names = Settings.__annotations__ if script else attrs.fields_dict(SetupOptions)
    return [name for name in names if name not in _OF_THE_DATA]


def changed_settings(settings: Settings, changed: Mapping[str, object]) -> Settings:
    """Changed settings of a script; `optimizer.NAME` is a hyperparameter."""
    hyper = {name.removeprefix("optimizer."): v for name, v in changed.items() if name.startswith("optimizer.")}
    plain = {name: value for name, value in changed.items() if not name.startswith("optimizer.")}
    if hyper:
        plain["hyperparameters"] = {**settings.get("hyperparameters", {}), **hyper}
    return cast(Settings, plain)


def refuse_useless_values(subject: Path | SetupOptions, space: Space) -> None:
    """Try each value of each choice, and the ends of each range, before any trial is run.

    Raises:
        SpaceError: a value cannot be used; names it and says why.
    """
    base: Script | Setup = load_script(subject) if isinstance(subject, Path) else Setup(subject)
    for name, value in _ends(space):
        try:
            if isinstance(base, Setup):
                loaded = None if name in ("seed", "size") else base.loaded
                Setup(base.options.with_changes({name: value}), loaded).try_options()
            else:
                _try_settings(base, changed_settings(base.settings, {name: value}))
        except (MinigradError, TypeError, ValueError) as error:
            raise SpaceError(f"{name}={value}: {error}") from None


def _ends(space: Space) -> Iterator[tuple[str, Value]]:
    """Name and value of what has to be possible."""
    for name, part in space.items():
        ends = part.whole_ends if isinstance(part, Range) else part.values
        yield from ((name, value) for value in ends)


def _try_settings(script: Script, changed: Settings) -> None:
    """Make the optimizer of a script with changed settings, for a parameter of no importance."""
    settings: Settings = {**script.settings, **changed}
    for name in ("batch_size", "accumulate", "warmup", "patience"):
        value = settings.get(name)
        if isinstance(value, int | float) and value < (0 if name == "warmup" else 1):
            raise TrainError("must be at least 1")
    optimizer = settings.get("optimizer", "minigrad:adam")
    if isinstance(optimizer, str):
        rate = settings.get("lr")
        hyper = {**settings.get("hyperparameters", {}), **({"lr": rate} if isinstance(rate, float) else {})}
        make_optimizer(optimizer, [nn.parameter(np.zeros(1))], **hyper)  # type: ignore[arg-type]


def command_of(subject: Path | SetupOptions, values: Mapping[str, Value], epochs: int) -> str:
    """The line that trains with the best values.

    It is empty for a script, in which they are written by hand.
    """
    if isinstance(subject, Path):
        return ""
    words = ["minigrad", "train"]
    usual = SetupOptions()
    for name, value in {**attrs.asdict(subject), **values, "epochs": epochs}.items():
        if name == "hyperparameters":
            words += [w for key, v in subject.hyperparameters.items() for w in ("--set", f"optimizer.{key}={v}")]
        elif name.startswith("optimizer."):
            words += ["--set", f"{name}={_shown(value)}"]
        elif value != getattr(usual, name, None):
            words += [f"--{name.replace('_', '-')}", _shown(value)]
    return shlex.join(words)


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("+", ",")
