"""The options of the commands that judge runs and look for hyperparameters. Imports no NumPy."""

from __future__ import annotations

import argparse
from collections.abc import Callable

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
    add("--without", type=_codes, default=(), metavar="CODE,...", help="rules to leave out")
    add("--set", type=_threshold, action="append", default=[], metavar="CODE.NAME=VALUE", help="another threshold of "
        "a rule; may be given more than once")  # fmt: skip


def add_doctor_commands(
    command: Callable[[str, str], argparse.ArgumentParser], count: Callable[[str], int], seeds: Callable[[str], object]
) -> None:
    """Add them; `command` makes the parser of one, `count` reads a number above 0, `seeds` numbers with commas."""
    doctor = command("doctor", DESCRIPTIONS["doctor"])
    doctor.add_argument("script", metavar="SCRIPT", help="a Python file that defines model, data, loss")
    doctor.add_argument("--epochs", type=count, metavar="N", help="passes over the rows; default: what the script says")
    add_judging(doctor.add_argument)
    explain = command("explain", DESCRIPTIONS["explain"])
    explain.add_argument("code", nargs="?", metavar="CODE", help="as in a finding, such as LR_HIGH")
    bench = command("bench-diagnosis", DESCRIPTIONS["bench-diagnosis"])
    bench.add_argument("--part", choices=("held-out", "tuning"), default="held-out", help="default held-out")
    bench.add_argument("--seeds", type=seeds, default=(), metavar="N,N,...", help="default: all of the part")
    bench.add_argument("--jobs", type=count, default=2, metavar="N", help="processes; default 2")
    bench.add_argument("--save", metavar="FOLDER", help="write measured.json and table.md into this folder")


def _codes(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _threshold(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not equals or "." not in name or number != number:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form CODE.NAME=VALUE, such as OVERFIT.gap=0.2")
    return name.strip(), number
