"""`minigrad bench-diagnosis`: how good the diagnosis is.

On runs its rules were not tuned on.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from minigrad.cli.output import write_json
from minigrad.diagnosis import Catalog, rules
from minigrad.train.output.written_file import write_file
from minigrad_diagnosis_bench.calibration import reliability, reliability_svg
from minigrad_diagnosis_bench.cases import Case, Result, cases, graded, judged
from minigrad_diagnosis_bench.table import document, markdown

__all__ = ["bench_diagnosis", "run_all"]


def bench_diagnosis(arguments: Namespace) -> int:
    """Run a part of the benchmark, print its tables (or JSON), save them if asked to.

    Returns the exit code.
    """
    began = time.perf_counter()
    chosen = list(cases(arguments.part, arguments.seeds or None))
    if not arguments.json:
        print(f"{len(chosen)} runs in {arguments.jobs} processes", file=sys.stderr)
    results = run_all(chosen, arguments.jobs)
    catalog = _builtin()
    measured = document(arguments.part, results, catalog)
    text = markdown(measured, {rule.code: rule.title for _, rule in catalog})
    if arguments.json:
        write_json(measured)
    else:
        print(text)
        _say_the_rest(results)
        print(f"{len(results)} runs in {time.perf_counter() - began:.0f} s")
    if arguments.save:
        folder = Path(arguments.save)
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "measured.json", json.dumps(measured, indent=1) + "\n")
        write_file(folder / "reliability.svg", reliability_svg(reliability(results)))
        write_file(folder / "table.md", text)
    return 0


def run_all(chosen: list[Case], jobs: int) -> list[Result]:
    """Run the cases in processes of their own.

    Healthy ones are checked against the best of their grid.
    """
    if jobs == 1:
        return graded([judged(case) for case in chosen])
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        return graded(list(pool.map(judged, chosen, chunksize=4)))


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
