"""The gate's corpus over many seeds: which wrong rules get in, which right ops are refused, and how fast.

    python tests/tools/gate_sweep.py --what wrong --seeds 0 50 --into wrong.jsonl
    python tests/tools/gate_sweep.py --what right --seeds 0 200 --into right.jsonl --minutes 4

Every verdict is one line of the file, so that a sweep can be stopped and taken up again: what the file has is not
repeated. `--minutes` ends a run early, `--only` takes the cases whose names contain a word, `--report` counts what the
file has and lists what is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import minigrad as mg
from minigrad.core.op import Op
from minigrad.verify import verify
from support.gate_corpus import TRICKY, WRONG


@attrs.frozen
class Verdict:
    """What the gate said to one op at one seed.

    Attributes:
        name: the case of the corpus.
        seed: of `verify`.
        right: whether it said what it should.
        seconds: how long it took, by the clock.
        reason: the first line of its refusal, or nothing.
    """

    name: str
    seed: int
    right: bool
    seconds: float
    reason: str


def judge(name: str, ops: tuple[Op, ...], seed: int, expected: tuple[type[Exception], ...]) -> Verdict:
    """Verify fresh ops; right is a refusal by one of the `expected` errors, or acceptance where there are none."""
    start, refusal = time.perf_counter(), None
    for op in ops:
        try:
            verify(op, seed=seed)
        except mg.RegistrationError as error:
            refusal = error
            break
    seconds = time.perf_counter() - start
    right = isinstance(refusal, expected) if expected else refusal is None
    reason = "" if refusal is None else f"{type(refusal).__name__}: {str(refusal).splitlines()[0]}"
    return Verdict(name, seed, right, round(seconds, 4), reason)


Judgement = Callable[[int], Verdict]


def judgements(what: str, only: str) -> Iterator[tuple[str, Judgement]]:
    """Name and judge of each case: of the wrong rules, of their mended twins, or of the right ops."""
    if what == "right":
        for right in TRICKY:
            if only in right.name:
                yield right.name, lambda seed, case=right: judge(case.name, case.ops(), seed, ())  # type: ignore[misc]
        return
    for wrong in WRONG:
        if only in wrong.name and (what == "wrong" or wrong.twin):
            if what == "wrong":
                yield wrong.name, lambda seed, case=wrong: judge(case.name, (case.op(),), seed, case.expected)  # type: ignore[misc]
            else:
                yield wrong.name, lambda seed, case=wrong: judge(case.name, (case.mended(),), seed, ())  # type: ignore[misc]


def read(into: Path) -> list[Verdict]:
    """The verdicts that a file has."""
    lines = into.read_text(encoding="utf-8").splitlines() if into.exists() else []
    return [Verdict(**json.loads(line)) for line in lines]


def sweep(what: str, only: str, seeds: range, into: Path, minutes: float) -> bool:
    """Judge what the file lacks, seed by seed; says whether everything was reached."""
    known = {(verdict.name, verdict.seed) for verdict in read(into)}
    end = time.monotonic() + 60.0 * minutes
    cases = list(judgements(what, only))
    with into.open("a", encoding="utf-8") as lines:
        for seed in seeds:
            for name, case in cases:
                if (name, seed) in known:
                    continue
                if time.monotonic() > end:
                    return False
                lines.write(json.dumps(attrs.asdict(case(seed))) + "\n")
                lines.flush()
    return True


def report(verdicts: list[Verdict]) -> str:
    """Counts, times, and every verdict that is not as it should be."""
    if not verdicts:
        return "nothing judged"
    times = sorted(verdict.seconds for verdict in verdicts)
    slow = max(verdicts, key=lambda verdict: verdict.seconds)
    bad = [verdict for verdict in verdicts if not verdict.right]
    cases, seeds = len({v.name for v in verdicts}), len({v.seed for v in verdicts})
    lines = [
        f"{len(verdicts)} verdicts on {cases} cases, {seeds} seeds",
        f"not as they should be: {len(bad)}, of {len({v.name for v in bad})} cases",
        f"median {1e3 * times[len(times) // 2]:.0f} ms, worst {slow.seconds:.2f} s ({slow.name}, seed {slow.seed})",
    ]
    lines += [f"  {verdict.name} seed {verdict.seed}: {verdict.reason or 'accepted'}" for verdict in bad]
    return "\n".join(lines)


def main() -> None:
    """Run the sweep that the command line asks for."""
    parser = argparse.ArgumentParser(description="the gate's corpus over many seeds")
    parser.add_argument("--what", choices=("wrong", "twins", "right"), default="wrong")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 10), metavar=("FIRST", "END"))
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--only", default="")
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    if not arguments.report:
        whole = sweep(arguments.what, arguments.only, range(*arguments.seeds), arguments.into, arguments.minutes)
        print("whole" if whole else "not whole: run it again")
    print(report(read(arguments.into)))


if __name__ == "__main__":
    main()
