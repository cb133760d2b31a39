"""`minigrad sweep script.py lr=1e-5:1e-1`: search hyperparameters."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

import attrs

from minigrad.cli.output import wrapped, write_json
from minigrad.cli.resuming.options import train_options
from minigrad.text import clip_middle, table
from minigrad.train import TrainError, new_folder
from minigrad.train.output.origin import refuse_foreign, seal
from minigrad.train.output.run_lock import folder_lock
from minigrad.train.output.written_file import write_file
from minigrad.train.script.script import load_script
from minigrad.train.setup import SetupOptions
from minigrad_sweep.pruning import load_optuna
from minigrad_sweep.space import parse_space
from minigrad_sweep.subject import command_of, known_names, options_of, refuse_useless_values
from minigrad_sweep.sweep import CONFIG_FILE, Sweep, SweepConfig, Trial, sweep

__all__ = ["search"]


def search(arguments: Namespace) -> int:
    """Search, or go on with a search; print the best trials or JSON. Returns the exit code."""
    if arguments.resume is None:
        config, subject, name = _new_search(arguments)
        space = parse_space(config.space_args, known_names(isinstance(subject, Path)))
        refuse_useless_values(subject, space)
        folder = new_folder(Path(arguments.out), f"sweep-{name}")
    else:
        folder = Path(arguments.resume)
        config = SweepConfig.load(folder / CONFIG_FILE)
        subject = _saved_subject(folder, config, arguments.trust)
        space = parse_space(config.space_args, known_names(isinstance(subject, Path)))
    stream = sys.stderr if arguments.json else sys.stdout
    began = f"search     {folder}, {arguments.jobs} at a time; go on with: minigrad sweep --resume {folder}"
    print(wrapped(began, stream), file=stream)
    with folder_lock(folder):
        result = sweep(
            config, space, folder, jobs=arguments.jobs, told=lambda t: print(_line(t), file=stream, flush=True)
        )
    document = {"command": "sweep", "folder": str(folder), "best": attrs.asdict(result.best),
                "remarks": list(result.remarks), "trials": [attrs.asdict(t) for t in result.trials]}  # fmt: skip
    write_file(folder / "sweep.json", json.dumps(document, indent=2) + "\n")
    if arguments.json:
        write_json(document)
    else:
        print(wrapped("\n".join(_lines(result, command_of(subject, result.best.values, config.epochs)))))
    return 0


def _new_search(arguments: Namespace) -> tuple[SweepConfig, Path | SetupOptions, str]:
    """What decides a search, what it trains, and its name."""
    words = list(arguments.space)
    if arguments.script is not None and "=" in arguments.script:  # without a script, the first word is of the space
        words.insert(0, arguments.script)
        arguments.script = None
    plan = {"space_args": tuple(words), "trials": arguments.trials, "rungs": arguments.rungs,
            "rounds": arguments.rounds, "seed": arguments.seed, "prune": arguments.prune or ""}  # fmt: skip
    if arguments.prune:
        load_optuna()
    own = [name for name in arguments.given if name not in ("epochs", "seed")]
    if arguments.script is None:
        if not own:
            arguments.parser.error("give a script or --data: minigrad sweep script.py lr=1e-5:1e-1, or --resume FOLDER")
        options = options_of(arguments)
        fields = attrs.asdict(options)
        name = Path(options.data).name.partition(".")[0] or "data"
        return SweepConfig(script="", options=fields, epochs=options.epochs, **plan), options, name
    if own:
        option = f"--{own[0].replace('_', '-')}"
        raise TrainError(f"{arguments.script} says itself what is trained: leave out {option}, or leave out the script")
    script = load_script(Path(arguments.script))
    path = script.path.resolve()
    epochs = arguments.epochs if "epochs" in arguments.given else script.settings.get("epochs", 20)
    return SweepConfig(script=str(path), epochs=epochs, sealed=seal(str(path)), **plan), path, path.stem


def _saved_subject(folder: Path, config: SweepConfig, trust: bool) -> Path | SetupOptions:
    """What a saved search trains, if it may be used.

    Raises:
        Untrusted: it is the script of a search that was not begun here.
        TrainError: it is options that could not have been given.
    """
    if not config.options:
        refuse_foreign(folder, config.script, config.sealed, trusted=trust)
        return Path(config.script)
    try:
        return SetupOptions.from_mapping(train_options(config.options))
    except ValueError as error:
        raise TrainError(f"{clip_middle(folder, 80)}: the options in {CONFIG_FILE} make no sense: {error}") from None


def _line(t: Trial) -> str:
    result = f"failed: {t.error[:70]}" if t.score is None else f"score {t.score:.4f}"
    result += f", ended after {len(t.curve)}" if t.pruned else ""
    return f"trial {t.key:<8} {t.epochs:>3} epochs  {_values(t)}  {result}"


def _values(t: Trial) -> str:
    return "  ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in t.values.items())


def _lines(result: Sweep, command: str) -> list[str]:
    rows = [
        (t.key, str(t.epochs), _values(t), "-" if t.score is None else f"{t.score:.4f}", t.error[:50])
        for t in result.trials[:10]
    ]
    lines = ["", *table(("trial", "epochs", "values", "score", ""), rows), ""]
    best = [f"best       {_values(result.best)}", *([f"train      {command}"] if command else [])]
    return [*lines, *best, *(f"note       {text}" for text in result.remarks)]
