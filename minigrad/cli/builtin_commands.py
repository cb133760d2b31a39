"""Arguments of the built-in commands but `train` and `run`, and the table of them all.

Imports no NumPy.
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from collections.abc import Mapping

from minigrad.cli.argument_types import count, number, seed, words
from minigrad.cli.arguments_manual import COMPLETION, DOCS, MAN
from minigrad.cli.arguments_training import RUN, TRAIN, add_judging, add_set, add_source, add_subject
from minigrad.cli.command import Command
from minigrad.cli.use.arguments import EVALUATE, PREDICT, SERVE, SHOW

__all__ = ["BUILTIN"]

_SELFTEST = """\
Check every registered op deeply, those of plugins too: many seeds, larger shapes, both orders, which lines of the rules
ran, and whether the gate refuses each rule once it is made wrong on purpose (self-mutation). Exits with 3 if anything
fails.

  minigrad selftest                                     all ops, a few minutes
  minigrad selftest --ops exp,matmul --seeds 100
"""

_CHECK = """\
Run the sanity checks of a model script, a file that defines model, data and loss, and perhaps regularization, or of a
run, or of what 'minigrad train' would train; the check of its gradients in detail. Exits with 3 if one finds a fault,
or a gradient could not be decided.

  minigrad check script.py
  minigrad check script.py --plot                       error against step size, as gradient-check.svg
  minigrad check runs/0001-fashion                      what a run trained
  minigrad check --data houses.csv --target price       what 'minigrad train' would train
"""

_DOCTOR = """\
Train what a model script defines, and say in words what is wrong with it: FAULTs and NOTEs with their evidence, the one
to mend first. Causes hide their after-effects. Exits with 0 whatever it finds, with --strict with 3 for a FAULT.

  minigrad doctor script.py
  minigrad doctor script.py --strict --without WRONG_LOSS --set OVERFIT.gap=0.2
  minigrad doctor --data houses.csv --target price      the rows alone, without a model

In a loop of your own it is one line: loss = minigrad.diagnosis.watch(loss, model, optimizer, data)
"""

_EXPLAIN = """\
Say what a finding means: the rule behind it, where it comes from, its thresholds, and what the benchmark measured of
it. Without CODE, list all rules, those of plugins too.

  minigrad explain LR_HIGH
"""

_LR_FIND = """\
Find a range of learning rates for a model script, and say why: the rate climbs from batch to batch, and the loss tells
where it begins to fall and where it leaps. The model of the script is left alone; a loss that becomes NaN ends the test
and is no part of the answer. Exits with 1 if no rate made the loss fall.

  minigrad lr-find script.py
  minigrad lr-find runs/0001-fashion                    for what a run trained
  minigrad lr-find --data digits --optimizer momentum --set optimizer.momentum=0.95
"""


def _optimizers(parser: ArgumentParser) -> None:
    what = "examine one of them, in a process of its own, against the laws it has to keep"
    actions = parser.add_subparsers(dest="action", metavar="check NAME", help=what)
    check = actions.add_parser(
        "check", allow_abbrev=False, description="Examine an optimizer; exits with 1 if refused."
    )
    check.set_defaults(parser=check, work="minigrad.cli.check_laws:check_optimizer")
    check.add_argument("name", metavar="NAME", help="as 'minigrad optimizers' lists it, or distribution:name")
    check.add_argument("--timeout", type=number, default=60.0, metavar="S", help="seconds to wait; default 60")
    check.add_argument("--json", action="store_true", default=SUPPRESS, help="print one JSON document")


def _ops(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="tell all about this one: formula, rule, domain, "
        "certificate")  # fmt: skip
    parser.add_argument("--certificates", action="store_true", help="print each op's certificate in full")


def _selftest(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--ops", type=words, default=(), metavar="NAME,NAME,...", help="these only; default all")
    add("--seeds", type=count, default=10, metavar="N", help="runs of the gate for each op; default 10")
    add("--no-mutants", action="store_true", help="leave out the self-mutation")


def _check_script(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add_subject(parser)
    add("--plot", nargs="?", const="gradient-check.svg", metavar="FILE", help="draw error against step size; default "
        "gradient-check.svg")  # fmt: skip
    add("--rows", type=count, default=3, metavar="N", help="rows to compare on; fewer meet fewer kinks; default 3")
    add("--burn-in", type=seed, default=20, metavar="N", help="steps before the comparison; default 20")


def _new(parser: ArgumentParser) -> None:
    parser.add_argument("kind", choices=("optimizer", "op"), help="what the plugin shall offer")
    parser.add_argument("name", metavar="NAME", help="what users will call it")
    parser.add_argument("--out", default=".", metavar="FOLDER", help="where its folder is made; default here")


def _doctor(parser: ArgumentParser) -> None:
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="a Python file that defines model, data, loss")
    parser.set_defaults(given=())
    add_source(parser)
    parser.add_argument("--epochs", type=count, metavar="N", help="passes over the rows; default: what the script says")
    add_judging(parser)


def _explain(parser: ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="as in a finding, such as LR_HIGH")


def _lr_find(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add_subject(parser)
    add_set(parser)
    add("--low", type=number, default=1e-7, metavar="RATE", help="where it begins; default 1e-7")
    add("--high", type=number, default=10.0, metavar="RATE", help="where it ends; default 10")
    add("--steps", type=count, default=120, metavar="N", help="batches; default 120")


BUILTIN: Mapping[str, Command] = {
    "train": TRAIN,
    "run": RUN,
    "predict": PREDICT,
    "evaluate": EVALUATE,
    "show": SHOW,
    "serve": SERVE,
    "examples": Command(
        "list the examples that 'minigrad run --example NAME' runs",
        "minigrad.cli.run:list_examples",
        "List the examples in the package.",
    ),
    "optimizers": Command(
        "list the installed optimizers and who provides them",
        "minigrad.cli.manual.listing:list_optimizers",
        "List the installed optimizers: name, distribution, entry point.",
        _optimizers,
    ),
    "ops": Command(
        "list the registered ops, each verified against finite differences",
        "minigrad.cli.manual.listing:list_ops",
        "List the registered ops and what the gate checked when they came in, or tell all about one of them.",
        _ops,
    ),
    "selftest": Command(
        "re-run the gate over every op: many seeds, larger shapes, rules made wrong on purpose",
        "minigrad.cli.selftest:selftest",
        _SELFTEST,
        _selftest,
    ),
    "check": Command(
        "check a script before training: data, loss at chance, gradients in detail, overfitting a few rows ...",
        "minigrad.cli.check:check_script",
        _CHECK,
        _check_script,
    ),
    "new": Command(
        "write a plugin with an optimizer or an op of your own",
        "minigrad.cli.new:new",
        "Write a plugin distribution that installs and passes its own tests.",
        _new,
    ),
    "doctor": Command(
        "train what a model script defines, and say what is wrong with it",
        "minigrad.cli.doctor:doctor",
        _DOCTOR,
        _doctor,
    ),
    "explain": Command(
        "what a finding of the diagnosis means, and how often its rule is right",
        "minigrad.cli.doctor:explain",
        _EXPLAIN,
        _explain,
    ),
    "lr-find": Command(
        "find a range of learning rates for a model script, and say why",
        "minigrad.cli.lr_find:find_range",
        _LR_FIND,
        _lr_find,
    ),
    "docs": DOCS,
    "man": MAN,
    "completion": COMPLETION,
}
"""Name -> command, in the order of `minigrad --help`."""
