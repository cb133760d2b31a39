"""A search over hyperparameters of a model script.

Random and log-uniform, coarse to fine, with successive halving.

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
from functools import partial
from pathlib import Path

import attrs
import numpy as np

from minigrad.checkpoint.files import replace
from minigrad.text import clip_middle, describe_error
from minigrad.train.errors import TrainError, name_unwritable
from minigrad_sweep.pruning import Rivals
from minigrad_sweep.space import Choice, Range, Space, Value

__all__ = ["Sweep", "SweepConfig", "Trial", "sweep"]

JOURNAL, CONFIG_FILE = "trials.jsonl", "plan.json"
_KEEP = 3
"""Of so many trials the best goes on, with so many times the epochs."""


@attrs.frozen
class Trial:
    """One training.

    Attributes:
        round: of the search, from 0; rounds get finer.
        rung: of the round, from 0; rungs get longer.
        number: of the trial in its round, from 0.
        values: the settings that were changed.
        epochs: how long it may train.
        score: validation accuracy, or minus the validation loss: the larger the better; None if it failed.
        figures: loss, accuracy and number of the best epoch.
        error: why it failed.
        curve: the score after each epoch, where the search ends trials early.
        pruned: whether it was ended early.
    """

    round: int
    rung: int
    number: int
    values: Mapping[str, Value]
    epochs: int
    score: float | None = None
    figures: Mapping[str, float | None] = attrs.field(factory=dict)
    error: str = ""
    curve: tuple[float, ...] = attrs.field(default=(), converter=tuple)
    pruned: bool = False

    def __attrs_post_init__(self) -> None:
        if not all(type(n) is int for n in (self.round, self.rung, self.number, self.epochs)):
            raise TypeError("round, rung, number and epochs are whole numbers")
        if not (isinstance(self.values, Mapping) and isinstance(self.figures, Mapping) and isinstance(self.error, str)):
            raise TypeError("values and figures are objects, and error is a text")
        if self.score is not None and (isinstance(self.score, bool) or not isinstance(self.score, int | float)):
            raise TypeError("score is a number or null")
        if type(self.pruned) is not bool or not all(type(v) in (int, float) for v in self.curve):
            raise TypeError("pruned is true or false, and curve holds numbers")

    @property
    def key(self) -> str:
        """Its place, as a word."""
        return f"{self.round}.{self.rung}.{self.number}"


@attrs.frozen
class Sweep:
    """A finished search: all trials, the best first, and where the best lies.

    The order is by rung, then score; where is what its place in the space says.
    """

    trials: tuple[Trial, ...]
    remarks: tuple[str, ...]

    @property
    def best(self) -> Trial:
        """The best of those that trained longest."""
        return self.trials[0]


@attrs.frozen(kw_only=True)
class SweepConfig:
    """Everything that decides a search.

    Attributes:
        script: path of the model script; empty where options are searched.
        space_args: the space as it was given, such as `lr=1e-5:1e-1`.
        trials: in the first round, on its first rung.
        epochs: of the longest rung.
        rungs: lengths of training in a round, each three times the one before.
        rounds: each in a third of the range of the one before.
        seed: of everything that is drawn.
        options: of `minigrad train`, where there is no script.
        prune: name of the pruner that ends trials early; empty where none does.
        sealed: shows that the search was begun by this user on this machine; see `minigrad.train.output.origin`.
    """

    script: str
    space_args: tuple[str, ...]
    trials: int
    epochs: int
    rungs: int
    rounds: int
    seed: int
    options: Mapping[str, object] = attrs.field(factory=dict)
    prune: str = ""
    sealed: str = ""

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(SweepConfig):
            value: object = getattr(self, field.name)
            kind = {"str": str, "int": int, "tuple[str, ...]": tuple}.get(str(field.type), dict)
            if type(value) is not kind or (isinstance(value, int) and value < (field.name != "seed")):
                raise TypeError(f"{field.name} cannot be {value!r:.40}")
        if not all(isinstance(word, str) for word in self.space_args):
            raise TypeError("words of the space must be texts")

    @property
    def subject(self) -> Mapping[str, object]:
        """What a trial trains, as its process is told."""
        return {"options": dict(self.options)} if self.options else {"script": self.script}

    def budget(self, rung: int) -> int:
        """Epochs of a rung, from 0."""
        return max(1, round(self.epochs / float(_KEEP) ** (self.rungs - 1 - rung)))

    def as_json(self) -> str:
        """The text of `plan.json`, in which `space_args` are called `words`."""
        values = {"words" if name == "space_args" else name: v for name, v in attrs.asdict(self).items()}
        for name in ("options", "prune"):
            if not values[name]:
                del values[name]
        return json.dumps(values, indent=2)

    @classmethod
    def load(cls, path: Path) -> SweepConfig:
        """Read what `as_json` wrote.

        Raises:
            TrainError: there is no such file, or it holds no search.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(space_args=tuple(values.pop("words")), **values)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise TrainError(
                f"{clip_middle(path, 120)}: holds no search that could be continued ({describe_error(error, 100)})"
            ) from None


Runner = Callable[[Trial], Trial]


