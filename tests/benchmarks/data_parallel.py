"""What data-parallel training costs: measured with 2 and 4 processes here, and by a model for 1 to 1,024.

    python tests/benchmarks/data_parallel.py [--quick]

1. Compute: steps (forward, backward, update) of one process at several batch sizes, t = fixed + row * rows.
2. Communication: all-reduce of several lengths in 2 and 4 processes (minigrad's, in order of rank, and the library's
   own), from which latency, seconds a byte, and seconds a byte of adding follow (2 processes, one on each core).
3. Whole steps in 2 and 4 processes, next to what the model says.
4. Whether an exchange in a thread, behind a matrix product, hides: the most that buckets could gain.
5. The model for 1 to 1,024 processes, here and on two networks whose constants are assumed, not measured.

Least times of many, and of 1 processor time: what a shared machine can do, not what it did. Needs minigrad-mpi with an
MPI library.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, thread_time

import attrs
import numpy as np

import minigrad as mg
from minigrad import nn, parallel
from minigrad.core.types import Array, IndexArray

SIZES = (16, 2_500, 25_000, 101_770, 1_000_000)
"""float32 numbers in an all-reduce."""

WHOLE, PAIRWISE = 65_536, 32_768
"""Bytes at which the plugin changes its way; see `minigrad_mpi/communicator.py`."""


@attrs.frozen
class Case:
    """A model, the joined batch it is trained on, and its inputs for a number of rows."""

    rows: int
    model: Callable[[], nn.Module]
    inputs: Callable[[int], Array]
    targets: Callable[[int], IndexArray]


def labels(rows: int) -> IndexArray:
    """Ten classes, in turn."""
    return np.arange(rows) % 10


def noise(*shape: int) -> Callable[[int], Array]:
    """Rows of normal numbers."""
    return lambda rows: np.random.default_rng(0).standard_normal((rows, *shape)).astype(np.float32)


class Pooled(nn.Module):
    """A transformer block over 64 places, their mean, and ten scores."""

    def __init__(self) -> None:
        self.block = nn.TransformerBlock(128, 4, rng=0)
        self.head = nn.Linear(128, 10, rng=1)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """x `(N, 64, 128)` to `(N, 10)`."""
        return self.head(self.block(x).mean(axis=1))


def convolutional() -> nn.Module:
    """28 x 28 pixels, two convolutions with pooling, ten scores."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1, rng=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 10, rng=2)),
    )


CASES = {
    "MLP 784-128-10": Case(64, lambda: nn.mlp(784, [128], 10, rng=0), noise(784), labels),
    "MLP 784-512-512-10": Case(128, lambda: nn.mlp(784, [512, 512], 10, rng=0), noise(784), labels),
    "conv net": Case(64, convolutional, noise(1, 28, 28), labels),
    "transformer block": Case(32, Pooled, noise(64, 128), labels),
}


@attrs.frozen
class Link:
    """Constants of a network: seconds a message, a byte of a message, and a byte added up or scaled."""

    latency: float
    byte: float
    add: float

    def allreduce(self, size: int, nbytes: float) -> float:
        """Seconds for a sum over `size` processes, by the way that the plugin takes for this length."""
        if size == 1:
            return 0.0
        rounds = np.ceil(np.log2(size))
        moved = 2.0 * (size - 1) / size * nbytes
        if nbytes * size <= WHOLE:
            return float(rounds * self.latency + size * nbytes * (self.byte + self.add))
        messages = 2.0 * (size - 1) if nbytes > PAIRWISE * size else 2.0 * rounds
        return float(messages * self.latency + moved * self.byte + nbytes * self.add)


ASSUMED = {
    "10 Gbit/s Ethernet (assumed)": (20e-6, 1.0 / 1.1e9),
    "100 Gbit/s InfiniBand (assumed)": (1.5e-6, 1.0 / 11e9),
}


@attrs.frozen
class Compute:
    """Seconds of a step in one process: `fixed + row * rows`; bytes of its gradient."""

    fixed: float
    row: float
    nbytes: int

    def step(self, size: int, rows: float, link: Link) -> float:
        """Seconds of a step of `size` processes, `rows` of a joined batch in each."""
        scaling = 0.0 if size == 1 else 2.0 * self.nbytes * link.add
        return self.fixed + self.row * rows + scaling + link.allreduce(size, self.nbytes)


