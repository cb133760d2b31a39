"""Arguments of the commands that put a run to use. Imports no NumPy."""

from __future__ import annotations

from argparse import ArgumentParser

from minigrad.cli.argument_types import count, number, port, seed
from minigrad.cli.arguments_training import add_trust
from minigrad.cli.command import Command

__all__ = ["EVALUATE", "PREDICT", "SERVE", "SHOW"]

_PREDICT = """\
Predict each row of a file by the model of a run: names of classes, or numbers in the units they were learned in. The
rows are prepared as in training; an unknown category or a missing column is refused by name. A table is read a few
thousand rows at a time. A run of a script holds a copy of it, which is imported: of a run that you did not begin here,
only with --trust.

  minigrad predict runs/0001-houses more.csv --out prices.csv
  minigrad predict runs/0002-pets holiday/              a folder of pictures
  minigrad predict runs/0003-tale begin.txt             goes on with the text
"""

_EVALUATE = """\
Score the model of a run on rows whose targets are known: accuracy, balanced accuracy, F1 and log loss, of two classes
AUC, or RMSE, MAE and R2 in the units of the target, or the perplexity of a text.

  minigrad evaluate runs/0001-houses test.csv           a table that holds the target, too
  minigrad evaluate runs/0002-pets pets/                a folder of pictures by class, of one called val or test those
  minigrad evaluate runs/0003-arrays mine.npz           rows and targets of usual names
  minigrad evaluate runs/0004-fashion fashion           the validation rows of a data set by its name
  minigrad evaluate runs/0005-tale other.txt
"""

_SHOW = """\
Say what a run is: its model, what happens to every column, what it reached and with which versions.

  minigrad show runs/0001-houses
"""


_SERVE = """\
Let a run answer JSON over HTTP, on this machine alone, for a demo: GET / says what it takes, POST /predict answers
rows. Nothing that is sent is executed; a request has at most 2^20 bytes. A run of a script holds a copy of it, which is
imported: of a run that you did not begin here, only with --trust.

  minigrad serve runs/0001-houses
"""


def _run(parser: ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="the folder of a run, or its best.safetensors")
    add_trust(parser)


def _predict(parser: ArgumentParser) -> None:
    _run(parser)
    parser.add_argument("file", metavar="FILE", help="a table, a picture or a folder of pictures, arrays "
        "(.npy, .npz), or a text to go on with")  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="where predictions go, as CSV; default: standard output")
    parser.add_argument("--proba", action="store_true", help="the probability of every class besides")
    parser.add_argument(
        "--length", type=count, default=200, metavar="N", help="of text: characters to add; default 200"
    )
    parser.add_argument("--temperature", type=number, default=1.0, metavar="T", help="of text: below 1 for the likely; "
        "default 1")  # fmt: skip
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of text: of what is drawn; default 0")


def _evaluate(parser: ArgumentParser) -> None:
    _run(parser)
    parser.add_argument("file", metavar="FILE", help="a table with the target, a folder of pictures by class, arrays "
        "with targets (.npz), a text, or a data set by name")  # fmt: skip


def _serve(parser: ArgumentParser) -> None:
    _run(parser)
    parser.add_argument("--port", type=port, default=8000, metavar="N", help="default 8000; 0 for any that is free")


SERVE = Command("let a run answer JSON over HTTP on this machine", "minigrad.cli.use.serve:serve", _SERVE, _serve)
PREDICT = Command(
    "predict rows of a file by the model of a run", "minigrad.cli.use.commands:predict", _PREDICT, _predict
)
EVALUATE = Command(
    "score the model of a run on rows whose target is known",
    "minigrad.cli.use.commands:evaluate_run",
    _EVALUATE,
    _evaluate,
)
SHOW = Command("what a run is: model, preparation of rows, figures", "minigrad.cli.use.commands:show_run", _SHOW, _run)
