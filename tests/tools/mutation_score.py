"""How many small wrong changes of the source the tests notice: `PYTHONPATH=tests python tests/tools/mutation_score.py`

For each room a sample of mutants is drawn; each is tried against the tests that reach its line, those first that see
most for their time, for `--budget` seconds. Results are appended to a file, a JSON object on a line, so that a run can
be stopped and gone on with; those of sources that have changed since are tried again.

  mutation_score.py --rooms checkpoint core --sample 100         about a second a mutant
  mutation_score.py --rooms optim --sample 300 --seconds 600     go on for ten minutes, then print the table
  mutation_score.py --confirm --budget 15                        survivors once more, each in a fresh process
  mutation_score.py --report                                     the table of what is known, and the survivors

A mutant takes the place of the functions in a fork of a process that has collected the tests. A value that was computed
before that is not changed, and what a class is made of cannot be: survivors are certain when `--confirm` has tried them
from their import on.
Survivors that change nothing that can be seen are listed by hand, with reasons, in tests/data/equivalent_mutants.txt.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import repeat
from pathlib import Path
from typing import cast

import attrs

from support.mutation_forks import try_all
from support.mutation_map import TestMap, measure
from support.mutation_runs import Outcome, collected, try_mutant
from support.mutation_sources import Mutant, mutants_of

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = Path(tempfile.gettempdir()) / "minigrad-mutants"
EQUIVALENT = ROOT / "tests" / "data" / "equivalent_mutants.txt"


@attrs.frozen
class Room:
    """Sources, and the tests that are run to see what they reach.

    Attributes:
        engines: what runs programs, as CI tries it: "" for the engine that is there. A mutant has to survive all.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]
    engines: tuple[str, ...] = ("",)


ROOMS = {
    "core": Room(
        ("minigrad/core", "minigrad/runtime"),
        (
            "tests/core",
            "tests/gate",
            "tests/engines",
            "tests/optim/test_optim_custody.py",
            "tests/program/test_program_effects.py",
        ),
    ),
    "verify": Room(("minigrad/verify",), ("tests/gate",)),
    "checkpoint": Room(("minigrad/checkpoint",), ("tests/checkpoint", "tests/train/test_train_resume.py")),
    "optim": Room(
        ("minigrad/optim",),
        (
            "tests/optim",
            "tests/checkpoint",
            "tests/program/test_program_deliveries.py",
            "tests/program/test_program_optimizers.py",
            "plugins/minigrad-cc/tests/test_cc_optimizers.py",
            "plugins/minigrad-modern/tests",
            "plugins/minigrad-newton/tests",
        ),
    ),
    "compile": Room(("minigrad/program/compile",), ("tests/program",), ("", "numpy")),
}
LEFT_OUT = ("tests/optim/test_optim_wheels.py",)
"""Test files that see no mutant, since they install packages elsewhere."""


def main() -> None:
    """Try what is asked for, then print the table."""
    options = _options()
    os.chdir(ROOT)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    results = _Results(Path(options.results))
    ends = time.monotonic() + options.seconds
    rooms = {name: _sampled(ROOMS[name], options.sample, options.seed) for name in options.rooms}
    if not options.report:
        _preload()
        for engine in dict.fromkeys(engine for name in options.rooms for engine in ROOMS[name].engines):
            names = [name for name in options.rooms if engine in ROOMS[name].engines]
            todo = [(name, m) for name in names for m in rooms[name] if results.wants(m, options.confirm, engine)]
            with _engine(engine):
                known = _test_map(names, Path(options.map) / engine)
                for number, (name, mutant, outcome) in enumerate(_outcomes(options, names, todo, known)):
                    results.add(name, mutant, outcome, engine)
                    if time.monotonic() > ends:
                        print(f"{len(todo) - number - 1} mutants are left for another time")
                        break
    _print_table(rooms, results)


@contextmanager
def _engine(name: str) -> Iterator[None]:
    """Programs are run by this engine in processes that are started meanwhile."""
    before = dict(os.environ)
    if name:
        os.environ["MINIGRAD_ENGINE"] = name
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _outcomes(
    options: argparse.Namespace, names: Sequence[str], todo: Sequence[tuple[str, Mutant]], known: TestMap
) -> Iterator[tuple[str, Mutant, Outcome]]:
    """Each mutant with its room and what became of it."""
    folders = sorted({tests for name in names for tests in ROOMS[name].tests})
    folders += [f"--ignore={name}" for name in LEFT_OUT]
    known = known.only(collected(folders))
    work = [(mutant, known.reaching(mutant, options.budget)) for _, mutant in todo]
    quick = repeat(None) if options.confirm else try_all(ROOT, folders, work, known)
    for (name, mutant), (_, tests), outcome in zip(todo, work, quick, strict=False):
        if outcome is None:  # also what runs on import, such as the default of a field
            outcome = try_mutant(ROOT, mutant, tests, known.cost(tests))
        yield name, mutant, outcome


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--sample", type=int, default=100, help="mutants of each room; default 100")
    parser.add_argument("--seed", type=int, default=0, help="of the sample; default 0")
    parser.add_argument("--budget", type=float, default=3.0, help="seconds of tests for a mutant; default 3")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after this time")
    parser.add_argument("--results", default=str(SCRATCH / "results.jsonl"), help="what is known; default %(default)s")
    parser.add_argument("--map", default=str(SCRATCH), help="folder of the tests by line; default %(default)s")
    parser.add_argument("--confirm", action="store_true", help="try survivors once more, each in a fresh process")
    parser.add_argument("--report", action="store_true", help="try nothing, print what is known")
    return parser.parse_args()


