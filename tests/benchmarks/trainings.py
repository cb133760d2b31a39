"""Whole trainings to a target, everybody from the same weights and batches: Fashion-MNIST by an MLP and by a conv net,
and the next letter of a text by an LSTM.

    cd tests
    python -m benchmarks.trainings --peer ~/.cache/minigrad-peers/bin/python --seconds 60

One after another, each in a process of its own, at most --seconds each. Results are saved after each one to
trainings.json in --out, and the same command goes on where it ended (`--anew` begins again).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from benchmarks.cases import CASES, Arrays
from benchmarks.contestants import CONTESTANTS, Process, own_python
from minigrad import data

NAMES = ("minigrad cc", "minigrad defined", "minigrad eager", "PyTorch eager", "PyTorch fused", "JAX jit")


class Task(NamedTuple):
    """A training: the case of its net, the share of held-out places that it should predict rightly, rows of a batch."""

    case: str
    target: float
    batch: int
    epochs: int = 60


TASKS = {
    "Fashion-MNIST, MLP 784-128-10": Task("mlp 784-128-10", 0.855, 64),
    "Fashion-MNIST, conv net": Task("conv net", 0.85, 64),
    "next letter, LSTM of 128": Task("char-lstm", 0.52, 32),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter of the peers' environment")
    parser.add_argument("--seconds", type=float, default=60.0, help="at most, for each training")
    parser.add_argument("--threads", type=int, nargs="*", default=[2])
    parser.add_argument("--tasks", nargs="*", metavar="WORD", help="tasks whose names contain one of these")
    parser.add_argument("--only", nargs="*", metavar="WORD", help="contestants whose names contain one of these")
    parser.add_argument("--anew", action="store_true", help="forget what has been measured")
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    saved = chosen.out / "trainings.json"
    results: dict[str, Any] = {} if chosen.anew or not saved.exists() else json.loads(saved.read_text())
    who = [c for c in CONTESTANTS if c.name in NAMES and (not chosen.only or any(w in c.name for w in chosen.only))]
    with TemporaryDirectory() as folder:
        for name, task in TASKS.items():
            if chosen.tasks and not any(w in name for w in chosen.tasks):
                continue
            file = Path(folder) / "numbers.npz"
            np.savez(file, **_numbers(task, chosen.seconds))  # type: ignore[arg-type]
            for threads in chosen.threads:
                for c in who:
                    key = f"{name} | {c.name} | {threads}"
                    if key in results or (c.foreign and chosen.peer is None):
                        continue
                    python = chosen.peer if c.foreign else own_python()
                    results[key] = _run(python, c, task.case, file, threads, chosen.seconds)
                    saved.write_text(json.dumps(results, indent=1))
                    print(key, results[key], flush=True)
    print(table(results))


def _run(python: str, who: Any, case: str, file: Path, threads: int, seconds: float) -> dict[str, object]:
    process = Process(python, who, case, file, threads, "benchmarks.training_worker")
    process.wait(3.0 * seconds + 60.0)
    process.end()
    return {"missing": process.missing} if process.missing else process.reply


def _numbers(task: Task, seconds: float) -> Arrays:
    drawn = CASES[task.case].draw(np.random.default_rng(0))
    numbers: Arrays = {k: v for k, v in drawn.items() if k[0] == "p"}
    if task.case == "char-lstm":
        rows = data.load_text().dataset(length=48)
    else:
        rows = data.load("fashion").scaled("image" if task.case == "conv net" else "flat", normalize="unit")
    numbers |= {"train_x": rows.x_train, "train_y": rows.y_train, "held_x": rows.x_val, "held_y": rows.y_val}
    limits = {"batch": task.batch, "target": task.target, "seconds": seconds, "epochs": task.epochs}
    return numbers | {k: np.array(v) for k, v in limits.items()}


def table(results: dict[str, Any]) -> str:
    """Seconds until the target, epochs, seconds of the first step; the best share where it was not reached."""
    lines = ["| training | threads | who | seconds | epochs | of them until the first step | |", "|---" * 7 + "|"]
    for key, f in results.items():
        name, who, threads = key.split(" | ")
        if "missing" in f:
            lines.append(f"| {name} | {threads} | {who} | | | | {f['missing']} |")
            continue
        note = "" if f["reached"] else f"not reached: {f['best']:.3f}"
        lines.append(f"| {name} | {threads} | {who} | {f['seconds']:.1f} | {f['epochs']} | {f['first']:.2f} | {note} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
