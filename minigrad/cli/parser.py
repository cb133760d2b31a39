"""What the command line understands. Imports no NumPy."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import partial
from typing import NoReturn

import minigrad
from minigrad.cli.argument_types import count, number, rates, seed, widths, words
from minigrad.cli.parser_doctor import add_doctor_commands, add_judging

__all__ = ["COMMANDS", "Misuse", "build"]

COMMANDS = {
    "train": "train a network, on Fashion-MNIST if nothing else is asked for",
    "run": "train what a model script defines: checks, pictures, checkpoints",
    "examples": "list the examples that 'minigrad run --example NAME' runs",
    "optimizers": "list the installed optimizers and who provides them",
    "ops": "list the registered ops, each verified against finite differences",
    "compare": "compare optimizers, each at a learning rate of its own",
    "selftest": "re-run the gate over every op: many seeds, larger shapes, rules made wrong on purpose",
    "check": "check a script before training: data, loss at chance, gradients in detail, overfitting a few rows ...",
    "new": "write a plugin with an optimizer or an op of your own",
    "doctor": "train what a model script defines, and say what is wrong with it",
    "explain": "what a finding of the diagnosis means, and how often its rule is right",
    "lr-find": "find a range of learning rates for a model script, and say why",
    "sweep": "search hyperparameters of a model script; resumable",
    "bench-diagnosis": "judge the diagnosis on seeded broken and healthy trainings",
}

_TRAIN = """\
Train a multi-layer perceptron, checks first, and save the run in a folder of its own.

  minigrad train                                        Fashion-MNIST, 784-128-10, adam
  minigrad train --data spiral --hidden 32,32 --lr 0.01
  minigrad train --data my/mnist/folder --optimizer nesterov --lr 0.01 --loss svm
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

_COMPARE = """\
Compare optimizers: time to a target and final loss over several seeds, each rule at the learning rate that is best for
it out of the same few, chosen on other seeds.

  minigrad compare --optimizers sgd,adam,lion --problem digits-mlp
  minigrad compare --optimizers adam,newton,l-bfgs --problem rosenbrock
  minigrad compare --optimizers adam,adamw --problem mine.py       mine.py defines problem()
"""

_SELFTEST = """\
Check every registered op deeply, those of plugins too: many seeds, larger shapes, both orders, which lines of the rules
ran, and whether the gate refuses each rule once it is made wrong on purpose (self-mutation). Exits with 3 if anything
fails.

  minigrad selftest                                     all ops, a few minutes
  minigrad selftest --ops exp,matmul --seeds 100
"""

_CHECK = """\
Run the sanity checks of a model script, a file that defines model, data and loss, and perhaps regularization; the check
of its gradients in detail. Exits with 3 if one finds a fault, or a gradient could not be decided.

  minigrad check script.py
  minigrad check script.py --plot                       error against step size, as gradient-check.png
"""


class Misuse(Exception):
    """The command line is not understood; `text` says why, and where to look."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Parser(argparse.ArgumentParser):
    """An argument parser that names the nearest valid option or command when one is misspelt."""

    def error(self, message: str) -> NoReturn:
        """Raise Misuse with a line about what is wrong."""
        raise Misuse(f"{self.prog}: error: {_explained(message, self)}\n  {self.prog} --help shows what there is")


def build() -> Parser:
    """The parser for all commands."""
    parser = Parser(
        prog="minigrad",
        allow_abbrev=False,
        description="minigrad: a small autograd framework in which no unverified gradient runs.",
        epilog="'minigrad COMMAND --help' says more about a command.",
    )
    parser.set_defaults(parser=parser)
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    _train(_command(commands.add_parser, "train", _TRAIN))
    _run(_command(commands.add_parser, "run", _RUN))
    _command(commands.add_parser, "examples", "List the examples in the package.")
    _check(
        _command(commands.add_parser, "optimizers", "List the installed optimizers: name, distribution, entry point.")
    )
    ops = _command(commands.add_parser, "ops", "List the registered ops and what the gate checked when they came in.")
    ops.add_argument("--certificates", action="store_true", help="print each op's certificate in full")
    _compare(_command(commands.add_parser, "compare", _COMPARE))
    _selftest(_command(commands.add_parser, "selftest", _SELFTEST))
    _check_script(_command(commands.add_parser, "check", _CHECK))
    add_doctor_commands(partial(_command, commands.add_parser))
    _new(_command(commands.add_parser, "new", "Write a plugin distribution that installs and passes its own tests."))
    return parser


def _command(add: Callable[..., Parser], name: str, description: str) -> Parser:
    parser = add(
        name,
        help=COMMANDS[name],
        description=description,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(parser=parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document, and nothing else, on stdout")
    return parser


class _Given(argparse.Action):
    """Stores a value, and in `given` that it was given: a resumed run must tell a wish from a default."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        namespace.given = (*namespace.given, self.dest)