def sweep(
    config: SweepConfig,
    space: Space,
    folder: Path,
    *,
    jobs: int,
    told: Callable[[Trial], None],
    run: Runner | None = None,
) -> Sweep:
    """Search, or go on with the search in `folder`.

    Args:
        config: what decides the search.
        space: what may change, by name.
        folder: where trials are written down; made if it is not there.
        jobs: trainings at a time, each a process with one BLAS thread.
        told: called for each finished trial.
        run: trains a trial; by default in a process of its own, in which it may be ended early.

    Returns:
        All trials, and what their places in the space say.

    Raises:
        TrainError: `folder` holds another search, or every trial failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _same_config(config, folder / CONFIG_FILE)
    done = _read(folder / JOURNAL)
    finished: list[Trial] = []
    with ThreadPoolExecutor(jobs) as pool:
        for number in range(config.rounds):
            current = list(_draw_trials(config, _narrow(space, finished, number), number))
            for rung in range(config.rungs):
                current = [attrs.evolve(t, rung=rung, epochs=config.budget(rung)) for t in current]
                for group in _groups(config, current):
                    train = run or partial(in_process, config.subject, rivals=_rivals(config, finished, rung))
                    for trial in pool.map(train, [t for t in group if t.key not in done]):
                        done[trial.key] = trial
                        _append(trial, folder)
                        told(trial)
                    finished += [done[t.key] for t in group]
                ranked = _rank([done[t.key] for t in current])
                current = [t for t in ranked if t.score is not None and not t.pruned]
                current = current[: max(1, len(ranked) // _KEEP)]
    ranked = _rank(finished)
    if not ranked or ranked[0].score is None:
        raise TrainError(f"every trial failed; the first: {finished[0].error if finished else 'there was none'}")
    return Sweep(tuple(ranked), tuple(_remarks(space, ranked)))


def _groups(config: SweepConfig, trials: Sequence[Trial]) -> list[Sequence[Trial]]:
    """Trials that run beside each other: all of them.

    Where trials are ended early, first a third that is not, and then those that it is the measure of.
    """
    if not config.prune:
        return [trials]
    first = -(-len(trials) // _KEEP)
    return [trials[:first], trials[first:]]


def _rivals(config: SweepConfig, finished: Sequence[Trial], rung: int) -> Rivals | None:
    """Trials of the same length that have ended by themselves."""
    if not config.prune:
        return None
    settled = [t for t in finished if t.rung == rung and t.curve and not t.pruned]
    return Rivals(config.prune, [t.curve for t in settled if np.isfinite(t.curve).all()])


def _as_line(trial: Trial) -> str:
    values = {name: v for name, v in attrs.asdict(trial).items() if v or name not in ("curve", "pruned")}
    return json.dumps(values) + "\n"


def _draw_trials(config: SweepConfig, space: Space, number: int) -> Iterator[Trial]:
    """The trials of a round, from its seed."""
    rng = np.random.default_rng([config.seed, number])
    for k in range(max(1, config.trials // 2**number)):
        yield Trial(number, 0, k, {name: part.draw(rng) for name, part in space.items()}, config.budget(0))


def _narrow(space: Space, trials: Sequence[Trial], number: int) -> Space:
    """The whole space at first; then a third of each range around the best, then a ninth ..."""
    ranked = [t for t in _rank(trials) if t.score is not None]
    if not number or not ranked:
        return space
    best = ranked[0].values
    return {name: part.around(best[name], 3.0**-number) for name, part in space.items()}


def _rank(trials: Sequence[Trial]) -> list[Trial]:
    """Longest first, then best first; those ended early behind all others, failed ones last."""
    return sorted(trials, key=lambda t: (t.score is None, t.pruned, -t.rung, -(t.score or 0.0), t.key))


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
    if pruned := sum(t.pruned for t in ranked):
        yield f"{pruned} of {len(ranked)} trials were ended early"
    if isinstance(next(iter(space.values())), Choice) and len(space) == 1:
        yield "a search over a few values only needs no halving: --rungs 1"


def _append(trial: Trial, folder: Path) -> None:
    """Add a line to the journal, and see it on the disk."""
    path = folder / JOURNAL
    with name_unwritable(path, "Make room; --resume goes on"), path.open("a", encoding="utf-8") as journal:
        journal.write(_as_line(trial))
        journal.flush()
        os.fsync(journal.fileno())


def _same_config(config: SweepConfig, path: Path) -> None:
    text = config.as_json()
    if path.exists():
        if attrs.evolve(SweepConfig.load(path), sealed=config.sealed) != config:
            raise TrainError(f"{path.parent} holds another search: continue it as it was begun, or name a new folder")
        return
    with name_unwritable(path):
        replace(path, [f"{text}\n".encode()])


def _read(path: Path) -> dict[str, Trial]:
    """Finished trials by key.

    A last line that was cut off by a kill is left out, and its trial run again.
    """
    by_key: dict[str, Trial] = {}
    if not path.exists():
        return by_key
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            trial = Trial(**json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise TrainError(
                f"{clip_middle(path, 120)}, line {number}: is no trial ({describe_error(error, 80)}): remove the line"
            ) from None
        by_key[trial.key] = trial
    if len(whole) < len(content):
        with name_unwritable(path):
            replace(path, [whole])
    return by_key


def in_process(subject: Mapping[str, object], trial: Trial, rivals: Rivals | None = None) -> Trial:
    """Train a trial in a process of its own, with one BLAS thread.

    `rivals` may end it early.

    Whatever becomes of it is in the trial returned.
    """
    request = json.dumps({
        "subject": subject, "changed": {**trial.values, "epochs": trial.epochs},
        "rivals": None if rivals is None else attrs.asdict(rivals),
    })  # fmt: skip
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "minigrad_sweep.worker"]
    done = subprocess.run(command, input=request, capture_output=True, text=True, env=environment, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return attrs.evolve(trial, error=f"exit code {done.returncode}: {last}")
    return attrs.evolve(trial, **json.loads(lines[-1]))
