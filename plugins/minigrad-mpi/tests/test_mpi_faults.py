"""A process that raises, is killed or hangs ends the job, and the run goes on from its checkpoint to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minigrad import checkpoint
from support.mpi_jobs import Ended, mpiexec, needs_mpi

pytestmark = [pytest.mark.soak, needs_mpi]

SCRIPT = """
import os, signal, time
from minigrad import data as sets, nn

kind, rank, step = os.environ.get("FAULT", "none 0 0").split()

class Fault(nn.Module):
    def __init__(self):
        self.calls = 0

    def forward(self, x):
        self.calls += self.training
        if self.training and kind != "none" and self.calls == int(step) and os.environ["PMI_RANK"] == rank:
            self.fail()
        return x

    def fail(self):
        if kind == "raise":
            raise RuntimeError("a fault on purpose")
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        while kind == "hang":
            time.sleep(0.1)

digits = sets.load("digits").scaled()
data = (digits.x_train[:200], digits.y_train[:200], digits.x_val[:50], digits.y_val[:50])
model = nn.Sequential(
    nn.Linear(64, 16, rng=0), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3, rng=0), Fault(), nn.Linear(16, 10, rng=1)
)
loss, optimizer, epochs, batch_size, seed = "softmax", "adam", 4, 50, 3
"""
STEPS = 16
LIMIT = 8.0


def start(folder: Path, size: int, fault: str = "none 0 0", *more: str) -> Ended:
    options = ["--save-every", "1", "--no-checks", *more]
    settings = {"FAULT": fault, "MINIGRAD_PARALLEL_TIMEOUT": str(LIMIT)}
    return mpiexec(size, "-m", "minigrad", "run", *options, cwd=folder, environment=settings)


def state(folder: Path) -> dict[str, bytes]:
    """Everything that decides how the run goes on."""
    (path,) = (folder / "runs").glob("*/checkpoint.safetensors")
    saved = checkpoint.load(path)
    assert saved.optimizer is not None
    optimizer = {f"optimizer {k}": v for k, v in saved.optimizer.items() if isinstance(v, np.ndarray)}
    arrays = {**saved.model, **optimizer, "losses": saved.arrays["batch_losses"]}
    return {name: value.tobytes() for name, value in arrays.items()}


@pytest.fixture(scope="module", params=[2, 3])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, bytes]]:
    """Number of processes, and the end of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "fault.py").write_text(SCRIPT)
    done = start(folder, request.param, "none 0 0", "fault.py")
    assert done.code == 0, done.err
    return request.param, state(folder)


@pytest.mark.parametrize("kind", ["raise", "kill", "hang", "stop"])
@pytest.mark.parametrize("trial", range(10))
def test_a_fault_ends_the_job_and_the_run_goes_on(
    kind: str, trial: int, whole: tuple[int, dict[str, bytes]], tmp_path: Path
) -> None:
    size, expected = whole
    rng = np.random.default_rng([trial, size, len(kind)])
    # a call later than 4: the first of them is a trace that is given up, and rank 0's first checkpoint must be there
    rank, step = int(rng.integers(size)), int(rng.integers(5, STEPS + 1))
    (tmp_path / "fault.py").write_text(SCRIPT)
    done = start(tmp_path, size, f"{kind} {rank} {step}", "fault.py")
    print(f"{kind} rank {rank} of {size} at step {step}: code {done.code} after {done.seconds:.1f} s")
    assert done.code != 0
    if kind == "raise":
        assert "RuntimeError: a fault on purpose" in done.err
        assert "fault.py" in done.err
    if kind == "hang":
        assert f"rank {rank} of {size} has been at work " in done.err
        assert f"more than the limit of {LIMIT:g} s" in done.err
        assert "in fail" in done.err, "the traceback of the one that hangs"
    if kind == "stop":
        assert f"of {size} has been waiting for" in done.err
    (path,) = (tmp_path / "runs").iterdir()
    again = start(tmp_path, size, "none 0 0", "--resume", str(path))
    assert again.code == 0, again.err
    assert state(tmp_path) == expected
