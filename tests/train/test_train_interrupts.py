"""Ctrl-C at any line of a run that saves: the model, the checkpoint and the folder are those of some step, whole."""

from __future__ import annotations

import gc
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from minigrad import checkpoint, data, nn, train
from minigrad.train import Callback, Checkpoints, History, Interrupted, Run, RunFolder, Step, fit
from support.interrupts import first_and_last, interrupted

ROOMS = ("/train", "/checkpoint", "/data", "/optim", "/runtime")
ROWS = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32), np.arange(24) % 2
LOADER = data.Loader(*ROWS, 6, seed=1, prefetch=1)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("minigrad.train.output.run_folder.run_pictures", lambda *_, **__: [])
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    with np.errstate(), warnings.catch_warnings():  # NumPy's own may be left as it was entered
        warnings.simplefilter("ignore", ResourceWarning)  # a file whose closing was interrupted is closed by Python
        yield
        gc.collect()


def bits(model: nn.Module) -> bytes:
    return b"".join(value.tobytes() for value in model.state_dict().values())


class States(Callback):
    """What the model was before the first step and after each."""

    def __init__(self) -> None:
        self.seen = list[bytes]()

    def on_start(self, run: Run) -> None:
        self.seen.append(bits(run.model))

    def on_step(self, run: Run, step: Step) -> None:
        self.seen.append(bits(run.model))


def trained(folder: Path, model: nn.Module, *callbacks: Callback, resume: Path | None = None) -> History:
    """Two epochs of four steps, each saved; a thread makes the rows ready."""
    saving = [RunFolder(folder), Checkpoints(folder / "c", 1, share=1.0)]
    return fit(
        model, LOADER, epochs=2, lr=0.05, seed=1, checks=False, quiet=True, eager=True, resume=resume,
        callbacks=[*callbacks, *saving],
    )  # fmt: skip


def net() -> nn.Module:
    return nn.mlp(3, [4], 2, rng=0)


def check_runs(tmp_path: Path, every: int) -> int:
    """Interrupt runs at the first and the last time that each line comes, one in `every`; returns how many were."""
    folders = (tmp_path / f"{number}" for number in range(10**6))
    ended, states, whole = net(), States(), list[History]()

    def fresh() -> Path:
        folder = next(folders)
        folder.mkdir()
        return folder

    trained(fresh(), net())
    numbers = first_and_last(lambda: trained(fresh(), net()), ROOMS)
    whole.append(trained(fresh(), ended, states))
    hits, alive = 0, threading.active_count()
    for number in numbers[every // 2 :: every]:
        folder, model, stops = fresh(), net(), list[BaseException]()
        place = interrupted(partial(note_stop, stops, partial(trained, folder, model)), number)
        if not place:
            continue
        hits += 1
        assert stops, place
        assert bits(model) in states.seen, place
        assert not list(folder.glob(".*.part")), place
        assert threading.active_count() == alive, (place, threading.enumerate())
        assert isinstance(stops[0], Interrupted) <= (not model.training), place
        if (folder / "best.safetensors").exists():
            train.load(folder, model=net())
        again = net()
        path = folder / "c"
        if path.exists():
            losses = checkpoint.load(path).arrays["batch_losses"].tolist()
            assert losses == whole[0].batch_losses[: len(losses)], place
        history = trained(folder, again, resume=path if path.exists() else None)
        assert bits(again) == bits(ended), place
        assert history.batch_losses == whole[0].batch_losses, place
    return hits


def note_stop(stops: list[BaseException], work: Callable[[], object]) -> None:
    try:
        work()
    except KeyboardInterrupt as stop:
        stops.append(stop)


def test_at_lines_far_apart(tmp_path: Path) -> None:
    assert check_runs(tmp_path, 1201) > 1


@pytest.mark.soak
def test_at_every_line_for_the_first_and_the_last_time(tmp_path: Path) -> None:
    assert check_runs(tmp_path, 1) > 500
