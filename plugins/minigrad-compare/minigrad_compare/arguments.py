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
  minigrad compare --contest --processes 2                         all installed rules on six problems, an hour
"""


def _arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--optimizers", type=words, metavar="NAME,NAME,...", help="see "
        "'minigrad optimizers'; default sgd,momentum,adam, in a contest all")  # fmt: skip
    add("--problem", default="digits-mlp", metavar="NAME|SCRIPT", help="char-lstm, char-transformer, "
        "digits-mlp, factorization, fashion-conv, ill-conditioned, quadratic, rosenbrock, or a .py file; default "
        "digits-mlp")  # fmt: skip
    add("--contest", action="store_true", help="all problems of the published table, each rule with a grid of rates of "
        "its own; goes on where it was stopped")  # fmt: skip
    add("--processes", type=count, default=2, metavar="N", help="that run a contest, one core each; default 2")
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
