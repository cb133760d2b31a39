"""Long runs: memory stays flat, and time stays linear in very wide graphs."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg

pytestmark = pytest.mark.soak


def resident() -> int:
    """Resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory of the process from /proc")
def test_memory_is_flat_over_100_000_steps() -> None:
    rng = np.random.default_rng(0)
    w = mg.tensor(rng.normal(size=(8, 8)), requires_grad=True)
    b = mg.tensor(np.zeros(8), requires_grad=True)
    opt = mg.optimizer("adam", [w, b], lr=1e-3)
    x = mg.tensor(rng.normal(size=(4, 8)))

    def steps(count: int) -> None:
        for _ in range(count):
            opt.zero_grad()
            mg.mean((mg.tanh(x @ w + b) - x) ** 2).backward()
            opt.step()

    gc.disable()
    try:
        steps(5_000)
        before = resident()
        steps(100_000)
        grown = resident() - before
    finally:
        gc.enable()
    print(f"resident memory grew by {grown / 1024:.0f} KiB over 100,000 steps, without the garbage collector")
    assert grown < 512 * 1024


def test_memory_is_flat_over_derivatives() -> None:
    def steps(count: int) -> None:
        for _ in range(count):
            mg.hessian(lambda t: mg.sum(mg.exp(t) * t))(np.ones(6))
            mg.jvp(mg.sin, (1.0,), (1.0,))

    steps(200)
    gc.collect()
    before = resident()
    steps(5_000)
    gc.collect()
    assert resident() - before < 512 * 1024


def test_wide_graphs_are_linear() -> None:
    def seconds(uses: int) -> float:
        x = mg.tensor(np.ones(4), requires_grad=True)
        total = mg.add_sequence(*[x * float(k) for k in range(uses)])
        began = time.perf_counter()
        mg.sum(total).backward()
        spent = time.perf_counter() - began
        assert x.grad is not None
        assert x.grad.numpy()[0] == uses * (uses - 1) / 2
        return spent

    seconds(1000)
    short, long_ = min(seconds(10_000) for _ in range(3)), seconds(100_000)
    print(f"backward through 10,000 and 100,000 uses: {short:.3f} and {long_:.3f} s")
    assert long_ < 10 * short * 6
