"""`minigrad lr-find script.py`: a range of learning rates, its reason and its curve."""

from __future__ import annotations

from argparse import Namespace

import attrs

from minigrad.cli.output import wrapped, write_json
from minigrad.cli.subject import subject_of
from minigrad.train import TrainError
from minigrad.train.lr_find import RateRange, lr_find

__all__ = ["find_range"]

_BAR = 40


def find_range(arguments: Namespace) -> int:
    """Print a range of learning rates with its reason. Returns 0, or 1 if there is none."""
    script = subject_of(arguments)
    settings = script.settings
    optimizer = settings.get("optimizer", "minigrad:adam")
    if not isinstance(optimizer, str):
        raise TrainError(f"{script.title}: lr-find needs the optimizer by its name: it makes one with rates of its own")
    rates = lr_find(
        script.model,
        script.split,
        script.loss,
        optimizer=optimizer,
        hyperparameters={**settings.get("hyperparameters", {}), **arguments.hyperparameters},
        regularization=script.regularization,
        batch_size=settings.get("batch_size", 64),
        low=arguments.low,
        high=arguments.high,
        steps=arguments.steps,
        seed=settings.get("seed", 0),
    )
    if arguments.json:
        write_json({"command": "lr-find", **attrs.asdict(rates)})
    else:
        print(wrapped("\n".join(_lines(rates, optimizer.removeprefix("minigrad:")))))
    return 0 if rates.low is not None else 1


def _lines(rates: RateRange, optimizer: str) -> list[str]:
    """The curve as bars, a line for every few batches, and the verdict."""
    if not rates.smoothed:
        return [rates.reason]
    low, high = min(rates.smoothed), max(rates.smoothed[0], min(rates.smoothed) + 1e-12)
    every = max(1, len(rates.smoothed) // 24)
    lines = ["rate      loss"]
    for i in range(0, len(rates.smoothed), every):
        value = rates.smoothed[i]
        bar = "#" * max(0, min(_BAR, round(_BAR * (value - low) / (high - low))))
        inside = rates.low is not None and rates.high is not None and rates.low <= rates.rates[i] <= rates.high
        lines.append(f"{rates.rates[i]:.1e} {'|' if inside else ' '} {value:8.4g}  {bar}")
    if rates.low is None or rates.high is None or rates.suggested is None:
        return [*lines, "", rates.reason]
    return [
        *lines,
        "",
        f"{optimizer}: learning rates from {rates.low:.1e} to {rates.high:.1e}, say {rates.suggested:.1e} "
        f"(confidence {rates.confidence})",
        f"because {rates.reason}",
    ]
