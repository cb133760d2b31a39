"""The table of minigrad/train/README.md: every row of the course notes is there, and everything it names exists."""

from __future__ import annotations

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import attrs
import pytest

import minigrad as mg
from minigrad.cli import main
from minigrad.cli.parser import build_parser
from minigrad.examples import find_example
from minigrad.optim import available, load
from support.missing_plugins import how_to_get

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "minigrad/train/README.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| ")]
ROWS = [row for row in ROWS if row[0] != "the notes"]
SPANS = sorted({span for row in ROWS for span in re.findall(r"`([^`]+)`", row[1])})
TESTS = sorted({span for row in ROWS for span in re.findall(r"`([^`]+)`", row[2])})
COMMANDS = [span for span in SPANS if span.startswith("minigrad ")]
FILES = [span for span in SPANS if re.fullmatch(r"[\w-]+\.(png|svg|csv)", span)]
NAMES = [span for span in SPANS if span not in COMMANDS and span not in FILES and span != "kinks="]

TIPS = [f"Tip {n}: {what}" for n, what in enumerate(
    ["centred", "relative error", "double precision", "active range", "kinks", "step size", "short burn-in",
     "data loss first", "dropout", "few dimensions"], 1)]  # fmt: skip
OTHERS = [
    "Tip 1: loss at chance, ln C", "Weston-Watkins", "Regularisation raises", "Tip 2: overfit", "Epochs, not",
    "Loss over time", "wiggle", "Training and validation accuracy", "Ratio of updates", "Activation and gradient",
    "SGD", "Momentum", "derivative with respect to x", "at x_ahead", "step decay", "exponential decay", "1/t decay",
    "for f(x) = 0", "for a minimum", "Hessian", "L-BFGS", "Adagrad", "RMSprop", "Adam without", "Adam with",
    "Which learning rates", "Random", "coarse to fine", "First-layer", "log scale", "ensembles", "Running average",
]  # fmt: skip


def test_every_row_of_the_notes_is_there() -> None:
    subjects = [row[0] for row in ROWS]
    for wanted in (*TIPS, *OTHERS):
        assert any(wanted in subject for subject in subjects), wanted
    assert all(len(row) == 3 and "`" in row[1] and "`" in row[2] for row in ROWS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]
    arguments, rest = build_parser(words).parse_known_args(words)
    assert not rest
    if getattr(arguments, "example", None):
        find_example(arguments.example)


@pytest.mark.parametrize("name", NAMES)
def test_every_function_exists(name: str) -> None:
    tree = ast.parse(name, mode="eval").body
    if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "mg.optimizer":
        (rule,) = [a.value for a in tree.args if isinstance(a, ast.Constant)]
        assert isinstance(rule, str)
        known = {field.name for field in attrs.fields(load(rule))}
        assert rule in available()
        assert {k.arg for k in tree.keywords} <= known
        return
    bare = re.sub(r"\(.*?\)", "", name)
    first, *rest = bare.split(".")
    found: object = mg if first == "mg" else module(first)
    for part in rest:
        found = getattr(found, part)
    assert callable(found)


def module(name: str) -> object:
    """`nn` -> minigrad.nn; a plugin by its own name."""
    if name.startswith("minigrad_"):
        return pytest.importorskip(name, reason=how_to_get(name.replace("_", "-")))
    return import_module(f"minigrad.{name}")


@pytest.mark.parametrize("span", TESTS)
def test_every_test_is_collected(span: str) -> None:
    path, _, name = span.partition("::")
    assert Path(path).name.startswith("test_")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    tests = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")}
    assert tests
    if name:
        assert name in tests
        assert "mark.soak" not in "".join(map(ast.unparse, tests[name].decorator_list)), "a row is shown every day"


def test_files_are_those_that_a_run_leaves(tmp_path: Path) -> None:
    assert main(["train", "--data", "iris", "--epochs", "1", "--no-checks", "--out", str(tmp_path)]) == 0
    left = {p.name for p in (tmp_path / "0001-iris").iterdir()}
    assert set(FILES) <= left
