"""Compare random training steps as programs with the same steps eager: on one engine, with one number of threads.

    PYTHONPATH=.:tests python tests/tools/fuzz_programs.py 10000 --engine numpy --threads 2 --state progress.json

Each step is called eight times, so that the C engine has linked its calls, while what it reads changes
(`tests/support/program_draws.py`). Progress is saved after every program: the same command goes on where it was ended.
Groups and products are shared by threads from the smallest on. Prints each fault with the shortest recipe that has it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import warnings
from pathlib import Path
from time import monotonic

import attrs

from support.program_draws import Drawn, difference, draw_program


def main() -> int:
    """Run the programs that the arguments name; the number of faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("start", type=int, nargs="?", default=0)
    parser.add_argument("--engine", default="numpy")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state", type=Path, help="a file for what has been done")
    parser.add_argument("--minutes", type=float, default=1e9, help="end after so long")
    options = parser.parse_args()
    os.environ["MINIGRAD_THREADS"] = str(options.threads)
    _share_small_work()
    if options.engine == "cc":
        _compile_together()
    warnings.simplefilter("ignore")
    done, faults = options.start, 0
    if options.state is not None and options.state.exists():
        done, faults = json.loads(options.state.read_text())
    end = monotonic() + 60.0 * options.minutes
    while done < options.start + options.count and monotonic() < end:
        drawn = draw_program(done)
        fault = difference(drawn, options.engine)
        if fault:
            faults += 1
            print(f"{done}: {fault}\n  {_shortest(drawn, options.engine)}", flush=True)
        done += 1
        if done % 200 == 0:
            gc.collect()
        if options.state is not None:
            options.state.write_text(json.dumps([done, faults]))
    print(f"programs {options.start} to {done - 1}, {options.engine}, {options.threads} threads: {faults} faults")
    return faults


def _share_small_work() -> None:
    """Let threads share what is far too small for it."""
    from minigrad.engines import products, threads, tiles

    products.WORTH, tiles.SHARED, tiles.TILE_BYTES, threads.TRIALS = 1, 1, 256, 2


def _compile_together() -> None:
    """Compile the kernels of a program in few runs of the compiler, which take most of the time otherwise."""
    from minigrad_cc.compiler import compiler
    from support.joint_kernels import JointCompiler

    JointCompiler(compiler()).use()


def _shortest(drawn: Drawn, engine: str) -> Drawn:
    """The step without whatever the fault does not need."""
    changed = True
    while changed:
        changed = False
        smaller = [attrs.evolve(drawn, recipe=drawn.recipe[:k]) for k in range(len(drawn.recipe))]
        smaller += [attrs.evolve(drawn, parts=tuple(p for p in drawn.parts if p != q)) for q in drawn.parts]
        smaller += [attrs.evolve(drawn, optimizer="")] if drawn.optimizer else []
        smaller += [attrs.evolve(drawn, changes=False)] if drawn.changes else []
        for candidate in smaller:
            if difference(candidate, engine):
                drawn, changed = candidate, True
                break
    return drawn


if __name__ == "__main__":
    sys.exit(main() > 0)
