"""minigrad-gate beside `gradcheck` and `check_grads`, each at its defaults and with the same samples.

Run where torch or jax is installed; prints Markdown. `tests/support/everybody_*.py` holds the functions.
"""

# torch and jax have no types where mypy runs: they are no dependencies.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from importlib import import_module, util

import numpy as np

from minigrad_gate import check_jax, check_torch

Case = tuple[object, tuple[object, ...], str]
Check = Callable[[object, tuple[object, ...]], object]


def verdict(check: Check, function: object, sample: tuple[object, ...]) -> tuple[str, float]:
    """What a checker says, and the milliseconds of processor time that it takes."""
    start = time.process_time()
    try:
        check(function, sample)
        said = "accepts"
    except Exception as error:
        said = f"refuses ({type(error).__name__})"
    return said, 1e3 * (time.process_time() - start)


def compare(title: str, peers: dict[str, Check], gate: Check, wrong: Iterable[Case], right: Iterable[Case]) -> None:
    """Print what each says of every function, and what a check takes.

    Args:
        title: of the table.
        peers: other checkers by name.
        gate: the check of minigrad-gate.
        wrong: functions with a wrong gradient.
        right: functions with a right one.
    """
    names = [*peers, "minigrad-gate"]
    checks = [*peers.values(), gate]
    print(f"\n### {title}\n\n| wrong: | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    times: dict[str, list[float]] = {n: [] for n in names}
    caught, refused = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    wrong, right = list(wrong), list(right)
    for function, sample, why in wrong:
        said = [verdict(c, function, sample)[0] for c in checks]
        for n, s in zip(names, said, strict=True):
            caught[n] += s != "accepts"
        print(f"| `{name_of(function)}`: {why} | {' | '.join(said)} |", flush=True)
    for function, sample, _ in right:
        for n, c in zip(names, checks, strict=True):
            first, _ = verdict(c, function, sample)
            refused[n] += first != "accepts"
            times[n].append(verdict(c, function, sample)[1])
            if first != "accepts":
                print(f"| `{name_of(function)}`, which is right | {n}: {first} |", flush=True)
    print(f"| **caught** | {' | '.join(f'{caught[n]}/{len(wrong)}' for n in names)} |")
    print(f"| **right ones refused** | {' | '.join(f'{refused[n]}/{len(right)}' for n in names)} |")
    spent = [f"{statistics.median(times[n]):.1f}, {max(times[n]):.0f}" for n in names]
    print(f"| **ms of processor per right one: median, most** | {' | '.join(spent)} |")


def name_of(function: object) -> str:
    """The name of a function, or of a module's class."""
    return str(getattr(function, "__name__", type(function).__name__))


def compare_torch() -> None:
    """Beside `torch.autograd.gradcheck` and `gradgradcheck`."""
    torch = import_module("torch")
    torch.set_num_threads(1)
    wrong, right = import_module("support.everybody_torch_wrong"), import_module("support.everybody_torch_right")

    def peer(name: str, **options: object) -> Check:
        def check(function, sample):
            inputs = [a.clone().requires_grad_() if _real_tensor(a) else a for a in sample]
            called = getattr(function, "apply") if isinstance(function, type) else function  # noqa: B009
            if isinstance(function, torch.nn.Module):
                called = function.double()
            for one in name.split("+"):
                getattr(torch.autograd, one)(called, inputs, **options)

        return check

    peers = {"gradcheck": peer("gradcheck"), "gradcheck + gradgradcheck": peer("gradcheck+gradgradcheck")}
    compare(
        f"PyTorch {torch.__version__}", peers, lambda f, s: check_torch(f, *s),
        [(f, s[0], why) for f, s, why in wrong.WRONG], [(f, s[0], "") for f, s in right.RIGHT],
    )  # fmt: skip


def _real_tensor(a: object) -> bool:
    return bool(getattr(a, "is_floating_point", bool)())


def compare_jax() -> None:
    """Beside `jax.test_util.check_grads` in float64, which is kinder than its float32."""
    jax = import_module("jax")
    cases = import_module("support.everybody_jax")
    check_grads = import_module("jax.test_util").check_grads

    def check(function, sample):
        real = [i for i, a in enumerate(sample) if getattr(a, "dtype", np.dtype(int)).kind == "f"]
        if isinstance(sample[0], dict):
            part, xs = function, sample
        else:
            xs = tuple(sample[i] for i in real)

            def part(*moved):
                replaced = dict(zip(real, moved, strict=True))
                return function(*(replaced.get(i, a) for i, a in enumerate(sample)))

        with jax.enable_x64(True):
            check_grads(part, xs, order=2, modes=["rev"])

    compare(
        f"JAX {jax.__version__}", {"check_grads, order 2": check}, lambda f, s: check_jax(f, *s), cases.WRONG,
        [(f, s, "") for f, s in cases.RIGHT],
    )  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for framework, comparison in (("torch", compare_torch), ("jax", compare_jax)):
        if util.find_spec(framework) is None:
            print(f"\nleft out: {framework} is not installed")
        else:
            comparison()
