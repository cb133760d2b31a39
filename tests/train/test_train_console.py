"""What a run prints: a table in a log, a progress line on a terminal only, colour only where it is wanted."""

from __future__ import annotations

import re

import numpy as np
import pytest

from minigrad import data, nn
from minigrad.train import Callback, Console, Epoch, History, Run, Step, fit
from minigrad.train.output.progress_line import PlainLine
from support.train_streams import Stream

SPIRAL = data.load("spiral").scaled()


def run(out: Stream, err: Stream, *extra: Callback, epochs: int = 3) -> History:
    model = nn.mlp(2, [4], 3, rng=0)
    callbacks = [Console(out, err), *extra]
    return fit(model, SPIRAL, epochs=epochs, regularization=nn.L2(1e-4), callbacks=callbacks, quiet=True)


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if re.match(r" +\d+\*? ", line)]


def test_a_log_gets_plain_lines_with_every_figure() -> None:
    out, err = Stream(), Stream()
    history = run(out, err)
    text = out.getvalue()
    assert err.getvalue() == ""
    assert "\r" not in text
    assert "\x1b" not in text
    for wanted in (
        "spiral 799/201 rows",
        "27 parameters",
        "SoftmaxCrossEntropy",
        "L2(strength=0.0001)",
        "adam (minigrad",
        "lr 0.001",
        "seed 0",
        "ln 3 = 1.099",
        "largest relative error",
        "4 examples",
        "train loss    val loss",
    ):
        assert wanted in text, wanted
    assert re.search(r"^watching +took \d+\.\d% of the time of the steps$", text, re.MULTILINE)
    rows = table(text)
    monitor = history.monitor
    assert monitor is not None
    assert rows[-1][5] == f"{monitor.steps['lr'][-1]:.2e}" == "1.00e-03"
    steps, ratios = monitor.parameters["step"], monitor.parameters["update_ratio"]
    recent = steps > monitor.epochs["step"][-2]
    assert rows[-1][6] == f"{np.median(ratios[recent][:, [0, 2]]):.2e}"
    assert rows[-1][7] == f"{np.nanmax(monitor.layers['dead'][-2]):.1%}"
    assert [r[0].rstrip("*") for r in rows] == ["0", "1", "2", "3"]
    last = history.epochs[-1]
    assert rows[-1][1:5] == [
        f"{v:.4f}" for v in (last.train_loss, last.val_loss, last.train_accuracy, last.val_accuracy) if v is not None
    ]
    assert history.best is not None
    assert f"epoch {history.best.epoch} by validation accuracy" in text


def test_one_line_says_which_engine_runs_unless_it_was_asked_to_be_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_ENGINE", "numpy")
    out = Stream()
    run(out, Stream(), epochs=1)
    assert not re.search("^engine ", out.getvalue(), re.MULTILINE)
    monkeypatch.delenv("MINIGRAD_ENGINE")
    monkeypatch.setenv("MINIGRAD_CC", "no-such-compiler")
    out = Stream()
    run(out, Stream(), epochs=1)
    assert re.search(r"^engine +(cc|numpy) \(", out.getvalue(), re.MULTILINE)


@pytest.mark.parametrize("epochs", [20, 21, 100, 137])
def test_the_table_of_a_long_run_is_thinned(epochs: int) -> None:
    out = Stream()
    history = run(out, Stream(), epochs=epochs)
    numbers = [int(r[0].rstrip("*")) for r in table(out.getvalue())]
    assert numbers[:2] == [0, 1]
    assert history.best is not None
    assert epochs in numbers
    assert numbers == [*sorted(set(numbers) - {history.best.epoch}), history.best.epoch] or numbers == sorted(numbers)
    assert history.best.epoch in numbers, "the best one has a row, if need be at the end"
    assert 10 < len(numbers) <= 23
    assert len(history) == epochs


def test_a_terminal_gets_a_progress_line_that_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("minigrad.train.output.console._INTERVAL", 0.0)
    monkeypatch.setattr("minigrad.train.output.console.live_line", PlainLine)
    out, err = Stream(terminal=True), Stream(terminal=True)
    run(out, err)
    assert "epoch 3/3" in err.getvalue()
    assert err.getvalue().endswith("\r\x1b[K")
    assert "\x1b[32mok" in out.getvalue()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    out = Stream(terminal=True)
    run(out, Stream())
    assert "\x1b" not in out.getvalue()


def test_the_reason_for_an_early_end_is_printed() -> None:
    class Stopper(Callback):
        def on_epoch(self, run: Run, epoch: Epoch) -> None:
            run.stop("patience is over")

    out = Stream()
    run(out, Stream(), Stopper(), epochs=50)
    assert "patience is over" in out.getvalue()


def test_a_run_that_fails_in_its_first_epoch_leaves_no_progress_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Callback):
        def on_step(self, run: Run, step: Step) -> None:
            raise ZeroDivisionError

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("minigrad.train.output.console._INTERVAL", 0.0)
    monkeypatch.setattr("minigrad.train.output.console.live_line", PlainLine)
    err = Stream(terminal=True)
    with pytest.raises(ZeroDivisionError):
        run(Stream(), err, Failing())
    assert err.getvalue().endswith("\r\x1b[K")
