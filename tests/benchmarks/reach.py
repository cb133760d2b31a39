"""The table of reaches: the C engine beside PyTorch, JAX and NumPy by hand, on one thread and on two.

    cd tests
    python -m benchmarks.reach --peer ~/.cache/minigrad-peers/bin/python --minutes 10

What has been measured is saved after each case, and the same command goes on where it ended (`--anew` begins again).
Writes reach.md and reach.json to --out. Ratios compare p10 times of steps that were made in turns.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import attrs

from benchmarks.contestants import CONTESTANTS
from benchmarks.measure import Figures, measure

Rows = dict[str, dict[str, Figures]]
LETTERS = {"T": "PyTorch eager", "F": "PyTorch fused", "J": "JAX jit"}
OURS, NUMPY, BY_HAND = "minigrad cc", "minigrad defined", "NumPy by hand"
REACH: Mapping[str, tuple[Mapping[str, float], Mapping[str, float]]] = {
    "mlp 64-32-10": ({"T": 0.04, "J": 0.12}, {"T": 0.04}),
    "mlp 784-128-10": ({"T": 0.46, "J": 0.80}, {"F": 1.0, "J": 1.0}),
    "mlp 784-512-512-10": ({"T": 0.55, "J": 0.83}, {"F": 0.66, "J": 0.69}),
    "conv net": ({"T": 0.50}, {"F": 0.65}),
    "transformer": ({"T": 0.75}, {"F": 0.80}),
    "char-lstm": ({"T": 0.60, "J": 0.55}, {"F": 0.85}),
    "elementwise 1e7": ({"T": 0.12}, {"T": 0.08}),
    "elementwise 1e5": ({"T": 0.35}, {"T": 0.35}),
    "hessian of 200": ({"J": 0.9}, {"J": 0.9}),
    "adam 1 x 1e6": ({"F": 0.75}, {"F": 0.85}),
}
"""For each case what is asked of the C engine on one thread and on two: its time over that of the others."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter of the peers' environment")
    parser.add_argument("--minutes", type=float, default=10.0, help="no case is begun after so long")
    parser.add_argument("--seconds", type=float, default=1.5, help="of measuring, for each contestant and case")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for a contestant to make its first steps")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--cases", nargs="*", metavar="WORD", help="cases whose names contain one of these")
    parser.add_argument(
        "--also", nargs="*", default=[], metavar="NAME", help='others, "PyTorch compile" or tinygrad say'
    )
    parser.add_argument("--anew", action="store_true", help="forget what has been measured")
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"))
    chosen = parser.parse_args()
    names = {OURS, NUMPY, BY_HAND, *LETTERS.values(), *chosen.also}
    who = [c for c in CONTESTANTS if c.name in names]
    chosen.out.mkdir(parents=True, exist_ok=True)
    saved = chosen.out / "reach.json"
    results = {} if chosen.anew or not saved.exists() else _loaded(saved)
    end = perf_counter() + 60.0 * chosen.minutes
    with TemporaryDirectory() as folder:
        for case in (c for c in REACH if not chosen.cases or any(w in c for w in chosen.cases)):
            for threads in chosen.threads:
                rows = results.setdefault(str(threads), {})
                if perf_counter() > end or set(rows.get(case, {})) >= {c.name for c in who}:
                    continue
                began = perf_counter()
                rows[case] = measure(case, who, chosen.peer, threads, chosen.seconds, Path(folder), chosen.patience)
                print(f"{case}, {threads} threads: {perf_counter() - began:.0f} s", flush=True)
                _save(saved, results)
                (chosen.out / "reach.md").write_text(table(results))
    print(table(results))


def _loaded(path: Path) -> dict[str, Rows]:
    stored = json.loads(path.read_text())
    return {t: {c: {n: Figures(**f) for n, f in row.items()} for c, row in r.items()} for t, r in stored.items()}


def _save(path: Path, results: Mapping[str, Rows]) -> None:
    plain = {t: {c: {n: attrs.asdict(f) for n, f in row.items()} for c, row in r.items()} for t, r in results.items()}
    path.write_text(json.dumps(plain, indent=1))


def table(results: Mapping[str, Rows]) -> str:
    """Ratios beside what is asked; how much two threads bring; first steps and memory; what did not run."""
    head = "| case | threads | C engine us | over T | F | J | by hand | asked | missed | NumPy engine us | over T |"
    lines = [head, "|---" * 11 + "|"]
    for case in REACH:
        for threads, rows in sorted(results.items()):
            if case in rows:
                lines.append(_line(case, int(threads), rows[case]))
    scaling = ["| case | C engine, 1 over 2 threads | NumPy engine | T | F | J |", "|---" * 6 + "|"]
    one, two = results.get("1", {}), results.get("2", {})
    for case in REACH:
        if case in one and case in two:
            gains = [_ratio(one[case], n, two[case], n) for n in (OURS, NUMPY, *LETTERS.values())]
            scaling.append(f"| {case} | {' | '.join(gains)} |")
    first = ["| case | first step, s: C | NumPy | T | J | peak MiB: C | NumPy | T | J |", "|---" * 9 + "|"]
    for case, row in one.items():
        four = [row.get(n, Figures()) for n in (OURS, NUMPY, LETTERS["T"], LETTERS["J"])]
        cells = [f"{f.first:.2f}" if f.p10 else "" for f in four] + [f"{f.memory:.0f}" if f.p10 else "" for f in four]
        first.append(f"| {case} | {' | '.join(cells)} |")
    missing = [
        f"- {n}, {case}, {t} threads: {f.missing}"
        for t, rows in results.items() for case, row in rows.items() for n, f in row.items() if f.missing
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in (lines, scaling, first, missing) if part) + "\n"


def _line(case: str, threads: int, row: Mapping[str, Figures]) -> str:
    asked = REACH[case][threads > 1]
    ratios = {letter: _ratio(row, OURS, row, name) for letter, name in LETTERS.items()}
    missed = [k for k, most in asked.items() if not ratios[k] or float(ratios[k]) > most]
    cells = [
        case, str(threads), _time(row, OURS), *ratios.values(), _ratio(row, OURS, row, BY_HAND),
        ", ".join(f"{most:g} {k}" for k, most in asked.items()), ", ".join(missed),
        _time(row, NUMPY), _ratio(row, NUMPY, row, LETTERS["T"]),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _time(row: Mapping[str, Figures], name: str) -> str:
    p10 = row.get(name, Figures()).p10
    return "" if p10 is None else f"{p10 * 1e6:.0f}"


def _ratio(row: Mapping[str, Figures], name: str, other: Mapping[str, Figures], than: str) -> str:
    a, b = row.get(name, Figures()).p10, other.get(than, Figures()).p10
    return "" if a is None or not b else f"{a / b:.3g}"


if __name__ == "__main__":
    main()
