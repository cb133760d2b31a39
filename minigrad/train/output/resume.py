"""How far a run has come, as a checkpoint holds it, and the way back."""

from __future__ import annotations

import json
import math
import os
import re
import time
import zlib
from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np

from minigrad import checkpoint
from minigrad.checkpoint import Checkpoint, CheckpointError, Json
from minigrad.checkpoint.contents import as_object
from minigrad.train.callbacks import Callback, Run, Step
from minigrad.train.checks.check import Check, Status
from minigrad.train.errors import TrainError
from minigrad.train.history import Epoch, History
from minigrad.train.splits import Split

__all__ = ["Checkpoints", "fingerprint", "restore_run", "save_run"]

MUST_MATCH = (
    *("loss", "regularization", "optimizer", "hyperparameters", "schedules", "options"),
    *("batch_size", "seed", "data", "processes", "metrics", "chosen by", "weights"),
)
"""Entries of a run's configuration without which its continuation would be another run.

Epochs may be added.
"""

_STATUS: dict[str, Status] = {"ok": "ok", "note": "note", "fault": "fault", "skipped": "skipped"}
_BEST, _LOSSES, _MONITOR = "best/", "batch_losses", "monitor/"


class Checkpoints(Callback):
    """Saves a run to `path` so that it can be continued to the last bit.

    Continue it by `fit(..., resume=path)`.

    At the end of an epoch, unless saves would then take more than `share` of the time (the first and the last epoch are
    always saved), and after every `every` batches if asked for.

    Args:
        about: what the checkpoint shall say besides, under `Checkpoint.about`.

    Attributes:
        path: of the checkpoint.
        saved: how often it was written.
        seconds: how long that took.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int | None = None,
        *,
        share: float = 0.1,
        about: Mapping[str, Json] | None = None,
    ) -> None:
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise TrainError(f"every must be a number of batches >= 1, got {every!r}")
        self.path = Path(path)
        self.saved, self.seconds = 0, 0.0
        self._every, self._share, self._about = every, share, dict(about or {})
        self._next, self._sum = 0.0, ""

    def on_step(self, run: Run, step: Step) -> None:
        """Save, if it is time."""
        if self._every is not None and len(run.history.batch_losses) % self._every == 0:
            self._save(run)

    def on_epoch(self, run: Run, epoch: Epoch) -> None:
        """Save, if it is the last epoch or costs little."""
        if epoch.epoch == run.epochs or run.stop_reason or time.perf_counter() >= self._next:
            self._save(run)

    def _save(self, run: Run) -> None:
        began = time.perf_counter()
        self._sum = self._sum or fingerprint(run.split)
        save_run(self.path, run, self._sum, self._about)
        now = time.perf_counter()
        self._next = now + (now - began) * (1.0 / self._share - 1.0)
        self.saved, self.seconds = self.saved + 1, self.seconds + now - began


def save_run(path: Path, run: Run, data_sum: str, about: Mapping[str, Json]) -> int:
    """Write a checkpoint of `run` as it stands between two batches; returns its size in bytes."""
    history = run.history
    arrays = {_BEST + name: value for name, value in history.best_weights.items()}
    arrays |= {_MONITOR + name: value for name, value in run.monitor.arrays().items()}
    arrays[_LOSSES] = np.array(history.batch_losses, dtype=np.float64)
    state: dict[str, Json] = {
        "config": _as_json(history.config),
        "data_sum": data_sum,
        "steps_per_epoch": history.steps_per_epoch,
        "seconds": time.perf_counter() - run.began,
        "initial": None if history.initial is None else attrs.asdict(history.initial),
        "epochs": [attrs.asdict(e) for e in history.epochs],
        "best": None if history.best is None else history.best.epoch,
        "checks": [attrs.asdict(c) for c in history.checks],
        "monitor": run.monitor.about(),
    }
    return checkpoint.save(path, run.model, run.optimizer, arrays=arrays, about={**about, "run": state})


def restore_run(run: Run, saved: Checkpoint) -> None:
    """Put model, optimizer and history of `run` where `saved` left them.

    Raises:
        CheckpointError: it holds no run, or one that was set up differently; `run` is unchanged.
    """
    try:
        state = as_object(saved.about["run"])
        wrong = _differences(run, state)
        if wrong:
            raise CheckpointError(f"{saved.path}: is of a run that was set up differently: {'; '.join(wrong)}")
        history = _history(saved, state)
        figures = {k.removeprefix(_MONITOR): v for k, v in saved.arrays.items() if k.startswith(_MONITOR)}
        run.monitor.restore(figures, as_object(state["monitor"]))
        seconds = float(str(state["seconds"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{saved.path}: holds no run that could be resumed ({type(error).__name__}: {error})"
        ) from None
    saved.restore(run.model, run.optimizer)
    for name in ("initial", "epochs", "batch_losses", "best", "best_weights", "checks"):
        setattr(run.history, name, getattr(history, name))
    run.monitor.begin()
    run.began = time.perf_counter() - seconds


def fingerprint(split: Split) -> str:
    """Compute a checksum of all rows, with shapes and dtypes.

    A continuation on other data would be another run.
    """
    total = 0
    for rows in (split.train, split.val):
        for a in () if rows is None else (rows.x, rows.y):
            total = zlib.crc32(f"{a.shape} {a.dtype}".encode(), total)
            if a.size:
                total = zlib.crc32(np.ascontiguousarray(a).reshape(-1).view(np.uint8).data, total)
    return f"{total:08x}"


def _differences(run: Run, state: Mapping[str, Json]) -> list[str]:
    theirs, ours = ({"processes": 1, **as_object(c)} for c in (state["config"], _as_json(run.history.config)))
    wrong = []
    for name in MUST_MATCH:
        then, now = (_comparable(name, config.get(name)) for config in (theirs, ours))
        if then != now:
            wrong.append(f"{name} was {then}, is {now}")
    if not wrong and state["data_sum"] != fingerprint(run.split):
        wrong.append("the values of the data are not the same")
    if not wrong and state["steps_per_epoch"] != run.history.steps_per_epoch:
        wrong.append(f"an epoch had {state['steps_per_epoch']} batches, has {run.history.steps_per_epoch}")
    return wrong


def _comparable(name: str, value: Json) -> str:
    """Write an entry as text that can be compared.

    Without addresses in memory and without the version of the optimizer's distribution.
    """
    text = value.split(" (")[0] if name == "optimizer" and isinstance(value, str) else json.dumps(value)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _history(saved: Checkpoint, state: Mapping[str, Json]) -> History:
    epochs = [_epoch(e) for e in _list(state["epochs"])]
    losses = saved.arrays[_LOSSES]
    steps, best = state["steps_per_epoch"], state["best"]
    if [e.epoch for e in epochs] != list(range(1, len(epochs) + 1)):
        raise ValueError("epochs are not numbered 1, 2, ...")
    if not isinstance(steps, int) or losses.ndim != 1 or not 0 <= len(losses) - steps * len(epochs) <= steps:
        raise ValueError(f"{losses.shape} losses of batches do not fit {len(epochs)} epochs of {steps}")
    if best is not None and not (isinstance(best, int) and 1 <= best <= len(epochs)):
        raise ValueError(f"the best epoch is {best!r}")
    return History(
        initial=None if state["initial"] is None else _epoch(state["initial"]),
        epochs=epochs,
        batch_losses=[float(v) for v in losses],
        best=None if best is None else epochs[best - 1],
        best_weights={k.removeprefix(_BEST): v for k, v in saved.arrays.items() if k.startswith(_BEST)},
        checks=[_check(c) for c in _list(state["checks"])],
    )


def _epoch(value: Json) -> Epoch:
    fields = as_object(value)
    number = fields["epoch"]
    loss, seconds = (_figure(fields[name]) for name in ("train_loss", "seconds"))
    if not isinstance(number, int) or loss is None or seconds is None:
        raise TypeError(f"{value!r} is no epoch")
    val_loss, train, val = (_figure(fields[name]) for name in ("val_loss", "train_accuracy", "val_accuracy"))
    metrics = {name: _figure(v) for name, v in as_object(fields.get("metrics") or {}).items()}
    return Epoch(
        number, loss, val_loss, train, val, seconds, {n: math.nan if v is None else v for n, v in metrics.items()}
    )


def _check(value: Json) -> Check:
    fields = as_object(value)
    status = _STATUS[str(fields["status"])]
    found, expected, seconds = (_figure(fields[name]) for name in ("value", "expected", "seconds"))
    return Check(str(fields["name"]), status, str(fields["message"]), found, expected, seconds or 0.0)


def _figure(value: Json) -> float | None:
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"{value!r} is no figure")


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError(f"a {type(value).__name__} where a list should be")
    return value


def _as_json(value: Mapping[str, object]) -> Json:
    plain: Json = json.loads(json.dumps(dict(value), default=str))
    return plain
