"""What the diagnosis adds to a run: CPU time of `fit` with and without it, in turn, the least of several.

    python tests/benchmarks/diagnosis_cost.py [rounds]

The run is that of `minigrad train` with its defaults: Fashion-MNIST, 784-128-10, Adam, 20 epochs, checks included.
"""

from __future__ import annotations

import sys
import time

from minigrad import data, nn
from minigrad.data import Dataset
from minigrad.diagnosis import Doctor
from minigrad.train import fit


def timed(d: Dataset, doctor: Doctor | None) -> float:
    """CPU seconds of one run."""
    began = time.process_time()
    model = nn.mlp(d.features, [128], 10, rng=0)
    fit(model, d, epochs=20, callbacks=[doctor] if doctor is not None else [], quiet=True)
    return time.process_time() - began


def main(rounds: int) -> None:
    """Print both and their ratio."""
    d = data.load("fashion").scaled(normalize="unit")
    without, watched, own = [], [], []
    for _ in range(rounds):
        without.append(timed(d, None))
        doctor = Doctor()
        watched.append(timed(d, doctor))
        own.append(doctor.seconds)
    print(f"without {min(without):.2f} s, with {min(watched):.2f} s: {min(watched) / min(without) - 1.0:+.1%} CPU time")
    print(f"the diagnosis' own clock: {min(own):.2f} s, {min(own) / min(without):.1%} of the run without it")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
