"""Arguments of `minigrad train` and `minigrad run`. Imports no NumPy."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser
from functools import partial

from minigrad.cli.argument_types import codes, count, number, seed, setting, widths
from minigrad.cli.command import Command

__all__ = ["RUN", "TRAIN", "Given", "add_judging", "add_set", "add_setup", "add_source", "add_subject", "add_trust"]

_TRAIN = """\
Train a network, checks first, and save the run in a folder of its own.

  minigrad train                                        Fashion-MNIST, 784-128-10, adam
  minigrad train --data spiral --hidden 32,32 --lr 0.01
  minigrad train --data my/mnist/folder --optimizer nesterov --lr 0.01 --loss svm
  minigrad train --data houses.csv --target price       a table of your own; then: minigrad predict RUN more.csv
  minigrad train --data pets/ --model conv --size 32    a folder of pictures for each class
  minigrad train --data tale.txt                        an LSTM of the next character
  minigrad train --optimizer momentum --set optimizer.momentum=0.95 --metrics f1,auc --monitor auc --patience 5
  minigrad train --resume runs/0001-fashion             go on after a crash, from the last checkpoint
  mpiexec -n 4 python -m mpi4py -m minigrad train       four processes train as one (plugins/minigrad-mpi)

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


class Given(argparse.Action):
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


