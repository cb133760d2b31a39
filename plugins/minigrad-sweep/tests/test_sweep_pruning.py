"""Trials that fall behind end early, by Optuna's own pruners, and alike however many run at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from minigrad.cli import main
from minigrad_sweep import pruning
from minigrad_sweep.pruning import PRUNERS, MissingOptuna
from minigrad_sweep.space import parse_space
from minigrad_sweep.sweep import Sweep, SweepConfig, Trial, sweep

NET = """from minigrad import nn
model, data, loss, epochs = nn.mlp(4, [6], 3, rng=0), "iris", "softmax", 8
"""
SPACE = ("lr=1e-6:1e-1",)


def _config(folder: Path, prune: str = "median") -> SweepConfig:
    (folder / "net.py").write_text(NET)
    return SweepConfig(
        script=str(folder / "net.py"), space_args=SPACE, trials=6, epochs=8, rungs=1, rounds=2, seed=13, prune=prune
    )


def _searched(config: SweepConfig, folder: Path, jobs: int) -> Sweep:
    return sweep(config, parse_space(SPACE, ["lr"]), folder, jobs=jobs, told=lambda t: None)


def _pruned(trials: Sequence[Trial]) -> list[str]:
    return [t.key for t in trials if t.pruned]


def test_trials_that_fall_behind_are_ended_and_never_the_first_third(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed: pip install optuna")
    config = _config(tmp_path)
    found = _searched(config, tmp_path / "a", 3)  # of the first six trials, two in four have a rate that is too low
    ended = [t for t in found.trials if t.pruned]
    assert ended
    assert all(3 <= len(t.curve) < 8 for t in ended)
    assert all(len(t.curve) == 8 for t in found.trials if not t.pruned)
    assert not {"0.0.0", "0.0.1", "1.0.0"} & set(_pruned(found.trials))
    assert not found.best.pruned
    assert found.best.score == max(t.score for t in found.trials if t.score is not None and not t.pruned)
    assert any(f"{len(ended)} of 9 trials were ended early" in text for text in found.remarks)
    # One at a time, and killed on the way: to the same end.
    journal = (tmp_path / "a" / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "plan.json").write_bytes((tmp_path / "a" / "plan.json").read_bytes())
    (tmp_path / "b" / "trials.jsonl").write_bytes(b"".join(journal[:3]))
    assert _searched(config, tmp_path / "b", 1).trials == found.trials


def test_a_search_without_a_pruner_is_as_it_was(tmp_path: Path) -> None:
    config = _config(tmp_path, prune="")
    assert "prune" not in json.loads(config.as_json())
    found = sweep(
        config, parse_space(SPACE, ["lr"]), tmp_path, jobs=2, told=lambda t: None,
        run=lambda t: attrs.evolve(t, score=float(t.values["lr"])),
    )  # fmt: skip
    assert not _pruned(found.trials)
    assert "curve" not in (tmp_path / "trials.jsonl").read_text()


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_ends_what_its_rivals_are_far_ahead_of(name: str) -> None:
    optuna = pytest.importorskip("optuna", reason="optuna is not installed: pip install optuna")
    curves = [[0.1 * k + 0.01 * r for k in range(8)] for r in range(4)]
    for scores, ended in (([1.0] * 8, []), ([0.0] * 8, [3, 4, 5, 6, 7, 8])):
        study = optuna.create_study(direction="maximize", pruner=PRUNERS[name](optuna, 3))
        for curve in curves:
            study.add_trial(optuna.trial.create_trial(value=curve[-1], intermediate_values=dict(enumerate(curve, 1))))
        trial, said = study.ask(), []
        for epoch, score in enumerate(scores, 1):
            trial.report(score, epoch)
            said += [epoch] if trial.should_prune() else []
        assert said == ended


def test_without_optuna_the_search_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)

    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(pruning, "import_module", refuse)
    with pytest.raises(MissingOptuna, match="pip install optuna"):
        pruning.load_optuna()
    assert main(["sweep", "net.py", "lr=1e-3:1e-1", "--prune", "median"]) == 1
    assert "pip install optuna" in capsys.readouterr().err
    assert not Path("runs").exists()
