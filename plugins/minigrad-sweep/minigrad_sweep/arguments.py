"""Arguments of `minigrad sweep`. Imports no NumPy."""

from __future__ import annotations

from argparse import ArgumentParser

from minigrad.cli import Command
from minigrad.cli.argument_types import count
from minigrad.cli.arguments_training import add_set, add_setup, add_trust

__all__ = ["COMMAND"]

_DESCRIPTION = """\
Search hyperparameters of a model script, or of what 'minigrad train' would train: drawn at random, on a logarithmic
scale, coarse to fine; all get few epochs, the better third three times as many, and so on. Trials run in processes of
their own. A search that was killed goes on where it stopped, to the same end.

  minigrad sweep script.py lr=1e-5:1e-1
  minigrad sweep script.py lr=1e-4:1e-1 batch_size=16,32,64 optimizer=adam,momentum --trials 27 --jobs 2
  minigrad sweep --data houses.csv --target price lr=1e-4:1e-1 hidden=32,128,64+32 l2=1e-6:1e-2 dropout=0.05:0.5
  minigrad sweep --data digits --optimizer momentum optimizer.momentum=0.8:0.99
  minigrad sweep --resume runs/0003-sweep-script
"""


def _arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    parser.set_defaults(given=())
    add("script", nargs="?", metavar="SCRIPT", help="a Python file that defines model, data, loss; or say by --data "
        "and the other options what 'minigrad train' would train")  # fmt: skip
    add("space", nargs="*", metavar="NAME=LOW:HIGH", help="settings to search, or NAME=A,B,C; those of the optimizer "
        "as optimizer.NAME")  # fmt: skip
    add_setup(parser)
    add_set(parser)
    add("--trials", type=count, default=9, metavar="N", help="in the first round; default 9")
    add("--rungs", type=count, default=2, metavar="N", help="lengths of training, each three times the last; default 2")
    add("--rounds", type=count, default=2, metavar="N", help="each in a third of the range of the last; default 2")
    add("--jobs", type=count, default=2, metavar="N", help="trainings at a time; default 2")
    add("--prune", metavar="NAME", choices=("median", "percentile"), help="end trials early that fall behind, by this "
        "pruner of Optuna's: median, or percentile, which keeps a quarter (pip install optuna)")  # fmt: skip
    add("--out", default="runs", metavar="FOLDER", help="where the search is saved, as <n>-sweep-<name>; default runs")
    add("--resume", metavar="FOLDER", help="go on with the search in this folder")
    add_trust(parser)


COMMAND = Command(
    "search hyperparameters of a script or of what train would train; resumable",
    "minigrad_sweep.command:search",
    _DESCRIPTION,
    _arguments,
)
