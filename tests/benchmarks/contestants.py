"""Who takes part, and the processes they run in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from select import select
from typing import IO, NamedTuple

__all__ = ["CONTESTANTS", "Contestant", "Process"]

_TESTS = Path(__file__).parents[1]
_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "MINIGRAD_THREADS")
_XLA_ALONE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class Contestant(NamedTuple):
    """A column of the table: module in `benchmarks.peers`, variant, and whether it needs the peers' environment."""

    name: str
    peer: str
    variant: str
    foreign: bool = True


CONTESTANTS = (
    Contestant("minigrad eager", "minigrad_peer", "eager", False),
    Contestant("minigrad defined", "minigrad_peer", "defined", False),
    Contestant("minigrad cc", "minigrad_peer", "cc", False),
    Contestant("NumPy by hand", "numpy_peer", "", False),
    Contestant("PyTorch eager", "torch_peer", "eager"),
    Contestant("PyTorch fused", "torch_peer", "fused"),
    Contestant("PyTorch compile", "torch_peer", "compile"),
    Contestant("JAX jit", "jax_peer", "jit"),
    Contestant("autograd", "autograd_peer", ""),
    Contestant("MyGrad", "mygrad_peer", ""),
    Contestant("tinygrad", "tinygrad_peer", "jit"),
    Contestant("micrograd", "micrograd_peer", ""),
)


class Process:
    """A contestant at work on one case. `losses` and `first` (seconds) once ready; `missing` says why it is absent."""

    reply: dict[str, object]

    def __init__(
        self, python: str, who: Contestant, case: str, file: Path, threads: int, module: str = "benchmarks.worker"
    ) -> None:
        self.who = who
        self.losses: list[float] = []
        self.first = 0.0
        self.missing = ""
        self.times: list[float] = []
        environment = {**os.environ, **dict.fromkeys(_VARIABLES, str(threads)), "PYTHONPATH": str(_TESTS)}
        if threads == 1:
            environment["XLA_FLAGS"] = _XLA_ALONE
        cores = sorted(os.sched_getaffinity(0))[:threads]
        self._child = subprocess.Popen(
            [python, "-m", module, who.peer, who.variant, case, str(file)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )  # fmt: skip

    def wait(self, patience: float = 600.0) -> None:
        """Until it is ready, or known not to be: it says so itself, or has not been ready within so many seconds."""
        if not select([self._output], [], [], patience)[0]:
            self._child.kill()
            self.missing = f"not ready after {patience:.0f} s"
            return
        reply = json.loads(self._output.readline() or '{"missing": "died"}')
        self.reply = reply
        self.missing = reply.get("missing", "")
        self.losses, self.first = reply.get("losses", []), reply.get("first", 0.0)

    def chunk(self, count: int) -> None:
        """Make `count` steps and keep their times."""
        self._input.write(f"{count}\n")
        self._input.flush()
        self.times += json.loads(self._output.readline())

    def end(self) -> float:
        """Stop it. Returns its peak memory in MiB, 0 if it never ran."""
        out, _ = self._child.communicate()
        return float(out) if out.strip() and not self.missing else 0.0

    @property
    def _input(self) -> IO[str]:
        assert self._child.stdin is not None
        return self._child.stdin

    @property
    def _output(self) -> IO[str]:
        assert self._child.stdout is not None
        return self._child.stdout


def own_python() -> str:
    """The interpreter with minigrad in it: this one."""
    return sys.executable
