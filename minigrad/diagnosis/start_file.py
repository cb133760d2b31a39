"""What was seen before the first update, kept in a file.

So a run that is resumed still has it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

import attrs

from minigrad.diagnosis.evidence import Activation, Experiments, ModelStats, ParameterStats, Probes, Start
from minigrad.train.output.written_file import write_file

__all__ = ["Beginning", "read_start", "write_start"]

Beginning: TypeAlias = tuple[Start, ModelStats, Experiments, Probes]
"""Tests of the start, inside of the untrained model, experiments, probes."""


def write_start(path: Path, beginning: Beginning) -> None:
    """Write them as JSON.

    Raises:
        TrainError: the file cannot be written.
    """
    start, first, experiments, probes = beginning
    document = {
        "start": attrs.asdict(start),
        "first": attrs.asdict(first),
        "experiments": attrs.asdict(experiments),
        "probes": attrs.asdict(probes),
    }
    write_file(path, json.dumps(document) + "\n")


def read_start(path: Path) -> Beginning | None:
    """Read what `write_start` wrote; None where there is no such file, or one that is damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        start, first = document["start"], document["first"]
        inside = {
            **first,
            "activations": tuple(Activation(**a) for a in first["activations"]),
            "parameters": tuple(ParameterStats(**p) for p in first["parameters"]),
            "stacked": tuple(first["stacked"]),
        }
        even = start.get("even")  # files of older versions have none
        lists = {"wrong_gradients": tuple(start["wrong_gradients"]), "even": None if even is None else tuple(even)}
        tests = Start(**{**start, **lists})
        return tests, ModelStats(**inside), Experiments(**document["experiments"]), Probes(**document["probes"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
