"""The MPI communicator: found, refused with a reason, and two real processes that train as one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minigrad.parallel import CommunicatorError, available, connect
from support.mpi_jobs import mpiexec, needs_mpi

README = Path(__file__).parents[1] / "README.md"
EVERYTHING = """
import hashlib, json
import numpy as np
import minigrad as mg
from minigrad import nn, parallel

def train(link):
    rng = np.random.default_rng(0)
    model = nn.mlp(6, [5], 3, rng=link.rank).astype(np.float64)
    if link.size == 1:
        model = nn.mlp(6, [5], 3, rng=0).astype(np.float64)
    opt = mg.optimizer("momentum", model.named_parameters(), lr=0.1)
    loss, trace = nn.SoftmaxCrossEntropy(), hashlib.sha256()
    with parallel.distribute(model, opt, link, timeout=60.0) as group:
        for step in range(100):
            count = (9, 1, 2, 7)[step % 4]
            x, y = group.local_slice(rng.standard_normal((count, 6)), rng.integers(0, 3, count))
            opt.zero_grad()
            loss(model(x), y).backward()
            opt.step()
            for p in model.parameters():
                trace.update(p.numpy().tobytes())
    return np.concatenate([p.numpy().ravel() for p in model.parameters()]), trace.hexdigest()

link = parallel.connect("auto")
parallel.examine(link, sizes=(0, 1, 1000, 20_000, 100_003))  # whole, at once, in pairs
(together, trace), (alone, _) = train(link), train(parallel.SingleProcess())
mine = {"size": link.size, "trace": trace, "error": float(np.abs(together - alone).max())}
everybody = [json.loads(m) for m in link.gather(json.dumps(mine).encode())]
if link.rank == 0:
    print(json.dumps(everybody))
"""


def test_it_is_found_and_nothing_is_imported() -> None:
    entry = available()["mpi"]
    assert (entry.distribution, entry.value) == ("minigrad-mpi", "minigrad_mpi:MPICommunicator")
    code = "import sys, minigrad_mpi; assert 'mpi4py.MPI' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_mpi4py_or_a_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(
        CommunicatorError, match=r"mpi4py finds no MPI library \(.*pip install './plugins/minigrad-mpi\[mpich\]'"
    ):
        connect("mpi")


def test_plain_python_under_a_launcher_is_refused_before_it_can_hang(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "minigrad", "train", "--data", "digits"],
        cwd=tmp_path, env={**os.environ, "PMI_SIZE": "2"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "mpiexec -n 2 python -m mpi4py" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_readmes_program_runs_in_one_process_too(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@needs_mpi
@pytest.mark.parametrize("size", [2, pytest.param(4, marks=pytest.mark.soak)])
def test_several_processes_train_as_one(size: int, tmp_path: Path) -> None:
    program = tmp_path / "everything.py"
    program.write_text(EVERYTHING)
    ends = []
    for _ in range(1 if size == 2 else 2):
        done = mpiexec(size, str(program), cwd=tmp_path)
        assert done.code == 0, done.err
        ends += json.loads(done.out)
    assert {end["size"] for end in ends} == {size}
    assert len({end["trace"] for end in ends}) == 1, "all bits of all steps, in all processes, and when repeated"
    assert ends[0]["error"] < 1e-12
