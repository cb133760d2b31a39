"""W&B's own records hold what was logged offline; Optuna's pruner ends trainings."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minigrad import data, nn, train
from minigrad_loggers import OptunaPruning, figures
from minigrad_loggers.wandb_logger import WandbLogger


def _fit(*callbacks: train.Callback, lr: float = 0.1, epochs: int = 3) -> train.History:
    spiral = data.spiral(90, classes=3, noise=0.1, seed=0).scaled()
    model = nn.mlp(2, [8], 3, rng=0)
    options: dict[str, Any] = {"epochs": epochs, "batch_size": 30, "callbacks": callbacks, "quiet": True}
    return train.fit(model, spiral, optimizer="sgd", lr=lr, checks=False, **options)


RUN = """
import sys
from minigrad import data, nn, train
from minigrad_loggers.wandb_logger import WandbLogger
spiral = data.spiral(90, classes=3, noise=0.1, seed=0).scaled()
history = train.fit(nn.mlp(2, [8], 3, rng=0), spiral, epochs=3, batch_size=30, quiet=True, checks=False,
                    callbacks=[WandbLogger(sys.argv[1])])
print(*(e.val_loss for e in history.epochs))
"""


def _packed_records(path: Path) -> Iterator[bytes]:
    """The records of W&B's file: LevelDB's log format behind a header of 7 bytes, as its old Python reader had it."""
    content, at, parts = path.read_bytes(), 7, b""
    assert content[:4] == b":W&B"
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:  # no header fits at the end of a block
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def test_wandbs_own_records_hold_figures_and_settings(tmp_path: Path) -> None:
    """Written in a process of its own: W&B starts a service beside it."""
    records: Any = pytest.importorskip("wandb.proto.wandb_internal_pb2", reason="wandb is not installed")
    done = subprocess.run([sys.executable, "-c", RUN, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    losses = [float(v) for v in done.stdout.split()[-3:]]
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    rows: list[dict[str, Any]] = []
    config: dict[str, Any] = {}
    for packed in _packed_records(path):
        record = records.Record()
        record.ParseFromString(packed)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({i.key or i.nested_key[0]: json.loads(i.value_json) for i in items})
        for item in [*record.run.config.update, *record.config.update]:
            config[item.key or item.nested_key[0]] = json.loads(item.value_json)
    assert [row["val_loss"] for row in rows] == losses
    assert [row["_step"] for row in rows] == [1, 2, 3]
    assert (config["epochs"], config["batch_size"]) == (3, 30)


def test_a_pruner_ends_trainings_that_promise_little() -> None:
    optuna: Any = pytest.importorskip("optuna", reason="optuna is not installed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    lengths: list[int] = []

    def objective(trial: Any) -> float:
        pruning = OptunaPruning(trial)
        history = _fit(pruning, lr=trial.suggest_categorical("lr", [0.5, 1e-6]), epochs=6)
        lengths.append(len(history.epochs))
        assert pruning.pruned == history.stopped.startswith("pruned by Optuna")
        pruning.raise_if_pruned()
        return min(float(e.val_loss) for e in history.epochs if e.val_loss is not None)

    space = {"lr": [0.5, 1e-6]}
    study = optuna.create_study(
        sampler=optuna.samplers.GridSampler(space, seed=1), pruner=optuna.pruners.MedianPruner(1, 1)
    )
    study.enqueue_trial({"lr": 0.5})
    study.optimize(objective, n_trials=3)
    states = [t.state.name for t in study.trials]
    assert states[0] == "COMPLETE"
    assert "PRUNED" in states
    assert lengths[0] == 6
    assert lengths[states.index("PRUNED")] < 6
    assert study.best_params["lr"] == 0.5


def test_a_figure_that_is_not_there_and_a_tool_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Trial:
        def report(self, value: float, step: int) -> None:
            raise AssertionError("nothing is reported")

    monkeypatch.setattr(figures, "import_module", lambda name: None)
    with pytest.raises(KeyError, match=r"no figure 'loss'.*val_loss"):
        _fit(OptunaPruning(Trial(), "loss"))

    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(figures, "import_module", refuse)
    with pytest.raises(figures.MissingTool, match="pip install optuna"):
        OptunaPruning(Trial())
    with pytest.raises(figures.MissingTool, match="pip install wandb"):
        WandbLogger(tmp_path)
