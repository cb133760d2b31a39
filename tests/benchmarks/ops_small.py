"""Forward + backward of single ops on arrays of 8 elements: minigrad, PyTorch eager, HIPS autograd and MyGrad.

    python tests/benchmarks/ops_small.py --peer /path/to/python-with-the-peers [--rounds 15] [--out table.md]

Every library runs in a process of its own, with one thread. The processes take turns: for each op and round, each
library in turn times a chunk of calls. A call is the op on fresh graph, the backward pass with a cotangent of ones, and
forgetting the gradient. The table gives p10 and the median over all calls, and ratios of the p10. The last row is a
chain of 1,000 ops (500 multiplications, 500 additions) per call.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np

Call = Callable[[], object]
Prepare = Callable[[str], Call]
Expression = Callable[[SimpleNamespace, object, object], object]

LIBRARIES = ("minigrad", "torch", "autograd", "mygrad")
CHAIN = "chain of 1,000 ops"


def _chain(n: SimpleNamespace, x: object, y: object) -> object:
    for _ in range(500):
        x = x * n.half + n.half
    return x


# x and y are (8,) or, where the name says so, matrices.
OPS: Mapping[str, Expression] = {
    "add": lambda n, x, y: n.add(x, y),
    "subtract": lambda n, x, y: n.subtract(x, y),
    "multiply": lambda n, x, y: n.multiply(x, y),
    "divide": lambda n, x, y: n.divide(x, y),
    "multiply by 2.0": lambda n, x, y: x * 2.0,  # type: ignore[operator]
    "square": lambda n, x, y: n.square(x),
    "power 3": lambda n, x, y: x**3,  # type: ignore[operator]
    "negative": lambda n, x, y: -x,  # type: ignore[operator]
    "abs": lambda n, x, y: n.abs(x),
    "exp": lambda n, x, y: n.exp(x),
    "log": lambda n, x, y: n.log(x),
    "sqrt": lambda n, x, y: n.sqrt(x),
    "sin": lambda n, x, y: n.sin(x),
    "cos": lambda n, x, y: n.cos(x),
    "tanh": lambda n, x, y: n.tanh(x),
    "log1p": lambda n, x, y: n.log1p(x),
    "maximum": lambda n, x, y: n.maximum(x, y),
    "where": lambda n, x, y: n.where(n.mask, x, y),
    "sum": lambda n, x, y: n.sum(x),
    "mean": lambda n, x, y: n.mean(x),
    "max": lambda n, x, y: n.max(x),
    "prod": lambda n, x, y: n.prod(x),
    "var": lambda n, x, y: n.var(x),
    "cumsum": lambda n, x, y: n.cumsum(x),
    "reshape": lambda n, x, y: x.reshape(2, 4),  # type: ignore[attr-defined]
    "x[2:6]": lambda n, x, y: x[2:6],  # type: ignore[index]
    "x[[0, 0, 3]]": lambda n, x, y: x[n.places],  # type: ignore[index]
    "stack": lambda n, x, y: n.stack([x, y]),
    "concatenate": lambda n, x, y: n.concatenate([x, y]),
    "broadcast add": lambda n, x, y: n.add(x, n.matrix),
    "matrix sum(0)": lambda n, x, y: n.sum0(n.matrix_variable),
    "matrix transpose": lambda n, x, y: n.matrix_variable.T,
    "matmul (2, 4) @ (4, 2)": lambda n, x, y: n.matmul(n.matrix_variable, n.other),
    "dot": lambda n, x, y: n.matmul(x, y),
    CHAIN: _chain,
}

NAMES = (
    "add", "subtract", "multiply", "divide", "square", "abs", "exp", "log", "sqrt", "sin", "cos", "tanh", "log1p",
    "maximum", "where", "sum", "mean", "max", "prod", "var", "cumsum", "stack", "concatenate", "matmul",
)  # fmt: skip


A = 0.3 + 0.1 * np.arange(8.0)
B = 1.45 - 0.13 * np.arange(8.0)
"""The numbers that every library works on: away from 0, ties and 1."""


def functions(module: object, constant: Callable[..., object], missing: Sequence[str] = ()) -> SimpleNamespace:
    """The functions of a library that expressions call by name, and the constants in them."""
    n = SimpleNamespace(**{name: getattr(module, name) for name in NAMES if name not in missing})
    n.other, n.half = constant(B.reshape(4, 2)), constant(np.full(8, 0.5))
    n.matrix, n.mask, n.places = np.array([A, B, A]), np.arange(8) % 2 == 0, [0, 0, 3]
    n.sum0 = lambda x: n.sum(x, axis=0)
    return n


def on_tensors(
    n: SimpleNamespace,
    variable: Callable[..., object],
    forget: Callable[..., object],
    ones: Callable[[tuple[int, ...]], object] = np.ones,
) -> Prepare:
    """Calls of a library whose Tensors have `backward`."""
    variables = [variable(v) for v in (A, B, A.reshape(2, 4))]
    n.matrix_variable = variables[2]

    def prepare(name: str) -> Call:
        f = OPS[name]
        one = ones(tuple(f(n, variables[0], variables[1]).shape))  # type: ignore[attr-defined]

        def call() -> None:
            f(n, variables[0], variables[1]).backward(one)  # type: ignore[attr-defined]
            for v in variables:
                forget(v)

        return call

    return prepare


def minigrad() -> Prepare:
    """Calls of minigrad."""
    import minigrad as mg

    return on_tensors(functions(mg, mg.tensor), lambda v: mg.tensor(v, requires_grad=True), mg.Tensor.zero_grad)


def mygrad() -> Prepare:
    """Calls of MyGrad."""
    import mygrad as m

    return on_tensors(functions(m, np.asarray), m.tensor, m.Tensor.null_grad)


def torch() -> Prepare:
    """Calls of PyTorch, eager, one thread."""
    import torch as t

    t.set_num_threads(1)
    n = functions(t, t.tensor, missing=("cumsum", "var", "concatenate"))
    n.cumsum, n.var, n.concatenate = (lambda x: x.cumsum(0)), (lambda x: x.var(correction=0)), t.cat
    n.matrix, n.mask, n.places = t.tensor(n.matrix), t.tensor(n.mask), t.tensor(n.places)
    ones = partial(t.ones, dtype=t.float64)
    return on_tensors(n, lambda v: t.tensor(v, requires_grad=True), lambda v: setattr(v, "grad", None), ones)


def autograd() -> Prepare:
    """Calls of HIPS autograd: make_vjp with respect to all three variables, and the pull."""
    import autograd.numpy as anp
    from autograd import make_vjp

    n = functions(anp, np.asarray)

    def prepare(name: str) -> Call:
        f = OPS[name]
        on_matrix = "matrix" in name or "(2, 4)" in name
        given = (A.reshape(2, 4),) if on_matrix else (A, B)

        def g(v: Sequence[object]) -> object:
            if on_matrix:
                n.matrix_variable = v[0]
                return f(n, None, None)
            return f(n, v[0], v[1])

        one = np.ones(np.asarray(g(given)).shape)

        def call() -> None:
            pull, _ = make_vjp(g)(given)
            pull(one)

        return call

    return prepare


def serve(library: str) -> None:
    """Answer `op count` lines with the seconds of each call, as JSON."""
    prepare = {"minigrad": minigrad, "torch": torch, "autograd": autograd, "mygrad": mygrad}[library]()
    ready: dict[str, Call] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        name, count = json.loads(line)
        taken: list[float] = []
        try:
            call = ready.get(name) or ready.setdefault(name, prepare(name))
            for _ in range(count):
                began = time.perf_counter()
                call()
                taken.append(time.perf_counter() - began)
        except Exception as error:
            print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
            continue
        print(json.dumps(taken), flush=True)


def main() -> None:
    """Run all libraries side by side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--serve", choices=LIBRARIES)
    parser.add_argument("--peer", help="a Python interpreter that has torch, autograd and mygrad")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if options.peer is None:
        parser.error("--peer is needed")
    table = "\n".join(rows(options.peer, options.rounds))
    print(table)
    if options.out:
        options.out.write_text(table + "\n")


