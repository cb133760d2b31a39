"""The contest: many rules on the problems of the published table, equal budgets for all.

Each rule chooses from a grid of its own, as many learning rates as every other rule has: around its default, half a
power of ten apart. They are chosen on other seeds than those that count: all on the first, the best few on the rest.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import attrs
import numpy as np

from minigrad.core.types import Array
from minigrad.optim import load as load_rule
from minigrad.train.output.written_file import write_file
from minigrad_compare.compare import CompareError, Problem, infeasible, run
from minigrad_compare.problems import PROBLEMS

__all__ = ["Standing", "contest", "entry", "grid_of", "markdown", "read_standings"]

_RATES = 9
_FINALISTS = 3
_TUNING = 1000
_DRAWS = 2000
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@attrs.frozen
class Standing:
    """One rule on one problem.

    Attributes:
        problem: its name.
        optimizer: its name.
        lr: learning rate that was chosen; None for a rule without one.
        tuning: for each rate of the grid, the median final figure of its tuning runs; one run for those that did not
            come near the best.
        finals: final figures, one for each seed that counts; infinite where a run broke off.
        skipped: why there are none, or empty.
    """

    problem: str
    optimizer: str
    lr: float | None = None
    tuning: tuple[tuple[float, float], ...] = ()
    finals: tuple[float, ...] = ()
    skipped: str = ""

    @property
    def middle(self) -> float:
        """The median final figure."""
        return median(self.finals) if self.finals else math.inf

    @property
    def at_edge(self) -> bool:
        """Whether the chosen rate is the least or the largest of the grid."""
        return len(self.tuning) > 1 and self.lr in (self.tuning[0][0], self.tuning[-1][0])


def grid_of(name: str) -> tuple[float, ...]:
    """The learning rates that a rule chooses from: its default, and four on either side.

    Empty for a rule without a learning rate.
    """
    fields = attrs.fields_dict(load_rule(name))
    if "lr" not in fields or not isinstance(fields["lr"].default, float):
        return ()
    steps = range(-(_RATES // 2), _RATES // 2 + 1)
    return tuple(float(f"{fields['lr'].default * 10.0 ** (k / 2):.2g}") for k in steps)


def entry(problem: str, name: str, seeds: int, tuning_seeds: int) -> Standing:
    """Tune one rule on one problem, and run it.

    Raises:
        UnknownOptimizer: there is none of that name.
    """
    task = PROBLEMS[problem]()
    reason = infeasible(task, name)
    if reason:
        return Standing(problem, name, skipped=reason)
    figures = {lr: [_final(task, name, lr, _TUNING)] for lr in grid_of(name)}
    finalists = sorted(figures, key=lambda lr: figures[lr][0])[:_FINALISTS]
    for lr in finalists:
        figures[lr] += [_final(task, name, lr, _TUNING + seed) for seed in range(1, tuning_seeds)]
    best = min(finalists, key=lambda lr: median(figures[lr]), default=None)
    finals = tuple(_final(task, name, best, seed) for seed in range(seeds))
    return Standing(problem, name, best, tuple((lr, median(values)) for lr, values in figures.items()), finals)


def contest(
    problems: Sequence[str],
    names: Sequence[str],
    folder: Path,
    *,
    seeds: int = 5,
    tuning_seeds: int = 2,
    processes: int = 2,
    told: Callable[[str], None] = lambda line: None,
) -> list[Standing]:
    """Run what `folder` does not hold yet, rule after rule.

    Returns everything it then holds.

    Each result is a file, so that a contest that was stopped goes on where it was.

    Raises:
        CompareError: there is nothing to run.
        UnknownOptimizer: there is no optimizer of a name; raised before anything runs.
    """
    if not problems or not names or min(seeds, tuning_seeds, processes) < 1:
        raise CompareError("a contest needs problems, optimizers, seeds and a process")
    for name in names:
        load_rule(name)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(p, n) for n in names for p in problems if not _file(folder, p, n).exists()]
    with _one_core_each(), ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(entry, p, n, seeds, tuning_seeds) for p, n in jobs]
        for future in as_completed(futures):
            standing = future.result()
            path = _file(folder, standing.problem, standing.optimizer)
            write_file(path, json.dumps(attrs.asdict(standing)) + "\n")
            told(f"{standing.optimizer} on {standing.problem}: {standing.skipped or format(standing.middle, '.3g')}")
    return [s for s in read_standings(folder) if s.problem in problems and s.optimizer in names]


def read_standings(folder: Path) -> list[Standing]:
    """All results that a folder holds."""
    standings = []
    for path in sorted(folder.glob("*.json")):
        values = json.loads(path.read_text(encoding="utf-8"))
        values["tuning"] = tuple(map(tuple, values["tuning"]))
        standings.append(Standing(**{**values, "finals": tuple(values["finals"])}))
    return standings


def markdown(standings: Sequence[Standing]) -> str:
    """The table: rules by mean rank, with bootstrap intervals over seeds.

    A cell is the median final figure with the interval that 95 of 100 resamplings of the seeds give; a star says that
    the rate lies at the edge of the rule's grid.
    """
    problems = [p for p in PROBLEMS if any(s.problem == p for s in standings)]
    cells = {(s.optimizer, s.problem): s for s in standings}
    names = sorted({s.optimizer for s in standings})
    ranks = {name: _mean_rank_interval(name, names, problems, cells) for name in names}
    lines = [
        "| rule | mean rank | " + " | ".join(problems) + " |",
        "|---|---|" + "---|" * len(problems),
    ]
    for name in sorted(names, key=lambda n: ranks[n]):
        middle, low, high = ranks[name]
        row = [f"{middle:.1f} [{low:.1f}, {high:.1f}]"] if math.isfinite(middle) else ["-"]
        row += [_cell(cells.get((name, problem))) for problem in problems]
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


@contextmanager
def _one_core_each() -> Iterator[None]:
    """Let processes that are started inside use one thread for matrix products."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _file(folder: Path, problem: str, name: str) -> Path:
    return folder / f"{problem}--{name.replace(':', '+').replace('/', '+')}.json"


