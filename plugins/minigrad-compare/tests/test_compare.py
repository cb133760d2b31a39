"""`minigrad compare`: the protocol is fair, the figures right, and nobody is left out unsaid."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from textwrap import dedent

import attrs
import numpy as np
import pytest

import minigrad as mg
from minigrad.cli import main
from minigrad_compare.command import usual_rules
from minigrad_compare.compare import CompareError, Comparison, Curve, Plane, Problem, Result, Trial, compare, merit, run
from minigrad_compare.plots import curves_figure, paths_figure
from minigrad_compare.problems import digits_mlp, find_problem, quadratic, rosenbrock
from minigrad_compare.table import document, table

H = np.diag([1.0, 4.0])


def bowl(budget: int = 30, log: list[tuple[str, int]] | None = None) -> Problem:
    """w.Hw / 2 from points that depend on the seed; `log` hears of every start."""

    def start(seed: int) -> Trial:
        if log is not None:
            log.append(("start", seed))
        w = mg.tensor(np.random.default_rng(seed).uniform(1.0, 2.0, 2), requires_grad=True)

        def measure() -> float:
            return float(0.5 * w.numpy() @ H @ w.numpy())

        return Trial({"w": w}, lambda k: 0.5 * mg.sum(w * (mg.tensor(H) @ w)), measure)

    return Problem(
        "bowl", start, 1e-3, budget, plane=Plane(lambda x, y: 0.5 * (x * x + 4 * y * y), (-2, 2), (-2, 2), (0, 0))
    )


def test_a_run_is_gradient_descent_measured_after_each_step() -> None:
    curve = run(bowl(12), "sgd", 0.2, 3)
    w = np.random.default_rng(3).uniform(1.0, 2.0, 2)
    wanted = []
    for _ in range(13):
        wanted.append(0.5 * w @ H @ w)
        w = w - 0.2 * H @ w
    np.testing.assert_allclose(curve.values, wanted, rtol=1e-12)
    assert curve.units == tuple(range(13))
    ends = run(bowl(12), "sgd", 0.2, 3, whole=False)
    assert (ends.units, ends.values) == ((0, 12), (curve.values[0], curve.values[-1]))
    assert all(b > a for a, b in zip(curve.seconds, curve.seconds[1:], strict=False))
    np.testing.assert_allclose(curve.path[0], np.random.default_rng(3).uniform(1.0, 2.0, 2))
    assert curve.ended == ""


def test_reached_means_for_good() -> None:
    curve = Curve(0, 0.1, (0, 1, 2, 3, 4), (0.0, 0.1, 0.2, 0.3, 0.4), (9.0, 0.5, 2.0, 0.9, 0.1))
    assert curve.reached(1.0) == (3, 0.3)
    assert curve.reached(10.0) == (0, 0.0)
    assert curve.reached(0.01) is None
    assert attrs.evolve(curve, ended="it overflowed").reached(1.0) is None
    assert attrs.evolve(curve, ended="it overflowed").final == math.inf
    assert attrs.evolve(curve, values=(9.0, 0.5, math.nan, 0.9, math.nan)).reached(1.0) is None


def test_merit_counts_misses_then_time_then_loss() -> None:
    fast, slow = (
        Curve(0, 1.0, (0, 1, 2, 3), (0.0, 1.0, 2.0, 3.0), v) for v in ((9.0, 0.1, 0.1, 0.1), (9.0, 9.0, 0.01, 0.01))
    )
    miss = attrs.evolve(slow, values=(9.0, 8.0, 7.0, 2.0))
    assert merit([fast], 1.0) < merit([slow], 1.0) < merit([miss], 1.0) < merit([], 1.0)
    assert merit([fast, fast], 1.0) < merit([fast, miss], 1.0) < merit([miss, miss], 1.0)
    assert merit([fast], 0.001) > merit([slow], 0.001)


def test_each_rule_is_tuned_on_the_same_grid_and_on_seeds_that_do_not_count() -> None:
    log: list[tuple[str, int]] = []
    found = compare(bowl(log=log), ["sgd", "momentum"], seeds=3, tuning_seeds=2, grid=(0.3, 0.01, 0.1, 2.0))
    for result in found.results:
        assert set(result.tuning) == {0.01, 0.1, 0.3, 2.0}
        assert {c.seed for c in result.curves} == {0, 1, 2}
        assert {c.seed for curves in result.tuning.values() for c in curves} == {1000, 1001}
        best = min(result.tuning, key=lambda lr: merit(result.tuning[lr], 1e-3))  # called at once
        assert result.lr == best
        assert all(c.lr == best for c in result.curves)
    sgd = next(r for r in found.results if r.optimizer == "sgd")
    assert (sgd.lr, sgd.at_edge) == (0.3, False)
    assert all(c.final > 1.0 for c in sgd.tuning[2.0])
    assert log[-6:] == [("start", seed) for seed in (0, 0, 1, 1, 2, 2)]  # in turns
    assert found.results == tuple(sorted(found.results, key=lambda r: merit(r.curves, 1e-3)))
    assert "*" not in table(found).splitlines()[2]


def test_a_best_rate_at_the_edge_is_marked() -> None:
    found = compare(bowl(), ["sgd"], seeds=1, tuning_seeds=1, grid=(0.01, 0.02))
    assert found.results[0].at_edge
    assert "0.02*" in table(found)
    assert "a better one may lie beyond it" in table(found)


def test_line_searches_pay_for_each_evaluation_and_have_nothing_to_tune() -> None:
    found = compare(bowl(), ["l-bfgs", "newton"], seeds=2)
    newton, lbfgs = found.results
    assert (newton.optimizer, newton.lr, lbfgs.lr) == ("newton", None, None)
    assert [c.reached(1e-3) is not None and c.units[1] for c in newton.curves] == [1.0, 1.0]
    assert all(c.units[1] > 1.0 for c in lbfgs.curves)
    assert "none" in table(found)


def test_what_cannot_be_run_is_left_out_with_the_reason() -> None:
    found = compare(digits_mlp_of(1), ["newton", "gauss-newton", "sgd"], seeds=1, tuning_seeds=1, grid=(0.5,))
    text = table(found)
    assert "newton was left out: it needs the Hessian: 5,808,100 entries and 2,410 backward passes a step" in text
    assert "gauss-newton was left out: it needs residuals" in text
    assert found.results[0].optimizer == "sgd"
    assert found.results[0].curves[0].units == (0.0, 1.0)


def digits_mlp_of(budget: int) -> Problem:
    return attrs.evolve(digits_mlp(), budget=budget)


def test_divergence_is_an_ending_not_an_error() -> None:
    found = compare(bowl(400), ["sgd"], seeds=2, tuning_seeds=1, grid=(50.0,))
    assert all("after" in c.ended for c in found.results[0].curves)
    assert "sgd broke off in 2 runs: seed 0 after" in table(found)
    plain = json.dumps(document(found), allow_nan=False)
    assert json.loads(plain)["results"][0]["final"] is None
    pytest.importorskip("matplotlib", reason="the extra plots is not installed: pip install '.[plots]'")
    curves_figure(found)


def test_schedule_free_is_measured_where_it_averages() -> None:
    curve = run(bowl(5), "schedule-free", 0.2, 0)
    w = mg.tensor(np.random.default_rng(0).uniform(1.0, 2.0, 2), requires_grad=True)
    opt = mg.optimizer("schedule-free", [w], lr=0.2)
    for k in range(1, 6):
        opt.step(lambda: 0.5 * mg.sum(w * (mg.tensor(H) @ w)))
        with opt.averaged():
            assert curve.values[k] == pytest.approx(float(0.5 * w.numpy() @ H @ w.numpy()), rel=1e-12)


@pytest.mark.parametrize("problem", [quadratic(), rosenbrock()], ids=lambda p: p.name)
def test_problems_in_the_plane_agree_with_their_pictures(problem: Problem) -> None:
    plane = problem.plane
    assert plane is not None
    assert float(plane.value(*(np.array(m) for m in plane.minimum))) == 0.0
    for seed in range(3):
        trial = problem.start(seed)
        (w,) = trial.parameters.values()
        assert trial.loss(0).item() == pytest.approx(trial.measure(), rel=1e-12)
        assert trial.residuals is not None
        r = trial.residuals().numpy()
        assert 0.5 * r @ r == pytest.approx(trial.measure(), rel=1e-12)
        x, y = w.numpy()
        assert plane.x[0] < x < plane.x[1]
        assert plane.y[0] < y < plane.y[1]
    assert problem.start(0).measure() != problem.start(1).measure()
    assert problem.start(1).measure() == problem.start(1).measure()


def test_digits_batches_cover_the_rows_in_an_order_of_their_own() -> None:
    problem = digits_mlp()
    first, again, other = problem.start(0), problem.start(0), problem.start(1)
    assert [first.loss(k).item() for k in range(25)] == [again.loss(k).item() for k in range(25)]
    assert first.loss(0).item() != other.loss(0).item()
    assert first.full is not None
    assert first.full().item() == pytest.approx(first.measure(), rel=1e-12)
    assert first.measure() == pytest.approx(math.log(10.0), rel=0.05)


def test_pictures_hold_every_rule_and_the_scale_of_the_target() -> None:
    found = compare(bowl(), ["sgd", "adam", "newton"], seeds=2, tuning_seeds=1, grid=(0.1, 0.3))
    figure = curves_figure(found)
    left, right = figure.axes
    assert len([line for line in left.lines if str(line.get_label())[0] != "_"]) == 3
    assert left.get_ylim()[0] < found.problem.target < left.get_ylim()[1]
    assert left.get_xlim() == (0, 30)
    assert right.get_xlim()[1] > 0
    assert found.problem.plane is not None
    paths = paths_figure(found, found.problem.plane)
    assert [axes.get_title().split("\n")[0].split(",")[0] for axes in paths.axes] == [
        r.optimizer for r in found.results
    ]
    empty = Comparison(found.problem, found.grid, 1, 1, (Result("newton", skipped="needs more"),))
    curves_figure(empty)
    paths_figure(empty, found.problem.plane)
    assert "newton was left out: it needs more." in table(empty)


def test_the_command_saves_table_figures_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed: pip install '.[plots]'")
    script = tmp_path / "mine.py"
    script.write_text(
        dedent(
            """
            import minigrad as mg
            from minigrad_compare.compare import Problem, Trial

            def problem():
                def start(seed):
                    w = mg.tensor([1.0 + seed % 7], requires_grad=True)
                    return Trial({"w": w}, lambda k: mg.sum(w * w), lambda: w.numpy()[0] ** 2)
                return Problem("mine", start, 1e-3, 20)
            """
        )
    )
    common = [
        "compare",
        "--optimizers",
        "sgd,adam",
        "--problem",
        str(script),
        "--out",
        str(tmp_path / "runs"),
        "--seeds",
        "2",
    ]
    assert main([*common, "--lr", "0.1,0.3", "--tuning-seeds", "1"]) == 0
    out, err = capsys.readouterr()
    assert "tuned      sgd: lr 0.3 of 2" in err
    assert "mine: f to 0.001 in 20 evaluations, 2 seeds" in out
    folder = tmp_path / "runs" / "0001-compare-mine"
    assert {p.name for p in folder.iterdir()} == {"comparison.json", "table.txt", "curves.png"}
    assert (folder / "table.txt").read_text() in out
    assert main([*common, "--lr", "0.3", "--json", "--budget", "5", "--target", "0.5"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["budget"], shown["target"], shown["grid"]) == (5, 0.5, [0.3])
    assert [len(r["runs"]) for r in shown["results"]] == [2, 2]
    assert shown == json.loads((tmp_path / "runs" / "0002-compare-mine" / "comparison.json").read_text())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("quadratc", None, "no problem 'quadratc'. Did you mean 'quadratic'"),
        ("nowhere.py", None, "there is no script nowhere.py"),
        ("empty.py", "", r"defines no function problem\(\)"),
        ("wrong.py", "def problem():\n    return 3\n", "returned a int, not a"),
    ],
)
def test_problems_that_are_none(
    name: str, content: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_text(content)
    with pytest.raises(CompareError, match=message):
        find_problem(name)


SCRIPT = """\
import numpy as np, minigrad as mg
from minigrad_compare.compare import Problem, Trial
w = mg.tensor(np.ones(2), requires_grad=True)
def start(seed): {start}
def loss(k): {loss}
def measure(): {measure}
def problem(): {problem}
"""
RIGHT = {
    "start": "return Trial({'w': w}, loss, measure)",
    "loss": "return (w * w).sum()",
    "measure": "return float((w.numpy() ** 2).sum())",
    "problem": "return Problem('p', start, 1e-3, 5)",
}
WHAT_SCRIPTS_DO = {
    "raise ValueError('no')": r"ScriptError: mine.py:{line}: ValueError: no$",
    "return [][3]": r"ScriptError: mine.py:{line}: IndexError",
    "import sys; sys.exit(5)": r"ScriptError: mine.py:{line}: it ended the process by sys.exit\(5\)",
    "return None": r"CompareError: .* a NoneType",
    "return 'a text'": r"CompareError: .* a str",
}


@pytest.mark.parametrize("does", WHAT_SCRIPTS_DO)
@pytest.mark.parametrize("where", RIGHT)
def test_whatever_a_script_does_is_one_line_with_its_place(
    where: str, does: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(SCRIPT.format(**{**RIGHT, where: does}))
    assert main(["compare", "--problem", "mine.py", "--optimizers", "sgd", "--seeds", "1", "--lr", "0.1"]) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    number = 4 + list(RIGHT).index(where)
    assert re.search(WHAT_SCRIPTS_DO[does].format(line=number), line), line
    assert len(line) < 300


@pytest.mark.parametrize(
    ("field", "value"),
    [("budget", "five"), ("budget", 0), ("batches", 0), ("target", None), ("target", float("nan")), ("plane", 3),
     ("unit", None), ("name", 3), ("start", "start")],
)  # fmt: skip
def test_a_problem_of_wrong_fields_is_refused(field: str, value: object) -> None:
    fields = {"name": "p", "start": lambda seed: None, "target": 1.0, "budget": 5, field: value}
    with pytest.raises(CompareError, match=field):
        Problem(**fields)  # type: ignore[arg-type]


def test_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CompareError, match="needs an optimizer"):
        compare(bowl(), [])
    with pytest.raises(CompareError, match="seeds of at least 1"):
        compare(bowl(), ["sgd"], seeds=0)
    assert main(["compare", "--optimizers", "sdg", "--out", str(tmp_path)]) == 1
    assert "Did you mean 'sgd'?" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "--lr", "fast"])
    assert list(tmp_path.iterdir()) == []


def test_a_place_for_the_figures_is_made_before_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    words = ["compare", "--problem", "quadratic", "--budget", "2", "--seeds", "1", "--tuning-seeds", "1"]
    assert main([*words, "--optimizers", "sgd", "--out", str(tmp_path / "taken")]) == 1
    told = capsys.readouterr().err
    assert "cannot make a folder" in told
    assert "tuned" not in told
    assert main([*words, "--optimizers", "nope", "--out", str(tmp_path / "runs")]) == 1
    assert not list((tmp_path / "runs").iterdir())


def test_the_usual_rules_are_minigrads_own_whoever_else_offers_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usual_rules() == ("sgd", "momentum", "adam")
    monkeypatch.setattr("minigrad_compare.command.available", lambda: {"sgd": 0, "momentum": 0, "mine:adam": 0})
    assert usual_rules() == ("sgd", "momentum", "minigrad:adam")
