"""The gate's corpus put through other gradient checkers at their defaults, in one table.

Run it with an interpreter that has `tests/benchmarks/requirements.txt` and minigrad:

    python tests/benchmarks/gate_compare.py [--tools minigrad torch-slow ...] [--seed 0] [--json results.json]

The peers grow by megabytes with every function they have seen, so each gets a fresh process for `--batch` ops; an op
whose check takes longer than `--patience` seconds is counted as unfinished, neither caught nor passed.

What is compared. Every wrong rule and every tricky correct op of `tests/support/gate_*.py`.
minigrad gets the declaration and nothing else. The others expect the caller to bring inputs: they get every case that
the declaration lists (its samples, or its shapes and metadata, in float64), and a rule counts as caught when any case
raises anything. Rules are wrapped as custom functions (`torch.autograd.Function`, HIPS `primitive` and `defvjp`,
`jax.custom_vjp` with callbacks); the second derivative they see is that of the rule on minigrad's tape.

What is not the others' fault. A claim (`elementwise=`, `linear=`, ...) and a missing rule mean nothing to them, so
those cases are left out of their counts. The bridges flatten and copy outputs, un-broadcast gradients, and (jax) fix
shape and dtype, which hides rules that write into arrays, share buffers, or return another dtype; float32, 0-d, empty,
strided and broadcast inputs are the caller's business there, and this caller brings what the declaration lists. A
missed rule of the families "dtype, shape, layout" and "state, chance, buffers" is therefore mostly the caller's or the
bridge's miss; that the caller has to think of it is the point. jax runs in float64 (its default is float32); forward
mode is left out, since the ops have no forward rules.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from minigrad.core.op import Op
from minigrad.verify import verify
from support.gate_corpus import FAMILIES, TRICKY
from support.gate_peers import Check, hips_check, jax_check, torch_check
from support.gate_target import targets

TOOLS: dict[str, str] = {
    "minigrad": "minigrad's gate",
    "torch-slow": "torch gradcheck, slow",
    "torch-fast": "torch gradcheck, fast",
    "torch-second": "torch gradcheck + gradgradcheck",
    "hips": "HIPS check_grads",
    "jax": "jax check_grads",
}
NOT_ASKED = frozenset(("false claim", "no rule"))
"""Kinds of mistakes that only a declaration can make."""


CORRECT = "tricky correct ops"
"""The family of the ops that must not be refused."""


@attrs.frozen
class Outcome:
    """One op under one tool; `finished` unless the check took longer than anybody waits."""

    family: str
    name: str
    refused: bool
    reason: str
    seconds: float
    cases: int
    finished: bool = True


def peer(check: Check) -> Callable[[Op, int], int]:
    """Run a peer's check on every listed case; returns their number."""

    def run(op: Op, seed: int) -> int:
        count = 0
        for target in targets(op, seed):
            count += 1
            check(target)
        return count

    return run


def gate(op: Op, seed: int) -> int:
    """minigrad's own check."""
    return verify(op, seed=seed).cases


def both(first: Check, second: Check) -> Check:
    """One check after the other."""

    def check(target):  # type: ignore[no-untyped-def]
        first(target)
        second(target)

    return check


def tool(name: str) -> Callable[[Op, int], int]:
    """The check of that name, imports done."""
    if name == "minigrad":
        return gate
    if name == "torch-slow":
        return peer(torch_check("gradcheck"))
    if name == "torch-fast":
        return peer(torch_check("gradcheck", fast_mode=True))
    if name == "torch-second":
        return peer(both(torch_check("gradcheck"), torch_check("gradgradcheck")))
    return peer(hips_check() if name == "hips" else jax_check())


def corpus(name: str, limit: int | None, families: Sequence[str]) -> list[tuple[str, str, Callable[[], Iterable[Op]]]]:
    """Family, name and maker of everything that is put through a tool, in order; of all families if none is named."""
    due: list[tuple[str, str, Callable[[], Iterable[Op]]]] = []
    for family, cases in FAMILIES.items():
        for case in cases[:limit] if not families or family in families else ():
            if name == "minigrad" or case.kind not in NOT_ASKED:
                due.append((family, case.name, lambda case=case: [case.op()]))  # type: ignore[misc]
    right = TRICKY[:limit] if not families or CORRECT in families else ()
    return due + [(CORRECT, tricky.name, tricky.ops) for tricky in right]


