"""Everybody side by side.

    cd tests
    python -m benchmarks.setup_peers ~/.cache/minigrad-peers            once: the peers' own environment
    python -m benchmarks.run --peer ~/.cache/minigrad-peers/bin/python  everything, one and two threads
    python -m benchmarks.run --peer ... --quick                         two minutes

Writes table.md, results.json and ratios.png to --out. Ratios compare p10 times with those of PyTorch eager.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import attrs

from benchmarks.cases import CASES
from benchmarks.contestants import CONTESTANTS
from benchmarks.imports import import_times
from benchmarks.measure import Figures, measure
from benchmarks.table import chart, tables

QUICK = ("chain of 1,000 on 8", "mlp 64-32-10", "mlp 784-128-10", "elementwise 1e5", "conv net")
QUICK_NAMES = ("minigrad eager", "minigrad defined", "NumPy by hand", "PyTorch eager", "JAX jit")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter of the peers' environment")
    parser.add_argument("--quick", action="store_true", help="few cases and peers, one thread, under two minutes")
    parser.add_argument("--threads", type=int, nargs="*", help="default 1 2")
    parser.add_argument("--cases", nargs="*", metavar="WORD", help="cases whose names contain one of these")
    parser.add_argument("--only", nargs="*", metavar="WORD", help="contestants whose names contain one of these")
    parser.add_argument("--seconds", type=float, help="of measuring, for each contestant and case; default 3")
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    chosen = parser.parse_args()
    quick: bool = chosen.quick
    cases = [c for c in CASES if _wanted(c, chosen.cases) and (c in QUICK or chosen.cases or not quick)]
    who = [c for c in CONTESTANTS if _wanted(c.name, chosen.only) and (c.name in QUICK_NAMES or not quick)]
    seconds = chosen.seconds or (0.5 if quick else 3.0)
    began = perf_counter()
    results: dict[str, dict[str, dict[str, Figures]]] = {}
    chosen.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        for threads in chosen.threads or ([1] if quick else [1, 2]):
            name = f"{threads} thread{'s' * (threads > 1)}"
            results[name] = {}
            for case in cases:
                results[name][case] = measure(case, who, chosen.peer, threads, seconds, Path(folder))
                print(f"{perf_counter() - began:6.0f} s  {name}: {case}", flush=True)
                _save(chosen.out, results, {})
    _save(chosen.out, results, {} if quick else import_times(chosen.peer))
    print(f"{chosen.out}/table.md, results.json, ratios.png after {perf_counter() - began:.0f} s")


def _wanted(name: str, words: list[str] | None) -> bool:
    return not words or any(w in name for w in words)


def _save(out: Path, results: dict[str, dict[str, dict[str, Figures]]], imports: dict[str, float | None]) -> None:
    plain = {t: {c: {n: attrs.asdict(f) for n, f in row.items()} for c, row in r.items()} for t, r in results.items()}
    (out / "results.json").write_text(json.dumps({"steps": plain, "import_ms": imports}, indent=1))
    (out / "table.md").write_text(tables(results, imports))
    chart(results, out / "ratios.png")


if __name__ == "__main__":
    main()
