"""Arguments of `minigrad compare`. Imports no NumPy."""

from __future__ import annotations

from argparse import ArgumentParser

from minigrad.cli import Command
from minigrad.cli.argument_types import count, number, rates, words

__all__ = ["COMMAND"]

_DESCRIPTION = """\
Compare optimizers: time to a target and final loss over several seeds, each rule at the learning rate that is best for
it out of the same few, chosen on other seeds.

  minigrad compare --optimizers sgd,adam,lion --problem digits-mlp
  minigrad compare --optimizers adam,newton,l-bfgs --problem rosenbrock
  minigrad compare --optimizers adam,adamw --problem mine.py       mine.py defines problem()
"""


def _arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--optimizers", type=words, default=("sgd", "momentum", "adam"), metavar="NAME,NAME,...", help="see "
        "'minigrad optimizers'; default sgd,momentum,adam")  # fmt: skip
    add("--problem", default="digits-mlp", metavar="NAME|SCRIPT", help="digits-mlp, quadratic, rosenbrock, or a .py "
        "file; default digits-mlp")  # fmt: skip
    add("--seeds", type=count, default=5, metavar="N", help="runs that count; default 5")
    add("--tuning-seeds", type=count, default=2, metavar="N", help="runs for each learning rate before; default 2")
    add("--lr", type=rates, metavar="RATE,RATE,...", help="rates to choose from; default 1e-4 to 3.2, 10 of them")
    add("--budget", type=count, metavar="N", help="epochs or evaluations in a run; default: the problem's")
    add("--target", type=number, metavar="LOSS", help="loss to reach; default: the problem's")
    add("--out", default="runs", metavar="FOLDER", help="where figures and pictures are saved; default runs")


COMMAND = Command(
    "compare optimizers, each at a learning rate of its own",
    "minigrad_compare.command:compare_optimizers",
    _DESCRIPTION,
    _arguments,
)
