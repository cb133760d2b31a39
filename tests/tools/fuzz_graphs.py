"""Compare random graphs of ops: eager steps with PyTorch, with plain arrays, with programs and with the C engine.

    PYTHONPATH=.:tests python tests/tools/fuzz_graphs.py 1000                 # graphs 0 to 999, PyTorch if installed
    PYTHONPATH=.:tests python tests/tools/fuzz_graphs.py 1000 5000 --ways numpy,cc,tiles
    PYTHONPATH=.:tests python tests/tools/fuzz_graphs.py 1000 --single        # float32 leaves among the others

Prints each fault with the shortest graph that shows it, then counts. Exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from support.fuzz_compare import compare
from support.fuzz_graphs import draw_graph


def main() -> int:
    """Run the graphs that the arguments name; the number of faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("start", type=int, nargs="?", default=0)
    parser.add_argument("--ways", default="numpy", help="of: numpy, cc, tiles, no passes; between commas")
    parser.add_argument("--single", action="store_true")
    parser.add_argument("--no-torch", action="store_true")
    options = parser.parse_args()
    torch: Any = None
    if find_spec("torch") is not None and not options.no_torch:
        torch = import_module("torch")
        torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    faults: Counter[str] = Counter()
    steps = 0
    for seed in range(options.start, options.start + options.count):
        for fault in compare(seed, torch, options.ways.split(","), options.single):
            faults[fault.way] += 1
            print(fault, flush=True)
        steps += len(draw_graph(seed, options.single).steps)
    compared = f"PyTorch {torch.__version__}, " if torch is not None else ""
    print(f"{options.count} graphs, {steps} steps; eager against {compared}arrays, {options.ways}: {dict(faults)}")
    return sum(faults.values())


if __name__ == "__main__":
    sys.exit(main() > 0)
