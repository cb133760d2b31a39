"""`minigrad predict`, `evaluate` and `show`: a run in use."""

from __future__ import annotations

import csv
import io
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minigrad.cli.output import wrapped, write_json
from minigrad.data.prepare.pictures import picture_files
from minigrad.data.prepare.preparation import ArrayInputs
from minigrad.data.prepare.targets import LabelTarget
from minigrad.data.prepare.text import TextInputs, read_text
from minigrad.text import format_bytes
from minigrad.train import SavedRun, TrainError, load
from minigrad.train.evaluation import probabilities_of, shares_of
from minigrad.train.output.written_file import write_file

__all__ = ["evaluate_run", "predict", "show_run"]


def predict(arguments: Namespace) -> int:
    """Write a prediction for each row of a file, as CSV or JSON. Returns the exit code."""
    if arguments.json and arguments.out:
        arguments.parser.error("--json goes to standard output: leave out --out, or send it on by > FILE")
    run = load(arguments.run, trust=arguments.trust)
    if arguments.out and os.path.realpath(arguments.out) == os.path.realpath(arguments.file):
        raise TrainError(f"--out {arguments.out}: is the file with the rows, and would take its place")
    if run.preparation is not None and isinstance(run.preparation.inputs, TextInputs):
        return _continue(run, arguments)
    files = _files(run, arguments.file)
    names = [*(["file"] if files else []), *_prediction_names(run, arguments.proba)]
    lines = _predictions(run, arguments)
    lines = ([file.name, *line] for file, line in zip(files, lines, strict=True)) if files else lines
    if arguments.json:
        rows = [dict(zip(names, row, strict=True)) for row in lines]
        write_json({"command": "predict", "run": arguments.run, "predictions": rows})
        return 0
    return _hand_over(_lines(names, lines), arguments.out)


def _files(run: SavedRun, source: str) -> list[Path]:
    """The pictures that are predicted; none where rows come from one file."""
    inputs = None if run.preparation is None else run.preparation.inputs
    return picture_files(Path(source)) if isinstance(inputs, ArrayInputs) and inputs.picture is not None else []


def _hand_over(lines: Iterable[str], out: str | None) -> int:
    """Write lines to standard output, or to a file in one go. Returns the exit code."""
    if out is None:
        sys.stdout.writelines(lines)
        return 0
    path = Path(out)
    if not path.name or path.is_dir():
        raise TrainError(f"--out {out!r}: is no name of a file")
    write_file(path, (line.encode() for line in lines))
    print(f"saved      {path}")
    return 0


def _continue(run: SavedRun, arguments: Namespace) -> int:
    """Go on with the text in a file."""
    start = read_text(arguments.file)
    options = {"temperature": arguments.temperature, "seed": arguments.seed}
    text = run.continue_text(start.removesuffix("\n") or start, arguments.length, **options)
    if arguments.json:
        write_json({"command": "predict", "run": arguments.run, "text": text})
        return 0
    return _hand_over([text + "\n"], arguments.out)


def evaluate_run(arguments: Namespace) -> int:
    """Score a run on the rows of a file whose targets are known. Returns the exit code."""
    run = load(arguments.run, trust=arguments.trust)
    figures = run.evaluate(arguments.file)
    if arguments.json:
        write_json({"command": "evaluate", "run": arguments.run, "file": arguments.file, "figures": figures})
        return 0
    for name, value in figures.items():
        print(f"{name:<18} {int(value) if name == 'rows' else format(value, '.6g')}")
    return 0


def show_run(arguments: Namespace) -> int:
    """Print model, preparation and figures of a run. Returns the exit code."""
    run = load(arguments.run, trust=arguments.trust)
    recipe = None if run.preparation is None else run.preparation.as_dict()
    if arguments.json:
        write_json({"command": "show", "run": arguments.run, "preparation": recipe, **run.about})
        return 0
    size = sum(p.size * p.dtype.itemsize for p in run.model.parameters())
    lines = [f"{'run':<10} {run.path}"]
    lines += [f"{'model':<10} {run.model!r:.300}, {run.model.parameter_count:,} parameters ({format_bytes(size)})"]
    for name in ("data", "loss", "epoch", "chosen_by", "figures", "versions"):
        value = run.about.get(name)
        if value is not None:
            lines.append(f"{name.replace('_', ' '):<10} {_in_words(value)}")
    columns = ["rows as the model takes them"] if run.preparation is None else run.preparation.describe()
    lines += [f"{'rows' if k == 0 else '':<10} {line}" for k, line in enumerate(columns)]
    print(wrapped("\n".join(lines)))
    return 0


def _in_words(value: object) -> str:
    """Figures by name in a line; what is not known is left out."""
    if isinstance(value, dict):
        inner = {k: v for name, v in value.items() for k, v in (v.items() if isinstance(v, dict) else [(name, v)])}
        return ", ".join(f"{k} {v:.6g}" if isinstance(v, float) else f"{k} {v}" for k, v in inner.items() if v)
    return str(value)


def _prediction_names(run: SavedRun, probabilities: bool) -> list[str]:
    """Head of the columns that are written."""
    target = None if run.preparation is None else run.preparation.target
    if target is None:
        raise TrainError(f"{run.path}: the run was given plain arrays, so it cannot read a file: use mg.load in Python")
    if run.class_names:
        column = getattr(target, "name", "") or "class"
        return [column, *(f"{column}={name}" for name in run.class_names)] if probabilities else [column]
    names: Sequence[str] = getattr(target, "names", ())
    if isinstance(target, LabelTarget):
        return [
            *names,
            *(f"{name}={words[1]}" for name, words in zip(names, target.words, strict=True) if probabilities),
        ]
    if probabilities:
        raise TrainError(f"{run.path}: the model predicts numbers, which have no probabilities: leave out --proba")
    return list(names) or [f"prediction{k}" for k in range(target.outputs)]


def _predictions(run: SavedRun, arguments: Namespace) -> Iterator[list[object]]:
    """A row of cells for each row of the file, a few thousand at a time."""
    assert run.preparation is not None
    for outputs, _ in run.chunks(arguments.file):
        decoded = run.preparation.target.decode(outputs)
        columns: list[NDArray[np.generic]] = [decoded] if decoded.ndim == 1 else list(decoded.T)
        if arguments.proba:
            shares = shares_of if isinstance(run.preparation.target, LabelTarget) else probabilities_of
            columns += list(np.round(shares(outputs), 6).T)
        for row in zip(*(c.tolist() for c in columns), strict=True):
            yield list(row)


def _lines(names: Sequence[str], rows: Iterator[list[object]]) -> Iterator[str]:
    """Lines of CSV, the head with the first row: a mistake in that leaves nothing behind."""
    head: list[Sequence[object]] = [names]
    for row in rows:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*head, row])
        head = []
        yield text.getvalue()
    if head:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(names)
        yield text.getvalue()
