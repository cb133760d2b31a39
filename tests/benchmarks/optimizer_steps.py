"""What a step costs: minigrad's optimizers and PyTorch's, side by side.

    python tests/benchmarks/optimizer_steps.py --peer /path/to/python-with-torch [--rounds 5] [--json results.json]

Each side and variant runs in processes of its own, taking turns. A process times `step()` alone, on float32 parameters
whose gradients are there; what is compared are the medians over steps, of which the table gives the median over rounds,
with the least and the most, and the 10th percentile. Both sides use as many threads as they choose, unless
`--processors 1` leaves them no choice: on a machine that others use too, threads that wait for each other take 10 to
100 times as long.

PyTorch has no Lion; `pytorch_optimizer` is asked for it where it is installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

LAYOUTS = {
    "1 x 1e6": ((1_000_000,),),
    "100 x 1e4": ((10_000,),) * 100,
    "4 small": ((100, 64), (100,), (10, 100), (10,)),
}
RULES = ("sgd", "adam", "adamw", "lion")
VARIANTS = ("minigrad", "torch default", "torch foreach", "torch fused")


def measure(variant: str) -> dict[str, list[float]]:
    """Rule and layout -> median and 10th percentile of a step in microseconds, in this process."""
    build = minigrad_step if variant == "minigrad" else torch_step(variant.removeprefix("torch "))
    found = {}
    for rule in RULES:
        for name, shapes in LAYOUTS.items():
            step = build(rule, shapes)
            if step is not None:
                found[f"{rule} {name}"] = timed(step, 300 if name == "4 small" else 40)
    return found


def timed(step: Callable[[], object], count: int) -> list[float]:
    """Median and 10th percentile of `count` calls after a warm-up, in microseconds."""
    for _ in range(20):
        step()
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        step()
        taken.append(1e6 * (time.perf_counter() - began))
    taken.sort()
    return [median(taken), taken[count // 10]]


def minigrad_step(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Callable[[], object]:
    """`step` of one of minigrad's optimizers, gradients in place."""
    import numpy as np

    import minigrad as mg

    rng = np.random.default_rng(0)
    params = [mg.tensor(rng.standard_normal(s).astype(np.float32), requires_grad=True) for s in shapes]
    opt = mg.optimizer(rule, params, lr=1e-3)
    for p in params:
        p.backward(rng.standard_normal(p.shape).astype(np.float32))
    return opt.step


def torch_step(variant: str) -> Callable[[str, tuple[tuple[int, ...], ...]], Callable[[], object] | None]:
    """Makes `step` of PyTorch's optimizers in one of its implementations; None where it has none."""
    import torch

    def build(rule: str, shapes: tuple[tuple[int, ...], ...]) -> Callable[[], object] | None:
        torch.manual_seed(0)
        params = [torch.nn.Parameter(torch.randn(s)) for s in shapes]
        for p in params:
            p.grad = torch.randn_like(p)
        if rule == "lion":
            if variant == "fused":
                return None
            try:
                library = importlib.import_module("pytorch_optimizer")
            except ImportError:
                return None
            lion: Callable[[], object] = library.Lion(params, lr=1e-3, foreach=variant == "foreach").step
            return lion
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[rule]
        flags = {} if variant == "default" else {variant: True}
        made: Callable[[], object] = kind(params, lr=1e-3, **flags).step
        return made

    return build


def main() -> None:
    """Run all sides in turns and print the table."""
    parser = argparse.ArgumentParser(description="Step times of minigrad and PyTorch.")
    parser.add_argument("--peer", help="interpreter that has torch 2.13.0, and pytorch_optimizer for Lion")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processors", type=int, help="bind every process to so many (1 helps on a busy machine)")
    parser.add_argument("--json", help="where to save all figures")
    parser.add_argument("--child", choices=VARIANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.processors:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-arguments.processors :])
    if arguments.child:
        print("RESULT" + json.dumps(measure(arguments.child)))
        return
    if not arguments.peer:
        parser.error("--peer is needed: an interpreter with torch")
    rounds: dict[str, list[dict[str, list[float]]]] = {variant: [] for variant in VARIANTS}
    for number in range(arguments.rounds):
        for variant in VARIANTS if number % 2 == 0 else VARIANTS[::-1]:
            rounds[variant].append(_child(variant, arguments.peer))
    print(table(rounds))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rounds, file, indent=1)


def _child(variant: str, peer: str) -> dict[str, list[float]]:
    python = sys.executable if variant == "minigrad" else peer
    done = subprocess.run(
        [python, os.path.abspath(__file__), "--child", variant], capture_output=True, text=True, check=False
    )
    if "RESULT" not in done.stdout:
        raise SystemExit(f"{variant} failed:\n{done.stderr}")
    found: dict[str, list[float]] = json.loads(done.stdout.split("RESULT")[1])
    return found


def table(rounds: dict[str, list[dict[str, list[float]]]]) -> str:
    """Microseconds a step, and minigrad's time over each variant's."""
    lines = ["rule and layout     variant          median us [least to most]      p10 us   minigrad / it: median   p10"]
    for key in rounds["minigrad"][0]:
        ours = [r[key] for r in rounds["minigrad"]]
        for variant in VARIANTS:
            theirs = [r[key] for r in rounds[variant] if key in r]
            if not theirs:
                lines.append(f"{key:<19} {variant:<16} has none")
                continue
            medians = [m for m, _ in theirs]
            spread = f"{median(medians):9.1f} [{min(medians):.1f} to {max(medians):.1f}]"
            tenth = median(p for _, p in theirs)
            ratio = median(a[0] / b[0] for a, b in zip(ours, theirs, strict=True))
            fast = median(p for _, p in ours) / tenth
            lines.append(f"{key:<19} {variant:<16} {spread:<30} {tenth:8.1f}   {ratio:21.2f}  {fast:5.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
