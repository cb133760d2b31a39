"""Measuring one case: everybody from the same numbers, losses compared, then chunks of steps in turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import attrs
import numpy as np

from benchmarks.cases import CASES
from benchmarks.contestants import Contestant, Process, own_python

__all__ = ["Figures", "measure"]

_CHUNK = 0.08


@attrs.frozen
class Figures:
    """What became of one contestant in one case.

    Attributes:
        p10, median: seconds of single steps; None where it did not run, for the reason `missing`.
        first: seconds until the first step was done: tracing and compiling. memory: peak of the process in MiB.
    """

    p10: float | None = None
    median: float | None = None
    first: float = 0.0
    memory: float = 0.0
    missing: str = ""


def measure(
    case: str,
    who: Sequence[Contestant],
    peer: str | None,
    threads: int,
    seconds: float,
    folder: Path,
    patience: float = 600.0,
) -> dict[str, Figures]:
    """Figures by contestant. A loss at step 1 or 5 that is not the others' takes a contestant out of the case."""
    file = folder / "numbers.npz"
    np.savez(file, **CASES[case].draw(np.random.default_rng(0)))  # type: ignore[arg-type]
    found: dict[str, Figures] = {}
    running: list[Process] = []
    for c in who:
        if c.foreign and peer is None:
            found[c.name] = Figures(missing="no --peer given")
            continue
        process = Process(peer if c.foreign and peer else own_python(), c, case, file, threads)
        process.wait(patience)  # one after the other: compilers would share the cores
        if process.missing:
            found[c.name] = Figures(missing=process.missing)
            process.end()
        else:
            running.append(process)
    running = _agreeing(running, CASES[case].tolerance, found)
    _in_turns(running, seconds)
    for p in running:
        times = np.sort(p.times)
        found[p.who.name] = Figures(float(times[len(times) // 10]), float(np.median(times)), p.first, p.end())
    return found


def _agreeing(running: Sequence[Process], tolerance: float, found: dict[str, Figures]) -> list[Process]:
    kept = []
    reference = np.median([[p.losses[0], p.losses[4]] for p in running], axis=0) if running else np.zeros(2)
    for p in running:
        gap = np.abs(np.array([p.losses[0], p.losses[4]]) - reference)
        if np.all(gap <= tolerance * np.maximum(np.abs(reference), 1e-3)):
            kept.append(p)
        else:
            found[p.who.name] = Figures(missing=f"loss {p.losses[0]:.6g}, {p.losses[4]:.6g} is not the others'")
            p.end()
    return kept


def _in_turns(running: Sequence[Process], seconds: float) -> None:
    counts = {}
    for p in running:
        p.chunk(3)
        counts[p] = max(1, int(_CHUNK / max(min(p.times), 1e-6)))
        p.times.clear()
    end = perf_counter() + seconds * max(1, len(running))
    rounds = 0
    while running and (perf_counter() < end or rounds < 2):
        for p in running:
            p.chunk(counts[p])
        rounds += 1
