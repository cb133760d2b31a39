"""`minigrad sweep script.py lr=1e-5:1e-1`: search hyperparameters of a model script."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import get_type_hints

import attrs

from minigrad.cli.output import write_json
from minigrad.text import table
from minigrad.train import new_folder
from minigrad.train.script.script import Settings, load_script
from minigrad_sweep.space import parse_space
from minigrad_sweep.sweep import CONFIG_FILE, Sweep, SweepConfig, Trial, sweep

__all__ = ["search"]


def search(arguments: Namespace) -> int:
    """Search, or go on with a search; print the best trials or JSON. Returns the exit code."""
    if arguments.resume is None:
        if arguments.script is None:
            arguments.parser.error("a script is needed: minigrad sweep script.py lr=1e-5:1e-1, or --resume FOLDER")
        script = load_script(Path(arguments.script))
        space_args, path = tuple(arguments.space), script.path.resolve()
        epochs = arguments.epochs or script.settings.get("epochs", 20)
        config = SweepConfig(
            script=str(path),
            space_args=space_args,
            trials=arguments.trials,
            epochs=epochs,
            rungs=arguments.rungs,
            rounds=arguments.rounds,
            seed=arguments.seed,
        )
        folder = new_folder(Path(arguments.out), f"sweep-{path.stem}")
    else:
        folder = Path(arguments.resume)
        config = SweepConfig.load(folder / CONFIG_FILE)
    space = parse_space(config.space_args, [name for name in get_type_hints(Settings) if name != "epochs"])
    stream = sys.stderr if arguments.json else sys.stdout
    print(f"search     {folder}, {arguments.jobs} at a time; go on with: minigrad sweep --resume {folder}", file=stream)
    result = sweep(config, space, folder, jobs=arguments.jobs, told=lambda t: print(_line(t), file=stream, flush=True))
    document = {"command": "sweep", "folder": str(folder), "best": attrs.asdict(result.best),
                "remarks": list(result.remarks), "trials": [attrs.asdict(t) for t in result.trials]}  # fmt: skip
    (folder / "sweep.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if arguments.json:
        write_json(document)
    else:
        print("\n".join(_lines(result)))
    return 0


def _line(t: Trial) -> str:
    result = f"failed: {t.error[:70]}" if t.score is None else f"score {t.score:.4f}"
    return f"trial {t.key:<8} {t.epochs:>3} epochs  {_values(t)}  {result}"


def _values(t: Trial) -> str:
    return "  ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in t.values.items())


def _lines(result: Sweep) -> list[str]:
    rows = [
        (t.key, str(t.epochs), _values(t), "-" if t.score is None else f"{t.score:.4f}", t.error[:50])
        for t in result.trials[:10]
    ]
    lines = ["", *table(("trial", "epochs", "values", "score", ""), rows), ""]
    return [*lines, f"best       {_values(result.best)}", *(f"note       {text}" for text in result.remarks)]