def least(work: Callable[[], object], seconds: float) -> float:
    """The least processor time of many runs in this thread, whatever else the machine does; three do not count."""
    for _ in range(3):
        work()
    times: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(times) < 5:
        began = thread_time()
        work()
        times.append(thread_time() - began)
    return min(times)


def stepper(case: Case, communicator: parallel.Communicator, rows: int) -> tuple[Callable[[], None], int]:
    """A step on a joined batch of `rows`, and the bytes of its gradient."""
    model, loss = case.model(), nn.SoftmaxCrossEntropy()
    opt = mg.optimizer("adam", model.named_parameters())
    group = parallel.distribute(model, opt, communicator)
    x_all, y_all = case.inputs(rows), case.targets(rows)

    def step() -> None:
        x, y = group.local_slice(x_all, y_all)
        opt.zero_grad()
        loss(model(mg.tensor(x)), y).backward()
        opt.step()

    return step, sum(bucket.grads.nbytes for bucket in opt.buckets)


def compute(case: Case, seconds: float) -> Compute:
    """A straight line through the times of four batch sizes."""
    counts = np.array([case.rows // 8, case.rows // 4, case.rows // 2, case.rows])
    steps = [stepper(case, parallel.SingleProcess(), int(rows)) for rows in counts]
    nbytes = steps[0][1]
    rounds = [[least(step, seconds / 4.0) for step, _ in steps] for _ in range(4)]
    times = np.min(rounds, axis=0)
    row, fixed = np.polyfit(counts, times, 1, w=1.0 / times)
    return Compute(max(float(fixed), 0.0), float(row), nbytes)


def worker(seconds: float) -> None:
    """What each process does; rank 0 prints the figures."""
    if parallel.launched() == 1:
        print(json.dumps({name: attrs.asdict(compute(case, seconds)) for name, case in CASES.items()}))
        return
    from mpi4py import MPI

    link = parallel.connect("auto")
    found: dict[str, dict[str, float]] = {"ordered": {}, "library": {}, "steps": {}, "overlap": {}}
    for n in SIZES:
        buffer, out = np.zeros(n, np.float32), np.zeros(n, np.float32)
        found["ordered"][str(n)] = together(link, lambda b=buffer: link.allreduce(b), seconds)  # type: ignore[misc]
        found["library"][str(n)] = together(
            link, lambda b=buffer, o=out: MPI.COMM_WORLD.Allreduce(b, o), seconds  # type: ignore[misc]
        )  # fmt: skip
    for name, case in CASES.items():
        found["steps"][name] = together(link, stepper(case, link, case.rows)[0], seconds)
    found["overlap"] = overlap(link, seconds)
    if link.rank == 0:
        print(json.dumps(found))


def together(link: parallel.Communicator, work: Callable[[], object], seconds: float) -> float:
    """The least time of many runs, each begun by all at once, the slowest process counting; as many in all."""
    own: list[float] = []
    runs = np.array([0.0])
    if link.rank == 0:
        runs[0] = min(2000.0, max(5.0, seconds / least_of(work, 3)))
    else:
        least_of(work, 3)
    link.broadcast(runs)
    for _ in range(int(runs[0])):
        link.barrier()
        began = perf_counter()
        work()
        own.append(perf_counter() - began)
    every = [json.loads(m) for m in link.gather(json.dumps(own).encode())]
    return float(np.max(np.array(every), axis=0).min())


def least_of(work: Callable[[], object], count: int) -> float:
    """The least time of `count` runs."""
    times = []
    for _ in range(count):
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return min(times)


def overlap(link: parallel.Communicator, seconds: float) -> dict[str, float]:
    """A matrix product and an exchange, one after the other and at the same time."""
    a = np.ones((512, 512), np.float32)
    buffer: Array = np.zeros(1_000_000, np.float32)

    def after() -> None:
        a @ a
        link.allreduce(buffer)

    def beside() -> None:
        other = threading.Thread(target=link.allreduce, args=(buffer,))
        other.start()
        a @ a
        other.join()

    return {"after": together(link, after, seconds), "beside": together(link, beside, seconds)}


def measured_link(figures: dict[str, float]) -> Link:
    """Constants from the all-reduces of two processes: the shortest is one message, the longest is bytes."""
    buffer, other = np.ones(1_000_000, np.float32), np.ones(1_000_000, np.float32)
    add = least(lambda: np.add(buffer, other, out=other), 0.2) / buffer.nbytes
    latency = figures[str(SIZES[0])]
    longest = SIZES[-1] * 4
    return Link(latency, max(figures[str(SIZES[-1])] - 2.0 * latency - longest * add, 0.0) / longest, add)


def launch(size: int, seconds: float) -> dict[str, dict[str, float]]:
    """Figures of `size` processes under mpiexec, or of one by itself; all with one BLAS thread."""
    command = [sys.executable, __file__, "--worker", str(seconds)]
    if size > 1:
        mpiexec = Path(sys.executable).with_name("mpiexec")
        command[1:1] = ["-m", "mpi4py"]
        command[:0] = [str(mpiexec if mpiexec.exists() else "mpiexec"), "-n", str(size)]
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=one_thread)
    if done.returncode:
        raise SystemExit(f"{size} processes failed:\n{done.stderr}")
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


def stops_paying(cost: Compute, rows: int, link: Link) -> tuple[int, float, int]:
    """For one joined batch: the fastest number of processes, its speed-up, and the last with half of ideal."""
    one = cost.step(1, rows, link)
    speed = {2**k: one / cost.step(2**k, rows / 2**k, link) for k in range(11) if 2**k <= rows}
    best = max(speed, key=lambda p: speed[p])
    return best, speed[best], max(p for p, s in speed.items() if s >= p / 2)


def report(costs: dict[str, Compute], figures: dict[int, dict[str, dict[str, float]]]) -> None:
    """Print everything."""
    here = measured_link(figures[2]["ordered"])
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"link here: {here.latency * 1e6:.1f} us a message, {here.byte * 1e9:.2f} ns a byte, "
          f"{here.add * 1e9:.3f} ns a byte added")  # fmt: skip
    print("\nall-reduce, us       " + "".join(f"{n:>12,}" for n in SIZES))
    for size, found in figures.items():
        for kind in ("ordered", "library"):
            print(f"  {size} {kind:<18}" + "".join(f"{found[kind][str(n)] * 1e6:12.1f}" for n in SIZES))
        both = found["overlap"]
        print(f"  {size} beside a product / after it: {both['beside'] / both['after']:.2f}")
    print("\nstep, us              compute                    1 process    2 (model)    4 (model)")
    for name, cost in costs.items():
        rows = CASES[name].rows
        line = f"  {name:<20} {cost.fixed * 1e6:7.0f} + {cost.row * 1e6:6.2f} a row {cost.nbytes / 1e3:6.0f} kB"
        line += f" {cost.step(1, rows, here) * 1e6:9.0f}"
        for size, found in figures.items():
            line += f" {found['steps'][name] * 1e6:6.0f} ({cost.step(size, rows / size, here) * 1e6:.0f})"
        print(line)
    for title, link in {"here": here, **{k: Link(*v, here.add) for k, v in ASSUMED.items()}}.items():
        print(f"\nspeed-up on one joined batch, {title}; and efficiency with the batch in each process")
        print("  processes           " + "".join(f"{2**k:>12}" for k in range(11)))
        for name, cost in costs.items():
            rows = CASES[name].rows
            one = cost.step(1, rows, link)
            strong = [one / cost.step(2**k, rows / 2**k, link) if 2**k <= rows else None for k in range(11)]
            weak = [one / cost.step(2**k, rows, link) for k in range(11)]
            print(f"  {name:<20}" + "".join(f"{_cell(s):>6}{w:6.0%}" for s, w in zip(strong, weak, strict=True)))
            best, speed, half = stops_paying(cost, rows, link)
            print(f"  {'':<20} fastest with {best} ({speed:.1f} times), half of ideal up to {half}")


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the time")
    parser.add_argument("--worker", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker)
        return
    seconds = 0.3 if arguments.quick else 3.0
    costs = {
        name: Compute(found["fixed"], found["row"], int(found["nbytes"])) for name, found in launch(1, seconds).items()
    }
    report(costs, {size: launch(size, seconds) for size in (2, 4)})


if __name__ == "__main__":
    main()
