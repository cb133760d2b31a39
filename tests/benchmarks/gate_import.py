"""What it costs to verify minigrad's own ops at import: beyond NumPy, by module and by op, in fresh processes.

    python tests/benchmarks/gate_import.py [--rounds 20] [--most 10]

The core families are registered, and so verified, when the first public name is used (`minigrad.Tensor`). Each round
is a process of its own with bytecode on disk; the least of all rounds is shown, which on a busy machine still says
what the work is. Processor time comes first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict

_CHILD = """
import json, time
import numpy
wall, cpu = time.perf_counter(), time.process_time()
import minigrad
minigrad.Tensor
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
from minigrad.core import REGISTRY
seen = {op: op.certificate for op in REGISTRY}
ops = {op.name: (op.module, 1e3 * c.seconds, c.cases, c.checks) for op, c in seen.items()}
print(json.dumps({"wall": 1e3 * wall, "cpu": 1e3 * cpu, "ops": ops}))
"""


def main() -> None:
    """Run the rounds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--most", type=int, default=10, help="how many ops to list")
    options = parser.parse_args()
    rounds = []
    for _ in range(options.rounds + 1):
        done = subprocess.run([sys.executable, "-c", _CHILD], capture_output=True, text=True, check=True)
        rounds.append(json.loads(done.stdout))
    del rounds[0]  # it may have written the bytecode
    wall, cpu = (min(r[clock] for r in rounds) for clock in ("wall", "cpu"))
    ops = rounds[0]["ops"]
    least = {name: min(r["ops"][name][1] for r in rounds) for name in ops}
    total = sum(least.values())
    cases, checks = (sum(o[k] for o in ops.values()) / len(ops) for k in (2, 3))
    print(f"{cpu:.1f} ms beyond NumPy ({wall:.1f} ms by the clock); {total:.1f} ms of it verify {len(ops)} ops,")
    print(f"{total / len(ops):.1f} ms, {cases:.1f} cases against differences and {checks:.0f} checks for each.\n")
    modules: dict[str, list[str]] = defaultdict(list)
    for name, (module, *_) in ops.items():
        modules[module].append(name)
    print("| where the op is from | ops | ms |\n|---|---|---|")
    for module, names in sorted(modules.items(), key=lambda item: -sum(least[n] for n in item[1])):
        print(f"| `{module}` | {len(names)} | {sum(least[n] for n in names):.1f} |")
    print("\n| op | ms | cases | checks |\n|---|---|---|---|")
    for name in sorted(ops, key=lambda n: -least[n])[: options.most]:
        print(f"| `{name}` | {least[name]:.1f} | {ops[name][2]} | {ops[name][3]} |")


if __name__ == "__main__":
    main()
