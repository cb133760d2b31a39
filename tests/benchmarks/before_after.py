"""Two checkouts of minigrad in one run: small ops, nets, Hessians and optimizers of the newer over those of the older.

    cd tests
    python -m benchmarks.before_after --before /path/to/older/checkout [--only REGEX] [--seconds 2] [--json FILE]

Each checkout runs in a process of its own with the Python of its `.venv`, its own packages and its own adapters in
`tests/benchmarks`, on one processor (older checkouts do not know `MINIGRAD_THREADS`). The two take turns, chunk by
chunk, and begin in turn. The table gives the ratio of the p10 over all chunks, that of the medians, and the quartiles
of the ratio of neighbouring chunks.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

Call = Callable[[], object]

NETS = (
    "chain of 1,000 on 8", "mlp 64-32-10", "mlp 784-128-10", "mlp 784-512-512-10", "elementwise 1e3", "elementwise 1e5",
    "conv net", "transformer", "char-lstm", "adam 1 x 1e6", "adam 100 x 1e4", "hessian of 200",
)  # fmt: skip
VARIANTS = ("eager", "defined", "cc")
RULES = ("sgd", "momentum", "adam", "rmsprop")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MINIGRAD_THREADS")


def name_cases() -> list[str]:
    """Every case that `build_case` knows, without importing minigrad."""
    from benchmarks.ops_small import OPS

    ops = [f"op: {name}" for name in OPS]
    nets = [
        f"net: {name}, {variant}" for name in NETS for variant in VARIANTS if (name[:4], variant) != ("adam", "defined")
    ]
    rules = [f"optimizer: {rule}, 4 vectors of 10" for rule in RULES]
    return [*ops, *nets, "first use: hessian of 200, defined", "first use: mlp 64-32-10, defined", *rules]


def build_case(name: str) -> Call:
    """The call of a case, in the process of one checkout."""
    kind, _, rest = name.partition(": ")
    if kind == "op":
        from benchmarks import ops_small

        return ops_small.minigrad()(rest)
    if kind == "optimizer":
        return _small_optimizer(rest.partition(",")[0])
    from benchmarks.cases import CASES
    from benchmarks.peers import minigrad_peer
    from benchmarks.protocol import Numbers

    case, _, variant = rest.rpartition(", ")
    numbers = cast(Numbers, CASES[case].draw(np.random.default_rng(0)))
    if kind == "first use":
        return lambda: minigrad_peer.build(case, numbers, variant)()
    return minigrad_peer.build(case, numbers, variant)


def _small_optimizer(rule: str) -> Call:
    import minigrad as mg

    weights = [mg.tensor(np.linspace(-1.0, 1.0, 10), requires_grad=True) for _ in range(4)]
    opt = mg.optimizer(rule, weights, lr=1e-3)
    for p in weights:
        (p * p).sum().backward()
    return opt.step


def serve() -> None:
    """Answers each line `name` of standard input with readiness, each empty line with the seconds of a chunk."""
    call: Call | None = None
    repeats = 1
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for line in sys.stdin:
        request = json.loads(line)
        if "case" in request:
            try:
                call = build_case(request["case"])
                call()
                call()
                repeats = 1
                while (seconds := _time(call, repeats)) < request["chunk"]:
                    repeats = max(repeats + 1, int(repeats * min(10.0, 1.1 * request["chunk"] / seconds)))
                answer: object = {"repeats": repeats}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
        else:
            assert call is not None, "a case comes first"
            answer = {"seconds": _time(call, repeats) / repeats}
        print(json.dumps(answer), flush=True)


def _time(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start


class Row(NamedTuple):
    """A case measured: p10 of both in seconds, and ratios of the newer over the older; or why it was not."""

    case: str
    before: float = math.nan
    after: float = math.nan
    median: float = math.nan
    low: float = math.nan
    high: float = math.nan
    error: str = ""

    @property
    def ratio(self) -> float:
        """Of the p10."""
        return self.after / self.before

    def __str__(self) -> str:
        if self.error:
            return f"| {self.case} | {self.error} |"
        times = f"{1e6 * self.before:.2f} | {1e6 * self.after:.2f}"
        return f"| {self.case} | {times} | {self.ratio:.3f} | {self.median:.3f} | {self.low:.3f} to {self.high:.3f} |"


class Checkout:
    """A process in which one checkout answers."""

    def __init__(self, folder: Path) -> None:
        """Starts the Python of `folder/.venv` with that folder's benchmarks on its path."""
        environment = dict(os.environ) | dict.fromkeys(THREADS, "1")
        environment["PYTHONPATH"] = str(folder / "tests")
        program = [str(folder / ".venv" / "bin" / "python"), str(Path(__file__).resolve()), "--serve"]
        self._process = subprocess.Popen(
            program, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, request: dict[str, object]) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def compare(before: Checkout, after: Checkout, cases: Sequence[str], seconds: float) -> Iterator[Row]:
    """Rows of the table, each as soon as it is measured; a case that one checkout cannot run has its reason instead."""
    for name in cases:
        ready = [side.ask({"case": name, "chunk": min(0.02, seconds / 20)}) for side in (before, after)]
        if errors := [answer["error"] for answer in ready if "error" in answer]:
            yield Row(name, error=errors[0])
            continue
        times: list[tuple[float, float]] = []
        end = time.perf_counter() + seconds
        while len(times) < 10 or time.perf_counter() < end:
            pair = [0.0, 0.0]
            for place, side in [(0, before), (1, after)][:: -1 if len(times) % 2 else 1]:
                pair[place] = side.ask({})["seconds"]
            times.append((pair[0], pair[1]))
        old, new = np.array(times).T
        low, high = map(float, np.quantile(new / old, [0.25, 0.75]))
        p10 = [float(np.quantile(side, 0.1)) for side in (old, new)]
        yield Row(name, p10[0], p10[1], float(np.median(new) / np.median(old)), low, high)


def main() -> None:
    """Prints the table, and a line of the median ratio by kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="folder of the older checkout, with its .venv")
    parser.add_argument(
        "--after", type=Path, default=Path(__file__).resolve().parents[2], help="the newer; default: this"
    )
    parser.add_argument("--only", default="", help="regular expression of the cases")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each case, both checkouts together")
    parser.add_argument("--json", type=Path, help="where to write the rows as well")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    if options.before is None:
        parser.error("--before: the folder of the older checkout")
    cases = [name for name in name_cases() if re.search(options.only, name)]
    before, after = Checkout(options.before.resolve()), Checkout(options.after.resolve())
    print("| case | before us | after us | p10 | median | quartiles |\n|---|---|---|---|---|---|")
    rows: list[Row] = []
    for row in compare(before, after, cases, options.seconds):
        rows.append(row)
        print(row, flush=True)
    before.close()
    after.close()
    for kind in dict.fromkeys(name.partition(":")[0] for name in cases):
        if ratios := [row.ratio for row in rows if row.case.startswith(kind) and not row.error]:
            print(f"\n{kind}: median of the p10 ratios {np.median(ratios):.3f}")
    if options.json:
        options.json.write_text(json.dumps([row._asdict() for row in rows], indent=1))


if __name__ == "__main__":
    main()