def rows(peer: str, rounds: int) -> list[str]:
    """The table, as Markdown."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    workers = {
        library: subprocess.Popen(
            [sys.executable if library == "minigrad" else peer, __file__, "--serve", library],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one_thread,
        )
        for library in LIBRARIES
    }  # fmt: skip
    for worker in workers.values():
        assert worker.stdout is not None
        worker.stdout.readline()
    made = [
        "| op | minigrad us p10 (median) | torch | autograd | mygrad | / torch | / autograd | / mygrad |",
        "|---|---|---|---|---|---|---|---|",
    ]
    try:
        made += [row(name, workers, rounds) for name in OPS]
    finally:
        for worker in workers.values():
            worker.terminate()
            worker.wait()
    return made


def row(name: str, workers: Mapping[str, subprocess.Popen[str]], rounds: int) -> str:
    """One op."""
    taken: dict[str, list[float]] = {library: [] for library in workers}
    failed: set[str] = set()
    for k in range(rounds + 1):
        for library, worker in workers.items():
            assert worker.stdin is not None
            assert worker.stdout is not None
            count = 3 if name == CHAIN else 100
            worker.stdin.write(json.dumps([name, count]) + "\n")
            worker.stdin.flush()
            answer = json.loads(worker.stdout.readline())
            if isinstance(answer, str):
                failed.add(library)
            elif k:  # the first round warms up
                taken[library] += [1e6 * t for t in answer]
    for times in taken.values():
        times.sort()
    p10 = {library: t[len(t) // 10] for library, t in taken.items() if t}
    cells = ["-" if library in failed else f"{p10[library]:.1f} ({t[len(t) // 2]:.1f})" for library, t in taken.items()]
    ratios = ["-" if x in failed else f"{p10['minigrad'] / p10[x]:.2f}" for x in LIBRARIES[1:]]
    return f"| {name} | {' | '.join(cells + ratios)} |"


if __name__ == "__main__":
    main()
