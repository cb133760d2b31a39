"""One contestant in its own process: `python -m benchmarks.worker PEER VARIANT CASE FILE`.

Writes one JSON line when ready (losses of the first five steps, seconds until the first step was done), then answers
each number n on its input with n times of single steps, and the end of input with its peak memory.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.protocol import Build, Step, Unsupported


def main() -> None:
    """Run until the input ends."""
    peer, variant, case, file = sys.argv[1:5]
    reply: dict[str, object]
    try:
        began = perf_counter()
        build: Build = importlib.import_module(f"benchmarks.peers.{peer}").build
        imported = perf_counter()
        with np.load(file) as stored:
            step = build(case, dict(stored), variant)
        losses = [step()]
        first = perf_counter() - imported
        losses += [step() for _ in range(4)]
        reply = {"losses": losses, "import": imported - began, "first": first}
    except Unsupported as reason:
        reply = {"missing": str(reason)}
    except ImportError as error:
        reply = {"missing": f"not installed ({error.name})"}
    except Exception as error:  # shown in the table; the others go on
        reply = {"missing": f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"}
    print(json.dumps(reply), flush=True)
    if "missing" not in reply:
        _serve(step)


def _serve(step: Step) -> None:
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            began = perf_counter()
            step()
            times.append(perf_counter() - began)
        print(json.dumps(times), flush=True)
    print(json.dumps(_peak()), flush=True)


def _peak() -> float:
    """Peak resident memory in MiB. Not ru_maxrss, which counts what the parent had at the fork."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024.0


if __name__ == "__main__":
    main()
