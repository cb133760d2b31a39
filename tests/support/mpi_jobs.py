"""Starting programs under mpiexec, where that and an MPI library are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import attrs
import pytest

_HERE = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
MPIEXEC = shutil.which("mpiexec", path=_HERE)

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None,
    reason="needs mpi4py and mpiexec: pip install './plugins/minigrad-mpi[mpich]' in a checkout",
)


@attrs.frozen
class Ended:
    """A job: exit code, what it printed, seconds it took."""

    code: int
    out: str
    err: str
    seconds: float


def mpiexec(
    size: int, *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None, runner: bool = True
) -> Ended:
    """Run `python -m mpi4py <arguments>` in `size` processes; a deadlock is a failure after two minutes."""
    assert MPIEXEC is not None
    command = [MPIEXEC, "-n", str(size), sys.executable, *(("-m", "mpi4py") if runner else ()), *arguments]
    settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **(environment or {})}
    began = time.monotonic()
    done = subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, timeout=120, check=False)
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
