"""`minigrad compare`: optimizers side by side, each with a learning rate of its own."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

import attrs

from minigrad.cli.output import write_json
from minigrad.optim import available
from minigrad.text import finite_or_none
from minigrad.train.output.run_folder import new_folder
from minigrad.train.output.written_file import write_file
from minigrad.train.script.user_code import errors_in
from minigrad_compare.compare import GRID, compare
from minigrad_compare.contest import contest, markdown
from minigrad_compare.plots import draw_comparison
from minigrad_compare.problems import CONTEST, find_problem
from minigrad_compare.table import document, table

__all__ = ["compare_optimizers", "usual_rules"]

_USUAL = ("sgd", "momentum", "adam")


def compare_optimizers(arguments: Namespace) -> int:
    """Compare as asked, print the table or JSON, save both with pictures.

    Returns the exit code.
    """
    if arguments.contest:
        return _contest(arguments)
    problem = find_problem(arguments.problem)
    for field in ("budget", "target"):
        if getattr(arguments, field) is not None:
            problem = attrs.evolve(problem, **{field: getattr(arguments, field)})
    folder = new_folder(Path(arguments.out), f"compare-{problem.name}")  # before hours that need it
    try:
        with errors_in(Path(arguments.problem)):
            comparison = compare(
                problem,
                arguments.optimizers or usual_rules(),
                seeds=arguments.seeds,
                tuning_seeds=arguments.tuning_seeds,
                grid=arguments.lr or GRID,
                told=lambda line: print(f"{'tuned':<10} {line}", file=sys.stderr),
            )
    except BaseException:
        folder.rmdir()
        raise
    values = document(comparison)
    write_file(folder / "comparison.json", json.dumps(values, indent=2, allow_nan=False) + "\n")
    write_file(folder / "table.txt", table(comparison) + "\n")
    pictures, note = draw_comparison(comparison, folder)
    if arguments.json:
        write_json(values)
    else:
        print(table(comparison))
    stream = sys.stderr if arguments.json else sys.stdout
    if note:
        print(f"{'note':<10} {note}", file=stream)
    print(f"{'saved':<10} {folder}/  {'  '.join(('comparison.json', 'table.txt', *pictures))}", file=stream)
    return 0


def usual_rules() -> tuple[str, ...]:
    """The rules of minigrad itself, whatever others offer rules of the same names."""
    installed = available()
    return tuple(name if name in installed else f"minigrad:{name}" for name in _USUAL)


def _contest(arguments: Namespace) -> int:
    """Run the contest, or what is left of it; print and save its table."""
    folder = Path(arguments.out) / "contest"
    standings = contest(
        CONTEST,
        arguments.optimizers or tuple(available()),
        folder,
        seeds=arguments.seeds,
        tuning_seeds=arguments.tuning_seeds,
        processes=arguments.processes,
        told=lambda line: print(line, file=sys.stderr),
    )
    write_file(folder / "table.md", markdown(standings) + "\n")
    if arguments.json:
        write_json({"command": "compare", "contest": [finite_or_none(attrs.asdict(s)) for s in standings]})
    else:
        print(markdown(standings))
    print(f"{'saved':<10} {folder}/", file=sys.stderr if arguments.json else sys.stdout)
    return 0
