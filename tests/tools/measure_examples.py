"""Measure every example for the gallery: `python tests/tools/measure_examples.py [NAME ...]`.

Writes `minigrad/docs/reference/examples.json`: seconds of processor time, peak memory, the curve of its loss.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from minigrad.docs.reference.example_table import MEASURED
from minigrad.examples import examples

_PRINTED = re.compile(r"^\s*(step|epoch|iteration)\s+(\d+)\D+?([\d.]+(?:e[-+]?\d+)?)", re.M)
_COLUMN = re.compile(r"^step +(\S+)", re.M)
_ROW = re.compile(r"^ *\d+ +([\d.]+e[-+]\d+) ", re.M)
_PERPLEXITY = re.compile(r"^\w+ +perplexity ([\d.]+)", re.M)


def measure(name: str) -> dict[str, object]:
    """Run one example in a process of its own, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "minigrad", "run", "--example", name]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{name} ended with status {status}: {printed[-300:]}")
        figures = sorted(Path(folder).glob("runs/*/metrics.csv"))
        curves = _of_run(figures[0]) if figures else _of_lines(printed)
    curves = {label: values for label, values in curves.items() if len(values) > 1}
    every = [v for values in curves.values() for v in values]
    return {
        "seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "mib": round(usage.ru_maxrss / 1024),
        "measure": "loss" if figures else next(iter(curves), "loss"),
        "unit": "epoch" if figures else "line printed",
        "log": bool(every) and min(every) > 0 and max(every) > 100 * min(every),
        "curves": curves,
    }


def _of_lines(printed: str) -> dict[str, list[float]]:
    """The loss of lines such as "step 100 loss 1.5", the first column of a table by step, or perplexities."""
    if column := _COLUMN.search(printed):
        return {column[1]: [float(m[1]) for m in _ROW.finditer(printed)]}
    losses = [float(m[3]) for m in _PRINTED.finditer(printed)]
    return {"loss": losses} if losses else {"perplexity": [float(m[1]) for m in _PERPLEXITY.finditer(printed)]}


def _of_run(path: Path) -> dict[str, list[float]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {"training": "train_loss", "validation": "val_loss"}
    return {label: [round(float(r[name]), 5) for r in rows if r[name]] for label, name in columns.items()}


def main() -> None:
    """Measure those that were named, or all."""
    measured = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    for name in sys.argv[1:] or [example.name for example in examples()]:
        measured[name] = measure(name)
        print(name, measured[name]["seconds"], "s", measured[name]["mib"], "MiB", flush=True)
        MEASURED.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
