"""The options of the commands that judge runs and look for hyperparameters. Imports no NumPy."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from minigrad.cli.argument_types import codes, count, number, seed, seeds, threshold

__all__ = ["DESCRIPTIONS", "add_doctor_commands", "add_judging"]

DESCRIPTIONS = {
    "doctor": """\
Train what a model script defines, and say in words what is wrong with it: FAULTs and NOTEs with their evidence, the one
to mend first. Causes hide their after-effects. Exits with 0 whatever it finds, with --strict with 3 for a FAULT.

  minigrad doctor script.py
  minigrad doctor script.py --strict --without WRONG_LOSS --set OVERFIT.gap=0.2

In a loop of your own it is one line: loss = minigrad.diagnosis.watch(loss, model, optimizer, data)
""",
    "explain": """\
Say what a finding means: the rule behind it, where it comes from, its thresholds, and what the benchmark measured of
it. Without CODE, list all rules, those of plugins too.

  minigrad explain LR_HIGH
""",
    "lr-find": """\
Find a range of learning rates for a model script, and say why: the rate climbs from batch to batch, and the loss tells
where it begins to fall and where it leaps. The model of the script is left alone; a loss that becomes NaN ends the test
and is no part of the answer. Exits with 1 if no rate made the loss fall.

  minigrad lr-find script.py
""",
    "sweep": """\
Search hyperparameters of a model script: drawn at random, on a logarithmic scale, coarse to fine; all get few epochs,
the better third three times as many, and so on. Trials run in processes of their own. A search that was killed goes on
where it stopped, to the same end.

  minigrad sweep script.py lr=1e-5:1e-1
  minigrad sweep script.py lr=1e-4:1e-1 batch_size=16,32,64 optimizer=adam,momentum --trials 27 --jobs 2
  minigrad sweep --resume runs/0003-sweep-script
""",
    "bench-diagnosis": """\
Judge the diagnosis: seeded broken and healthy trainings on data sets that its rules were not tuned on. Prints recall,
how often the top finding is right, false alarms, and what Keras's and Lightning's own checks say of the same runs.

  minigrad bench-diagnosis                              the held-out half, a few minutes
  minigrad bench-diagnosis --part tuning --seeds 0      what thresholds were tuned on
""",
}


def add_judging(add: Callable[..., object]) -> None:
    """Options of every command that ends in a diagnosis."""
    add("--strict", action="store_true", help="exit with 3 if the diagnosis finds a FAULT")
    add("--without", type=codes, default=(), metavar="CODE,...", help="rules to leave out")
    add("--set", type=threshold, action="append", default=[], metavar="CODE.NAME=VALUE", help="another threshold of "
        "a rule; may be given more than once")  # fmt: skip


def add_doctor_commands(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add them; `command` makes the parser of one."""
    doctor = command("doctor", DESCRIPTIONS["doctor"])
    doctor.add_argument("script", metavar="SCRIPT", help="a Python file that defines model, data, loss")
    doctor.add_argument("--epochs", type=count, metavar="N", help="passes over the rows; default: what the script says")
    add_judging(doctor.add_argument)
    explain = command("explain", DESCRIPTIONS["explain"])
    explain.add_argument("code", nargs="?", metavar="CODE", help="as in a finding, such as LR_HIGH")
    finder = command("lr-find", DESCRIPTIONS["lr-find"])
    finder.add_argument("script", metavar="SCRIPT", help="a Python file that defines model, data, loss")
    finder.add_argument("--low", type=number, default=1e-7, metavar="RATE", help="where it begins; default 1e-7")
    finder.add_argument("--high", type=number, default=10.0, metavar="RATE", help="where it ends; default 10")
    finder.add_argument("--steps", type=count, default=120, metavar="N", help="batches; default 120")
    _sweep(command("sweep", DESCRIPTIONS["sweep"]))
    bench = command("bench-diagnosis", DESCRIPTIONS["bench-diagnosis"])
    bench.add_argument("--part", choices=("held-out", "tuning"), default="held-out", help="default held-out")
    bench.add_argument("--seeds", type=seeds, default=(), metavar="N,...", help="default: all of the part")
    bench.add_argument("--jobs", type=count, default=2, metavar="N", help="processes; default 2")
    bench.add_argument("--save", metavar="FOLDER", help="write measured.json and table.md into this folder")


def _sweep(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("script", nargs="?", metavar="SCRIPT", help="a Python file that defines model, data, loss")
    add("space", nargs="*", metavar="NAME=LOW:HIGH", help="settings of the script to search, or NAME=A,B,C")
    add("--trials", type=count, default=9, metavar="N", help="in the first round; default 9")
    add("--epochs", type=count, metavar="N", help="of the longest trainings; default: what the script says, or 20")
    add("--rungs", type=count, default=2, metavar="N", help="lengths of training, each three times the last; default 2")
    add("--rounds", type=count, default=2, metavar="N", help="each in a third of the range of the last; default 2")
    add("--jobs", type=count, default=2, metavar="N", help="trainings at a time; default 2")
    add("--seed", type=seed, default=0, metavar="N", help="of what is drawn; default 0")
    add("--out", default="runs", metavar="FOLDER", help="where the search is saved, as <n>-sweep-<name>; default runs")
    add("--resume", metavar="FOLDER", help="go on with the search in this folder")