def examine(name: str, seed: int, limit: int | None, families: Sequence[str], first: int, batch: int) -> None:
    """Put `batch` ops through one tool and print a line for each; in a process that the parent may end."""
    warnings.simplefilter("ignore")
    run = tool(name)
    print("ready", flush=True)
    for family, title, make in corpus(name, limit, families)[first : first + batch]:
        print(json.dumps(attrs.asdict(outcome(run, family, title, make(), seed))), flush=True)


def collect(
    name: str, seed: int, limit: int | None, families: Sequence[str], batch: int, patience: float
) -> list[Outcome]:
    """The corpus under one tool, a fresh process for each batch and after each unfinished check."""
    due = corpus(name, limit, families)
    found: list[Outcome] = []
    while len(found) < len(due):
        before = len(found)
        command = [sys.executable, __file__, "--one", name, "--seed", str(seed), "--batch", str(batch)]
        command += ["--first", str(before)] + ([] if limit is None else ["--limit", str(limit)])
        command += ["--families", *families] if families else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            lines: Queue[str] = Queue()
            Thread(target=_forward, args=(child, lines), daemon=True).start()
            if lines.get() != "ready\n":
                raise RuntimeError(f"{name} does not start")
            try:
                while line := lines.get(timeout=patience):
                    found.append(Outcome(**json.loads(line)))
            except Empty:
                child.kill()
                family, title, _ = due[len(found)]
                found.append(Outcome(family, title, False, f"not finished after {patience:g} s", patience, 0, False))
        if len(found) == before:  # the tool took its process with it
            family, title, _ = due[before]
            found.append(Outcome(family, title, True, f"the process ended with code {child.returncode}", 0.0, 0))
        print(f"{name}: {len(found)} of {len(due)}", file=sys.stderr)
    return found


def _forward(child: subprocess.Popen[str], lines: Queue[str]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put("")


def outcome(run: Callable[[Op, int], int], family: str, name: str, ops: Iterable[Op], seed: int) -> Outcome:
    """Time one op (or group) under one tool; anything it raises is a refusal."""
    start = time.perf_counter()
    count, reason = 0, ""
    try:
        for op in ops:
            count += run(op, seed)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return Outcome(family, name, bool(reason), reason, time.perf_counter() - start, count)


def table(results: dict[str, list[Outcome]]) -> str:
    """The comparison in Markdown."""
    names = list(results)
    lines = [
        "| | " + " | ".join(TOOLS[n] for n in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for family in FAMILIES:
        lines.append(f"| {family} | " + " | ".join(_share(results[n], family) for n in names) + " |")
    lines.append("| **wrong rules caught** | " + " | ".join(_share(results[n], None) for n in names) + " |")
    lines.append("| **correct ops refused** | " + " | ".join(_share(results[n], CORRECT) for n in names) + " |")
    lines.append("| **ms per op** (correct ops: mean, median) | " + " | ".join(_cost(results[n]) for n in names) + " |")
    return "\n".join(lines)


def _share(outcomes: list[Outcome], family: str | None) -> str:
    chosen = [o for o in outcomes if (o.family == family if family else o.family != CORRECT)]
    unfinished = sum(not o.finished for o in chosen)
    return f"{sum(o.refused for o in chosen)}/{len(chosen)}" + (f" ({unfinished} unfinished)" if unfinished else "")


def _cost(outcomes: list[Outcome]) -> str:
    spent = sorted(1e3 * o.seconds for o in outcomes if o.family == CORRECT and o.finished and not o.refused)
    return f"{sum(spent) / len(spent):.1f}, {spent[len(spent) // 2]:.1f}" if spent else "none"


def main() -> None:
    """Run the tools and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None, help="first cases of each family only")
    parser.add_argument("--families", nargs="+", choices=[*FAMILIES, CORRECT], default=[], help="these rows only")
    parser.add_argument("--json", type=Path, default=None, help="keep every outcome here")
    parser.add_argument("--batch", type=int, default=50, help="ops to a process")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for the check of one op")
    parser.add_argument("--one", choices=list(TOOLS), help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        examine(options.one, options.seed, options.limit, options.families, options.first, options.batch)
        return
    results: dict[str, list[Outcome]] = {}
    for name in options.tools:
        try:
            results[name] = collect(
                name, options.seed, options.limit, options.families, options.batch, options.patience
            )
        except RuntimeError as error:
            print(f"left out: {error}", file=sys.stderr)
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps({n: [attrs.asdict(o) for o in r] for n, r in results.items()}, indent=1))


if __name__ == "__main__":
    main()
