"""MLP training steps with Adam: eager, defined, and NumPy written by hand, side by side; PyTorch in its own process.

    python tests/benchmarks/programs.py [--quick] [--threads 1] [--torch-python PATH]

Chunks of each contestant alternate, so that a slow moment of the machine hits all of them. All start from the same
weights, and their losses at steps 1 and 5 must agree. Prints p10 and median of single steps in microseconds, and ratios
to the hand-written NumPy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

CASES = {"tiny": ((64, (32,), 10), 32), "mid": ((784, (128,), 10), 64), "large": ((784, (512, 512), 10), 128)}
LR = 1e-3

TORCH = """
import json, sys, time, numpy as np, torch
spec = json.loads(sys.stdin.readline()); torch.set_num_threads(spec["threads"])
torch.manual_seed(0); data = np.load(spec["file"])
count = len(spec["sizes"]) - 1
layers = [l for i in range(count) for l in (torch.nn.Linear(spec["sizes"][i], spec["sizes"][i + 1]), torch.nn.ReLU())]
model = torch.nn.Sequential(*layers[:-1])
with torch.no_grad():
    for i in range(count):
        model[2 * i].weight.copy_(torch.from_numpy(data[f"w{i}"].T.copy()))
        model[2 * i].bias.copy_(torch.from_numpy(data[f"b{i}"]))
x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
opt = torch.optim.Adam(model.parameters(), lr=spec["lr"])
def step():
    opt.zero_grad(); loss = torch.nn.functional.cross_entropy(model(x), y); loss.backward(); opt.step(); return loss
for line in sys.stdin:
    times, losses = [], []
    for _ in range(int(line)):
        a = time.perf_counter(); loss = step(); times.append(time.perf_counter() - a)
        if len(losses) < 5: losses.append(loss.item())
    print(json.dumps([times, losses]), flush=True)