def _preload() -> None:
    """Import what every fork needs, and nothing of minigrad."""
    for name in ("hypothesis.extra.numpy", "hypothesis.stateful", "safetensors.numpy", "scipy.special"):
        import_module(name)


def _sampled(room: Room, count: int, seed: int) -> list[Mutant]:
    files = sorted(str(f.relative_to(ROOT)) for source in room.sources for f in (ROOT / source).rglob("*.py"))
    mutants = [mutant for file in files for mutant in mutants_of(ROOT, file)]
    return random.Random(seed).sample(mutants, min(count, len(mutants)))


def _test_map(rooms: Sequence[str], folder: Path) -> TestMap:
    """What is reached by the tests of the rooms, measured where it is not known yet."""
    folder.mkdir(parents=True, exist_ok=True)
    maps = []
    for tests in sorted({tests for name in rooms for tests in ROOMS[name].tests}):
        file = folder / f"{tests.replace('/', '-')}.json"
        if not file.exists():
            _in_fork(tests, file)
        maps.append(TestMap.load(file))
    return TestMap.merged(maps)


def _in_fork(tests: str, file: Path) -> None:
    """Measure in a process of its own, so that this one never imports minigrad."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sources = [source for room in ROOMS.values() for source in room.sources]
            ignored = [f"--ignore={name}" for name in LEFT_OUT]
            measure(ROOT, sources, [tests, *ignored]).save(file)
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"the tests of {tests} could not be measured")


class _Results:
    """What became of mutants, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.by_key: dict[str, dict[str, object]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if row["digest"] == _digest(row["path"]):
                    self.by_key[row["key"]] = row

    def wants(self, mutant: Mutant, confirm: bool, engine: str) -> bool:
        """Whether a mutant is to be tried: one that nobody has tried with an engine, or to confirm a survivor."""
        row = self.by_key.get(mutant.key)
        if row is None or row["state"] == "killed":
            return row is None and not confirm
        tried = row["confirmed_by"] if confirm else row["engines"]
        return engine not in cast("list[str]", tried)

    def add(self, room: str, mutant: Mutant, outcome: Outcome, engine: str) -> None:
        """Append one, and say it."""
        old = self.by_key.get(mutant.key, {"engines": [], "confirmed_by": [], "state": ""})
        engines, confirmed = (cast("list[str]", old[name]) for name in ("engines", "confirmed_by"))
        state = outcome.state if outcome.state == "killed" or old["state"] != "survived" else "survived"
        row = {
            "room": room,
            "key": mutant.key,
            "path": mutant.path,
            "place": mutant.place,
            "digest": _digest(mutant.path),
            **attrs.asdict(outcome),
            "state": state,
            "engines": [*engines, engine],
            "confirmed_by": [*confirmed, *([engine] if outcome.confirmed else [])],
        }
        self.by_key[mutant.key] = row
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{outcome.state:<9} {outcome.seconds:5.1f} s  {mutant.key}  {outcome.by}", flush=True)


def _digest(path: str) -> str:
    file = ROOT / path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.exists() else ""


def equivalents() -> dict[str, str]:
    """Reasons by place, as the list has them: `path | source line | change | reason`."""
    if not EQUIVALENT.exists():
        return {}
    lines = [line for line in EQUIVALENT.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return {place: reason for place, _, reason in (line.rpartition(" | ") for line in lines)}


def _print_table(rooms: dict[str, list[Mutant]], results: _Results) -> None:
    same = equivalents()
    print(f"\n{'room':<12} mutants  killed  equivalent  unreached  survived  score")
    total = [0] * 5
    alive: list[Mutant] = []
    for name, mutants in rooms.items():
        tried = [m for m in mutants if m.key in results.by_key]
        states = [_state(m, results, same) for m in tried]
        alive += [m for m, state in zip(tried, states, strict=True) if state in ("survived", "unreached")]
        counts = [len(tried), *(states.count(s) for s in ("killed", "equivalent", "unreached", "survived"))]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        print(_row(name, counts))
    print(_row("all", total))
    for mutant in alive:
        print(f"{_state(mutant, results, same)}: {mutant.line}: {mutant.place}")


def _state(mutant: Mutant, results: _Results, same: Iterable[str]) -> str:
    state = str(results.by_key[mutant.key]["state"])
    return "equivalent" if state != "killed" and mutant.place in same else state


def _row(name: str, counts: Sequence[int]) -> str:
    tried, killed, equivalent, unreached, survived = counts
    share = killed / max(tried - equivalent, 1)
    return f"{name:<12} {tried:>7}  {killed:>6}  {equivalent:>10}  {unreached:>9}  {survived:>8}  {share:.1%}"


if __name__ == "__main__":
    main()
