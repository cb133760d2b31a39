"""Several processes run `fit` as one: same history, same bits in all of them, and again when repeated or resumed."""

from __future__ import annotations

import io
import threading
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.parallel import SingleProcess
from minigrad.train import Callback, Checkpoints, Epoch, History, Run, fit
from support.parallel_runs import SMALL, net, run
from support.parallel_threads import Threads, in_threads
from support.train_stop import StopAt


def noisy() -> nn.Module:
    return nn.Sequential(
        nn.Linear(64, 8, rng=0), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4, rng=3), nn.Linear(8, 10, rng=1)
    )


def figures(history: History) -> list[tuple[object, ...]]:
    return [(e.epoch, e.train_loss, e.val_loss, e.train_accuracy, e.val_accuracy) for e in history.epochs]


def test_fit_gives_the_history_of_one_process() -> None:
    """150 rows in batches of 37: a last batch of 2 rows, so that two of four ranks have none."""
    options = {"batch_size": 37, "epochs": 4, "regularization": nn.L2(1e-3), "optimizer": "momentum", "lr": 0.1}
    whole, _ = run(SingleProcess(), net(), **options)
    for size in (2, 4):
        found = in_threads(size, lambda link: run(link, net(), **options))
        assert len({state for _, state in found}) == 1
        for history, _ in found:
            assert figures(history) == figures(found[0][0])
            assert history.batch_losses == found[0][0].batch_losses
        np.testing.assert_allclose(found[0][0].batch_losses, whole.batch_losses, rtol=1e-12)
        for ours, theirs in zip(found[0][0].epochs, whole.epochs, strict=True):
            assert ours.val_accuracy == theirs.val_accuracy
            assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-12)
            assert ours.val_loss == pytest.approx(theirs.val_loss, rel=1e-12)


@pytest.mark.parametrize("stop", [1, 5, 6])
def test_with_dropout_and_batch_normalisation_it_repeats_and_resumes_to_the_last_bit(stop: int, tmp_path: Path) -> None:
    def whole(link: Threads) -> tuple[History, bytes]:
        return run(link, noisy(), batch_size=31)

    def stopped(link: Threads) -> None:
        try:
            run(link, noisy(), batch_size=31, callbacks=[Checkpoints(tmp_path / "a", 1), StopAt(stop)])
        finally:
            link.hub.barrier.abort()

    found = in_threads(4, whole)
    assert len({state for _, state in found}) == 1, "running figures too"
    assert in_threads(4, whole)[0][1] == found[0][1]
    with pytest.raises(KeyboardInterrupt):
        in_threads(4, stopped)
    resumed = in_threads(4, lambda link: run(link, noisy(), batch_size=31, resume=tmp_path / "a"))
    assert [state for _, state in resumed] == [state for _, state in found]
    assert resumed[0][0].batch_losses == found[0][0].batch_losses
    assert figures(resumed[3][0]) == figures(found[0][0])
    with pytest.raises(mg.MinigradError, match="processes was 4, is 2"):
        in_threads(2, lambda link: run(link, noisy(), batch_size=31, resume=tmp_path / "a"))


def test_a_resumed_run_draws_on_where_gathered_gradients_make_one_update(tmp_path: Path) -> None:
    """Updates are fewer than batches then, and masks go by batches."""
    options: dict[str, object] = {"batch_size": 31, "accumulate": 2}

    def stopped(link: Threads) -> None:
        try:
            run(link, noisy(), **options, callbacks=[Checkpoints(tmp_path / "a", 1), StopAt(3)])
        finally:
            link.hub.barrier.abort()

    whole = in_threads(2, lambda link: run(link, noisy(), **options))
    with pytest.raises(KeyboardInterrupt):
        in_threads(2, stopped)
    resumed = in_threads(2, lambda link: run(link, noisy(), **options, resume=tmp_path / "a"))
    assert [state for _, state in resumed] == [state for _, state in whole]


def test_pictures_at_the_end_may_take_longer_than_the_limit() -> None:
    class Painter(Callback):
        def __init__(self) -> None:
            self.watched = True

        def on_end(self, run: Run) -> None:
            end = time.monotonic() + 5.0
            while self.watched and time.monotonic() < end:  # the other process may be a moment later
                self.watched = any(t.name == "minigrad watchdog" for t in threading.enumerate())

    painter = Painter()
    in_threads(2, lambda link: run(link, net(), callbacks=[painter]))
    assert not painter.watched


def test_only_rank_0_speaks_and_its_word_counts() -> None:
    class Told(Callback):
        def __init__(self) -> None:
            self.epochs = 0

        def on_epoch(self, run: Run, epoch: Epoch) -> None:
            self.epochs += 1
            run.stop("enough" if epoch.epoch == 2 else "")

    def work(link: Threads) -> tuple[int, str, int]:
        told = Told()
        history, _ = run(link, net(), epochs=5, callbacks=[told])
        return told.epochs, history.stopped, len(history)

    assert in_threads(3, work) == [(2, "enough", 2), (0, "enough", 2), (0, "enough", 2)]
    out = io.StringIO()
    with redirect_stdout(out):
        in_threads(2, lambda link: fit(net(), SMALL, epochs=1, communicator=link))
    assert out.getvalue().count("train loss") == 1
    assert out.getvalue().count("gradients:") == 1
