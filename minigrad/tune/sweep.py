"""A search over hyperparameters of a model script: random and log-uniform, coarse to fine, with successive halving.

Each round draws trials (the first from the whole space, later ones around the best so far), gives all of them few
epochs, the better third three times as many, and so on (successive halving, Jamieson & Talwalkar 2016, here with
trainings that begin anew). Everything is drawn from one seed and every finished trial is written down at once, so a
search that was killed goes on where it stopped, to the same end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import numpy as np

from minigrad.train.errors import TrainError
from minigrad.tune.space import Choice, Range, Space, Value

__all__ = ["Sweep", "Trial", "sweep"]

JOURNAL, PLAN = "trials.jsonl", "plan.json"
_KEEP = 3
"""Of so many trials the best goes on, with so many times the epochs."""


@attrs.frozen
class Trial:
    """One training.

    Attributes:
        round, rung, number: place in the search: rounds get finer, rungs longer.
        values: what was changed. epochs: how long it may train.
        score: the larger the better, None if it failed: validation accuracy, or minus the validation loss.
        figures: of the best epoch. error: why it failed.
    """

    round: int
    rung: int
    number: int
    values: Mapping[str, Value]
    epochs: int
    score: float | None = None
    figures: Mapping[str, float | None] = attrs.field(factory=dict)
    error: str = ""

    @property
    def key(self) -> str:
        """Its place, as a word."""
        return f"{self.round}.{self.rung}.{self.number}"


@attrs.frozen
class Sweep:
    """A finished search: all trials, the best first (by rung, then score), and what its place in the space says."""

    trials: tuple[Trial, ...]
    remarks: tuple[str, ...]

    @property
    def best(self) -> Trial:
        """The best of those that trained longest."""
        return self.trials[0]


@attrs.frozen(kw_only=True)
class Plan:
    """Everything that decides a search.

    Attributes:
        script: the model script. words: the space as it was given. trials: in a round, on its first rung.
        epochs: of the longest rung. rungs, rounds, seed: see the module.
    """

    script: str
    words: tuple[str, ...]
    trials: int
    epochs: int
    rungs: int
    rounds: int
    seed: int

    def budget(self, rung: int) -> int:
        """Epochs of a rung, from 0."""
        return max(1, round(self.epochs / float(_KEEP) ** (self.rungs - 1 - rung)))


Runner = Callable[[Trial], Trial]


def sweep(
    plan: Plan, space: Space, folder: Path, *, jobs: int, told: Callable[[Trial], None], run: Runner | None = None
) -> Sweep:
    """Search, or go on with the search in `folder`.

    Args:
        jobs: trainings at a time, each a process with one BLAS thread. told: called for each finished trial.
        run: trains a trial; by default in a process of its own.

    Raises TrainError if `folder` holds another search, or if every trial failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _same_plan(plan, folder / PLAN)
    done = _read(folder / JOURNAL)
    run = run or (lambda trial: in_process(Path(plan.script), trial))
    found: list[Trial] = []
    with open(folder / JOURNAL, "a", encoding="utf-8") as journal, ThreadPoolExecutor(jobs) as pool:
        for number in range(plan.rounds):
            current = list(_drawn(plan, _narrowed(space, found, number), number))
            for rung in range(plan.rungs):
                current = [attrs.evolve(t, rung=rung, epochs=plan.budget(rung)) for t in current]
                waiting = [t for t in current if t.key not in done]
                for trial in pool.map(run, waiting):
                    done[trial.key] = trial
                    journal.write(json.dumps(attrs.asdict(trial)) + "\n")
                    journal.flush()
                    os.fsync(journal.fileno())
                    told(trial)
                current = _ranked([done[t.key] for t in current])
                found += current
                current = [t for t in current if t.score is not None][: max(1, len(current) // _KEEP)]
    ranked = _ranked(found)
    if not ranked or ranked[0].score is None:
        raise TrainError(f"every trial failed; the first: {found[0].error if found else 'there was none'}")
    return Sweep(tuple(ranked), tuple(_remarks(space, ranked)))


def _drawn(plan: Plan, space: Space, number: int) -> Iterator[Trial]:
    """The trials of a round, from its seed."""
    rng = np.random.default_rng([plan.seed, number])
    for k in range(max(1, plan.trials // 2**number)):
        yield Trial(number, 0, k, {name: part.draw(rng) for name, part in space.items()}, plan.budget(0))


def _narrowed(space: Space, found: Sequence[Trial], number: int) -> Space:
    """The whole space at first; then a third of each range around the best, then a ninth ..."""
    ranked = [t for t in _ranked(found) if t.score is not None]
    if not number or not ranked:
        return space
    best = ranked[0].values
    return {name: part.around(best[name], 3.0**-number) for name, part in space.items()}


def _ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Longest first, then best first; failed ones last."""
    return sorted(trials, key=lambda t: (t.score is None, -t.rung, -(t.score or 0.0), t.key))


def _remarks(space: Space, ranked: Sequence[Trial]) -> Iterator[str]:
    best, failed = ranked[0], sum(t.score is None for t in ranked)
    for name, part in space.items():
        if isinstance(part, Range):
            value, reach = float(best.values[name]), (part.high / part.low) ** 0.1
            if value < part.low * reach or value > part.high / reach:
                edge = "lower" if value < part.low * reach else "upper"
                yield f"the best {name}, {value:.3g}, lies at the {edge} edge of its range: search beyond it"
    if failed:
        yield f"{failed} of {len(ranked)} trials failed, most likely by diverging"
    if isinstance(next(iter(space.values())), Choice) and len(space) == 1:
        yield "a search over a few values only needs no halving: --rungs 1"


def _same_plan(plan: Plan, path: Path) -> None:
    text = json.dumps(attrs.asdict(plan), indent=2)
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != json.loads(text):
            raise TrainError(f"{path.parent} holds another search: continue it as it was begun, or name a new folder")
        return
    path.write_text(text + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Trial]:
    """Finished trials by key. A last line that was cut off by a kill is left out, and its trial run again."""
    found: dict[str, Trial] = {}
    if not path.exists():
        return found
    text = path.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        path.write_text(text, encoding="utf-8")
    for line in text.splitlines():
        trial = Trial(**json.loads(line))
        found[trial.key] = trial
    return found


def in_process(script: Path, trial: Trial) -> Trial:
    """Train it in a process of its own, with one BLAS thread; whatever becomes of it is in the trial returned."""
    request = json.dumps({"script": str(script), "changed": {**trial.values, "epochs": trial.epochs}})
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "minigrad.tune.worker"]
    done = subprocess.run(command, input=request, capture_output=True, text=True, env=environment, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return attrs.evolve(trial, error=f"exit code {done.returncode}: {last}")
    return attrs.evolve(trial, **json.loads(lines[-1]))