"""

Chunk = Callable[[int], tuple[list[float], list[float]]]


def chunked(step: Callable[[], float]) -> Chunk:
    """A contestant in this process: `chunk(n)` gives n times and the first five losses."""

    def chunk(count: int) -> tuple[list[float], list[float]]:
        times: list[float] = []
        losses: list[float] = []
        for _ in range(count):
            began = perf_counter()
            loss = step()
            times.append(perf_counter() - began)
            if len(losses) < 5:
                losses.append(float(loss))
        return times, losses

    return chunk


def contestants(name: str, threads: int, torch_python: str | None, folder: str) -> dict[str, Chunk]:
    """Everybody who can run here, by name."""
    import numpy as np

    import minigrad as mg
    from minigrad import nn

    (inputs, hidden, classes), rows = CASES[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, inputs)).astype(np.float32)
    y = rng.integers(0, classes, rows)

    def made() -> tuple[nn.Sequential, Callable[[object], mg.Tensor]]:
        model = nn.mlp(inputs, list(hidden), classes, rng=0)
        opt = mg.optimizer("adam", model.named_parameters(), lr=LR)

        def step(batch: mg.Tensor) -> mg.Tensor:
            opt.zero_grad()
            loss: mg.Tensor = mg.cross_entropy(model(batch), y)
            loss.backward()
            opt.step()
            return loss

        return model, step  # type: ignore[return-value]

    model, eager = made()
    arrays = [p.numpy().copy() for p in model.parameters()]
    program = mg.define(made()[1])
    held = mg.tensor(x)
    found = {
        "numpy by hand": chunked(by_hand(arrays, x, y)),
        "eager": chunked(lambda: eager(held).item()),
        "defined": chunked(lambda: program(held).item()),
    }
    if torch_python:
        file = os.path.join(folder, f"{name}.npz")
        named = {f"{'wb'[i % 2]}{i // 2}": a for i, a in enumerate(arrays)}
        np.savez(file, x=x, y=y, **named)  # type: ignore[arg-type]
        spec = {"threads": threads, "sizes": [inputs, *hidden, classes], "lr": LR, "file": file}
        found["torch eager"] = other_process(torch_python, spec)
    return found


def by_hand(arrays: Sequence[object], x: object, y: object) -> Callable[[], float]:
    """The same step as careful NumPy: buffers made once, out= everywhere, Adam on one flat vector in tiles."""
    import numpy as np

    given = [np.asarray(a) for a in arrays]
    inputs, labels = np.asarray(x), np.asarray(y)
    rows, tile = len(labels), 1 << 16
    size = sum(a.size for a in given)
    w, g, m, v = (np.zeros(size, np.float32) for _ in range(4))
    scratch = [np.empty(min(tile, size), np.float32) for _ in range(2)]
    cuts = np.cumsum([0, *(a.size for a in given)])
    ws = [w[i:j].reshape(a.shape) for a, i, j in zip(given, cuts, cuts[1:], strict=False)]
    gs = [g[i:j].reshape(a.shape) for a, i, j in zip(given, cuts, cuts[1:], strict=False)]
    for view, a in zip(ws, given, strict=True):
        view[...] = a
    layers = len(ws) // 2
    hs = [inputs, *(np.empty((rows, b.size), np.float32) for b in ws[1::2])]
    ds = [np.empty_like(h) for h in hs]
    masks = [np.empty(h.shape, bool) for h in hs]
    ones, zeros = np.ones(rows, np.float32), [np.zeros(h.shape[1], np.float32) for h in hs]
    index = np.arange(rows)
    t = 0

    def step() -> float:
        nonlocal t
        for k in range(layers):
            np.dot(hs[k], ws[2 * k], out=hs[k + 1])
            np.add(hs[k + 1], ws[2 * k + 1], out=hs[k + 1])
            if k < layers - 1:
                np.maximum(hs[k + 1], zeros[k + 1], out=hs[k + 1])
        scores, d = hs[-1], ds[-1]
        np.subtract(scores, np.maximum.reduce(scores, axis=1, keepdims=True), out=scores)
        picked = scores[index, labels]
        np.exp(scores, out=d)
        total = np.add.reduce(d, axis=1, keepdims=True)
        loss = float((np.log(total)[:, 0] - picked).mean())
        np.divide(d, total, out=d)
        d[index, labels] -= 1.0
        np.multiply(d, np.float32(1.0 / rows), out=d)
        for k in reversed(range(layers)):
            np.dot(hs[k].T, ds[k + 1], out=gs[2 * k])
            np.dot(ones, ds[k + 1], out=gs[2 * k + 1])
            if k:
                np.dot(ds[k + 1], ws[2 * k].T, out=ds[k])
                np.greater(hs[k], zeros[k], out=masks[k])
                np.multiply(ds[k], masks[k], out=ds[k])
        t += 1
        rate, root = np.float32(LR / (1 - 0.9**t)), np.float32(1 / np.sqrt(1 - 0.999**t))
        for low in range(0, size, tile):
            part = slice(low, min(low + tile, size))
            n = part.stop - low
            a, b = scratch[0][:n], scratch[1][:n]
            np.multiply(m[part], np.float32(0.9), out=m[part])
            np.multiply(g[part], np.float32(0.1), out=a)
            np.add(m[part], a, out=m[part])
            np.multiply(v[part], np.float32(0.999), out=v[part])
            np.multiply(g[part], g[part], out=a)
            np.multiply(a, np.float32(0.001), out=a)
            np.add(v[part], a, out=v[part])
            np.sqrt(v[part], out=a)
            np.multiply(a, root, out=a)
            np.add(a, np.float32(1e-8), out=a)
            np.divide(m[part], a, out=b)
            np.multiply(b, rate, out=b)
            np.subtract(w[part], b, out=w[part])
        return loss

    return step


def other_process(python: str, spec: Mapping[str, object]) -> Chunk:
    """PyTorch, told over a pipe how many steps to make."""
    child = subprocess.Popen([python, "-c", TORCH], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    stdin, stdout = child.stdin, child.stdout
    stdin.write(json.dumps(spec) + "\n")

    def chunk(count: int) -> tuple[list[float], list[float]]:
        stdin.write(f"{count}\n")
        stdin.flush()
        times, losses = json.loads(stdout.readline())
        return times, losses

    return chunk


def measure(runners: Mapping[str, Chunk], seconds: float) -> dict[str, list[float]]:
    """Single-step times of everybody, in alternating chunks. Raises SystemExit where losses differ."""
    first = {name: chunk(5) for name, chunk in runners.items()}
    reference = first["numpy by hand"][1]
    for name, (_, losses) in first.items():
        for k in (0, 4):
            if abs(losses[k] - reference[k]) > 1e-4 * abs(reference[k]):
                raise SystemExit(f"{name}: loss {losses[k]} at step {k + 1}, by hand {reference[k]}")
    slowest = max(sorted(times)[2] for times, _ in first.values())
    count = max(5, int(0.05 / slowest))
    found: dict[str, list[float]] = {name: [] for name in runners}
    end = perf_counter() + seconds
    while perf_counter() < end:
        for name, chunk in runners.items():
            found[name] += chunk(count)[0]
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--torch-python", help="a Python that can import torch")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    chosen = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != str(chosen.threads):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(chosen.threads)}
        raise SystemExit(subprocess.call([sys.executable, *sys.argv], env=environment))
    from tempfile import TemporaryDirectory

    print(f"| case, {chosen.threads} threads | contestant | p10 us | median us | of NumPy by hand |\n{'|---' * 5}|")
    with TemporaryDirectory() as folder:
        for case in chosen.cases:
            runners = contestants(case, chosen.threads, chosen.torch_python, folder)
            found = {name: sorted(times) for name, times in measure(runners, 3.0 if chosen.quick else 15.0).items()}
            base = found["numpy by hand"]
            for name, times in found.items():
                p10, median = times[len(times) // 10], times[len(times) // 2]
                print(f"| {case} | {name} | {p10 * 1e6:.0f} | {median * 1e6:.0f} | {p10 / base[len(base) // 10]:.2f} |")


if __name__ == "__main__":
    main()
