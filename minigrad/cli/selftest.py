"""`minigrad selftest`: the deep check of every registered op, those of plugins included."""

from __future__ import annotations

import math
import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Sequence

import attrs

from minigrad.api import register_all
from minigrad.cli.exit_codes import CHECK_FAILED
from minigrad.cli.output import write_json
from minigrad.core import REGISTRY, Op
from minigrad.core.errors import MinigradError, nearest
from minigrad.ops.plugins import LoadedOps, load_all, refusal_of
from minigrad.text import table
from minigrad.train.output.progress_line import Live, live_line
from minigrad.verify.mutation import MutationReport, mutation_check

__all__ = ["UnknownOp", "everything", "selftest"]
_HEAD = ("op", "passed", "larger", "cases", "checks", "reveals from", "lines missed", "killed", "unreached", "seconds")


class UnknownOp(MinigradError):
    """There is no op of that name, neither in the library nor in a plugin."""


def selftest(arguments: Namespace) -> int:
    """Check the ops asked for (all by default), print a table.

    Returns 0, or 3 if something failed.
    """
    began = time.perf_counter()
    plugins = everything()
    ops = _chosen(arguments.ops)
    reports = [
        mutation_check(op, range(arguments.seeds), None if arguments.no_mutants else 0)
        for op in _shown(ops, live_line(sys.stderr))
    ]
    refusals = [] if arguments.ops else [r for p in plugins for r in p.refusals]
    seconds = time.perf_counter() - began
    if arguments.json:
        write_json(_document(reports, refusals, seconds))
    else:
        print("\n".join(_report(reports, refusals, seconds)))
    return 0 if all(d.ok for d in reports) and not refusals else CHECK_FAILED


def everything() -> tuple[LoadedOps, ...]:
    """Register all families and the ops of every allowed plugin; return what became of each."""
    register_all()
    return load_all()


def _chosen(names: Sequence[str]) -> list[Op]:
    ops = {op.name: op for op in REGISTRY}
    for name in names:
        if name not in ops:
            if why := refusal_of(name):
                raise UnknownOp(f"op {name!r} was refused when its plugin was loaded. {why}")
            raise UnknownOp(f"there is no op {name!r}.{nearest(name, ops)} 'minigrad ops' lists all {len(ops)}")
    return [ops[name] for name in (names or sorted(ops))]


def _shown(ops: Sequence[Op], line: Live | None) -> Iterable[Op]:
    """The ops in turn, with a line of progress on a terminal."""
    for k, op in enumerate(ops):
        if line is not None:
            line.show(k / len(ops), f"{k + 1}/{len(ops)} {op.name}")
        yield op
    if line is not None:
        line.clear()


def _report(reports: Sequence[MutationReport], refusals: Sequence[str], seconds: float) -> list[str]:
    lines = table(_HEAD, [_row(d) for d in reports])
    for title, items in (
        ("failed", [f"{d.op}, {f}" for d in reports for f in d.failures]),
        ("refused plugins", list(refusals)),
        ("survived mutants", [f"{o.op}, argument {o.argument!r}: {o.mutation}" for d in reports for o in d.survived]),
        ("lines of rules never executed", [f"{d.op}: {_near(u)}" for d in reports for u in d.unexecuted]),
        ("skipped", [f"{d.op}: {s}" for d in reports for s in d.skipped]),
    ):
        if items:
            lines += ["", f"{title}:", *(f"  {i}" for i in items)]
    return [*lines, "", _summary(reports, refusals, seconds)]


def _row(d: MutationReport) -> tuple[str, ...]:
    reveals = f"{d.resolution:.1e}" if d.resolution else "zero derivative"
    mutants = f"{d.killed}/{d.killed + len(d.survived)}"
    return (
        d.op, f"{d.passed}/{d.seeds}", str(d.larger), str(d.cases), str(d.checks), reveals if d.passed else "-",
        str(len(d.unexecuted)), mutants, str(d.unreached), f"{d.seconds:.2f}",
    )  # fmt: skip


def _near(place: str) -> str:
    path, _, line = place.rpartition(":")
    inside = os.path.relpath(path)
    return f"{path if inside.startswith('..') else inside}:{line}"


def _summary(reports: Sequence[MutationReport], refusals: Sequence[str], seconds: float) -> str:
    killed, survived = sum(d.killed for d in reports), sum(len(d.survived) for d in reports)
    good = sum(d.passed == d.seeds for d in reports)
    text = f"{good} of {len(reports)} ops pass at every seed ({sum(d.seeds for d in reports)} runs)"
    if killed + survived:
        rate = killed / (killed + survived)
        text += f"; {killed} of {killed + survived} mutants killed ({math.floor(1e4 * rate) / 100:.2f} %)"
    if refusals:
        text += f"; {len(refusals)} refused by the gate when their plugin was loaded"
    return f"{text}; {seconds:.0f} s"


def _document(reports: Sequence[MutationReport], refusals: Sequence[str], seconds: float) -> dict[str, object]:
    killed, survived = sum(d.killed for d in reports), sum(len(d.survived) for d in reports)
    return {
        "command": "selftest",
        "ops": [{**attrs.asdict(d), "ok": d.ok} for d in reports],
        "refused": list(refusals),
        "passed": sum(d.passed == d.seeds for d in reports),
        "killed": killed,
        "survived": survived,
        "kill_rate": killed / (killed + survived) if killed + survived else None,
        "seconds": seconds,
    }