def _final(task: Problem, name: str, lr: float | None, seed: int) -> float:
    """The last figure of one run; infinite if it broke off."""
    value = run(task, name, lr, seed, whole=False).final
    return value if math.isfinite(value) else math.inf


def _cell(standing: Standing | None) -> str:
    if standing is None or not standing.finals:
        return "-"
    draws = _resampled(standing.finals, 0)
    low, high = np.quantile(draws, [0.025, 0.975], method="nearest")
    star = "*" if standing.at_edge else ""
    return f"{standing.middle:.3g}{star} [{low:.3g}, {high:.3g}]"


def _resampled(finals: Sequence[float], salt: int) -> Array:
    """Medians of resamplings of the seeds, shape `(_DRAWS,)`."""
    rng = np.random.default_rng([len(finals), salt])
    medians: Array = np.median(np.array(finals)[rng.integers(0, len(finals), (_DRAWS, len(finals)))], axis=1)
    return medians


def _mean_rank_interval(
    name: str, names: Sequence[str], problems: Sequence[str], cells: dict[tuple[str, str], Standing]
) -> tuple[float, float, float]:
    """Mean rank of a rule over the problems, and the ends of its interval.

    Infinite if it misses a problem.
    """
    own = [cells.get((name, problem)) for problem in problems]
    if not all(standing is not None and standing.finals for standing in own):
        return math.inf, math.inf, math.inf
    middles, draws = [], np.zeros(_DRAWS)
    for place, problem in enumerate(problems):
        rivals = [s for n in names if n != name and (s := cells.get((n, problem))) is not None and s.finals]
        me = cells[name, problem]
        middles.append(1 + sum(rival.middle < me.middle for rival in rivals))
        mine = _resampled(me.finals, place)
        draws += 1
        for rival in rivals:
            draws += _resampled(rival.finals, place + 100 * (1 + names.index(rival.optimizer))) < mine
    low, high = np.quantile(draws / len(problems), [0.025, 0.975])
    return float(np.mean(middles)), float(low), float(high)
