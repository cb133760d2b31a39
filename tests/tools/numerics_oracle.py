"""Write tests/data/oracle.npz and oracle_edges.npz with mpmath, and the tables of errors in minigrad/ops/README.md.

PYTHONPATH=.:tests python tests/tools/numerics_oracle.py write [NAME ...]   # minutes; NAME: these functions only
PYTHONPATH=.:tests python tests/tools/numerics_oracle.py edges [NAME ...]   # minutes; rows of oracle_edges
PYTHONPATH=.:tests python tests/tools/numerics_oracle.py table              # seconds: after a kernel has changed
"""

from __future__ import annotations

import sys
import time

import numpy as np

from support import oracle_edges
from support.oracle_data import DTYPES, EVERY, PATH, key, reference


def write(names: list[str]) -> None:
    """Compute the numbers of the named functions, or of all, and drop those of functions that are gone."""
    stored = dict(np.load(PATH)) if PATH.exists() else {}
    for function in EVERY:
        began = time.perf_counter()
        for dtype in DTYPES:
            if not names or function.name in names:
                stored[key(function, dtype)] = reference(function, dtype)
        print(f"{function.name}: {time.perf_counter() - began:.1f} s", flush=True)
    wanted = [key(f, d) for f in EVERY for d in DTYPES]
    np.savez_compressed(PATH, **{k: stored[k] for k in wanted if k in stored})


def write_edges(names: list[str]) -> None:
    """Do the same for rows at the edge."""
    path = oracle_edges.PATH
    stored = dict(np.load(path)) if path.exists() else {}
    for function in oracle_edges.EDGES:
        began = time.perf_counter()
        for section, length in oracle_edges.SETS:
            if not names or function.name in names:
                answer = oracle_edges.reference(function, section, length)
                stored[oracle_edges.key(function, section, length)] = oracle_edges.pack(answer)
        print(f"{function.name}: {time.perf_counter() - began:.1f} s", flush=True)
    wanted = [oracle_edges.key(f, s, n) for f in oracle_edges.EDGES for s, n in oracle_edges.SETS]
    np.savez_compressed(path, **{k: stored[k] for k in wanted if k in stored})


def main() -> None:
    """Do what the first argument says."""
    if sys.argv[1] == "write":
        write(sys.argv[2:])
    elif sys.argv[1] == "edges":
        write_edges(sys.argv[2:])
    else:
        from support import oracle_edge_table, oracle_table

        oracle_table.write_table()
        oracle_edge_table.write_table()


if __name__ == "__main__":
    main()