class _Set(argparse.Action):
    """Sorts --set: hyperparameters, which are of the run, and thresholds of rules."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        assert isinstance(values, tuple)
        name, value = values
        if name.startswith("optimizer."):
            namespace.hyperparameters = {**namespace.hyperparameters, name.removeprefix("optimizer."): value}
            namespace.given = (*getattr(namespace, "given", ()), "hyperparameters")
        else:
            namespace.set = [*namespace.set, (name, value)]


def add_source(parser: ArgumentParser, default: str | None = None) -> None:
    """Options that say which rows, and what is predicted of them."""
    add = partial(parser.add_argument, action=Given)
    add("--data", default=default, metavar="NAME|PATH", help="a data set by name (fashion, digits, iris, wine, "
        "breast_cancer, diabetes, spiral, blobs, kjv), a table (.csv, .tsv, .parquet), a text (.txt), arrays (.npz), "
        "or a folder of pictures by class, of IDX (MNIST family) or CIFAR-10 files"
        + ("" if default is None else f"; default {default}"))  # fmt: skip
    add("--target", metavar="COLUMN", help="of a table: what is to be predicted; several by commas")
    add("--task", choices=("classification", "regression", "multilabel"), help="of a table or .npz, where the targets "
        "leave it open")  # fmt: skip
    add("--weights", metavar="COLUMN", help="of a table: what each row counts in training")
    add("--size", type=count, metavar="N", help="of a folder of pictures: pixels that all are brought to")


def add_setup(parser: ArgumentParser) -> None:
    """Options that say what is trained: data, model, loss, optimizer."""
    add_source(parser, "fashion")
    add = partial(parser.add_argument, action=Given)
    add("--model", choices=("auto", "mlp", "linear", "conv", "lstm"), default="auto", help="default auto: mlp, for "
        "text lstm")  # fmt: skip
    add("--hidden", type=widths, metavar="N,N,...", help="widths of the hidden layers, 0 for none; default 128, of "
        "conv 64")  # fmt: skip
    add("--dropout", type=number, default=0.0, metavar="SHARE", help="units left out in training; default 0")
    add("--loss", choices=("softmax", "svm", "mse", "mae", "huber", "bce"), help="default softmax, for regression mse, "
        "for several labels bce")  # fmt: skip
    add("--l2", type=number, default=0.0, metavar="STRENGTH", help="L2 regularisation; default 0")
    add("--class-weight", choices=("balanced",), help="let classes count alike, however many rows they have")
    add("--optimizer", default="minigrad:adam", metavar="NAME", help="see 'minigrad optimizers'; default adam; its "
        "hyperparameters by --set optimizer.NAME=VALUE")  # fmt: skip
    add("--lr", type=number, metavar="RATE", help="learning rate; default: the optimizer's own")
    add("--epochs", type=count, default=20, metavar="N", help="passes over the training rows; default 20")
    add("--batch-size", type=count, default=64, metavar="N", help="rows in a step; default 64")
    add("--seed", type=seed, default=0, metavar="N", help="of the weights and of the order of rows; default 0")


def add_subject(parser: ArgumentParser) -> None:
    """The argument SCRIPT, and the options that say the same without one."""
    parser.set_defaults(given=())
    parser.add_argument("script", nargs="?", metavar="SCRIPT|RUN", help="a Python file that defines model, data, loss, "
        "or the folder of a run; or say by --data and the other options what 'minigrad train' would train")  # fmt: skip
    add_trust(parser)
    add_setup(parser)


def add_trust(parser: ArgumentParser) -> None:
    """The option --trust, of commands that may execute the script of a run."""
    parser.add_argument("--trust", action="store_true", help="execute the script of a run that you did not begin on "
        "this machine")  # fmt: skip


def _train(parser: ArgumentParser) -> None:
    parser.set_defaults(given=())
    add_setup(parser)
    add = partial(parser.add_argument, action=Given)
    add("--schedule", choices=("constant", "cosine", "linear", "step", "exponential", "inverse-time", "one-cycle"),
        help="how the learning rate changes over the run; default constant")  # fmt: skip
    add("--warmup", type=seed, default=0, metavar="N", help="updates in which it climbs from 0 first; default 0")
    add("--clip", type=number, metavar="NORM", help="bound on the norm of the whole gradient; default none")
    add("--accumulate", type=count, default=1, metavar="N", help="batches whose mean gradient makes one update; "
        "default 1")  # fmt: skip
    add("--patience", type=count, metavar="N", help="stop after N epochs without a better one; default never")
    add("--metrics", type=codes, default=(), metavar="NAME,...", help="more figures of each epoch: balanced_accuracy, "
        "f1, auc, log_loss, perplexity; rmse, mae, r2 in units of the target; exact_match of labels")  # fmt: skip
    add("--monitor", metavar="NAME", help="the figure that chooses the best epoch and stops the run: loss, "
        "train_loss, val_accuracy, a metric; default accuracy, then loss")  # fmt: skip
    add("--mode", choices=("max", "min"), help="which way that figure is better, where its name does not say it")
    _saving(parser)


def _run(parser: ArgumentParser) -> None:
    parser.set_defaults(given=())
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="a Python file that defines model, data, loss")
    parser.add_argument("--example", metavar="NAME", help="an example in the package, in the place of a script")
    add = partial(parser.add_argument, action=Given)
    add("--epochs", type=count, metavar="N", help="passes over the training rows; default: what the script says, or "
        "20")  # fmt: skip
    add("--patience", type=count, metavar="N", help="stop after N epochs without a better one; default: what the "
        "script says, or never")  # fmt: skip
    _saving(parser)
    add_trust(parser)


def _saving(parser: ArgumentParser) -> None:
    add = partial(parser.add_argument, action=Given)
    add("--out", default="runs", metavar="FOLDER", help="where runs are saved, as <n>-<name>; default runs")
    add("--save-every", type=count, metavar="N", help="save a checkpoint every N batches too, not only at ends of "
        "epochs")  # fmt: skip
    add("--resume", metavar="RUN", help="continue the run in this folder, to the last bit as if it had never stopped; "
        "only --epochs, --patience, --save-every, --json may be given besides")  # fmt: skip
    parser.add_argument("--no-diagnosis", action="store_true", help="do not say at the end what is wrong with the run")
    add_judging(parser)
    parser.add_argument("--no-checks", action="store_true", help="leave out the sanity checks before training")
    parser.add_argument("--log", action="append", default=[], metavar="NAME", help="write the run for another tool as "
        "well: tensorboard, mlflow, csv, jsonl (of the plugin minigrad-loggers); may be repeated")  # fmt: skip
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
    add_set(parser)


def add_set(parser: ArgumentParser) -> None:
    """The option --set."""
    parser.set_defaults(hyperparameters={})
    parser.add_argument("--set", type=setting, action=_Set, default=[], metavar="NAME=VALUE", help="a hyperparameter "
        "of the optimizer, such as optimizer.momentum=0.95, or a threshold of a rule, such as OVERFIT.gap=0.2; may "
        "be given more than once")  # fmt: skip


TRAIN = Command(
    "train a network, on Fashion-MNIST if nothing else is asked for", "minigrad.cli.train:train", _TRAIN, _train
)
RUN = Command(
    "train what a model script defines: checks, pictures, checkpoints", "minigrad.cli.run:run_script", _RUN, _run
)
