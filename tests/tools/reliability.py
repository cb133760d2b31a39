"""What minigrad is asked to bear, row by row: `PYTHONPATH=tests python tests/tools/reliability.py R1 R2 R12`

Without names every row is run, which takes about an hour of one core; `--list` says what the rows are. A row is either
a test of this repository or a probe below, whose size `--size` multiplies. The figures are in tests/RELIABILITY.md.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from minigrad import checkpoint, nn

ROOT = Path(__file__).resolve().parents[2]


@attrs.frozen
class Row:
    """Something to bear.

    Attributes:
        what: happens.
        goal: what shall come of it.
        tests: arguments of pytest.
        probe: gives a figure, and whether it is the goal, for a size.
    """

    what: str
    goal: str
    tests: str = ""
    probe: Callable[[int], tuple[str, bool]] | None = None


def kills(size: int) -> tuple[str, bool]:
    """SIGKILL at a random time of a loop that saves two models in turn to one path."""
    small, large = nn.mlp(200, [100], 10, rng=0), nn.mlp(200, [300], 10, rng=1)
    rng, count, unreadable, mixed, most = random.Random(0), 100 * size, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.safetensors"
        checkpoint.save(path, small)
        for _ in range(count):
            child = os.fork()
            if child == 0:
                while True:
                    checkpoint.save(path, large)
                    checkpoint.save(path, small)
            time.sleep(rng.uniform(0.0, 0.05))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            most = max(most, len(list(Path(folder).iterdir())) - 1)
            try:
                saved = checkpoint.load(path).model
            except checkpoint.CheckpointError:
                unreadable += 1
                continue
            mixed += not any(_is_of(saved, model) for model in (small, large))
        checkpoint.save(path, small)
        left = len(list(Path(folder).iterdir())) - 1
    figure = f"{count} kills: {unreadable} unreadable, {mixed} mixed, at most {most} parts, {left} after the next save"
    return figure, unreadable + mixed + left == 0 and most <= 1


def _is_of(saved: Any, model: nn.Module) -> bool:
    own = model.state_dict()
    return saved.keys() == own.keys() and all(np.array_equal(saved[name], own[name]) for name in own)


_ERRORS: tuple[Callable[[], BaseException], ...] = (
    *(lambda number=number: OSError(number, os.strerror(number)) for number in (errno.ENOSPC, errno.EIO, errno.EINTR)),
    MemoryError,
    KeyboardInterrupt,
)
_CALLS = ((builtins, "open"), (os, "fsync"), (os, "replace"), (os, "open"), (os, "scandir"), (os, "fstat"))


def failing_calls(size: int) -> tuple[str, bool]:
    """Each call of the system that a save makes fails in turn, with each error: there is the old file, or the new."""
    cases = wrong = left = 0
    old, new = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=1)
    for (owner, name), error in ((call, error) for call in _CALLS for error in _ERRORS):
        number = 0
        while True:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "c"
                checkpoint.save(path, old)
                expected = contextlib.suppress(checkpoint.CheckpointError, MemoryError, KeyboardInterrupt)
                with _failing(owner, name, number, error) as calls, expected:
                    checkpoint.save(path, new)
                if len(calls) <= number:
                    break
                cases += 1
                saved = checkpoint.load(path).model
                wrong += not any(_is_of(saved, model) for model in (old, new))
                left += len(list(Path(folder).iterdir())) - 1
            number += 1
    return f"{cases} cases: {wrong} neither old nor new, {left} parts left", cases >= 35 and wrong + left == 0


@contextlib.contextmanager
def _failing(owner: Any, name: str, number: int, error: Callable[[], BaseException]) -> Iterator[list[int]]:
    real, calls = getattr(owner, name), list[int]()

    def call(*arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        if len(calls) == number + 1:
            raise error()
        return real(*arguments, **keywords)

    setattr(owner, name, call)
    try:
        yield calls
    finally:
        setattr(owner, name, real)


def imports(size: int) -> tuple[str, bool]:
    """`import minigrad` under strange switches and without a home, and what it brings along."""
    code = "import sys, minigrad as mg; assert mg.tensor([1.0]).sum().item() == 1.0; print(len(sys.modules))"
    bare = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT)}
    ways: list[tuple[list[str], dict[str, str]]] = [
        ([*switches], {**bare, **more})
        for switches in ([], ["-OO"], ["-W", "error"], ["-X", "dev"], ["-bb"])
        for more in ({}, {"HOME": "/nonexistent"}, {"LANG": "C"}, {"PYTHONSAFEPATH": "1"})
    ]
    failed = [
        (switches, more)
        for switches, more in ways
        if subprocess.run([sys.executable, *switches, "-c", code], env=more, cwd="/", capture_output=True).returncode
    ]
    return f"{len(ways)} ways, {len(failed)} failed", not failed


ROWS = {
    "R1": Row("SIGKILL at any time of a loop that saves", "0 unreadable, 0 mixed, at most 1 part", probe=kills),
    "R1b": Row("SIGKILL in `minigrad train`, then --resume", "as if unbroken, bit for bit",
               "-m soak tests/cli/test_cli_resume.py"),
    "R2": Row("each call of the system fails in turn", "old or new, no part left", probe=failing_calls),
    "R3": Row("the disk is full", "the old file stays",
              "-m 'soak or not soak' tests/checkpoint/test_checkpoint_file.py tests/cli/test_cli_full_disk.py "
              "-k 'Trouble or full_disk'"),
    "R4": Row("damaged files", "one error, none accepted",
              "-m soak tests/checkpoint/test_checkpoint_damage.py tests/train/test_train_damaged_runs.py"),
    "R4b": Row("damaged data files, figures, bombs", "one error",
               "tests/data_room tests/train/test_train_damaged_figures.py"),
    "R5": Row("round trip of arrays", "bit-equal, twice the same bytes", "tests/checkpoint/test_checkpoint_file.py"),
    "R6": Row("a file of the first format", "loads for ever", "tests/checkpoint/test_checkpoint_golden.py"),
    "R7": Row("resumed in the middle, each optimizer", "bit-exact",
              "tests/checkpoint/test_checkpoint_snapshot.py tests/optim/test_optim_old_checkpoints.py"),
    "R8": Row("the same run in another process", "bit-equal", "tests/train/test_train_fresh_process.py"),
    "R9": Row("ops against other libraries", "within the table's bounds",
              "-m 'soak or not soak' tests/ops/test_ops_oracle.py tests/ops/test_ops_fuzz.py"),
    "R10": Row("wrong rules", "all refused, no false alarm",
               "tests/gate/test_gate_wrong.py tests/gate/test_gate_builtin.py"),
    "R11": Row("derivatives of derivatives, backward inside backward", "right", "tests/core/test_core_high_order.py"),
    "R12": Row("a chain of 10^6, a leaf used 10^5 times, 2^1000 paths", "linear", "tests/core/test_core_backward.py"),
    "R13": Row("10^5 steps, derivatives, interrupts", "+2 MB, all or nothing",
               "-m 'soak or not soak' tests/core/test_core_soak.py tests/core/test_core_interrupts.py "
               "tests/optim/test_optim_interrupts.py"),
    "R13b": Row("Ctrl-C at any line of runs that save, and of two that train together", "of some step, whole",
                "-m 'soak or not soak' tests/train/test_train_interrupts.py "
                "tests/parallel/test_parallel_interrupts.py"),
    "R14": Row("threads, forks, asyncio", "bit-equal",
               "tests/engines plugins/minigrad-cc/tests/test_cc_team.py -k 'thread or fork'"),
    "R15": Row("derivatives inside derivatives, backward twice, programs inside programs", "defined results",
               "tests/core/test_core_calculus.py tests/core/test_core_backward.py "
               "tests/program/test_program_outside.py -k 'not deep and not hundred_thousand'"),
    "R16": Row("NaN, infinities, zeros of either sign, the largest numbers", "as the table of policies says",
               "tests/ops/test_ops_policy.py tests/ops/test_ops_infinities.py tests/ops/test_ops_special_points.py "
               "tests/core/test_core_debug.py"),
    "R17": Row("writes to what a graph has taken or handed out", "noticed or harmless",
               "tests/core/test_core_nothing_silent.py tests/core/test_core_copies.py "
               "tests/program/test_program_reads.py"),
    "R18": Row("broken plugins", "named; the others work", "tests/optim/test_optim_broken_plugins.py tests/plugins"),
    "R19": Row("the plugin of a checkpoint is missing, older, newer or renamed", "named; the parameters load",
               "tests/optim/test_optim_old_checkpoints.py tests/optim/test_optim_discovery.py "
               "tests/train/test_train_moved.py"),
    "R20": Row("2,000 random command lines, 2,000 as strangers type them", "no traceback, exit codes as documented",
               "-m soak tests/cli/test_cli_soak.py"),
    "R21": Row("1,000 small changes of the source", "90 % noticed", "see tests/tools/mutation_score.py"),
    "R22": Row("Ctrl-C, SIGTERM, closed pipes, no memory", "last checkpoint good", "tests/cli/test_cli_process.py"),
    "R23": Row("import in strange surroundings", "works, nothing else happens", probe=imports),
    "R24": Row("the everyday suite in a random order", "0 failures", "-n 2 -p support.random_order tests plugins"),
}  # fmt: skip


def main() -> int:
    """Run rows, and print a line of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []])
    parser.add_argument("--size", type=int, default=1, help="of probes; default 1")
    parser.add_argument("--list", action="store_true", help="say what the rows are")
    options = parser.parse_args()
    failed = 0
    for name in options.rows or ROWS:
        row = ROWS[name]
        if options.list or row.tests.startswith("see"):
            print(f"{name:<4} {row.what}: {row.goal}. {row.tests}")
            continue
        began = time.process_time() + sum(os.times()[2:4])
        figure, is_right = row.probe(options.size) if row.probe else _pytest(row.tests)
        seconds = time.process_time() + sum(os.times()[2:4]) - began
        failed += not is_right
        print(f"{name:<4} {'holds' if is_right else 'FAILS'} {figure} ({seconds:.0f} s of processor time)", flush=True)
    return int(bool(failed))


def _pytest(arguments: str) -> tuple[str, bool]:
    command = f"{sys.executable} -m pytest -v -p no:cacheprovider {arguments}"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.strip()] or [done.stderr[-200:]]
    why = [line for line in lines if line.startswith(("E  ", "FAILED")) or "seed" in line] if done.returncode else []
    return "\n     ".join([lines[-1].strip("= "), *why]), done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
