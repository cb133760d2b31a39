"""`minigrad lr-find script.py` and `minigrad sweep script.py lr=1e-5:1e-1`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import get_type_hints

import attrs

from minigrad.cli.output import hand_over
from minigrad.text import table
from minigrad.train import TrainError, new_folder
from minigrad.train.script.script import Settings, load_script
from minigrad.tune import RateRange, Sweep, Trial, find_rate, parse_space
from minigrad.tune.sweep import PLAN, Plan, sweep

__all__ = ["lr_find", "search"]

_BAR = 40


def lr_find(arguments: Namespace) -> int:
    """Print a range of learning rates with its reason. Returns 0, or 1 if there is none."""
    script = load_script(Path(arguments.script))
    settings = script.settings
    optimizer = settings.get("optimizer", "adam")
    if not isinstance(optimizer, str):
        raise TrainError(
            f"{arguments.script}: lr-find needs the optimizer by its name: it makes one with rates of its own"
        )
    found = find_rate(
        script.model,
        script.split,
        script.loss,
        optimizer=optimizer,
        regularization=script.regularization,
        batch_size=settings.get("batch_size", 64),
        low=arguments.low,
        high=arguments.high,
        steps=arguments.steps,
        seed=settings.get("seed", 0),
    )
    if arguments.json:
        hand_over({"command": "lr-find", **_document(found)})
    else:
        print("\n".join(_lines(found, optimizer)))
    return 0 if found.low is not None else 1


def _document(found: RateRange) -> dict[str, object]:
    losses = [v if abs(v) < float("inf") else None for v in found.losses]
    return {**attrs.asdict(found), "losses": losses, "rates": list(found.rates), "smoothed": list(found.smoothed)}


def _lines(found: RateRange, optimizer: str) -> list[str]:
    """The curve as bars, a line for every few batches, and the verdict."""
    if not found.smoothed:
        return [found.reason]
    low, high = min(found.smoothed), max(found.smoothed[0], min(found.smoothed) + 1e-12)
    every = max(1, len(found.smoothed) // 24)
    lines = ["rate      loss"]
    for i in range(0, len(found.smoothed), every):
        value = found.smoothed[i]
        bar = "#" * max(0, min(_BAR, round(_BAR * (value - low) / (high - low))))
        inside = found.low is not None and found.high is not None and found.low <= found.rates[i] <= found.high
        lines.append(f"{found.rates[i]:.1e} {'|' if inside else ' '} {value:8.4g}  {bar}")
    if found.low is None or found.high is None or found.suggested is None:
        return [*lines, "", found.reason]
    return [
        *lines,
        "",
        f"{optimizer}: learning rates from {found.low:.1e} to {found.high:.1e}, say {found.suggested:.1e} "
        f"(confidence {found.confidence})",
        f"because {found.reason}",
    ]


def search(arguments: Namespace) -> int:
    """Search, or go on with a search; print the best trials or JSON. Returns the exit code."""
    if arguments.resume is None:
        if arguments.script is None:
            arguments.parser.error("a script is needed: minigrad sweep script.py lr=1e-5:1e-1, or --resume FOLDER")
        script = load_script(Path(arguments.script))
        words, path = tuple(arguments.space), script.path.resolve()
        epochs = arguments.epochs or script.settings.get("epochs", 20)
        plan = Plan(script=str(path), words=words, trials=arguments.trials, epochs=epochs, rungs=arguments.rungs,
                    rounds=arguments.rounds, seed=arguments.seed)  # fmt: skip
        space = parse_space(words, _settings())
        folder = new_folder(Path(arguments.out), f"sweep-{path.stem}")
    else:
        folder = Path(arguments.resume)
        plan = _saved(folder / PLAN)
        space = parse_space(plan.words, _settings())
    stream = sys.stderr if arguments.json else sys.stdout
    print(f"search     {folder}, {arguments.jobs} at a time; go on with: minigrad sweep --resume {folder}", file=stream)
    found = sweep(plan, space, folder, jobs=arguments.jobs, told=lambda t: print(_line(t), file=stream, flush=True))
    document = {"command": "sweep", "folder": str(folder), "best": attrs.asdict(found.best),
                "remarks": list(found.remarks), "trials": [attrs.asdict(t) for t in found.trials]}  # fmt: skip
    (folder / "sweep.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if arguments.json:
        hand_over(document)
    else:
        print("\n".join(_result(found)))
    return 0


def _settings() -> list[str]:
    return [name for name in get_type_hints(Settings) if name != "epochs"]


def _saved(path: Path) -> Plan:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Plan(**{**values, "words": tuple(values["words"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainError(f"{path}: holds no search that could be continued ({type(error).__name__}: {error})") from None


def _line(t: Trial) -> str:
    result = f"failed: {t.error[:70]}" if t.score is None else f"score {t.score:.4f}"
    return f"trial {t.key:<8} {t.epochs:>3} epochs  {_values(t)}  {result}"


def _values(t: Trial) -> str:
    return "  ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in t.values.items())


def _result(found: Sweep) -> list[str]:
    rows = [
        (t.key, str(t.epochs), _values(t), "-" if t.score is None else f"{t.score:.4f}", t.error[:50])
        for t in found.trials[:10]
    ]
    lines = ["", *table(("trial", "epochs", "values", "score", ""), rows), ""]
    return [*lines, f"best       {_values(found.best)}", *(f"note       {text}" for text in found.remarks)]
