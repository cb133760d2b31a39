"""The contest: equal grids, results that survive a stop, intervals that mean what they say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import attrs
import numpy as np
import pytest

from minigrad.cli import main
from minigrad.optim import available
from minigrad_compare.compare import CompareError, run
from minigrad_compare.contest import Standing, contest, entry, grid_of, markdown, read_standings
from minigrad_compare.problems import CONTEST, PROBLEMS


def test_every_rule_has_a_grid_of_the_same_size_around_its_default() -> None:
    sizes = {name: len(grid_of(name)) for name in available()}
    assert {name for name, size in sizes.items() if size == 0} <= {"newton", "newton-cg", "gauss-newton", "l-bfgs"}
    assert {size for size in sizes.values() if size} == {9}
    np.testing.assert_allclose(grid_of("adam"), 1e-3 * 10.0 ** np.arange(-2.0, 2.5, 0.5), rtol=0.02)


def test_the_problems_are_ready_to_run() -> None:
    assert len(CONTEST) >= 6
    for name in CONTEST:
        problem = attrs.evolve(PROBLEMS[name](), budget=1)
        curve = run(problem, "sgd", 1e-4, 0)
        assert curve.ended == ""
        assert curve.units == (0.0, 1.0)
        assert 0.0 < curve.final < curve.values[0]


def test_the_rate_that_counts_is_the_best_on_other_seeds() -> None:
    standing = entry("quadratic", "sgd", seeds=2, tuning_seeds=1)
    best = min(standing.tuning, key=lambda pair: pair[1])
    assert standing.lr == best[0] == grid_of("sgd")[[f for _, f in standing.tuning].index(best[1])]
    assert standing.finals == tuple(run(PROBLEMS["quadratic"](), "sgd", standing.lr, seed).final for seed in (0, 1))
    assert entry("quadratic", "newton", 2, 1).lr is None
    counted = entry("quadratic", "sgd", seeds=1, tuning_seeds=2).tuning
    alone = dict(standing.tuning)
    near = sorted(alone, key=lambda lr: alone[lr])[:3]
    assert [lr for lr, figure in counted if figure != alone[lr]] == sorted(near), "the best three are tried again"
    assert "needs residuals" in entry("digits-mlp", "gauss-newton", 1, 1).skipped


def test_a_contest_that_was_stopped_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = Standing("quadratic", "sgd", 0.1, ((0.1, 1.0),), (1.0, 2.0))
    (tmp_path / "quadratic--sgd.json").write_text(json.dumps(attrs.asdict(known)))
    heard: list[str] = []
    found = contest(["quadratic"], ["sgd", "newton"], tmp_path, seeds=1, processes=1, told=heard.append)
    assert known in found
    assert [line.split(":")[0] for line in heard] == ["newton on quadratic"]
    assert read_standings(tmp_path) == found
    with pytest.raises(CompareError):
        contest([], ["sgd"], tmp_path)
    for name in CONTEST:
        done = Standing(name, "sgd", 0.1, ((0.1, 1.0),), (1.0,))
        (tmp_path / "contest").mkdir(exist_ok=True)
        (tmp_path / "contest" / f"{name}--sgd.json").write_text(json.dumps(attrs.asdict(done)))
    assert main(["compare", "--contest", "--optimizers", "sgd", "--out", str(tmp_path)]) == 0
    assert "| sgd | 1.0 [1.0, 1.0] |" in capsys.readouterr().out


def test_ranks_and_intervals() -> None:
    even, spread = (1.0,) * 5, (0.5, 0.9, 1.5, 2.0, 9.0)
    standings = [
        Standing("quadratic", "good", 0.1, ((0.1, 1.0), (1.0, 2.0)), even),
        Standing("quadratic", "wild", 0.1, (), spread),
        Standing("quadratic", "lost", 0.1, (), (math.inf,) * 5),
        Standing("quadratic", "none", skipped="needs more"),
    ]
    lines = {line.split("|")[1].strip(): line for line in markdown(standings).splitlines()[2:]}
    assert list(lines) == ["good", "wild", "lost", "none"]
    assert "1* [1, 1]" in lines["good"]
    assert "1.5 [0.5, 9]" in lines["wild"]
    assert "| 2.0 [1.0, 2.0] |" in lines["wild"]  # its resampled median is below 1 now and then
    assert "| 3.0 [3.0, 3.0] | inf [inf, inf] |" in lines["lost"]
    assert lines["none"] == "| none | - | - |"
