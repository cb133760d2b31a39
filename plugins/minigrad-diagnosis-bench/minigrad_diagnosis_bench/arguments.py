"""Arguments of `minigrad bench-diagnosis`. Imports no NumPy."""

from __future__ import annotations

from argparse import ArgumentParser

from minigrad.cli import Command
from minigrad.cli.argument_types import count, seeds

__all__ = ["COMMAND"]

_DESCRIPTION = """\
Judge the diagnosis: seeded broken and healthy trainings on data sets that its rules were not tuned on. Prints recall,
how often the top finding is right, false alarms, and what Keras's and Lightning's own checks say of the same runs.

  minigrad bench-diagnosis                              the held-out half, an hour on two cores
  minigrad bench-diagnosis --minutes 10 --save figures  a part of it drawn by lot; again goes on with the rest
  minigrad bench-diagnosis --part tuning --seeds 0      what thresholds were tuned on
"""


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--part", choices=("held-out", "tuning"), default="held-out", help="default held-out")
    parser.add_argument("--seeds", type=seeds, default=(), metavar="N,...", help="default: all of the part")
    parser.add_argument("--jobs", type=count, default=2, metavar="N", help="processes; default 2")
    parser.add_argument("--minutes", type=count, metavar="N", help="begin no run after N minutes")
    parser.add_argument(
        "--save", metavar="FOLDER", help="write measured.json and table.md there, and go on from its results.jsonl"
    )


COMMAND = Command(
    "judge the diagnosis on seeded broken and healthy trainings",
    "minigrad_diagnosis_bench.command:bench_diagnosis",
    _DESCRIPTION,
    _arguments,
)
