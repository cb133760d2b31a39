"""One training in a process of its own: `python -m benchmarks.training_worker PEER VARIANT TASK FILE`.

Trains until the share of held-out places that are predicted rightly reaches the target, or the time or the epochs are
over. Time begins after imports: compiling and looking at the held-out rows once an epoch count.
"""

from __future__ import annotations

import importlib
import json
import sys
from time import perf_counter

import numpy as np

from benchmarks.protocol import Training, Unsupported


def main() -> None:
    """Write one JSON line: seconds, epochs, best share; or what is missing."""
    peer, variant, case, file = sys.argv[1:5]
    try:
        module = importlib.import_module(f"benchmarks.peers.{peer}")
        with np.load(file) as stored:
            numbers = dict(stored)
        reply: dict[str, object] = _train(module, variant, case, numbers)
    except Unsupported as reason:
        reply = {"missing": str(reason)}
    except ImportError as error:
        reply = {"missing": f"not installed ({error.name})"}
    print(json.dumps(reply), flush=True)


def _train(module: object, variant: str, case: str, numbers: dict[str, np.ndarray]) -> dict[str, object]:
    weights = {k: v for k, v in numbers.items() if k[0] == "p" and k[1:].isdecimal()}
    x, y, held_x, held_y = (numbers[k] for k in ("train_x", "train_y", "held_x", "held_y"))
    batch, target, seconds, most = (numbers[k].item() for k in ("batch", "target", "seconds", "epochs"))
    rng = np.random.default_rng(0)
    began = perf_counter()
    training: Training = module.build_training(case, weights, variant)  # type: ignore[attr-defined]
    best, epoch, first = 0.0, 0, 0.0
    while epoch < most and perf_counter() - began < seconds:
        order = rng.permutation(len(x))
        for k in range(0, len(x) - batch + 1, batch):
            rows = order[k : k + batch]
            training.step(x[rows], y[rows])
            first = first or perf_counter() - began
        epoch += 1
        share = float(np.mean(np.argmax(training.predict(held_x), axis=-1) == held_y))
        best = max(best, share)
        if share >= target:
            break
    return {"seconds": perf_counter() - began, "epochs": epoch, "best": best, "reached": best >= target, "first": first}


if __name__ == "__main__":
    main()