def _train(parser: Parser) -> None:
    parser.set_defaults(given=())
    add = partial(parser.add_argument, action=_Given)
    add("--data", default="fashion", metavar="NAME|PATH", help="a data set by name (fashion, digits, iris, wine, "
        "breast_cancer, diabetes, spiral, blobs), a folder of IDX (MNIST family) or CIFAR-10 binary files, or an .npz "
        "file; default fashion")  # fmt: skip
    add("--optimizer", default="adam", metavar="NAME", help="see 'minigrad optimizers'; default adam")
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


def _run(parser: Parser) -> None:
    parser.set_defaults(given=())
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="a Python file that defines model, data, loss")
    parser.add_argument("--example", metavar="NAME", help="an example in the package, in the place of a script")
    add = partial(parser.add_argument, action=_Given)
    add("--epochs", type=count, metavar="N", help="passes over the training rows; default: what the script says, or "
        "20")  # fmt: skip
    add("--patience", type=count, metavar="N", help="stop after N epochs without a better one; default: what the "
        "script says, or never")  # fmt: skip
    _saving(parser)


def _saving(parser: Parser) -> None:
    add = partial(parser.add_argument, action=_Given)
    add("--out", default="runs", metavar="FOLDER", help="where runs are saved, as <n>-<name>; default runs")
    add("--save-every", type=count, metavar="N", help="save a checkpoint every N batches too, not only at ends of "
        "epochs")  # fmt: skip
    add("--resume", metavar="RUN", help="continue the run in this folder, to the last bit as if it had never stopped; "
        "only --epochs, --patience, --save-every, --json may be given besides")  # fmt: skip
    parser.add_argument("--no-diagnosis", action="store_true", help="do not say at the end what is wrong with the run")
    add_judging(parser.add_argument)
    parser.add_argument("--no-checks", action="store_true", help="leave out the sanity checks before training")
    parser.add_argument("--communicator", default="auto", metavar="NAME", help="how processes that train together "
        "talk, such as mpi; none: each trains by itself; default auto: the installed one under mpiexec")  # fmt: skip
    parser.add_argument(
        "--eager", action="store_true", help="run every step op by op, not as a program; for comparison"
    )


def _selftest(parser: Parser) -> None:
    add = parser.add_argument
    add("--ops", type=words, default=(), metavar="NAME,NAME,...", help="these only; default all")
    add("--seeds", type=count, default=10, metavar="N", help="runs of the gate for each op; default 10")
    add("--no-mutants", action="store_true", help="leave out the self-mutation")


def _check_script(parser: Parser) -> None:
    add = parser.add_argument
    add("script", metavar="SCRIPT", help="a Python file that defines model, data, loss; optionally regularization")
    add("--plot", nargs="?", const="gradient-check.png", metavar="FILE", help="draw error against step size; default "
        "gradient-check.png")  # fmt: skip
    add("--rows", type=count, default=3, metavar="N", help="rows to compare on; fewer meet fewer kinks; default 3")
    add("--burn-in", type=seed, default=20, metavar="N", help="steps before the comparison; default 20")
    add("--seed", type=seed, default=0, metavar="N", help="of entries, directions and frozen randomness; default 0")


def _check(parser: Parser) -> None:
    what = "examine one of them, in a process of its own, against the laws it has to keep"
    actions = parser.add_subparsers(dest="action", metavar="check NAME", parser_class=Parser, help=what)
    check = actions.add_parser(
        "check", allow_abbrev=False, description="Examine an optimizer; exits with 1 if refused."
    )
    check.set_defaults(parser=check)
    check.add_argument("name", metavar="NAME", help="as 'minigrad optimizers' lists it, or distribution:name")
    check.add_argument("--timeout", type=number, default=60.0, metavar="S", help="seconds to wait; default 60")
    check.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")


def _compare(parser: Parser) -> None:
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


def _new(parser: Parser) -> None:
    parser.add_argument("kind", choices=("optimizer", "op"), help="what the plugin shall offer")
    parser.add_argument("name", metavar="NAME", help="what users will call it")
    parser.add_argument("--out", default=".", metavar="FOLDER", help="where its folder is made; default here")


def _explained(message: str, parser: Parser) -> str:
    """argparse's message, with the nearest valid word."""
    unknown = re.match(r"unrecognized arguments: (\S+)", message)
    if unknown:
        word = unknown[1].split("=")[0]
        options = _options(parser)
        what = "option" if word.startswith("-") else "argument"
        return f"there is no {what} {word}.{_nearest(word, options)} Options: {', '.join(sorted(options))}"
    choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if choice:
        options = [o.strip("' ") for o in choice[2].split(",")]
        named = re.match(r"argument (\S+): ", message)
        where = "" if named is None or named[1] == "COMMAND" else f"{named[1]}: "
        return f"{where}there is no {choice[1]!r}.{_nearest(choice[1], options)} Choose from {', '.join(options)}"
    return message


def _options(parser: Parser) -> list[str]:
    return [o for action in parser._actions for o in action.option_strings if o.startswith("--")]


def _nearest(word: str, options: Iterable[str]) -> str:
    # minigrad.core.errors has the same, but importing it loads NumPy.
    found = get_close_matches(word.lower(), list(options), n=1, cutoff=0.5)
    return f" Did you mean {found[0]}?" if found else ""
