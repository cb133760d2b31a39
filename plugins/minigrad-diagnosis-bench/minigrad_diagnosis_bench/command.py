"""`minigrad bench-diagnosis`: how good the diagnosis is.

On runs its rules were not tuned on.
"""

from __future__ import annotations

import json
import math
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from minigrad.cli.output import write_json
from minigrad.diagnosis import Catalog, rules
from minigrad.train.output.written_file import write_file
from minigrad_diagnosis_bench.cases import Case, Result, cases, graded, judged
from minigrad_diagnosis_bench.results.calibration import reliability, reliability_svg
from minigrad_diagnosis_bench.results.results_file import ResultsFile
from minigrad_diagnosis_bench.results.table import document, markdown

__all__ = ["bench_diagnosis", "run_all"]


def bench_diagnosis(arguments: Namespace) -> int:
    """Run a part of the benchmark, print its tables (or JSON), save them if asked to.

    Returns the exit code.
    """
    began = time.perf_counter()
    chosen = list(cases(arguments.part, arguments.seeds or None))
    folder = Path(arguments.save) if arguments.save else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    known = None if folder is None else ResultsFile(folder / "results.jsonl")
    end = began + 60.0 * arguments.minutes if arguments.minutes else math.inf
    if not arguments.json:
        before = 0 if known is None else len(set(chosen) & set(known.by_case))
        print(f"{len(chosen)} runs in {arguments.jobs} processes, {before} of them known", file=sys.stderr)
    results = run_all(chosen, arguments.jobs, known, end)
    measured = {**document(arguments.part, results, catalog := _builtin()), "left out": len(chosen) - len(results)}
    text = markdown(measured, {rule.code: rule.title for _, rule in catalog})
    if arguments.json:
        write_json(measured)
    else:
        print(text)
        _say_the_rest(results)
        print(f"{len(results)} of {len(chosen)} runs in {time.perf_counter() - began:.0f} s")
    if folder is not None:
        write_file(folder / "measured.json", json.dumps(measured, indent=1) + "\n")
        write_file(folder / "reliability.svg", reliability_svg(reliability(results)))
        write_file(folder / "table.md", text)
    return 0


def run_all(chosen: Sequence[Case], jobs: int, known: ResultsFile | None = None, end: float = math.inf) -> list[Result]:
    """Run the cases in processes of their own.

    Whole kinds and whole tasks, in an order drawn by lot. Healthy ones are checked against the best of their grid.

    Args:
        chosen: the cases.
        jobs: processes.
        known: what was run before and need not be again; what is run now is added.
        end: time of `time.perf_counter` after which no other kind or task is begun.

    Returns:
        What is known of the cases, in their order.
    """
    results = {} if known is None else {case: known.by_case[case] for case in chosen if case in known.by_case}
    for fresh in _run(_by_lot([case for case in chosen if case not in results]), jobs, end):
        results |= {result.case: result for result in fresh}
        if known is not None:
            known.add(fresh)
    return graded([results[case] for case in chosen if case in results])


def _by_lot(chosen: Iterable[Case]) -> list[list[Case]]:
    """Runs of the same kind of mistake and seed, or of the same sound task.

    A process does them one after the other.
    """
    by_kind: dict[tuple[int, str], list[Case]] = {}
    for case in chosen:
        by_kind.setdefault((case.seed, case.fault or f"sound {case.task}"), []).append(case)
    groups = list(by_kind.values())
    return [groups[place] for place in np.random.default_rng(len(groups)).permutation(len(groups)).tolist()]


def _run(groups: Sequence[list[Case]], jobs: int, end: float) -> Iterator[list[Result]]:
    """Results of each group as it is done; none is begun after the end."""
    waiting = iter(groups)
    if jobs == 1:
        for group in waiting:
            if time.perf_counter() > end:
                return
            yield judged_group(group)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running: set[Future[list[Result]]] = {pool.submit(judged_group, group) for group in islice(waiting, jobs)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
            if time.perf_counter() < end:
                running |= {pool.submit(judged_group, group) for group in islice(waiting, len(done))}


def judged_group(group: Sequence[Case]) -> list[Result]:
    """Run cases one after the other.

    A function of the module, since processes take it by name.
    """
    return [judged(case) for case in group]


def _builtin() -> Catalog:
    catalog = rules()
    return Catalog(tuple(pair for pair in catalog.rules if pair[0].startswith("minigrad ")), catalog.broken)


def _say_the_rest(results: list[Result]) -> None:
    for r in results:
        if r.error:
            print(f"could not run {r.case}: {r.error}")
        elif not r.case.fault and r.valid and r.faults:
            print(f"false alarm: {r.case.task}, {r.case.variant}, seed {r.case.seed}: {', '.join(r.faults)}")
        elif r.case.fault and r.right and r.valid and not set(r.faults) & set(r.right):
            shown = ", ".join(r.faults) or "nothing"
            print(f"missed: {r.case.fault} on {r.case.task}, seed {r.case.seed}: {shown}")
