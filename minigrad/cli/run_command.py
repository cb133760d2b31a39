"""What `train` and `run` share.

The folder of the run, what is printed or handed over, resuming, exit codes.
"""

from __future__ import annotations

import json
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import attrs

import minigrad
from minigrad import checkpoint
from minigrad.checkpoint import Checkpoint, Json
from minigrad.cli.doctor import addressed, chosen_rules, said
from minigrad.cli.exit_codes import CHECK_FAILED, INTERRUPTED
from minigrad.cli.output import wrapped, write_json
from minigrad.cli.resuming.options import CHECKPOINT
from minigrad.core.errors import MinigradError
from minigrad.diagnosis import Doctor
from minigrad.parallel import Communicator, connect
from minigrad.report import write_report
from minigrad.text import finite_or_none
from minigrad.train import (
    Callback,
    Checkpoints,
    Console,
    History,
    Interrupted,
    RunFolder,
    new_folder,
)
from minigrad.train.output.loggers import create_logger
from minigrad.train.output.run_lock import folder_lock

__all__ = ["Fit", "Job", "run_job"]

Fit: TypeAlias = Callable[[Sequence[Callback], Checkpoint | None, Communicator], History]
"""Type of a function that trains: callbacks, checkpoint, communicator -> history.

Training begins at the beginning or at the checkpoint; the communicator joins it with other processes.
"""


@attrs.frozen(eq=False)
class Job:
    """A run that is ready to begin.

    Attributes:
        kind: the command, "train" or "run".
        name: for its folder.
        headline: its first line on the screen.
        command: all options, as they are saved with the run and needed to resume it.
        fit: does the work.
        model: how the model is built, as the run's folder keeps it.
        script: the model script, of which the folder keeps a copy.
    """

    kind: str
    name: str
    headline: str
    command: Mapping[str, Json]
    fit: Fit
    model: Mapping[str, Json] | None = None
    script: Path | None = None


def run_job(job: Job, arguments: Namespace, saved: Checkpoint | None) -> int:
    """Run the job in a folder of its own, and print or hand over what happened.

    The folder is that of `saved` if there is one.

    Of several processes that train together only rank 0 has a folder and prints; the others say who fails.

    Returns 0; 3 with --strict if the diagnosis finds a FAULT; 130 after Ctrl-C. Errors of the run are raised, after its
    folder was named.
    """
    link = connect(arguments.communicator)
    if link.rank > 0:
        return _assist(job, saved, link)
    path = new_folder(Path(arguments.out), job.name) if saved is None else saved.path.parent
    with folder_lock(path):
        if saved is not None:
            saved = checkpoint.load(saved.path)  # another process may have gone on meanwhile
        return _run_in(path, job, arguments, saved, link)


def _run_in(path: Path, job: Job, arguments: Namespace, saved: Checkpoint | None, link: Communicator) -> int:
    """What `run_job` does in the folder of the run, which is locked."""
    command = dict(job.command)
    folder = RunFolder(path, {"command": command}, model=job.model, script=job.script)
    saver = Checkpoints(path / CHECKPOINT, arguments.save_every, about={"command": command})
    if not arguments.json:
        print(wrapped(f"minigrad {minigrad.__version__}: {job.headline}"))
        _say_resumed(saved)
    console = [] if arguments.json else [Console()]
    loggers = [create_logger(name, path) for name in arguments.log]
    watching = None if arguments.no_diagnosis else Doctor(chosen_rules(arguments), start=path / "start.json")
    code = 0
    try:
        history = job.fit([*([watching] if watching else []), folder, saver, *loggers, *console], saved, link)
    except Interrupted as stop:
        history, code = stop.history, INTERRUPTED
    except MinigradError as error:
        _address(job, watching, path)
        if folder.files:
            _judge(watching, folder, arguments.json)
            _report(job, folder, getattr(error, "history", None), watching, arguments)
            _say(job, folder, saver, arguments.json)
        raise
    _address(job, watching, path)
    if arguments.json:
        document = {"command": job.kind, "run": str(folder.path), "files": folder.files, **history.as_dict()}
        if history.metric_names:
            document["metrics"] = [finite_or_none({"epoch": e.epoch, **e.metrics}) for e in history.epochs]
        if watching is not None and watching.diagnosis is not None:
            document["diagnosis"] = watching.diagnosis.as_document()
        write_json(document)
    healthy = _judge(watching, folder, arguments.json)
    _report(job, folder, history, watching, arguments)
    _say(job, folder, saver, arguments.json, interrupted=code != 0)
    return CHECK_FAILED if arguments.strict and not healthy and code == 0 else code


