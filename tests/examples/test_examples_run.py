"""The examples: short ones and short versions every day; each in full, with the figure it claims, in `soak`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from minigrad.cli import main
from minigrad.examples import UnknownExample, examples, find_example, trigram
from minigrad.train import fit, load_script

NAMES = [example.name for example in examples()]
SCRIPTS = [example.name for example in examples() if example.is_script]
REACHED = {"spiral": 0.985, "linear_svm": 0.93, "fashion_mlp": 0.85, "fashion_conv": 0.875}
"""Least validation accuracy of the best epoch of each model script."""


def test_the_examples_are_those_of_the_house_plan() -> None:
    assert NAMES == ["char_lstm", "char_transformer", "fashion_conv", "fashion_mlp", "linear_svm",
                     "matrix_factorisation", "newton_logistic", "oscillator", "spiral", "trigram"]  # fmt: skip
    assert set(SCRIPTS) == set(REACHED)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_short_and_says_how_to_run_it_and_what_it_reaches(name: str) -> None:
    example = find_example(name)
    assert len(example.path.read_text().splitlines()) < 80
    assert f"minigrad run --example {name}" in example.text
    assert re.search(r"reaches.*\d", example.text.replace("\n", " "), re.IGNORECASE)
    assert example.title.endswith(".")


def test_an_unknown_one_is_named_with_the_nearest() -> None:
    assert find_example("Fashion-MLP").name == "fashion_mlp"
    with pytest.raises(UnknownExample, match="no example 'char_lst'"):
        find_example("char_lst")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_model_script_is_complete_and_learns_from_its_first_batches(name: str) -> None:
    script = load_script(find_example(name).path)
    assert script.split.val is not None
    few = script.split.train.take(np.arange(320))
    history = fit(script.model, (few.x, few.y), loss=script.loss, lr=3e-3, epochs=2, checks=False, quiet=True)
    assert history.initial is not None
    assert history.last is not None
    assert history.last.train_loss < 0.9 * history.initial.train_loss


def test_the_trigram_is_smoothed_properly() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, (5, 4)).astype(np.float64)
    counts[2] = 0.0
    lower = np.full(4, 0.25)
    shares = trigram.smoothed(counts, lower)
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(shares[2], lower)
    assert (shares > 0.0).all()
    k = counts[0]
    by_hand = np.maximum(k - 0.5, 0.0) / k.sum() + 0.5 * np.count_nonzero(k) / k.sum() * 0.25
    np.testing.assert_allclose(shares[0], by_hand, rtol=1e-12)
    assert trigram.perplexity(np.full(7, 0.125)) == pytest.approx(8.0)
    figures = find_example("trigram").main()
    assert figures["trigram"] == pytest.approx(5.645, abs=1e-3)
    assert figures["trigram"] < figures["bigram"] < figures["unigram"]


def test_newton_squares_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    figures = find_example("newton_logistic").main()
    assert figures["gradient"] < 1e-12
    assert figures["accuracy"] > 0.97
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    ratios = [float(row[3]) for row in rows if len(row) == 4 and row[0].isdigit()]
    assert len(ratios) == 8
    assert max(ratios) < 1.0
    assert ratios[-1] == pytest.approx(ratios[-2], rel=0.2), "the ratio settles: convergence is quadratic"


def short(name: str, steps: int) -> dict[str, float]:
    """The figures of a loop after a few steps."""
    found: dict[str, float] = import_module(f"minigrad.examples.{name}").main(steps)
    return found


def test_short_versions_of_the_loops_learn() -> None:
    assert short("matrix_factorisation", 60)["hidden"] < 3.6
    assert short("oscillator", 30)["equation"] < 5.0
    assert short("char_lstm", 3)["perplexity"] < 55.0
    assert short("char_transformer", 3)["perplexity"] < 55.0


@pytest.mark.soak
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_model_script_reaches_its_figure(name: str) -> None:
    began = time.process_time()
    history = load_script(find_example(name).path).fit(quiet=True)
    assert history.best is not None
    assert history.best.val_accuracy is not None
    print(f"{name}: {history.best.val_accuracy:.2%} in {time.process_time() - began:.0f} s of processor time")
    assert history.best.val_accuracy >= REACHED[name]
    assert time.process_time() - began < 60.0


@pytest.mark.soak
def test_the_loops_reach_their_figures() -> None:
    for name in ("char_lstm", "char_transformer"):
        figures = find_example(name).main()
        print(name, figures)
        assert figures["perplexity"] < figures["trigram"]
        assert figures["perplexity"] < 4.7
    assert find_example("oscillator").main()["largest error"] < 2e-3
    assert find_example("matrix_factorisation").main()["hidden"] < 3.15


def test_python_m_runs_one_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "minigrad.examples.trigram"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert "trigram  perplexity 5.645" in done.stdout


def test_a_loop_by_the_command_line_hands_over_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--example", "trigram", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["figures"]["trigram"] < 5.7
    assert "perplexity" in err
    assert main(["run", "--example", "trigram", "--epochs", "3"]) == 1
    assert "has a training loop of its own, in which --epochs means nothing" in capsys.readouterr().err
