"""Arguments of `minigrad train` and `minigrad run`. Imports no NumPy."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser
from functools import partial

from minigrad.cli.argument_types import codes, count, number, seed, threshold, widths
from minigrad.cli.command import Command

__all__ = ["RUN", "TRAIN", "add_judging"]

_TRAIN = """\
Train a multi-layer perceptron, checks first, and save the run in a folder of its own.

  minigrad train                                        Fashion-MNIST, 784-128-10, adam
  minigrad train --data spiral --hidden 32,32 --lr 0.01
  minigrad train --data my/mnist/folder --optimizer nesterov --lr 0.01 --loss svm
  minigrad train --data houses.csv --target price       a table of your own; then: minigrad predict RUN more.csv
  minigrad train --resume runs/0001-fashion             go on after a crash, from the last checkpoint
  mpiexec -n 4 python -m mpi4py -m minigrad train       four processes train as one (pip install minigrad-mpi[mpich])

Runs on one BLAS thread, which is the fastest for small networks; for wide ones set OPENBLAS_NUM_THREADS.
"""

_RUN = """\
Train what a model script defines: a Python file with model, data and loss, and perhaps regularization, optimizer, lr,
schedule, warmup, clip, accumulate, epochs, batch_size, patience, seed, metrics, callbacks. Every field is checked
first; what is wrong with one is said with its line. Prints and saves the same as 'minigrad train'.

  minigrad run script.py
  minigrad run --example fashion_conv                   'minigrad examples' lists them
  minigrad run --resume runs/0001-script                go on after a crash, from the last checkpoint
"""


class _Given(argparse.Action):
    """Stores a value, and in `given` that it was given.

    A resumed run must tell a wish from a default.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        namespace.given = (*namespace.given, self.dest)


def _train(parser: ArgumentParser) -> None:
    parser.set_defaults(given=())
    add = partial(parser.add_argument, action=_Given)
    add("--data", default="fashion", metavar="NAME|PATH", help="a data set by name (fashion, digits, iris, wine, "
        "breast_cancer, diabetes, spiral, blobs), a table (.csv, .tsv, .parquet), a folder of IDX (MNIST family) or "
        "CIFAR-10 binary files or of pictures by class, or an .npz file; default fashion")  # fmt: skip
    add("--target", metavar="COLUMN", help="of a table: what is to be predicted; several numbers by commas")
    add("--task", choices=("classification", "regression"), help="of a table, where the target leaves it open")
    add("--optimizer", default="minigrad:adam", metavar="NAME", help="see 'minigrad optimizers'; default adam")
    add("--lr", type=number, metavar="RATE", help="learning rate; default: the optimizer's own")
    add("--epochs", type=count, default=20, metavar="N", help="passes over the training rows; default 20")
    add("--batch-size", type=count, default=64, metavar="N", help="rows in a step; default 64")
    add("--hidden", type=widths, default=(128,), metavar="N,N,...", help="widths of the hidden layers, 0 for none; "
        "default 128")  # fmt: skip
    add("--loss", choices=("softmax", "svm", "mse"), help="default softmax, for regression mse")
    add("--l2", type=number, default=0.0, metavar="STRENGTH", help="L2 regularisation; default 0")
    add("--schedule", choices=("constant", "cosine", "linear", "step", "exponential", "inverse-time", "one-cycle"),
        help="how the learning rate changes over the run; default constant")  # fmt: skip
    add("--warmup", type=seed, default=0, metavar="N", help="updates in which it climbs from 0 first; default 0")
    add("--clip", type=number, metavar="NORM", help="bound on the norm of the whole gradient; default none")
    add("--accumulate", type=count, default=1, metavar="N", help="batches whose mean gradient makes one update; "
        "default 1")  # fmt: skip
    add("--patience", type=count, metavar="N", help="stop after N epochs without a better one; default never")
    add("--seed", type=seed, default=0, metavar="N", help="of the weights and of the order of rows; default 0")
    _saving(parser)


def _run(parser: ArgumentParser) -> None:
    parser.set_defaults(given=())
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="a Python file that defines model, data, loss")
    parser.add_argument("--example", metavar="NAME", help="an example in the package, in the place of a script")
    add = partial(parser.add_argument, action=_Given)
    add("--epochs", type=count, metavar="N", help="passes over the training rows; default: what the script says, or "
        "20")  # fmt: skip
    add("--patience", type=count, metavar="N", help="stop after N epochs without a better one; default: what the "
        "script says, or never")  # fmt: skip
    _saving(parser)


def _saving(parser: ArgumentParser) -> None:
    add = partial(parser.add_argument, action=_Given)
    add("--out", default="runs", metavar="FOLDER", help="where runs are saved, as <n>-<name>; default runs")
    add("--save-every", type=count, metavar="N", help="save a checkpoint every N batches too, not only at ends of "
        "epochs")  # fmt: skip
    add("--resume", metavar="RUN", help="continue the run in this folder, to the last bit as if it had never stopped; "
        "only --epochs, --patience, --save-every, --json may be given besides")  # fmt: skip
    parser.add_argument("--no-diagnosis", action="store_true", help="do not say at the end what is wrong with the run")
    add_judging(parser)
    parser.add_argument("--no-checks", action="store_true", help="leave out the sanity checks before training")
    parser.add_argument("--communicator", default="auto", metavar="NAME", help="how processes that train together "
        "talk, such as mpi; none: each trains by itself; default auto: the installed one under mpiexec")  # fmt: skip
    parser.add_argument(
        "--eager", action="store_true", help="run every step op by op, not as a program; for comparison"
    )


def add_judging(parser: ArgumentParser) -> None:
    """Options of every command that ends in a diagnosis."""
    add = parser.add_argument
    add("--strict", action="store_true", help="exit with 3 if the diagnosis finds a FAULT")
    add("--without", type=codes, default=(), metavar="CODE,...", help="rules to leave out")
    add("--set", type=threshold, action="append", default=[], metavar="CODE.NAME=VALUE", help="another threshold of "
        "a rule; may be given more than once")  # fmt: skip


TRAIN = Command(
    "train a network, on Fashion-MNIST if nothing else is asked for", "minigrad.cli.train:train", _TRAIN, _train
)
RUN = Command(
    "train what a model script defines: checks, pictures, checkpoints", "minigrad.cli.run:run_script", _RUN, _run
)