def _assist(job: Job, saved: Checkpoint | None, link: Communicator) -> int:
    """Train with the others and leave the talking to rank 0."""
    try:
        job.fit([], saved, link)
    except Interrupted:
        return INTERRUPTED
    except MinigradError:
        sys.stderr.write(f"minigrad: rank {link.rank} of {link.size} ends the run:\n")
        raise
    return 0


def _address(job: Job, watching: Doctor | None, path: Path) -> None:
    """Let the advice name this run, in the place of a script, and options as they are typed."""
    if watching is not None and watching.diagnosis is not None:
        watching.diagnosis = addressed(watching.diagnosis, shlex.quote(str(path)), options=job.kind == "train")


def _judge(watching: Doctor | None, folder: RunFolder, as_json: bool) -> bool:
    """Save the diagnosis as diagnosis.json and, unless it goes out with other JSON, print it.

    Whether all is well.
    """
    diagnosis = None if watching is None else watching.diagnosis
    if diagnosis is None:
        return True
    folder.write("diagnosis.json", (json.dumps(diagnosis.as_document(), indent=2) + "\n").encode())
    if not as_json:
        print(f"\n{wrapped(said(diagnosis))}\n")
    return diagnosis.healthy


def _report(
    job: Job, folder: RunFolder, history: History | None, watching: Doctor | None, arguments: Namespace
) -> None:
    """Write report.html."""
    if history is not None:
        diagnosis = None if watching is None else watching.diagnosis
        text = write_report(
            history,
            diagnosis,
            title=folder.path.name,
            command=repeating(job, arguments),
            pictures=folder.pictures or None,
            tables=folder.tables,
        )
        folder.write("report.html", text.encode())


def repeating(job: Job, arguments: Namespace) -> str:
    """The command line that makes this run again, from its beginning."""
    words = ["minigrad", job.kind, *([str(arguments.script)] if getattr(arguments, "script", None) else [])]
    for name in dict.fromkeys(arguments.given):
        value = job.command.get(name)
        if name == "hyperparameters" and isinstance(value, dict):
            words += [word for key, v in value.items() for word in ("--set", f"optimizer.{key}={v}")]
        elif name != "resume" and value is not None:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            words += [f"--{name.replace('_', '-')}", text]
    return shlex.join([*words, *(["--no-checks"] if arguments.no_checks else [])])


def _say_resumed(saved: Checkpoint | None) -> None:
    if saved is not None:
        print(f"{'resumed':<10} from {saved.path}")
        if saved.other_versions:
            print(f"{'note':<10} saved with {saved.other_versions}: the last bits may differ")


def _say(job: Job, folder: RunFolder, saver: Checkpoints, on_stderr: bool, *, interrupted: bool = False) -> None:
    """Where the run was saved, what is missing from it, and how to go on."""
    stream = sys.stderr if on_stderr else sys.stdout
    files = [*folder.files, *([CHECKPOINT] if saver.path.exists() else [])]
    print(wrapped(f"{'saved':<10} {folder.path}/  {'  '.join(sorted(files))}", stream), file=stream)
    if interrupted and saver.path.exists():
        print(f"{'go on':<10} minigrad {job.kind} --resume {folder.path}", file=stream)
