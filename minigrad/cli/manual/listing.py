"""`minigrad optimizers` and `minigrad ops`."""

from __future__ import annotations

from argparse import Namespace

import attrs

from minigrad.cli.manual.pager import show_text
from minigrad.cli.output import wrapped, write_json
from minigrad.core import REGISTRY, Op
from minigrad.docs.describe_op import describe_op, facts_of, find_op
from minigrad.optim import available
from minigrad.text import table
from minigrad.verify.certificate import certificate_of

__all__ = ["list_ops", "list_optimizers"]


def list_optimizers(arguments: Namespace) -> int:
    """Print who offers which optimizer. Nothing of a plugin is imported."""
    entries = available()
    if arguments.json:
        write_json({name: attrs.asdict(e) for name, e in sorted(entries.items())})
        return 0
    rows = [(name, f"{e.distribution} {e.version}", e.value) for name, e in sorted(entries.items())]
    print(wrapped("\n".join(table(("name", "distribution", "entry point"), rows))))
    if not rows:
        print("no distribution offers an entry point in the group minigrad.optimizers")
    return 0


def list_ops(arguments: Namespace) -> int:
    """Print every op in the registry with what the gate checked, or all about one."""
    from minigrad.api import register_all
    from minigrad.ops.plugins import load_all

    if arguments.name is not None:
        return _describe(arguments.name, arguments.json)

    register_all()
    refusals = [why for plugin in load_all() for why in plugin.refusals]
    ops = sorted(REGISTRY, key=lambda op: op.name)
    if arguments.json:
        write_json({op.name: _certificate(op) for op in ops})
    elif arguments.certificates:
        print(wrapped("\n".join(table(_COLUMNS, [row for op in ops for row in _certificate_rows(op)]))))
        for op in ops:
            for reason in certificate_of(op).refused:
                print(f"{op.name} itself refuses {reason}")
    else:
        rows = [
            (op.name, ", ".join(a.name for a in op.arguments), str(certificate_of(op).cases), _resolution(op))
            for op in ops
        ]
        print(wrapped("\n".join(table(("op", "arguments", "cases", "reveals errors from"), rows))))
        print(f"{len(ops)} ops, each verified against finite differences when it was registered")
    if not arguments.json:
        for why in refusals:
            print(f"refused: {why}")
    return 0


def _describe(name: str, as_json: bool) -> int:
    known = facts_of(find_op(name))
    if as_json:
        write_json({known.name: {**_certificate(find_op(name)), "call": known.call, "text": known.text,
            "forward": known.forward, "rules": list(known.rules), **dict(known.facts)}})  # fmt: skip
    else:
        show_text(describe_op(name))
    return 0


_COLUMNS = ("op", "argument", "smallest error revealed", "bluntest case", "in cases", "cases", "checks", "on kinks",
            "second order", "ms")  # fmt: skip


def _certificate_rows(op: Op) -> list[tuple[str, ...]]:
    """A row for each differentiable argument; what holds for the whole op stands in the first."""
    c = certificate_of(op)
    later = "-" if op.claims.piecewise_constant else "before first use"
    whole = (
        str(c.cases),
        str(c.checks),
        str(c.kinks),
        "checked" if c.second_order else later,
        f"{1e3 * c.seconds:.1f}",
    )
    if op.claims.piecewise_constant or not c.powers:
        return [(op.name, "-", "zero derivative", "-", "-", *whole)]
    rows = [(p.argument, f"{p.resolution:.1e}", f"{p.worst:.1e}", str(p.cases)) for p in c.powers]
    return [(op.name, *rows[0], *whole), *(("", *row, "", "", "", "", "") for row in rows[1:])]


def _resolution(op: Op) -> str:
    return "zero derivative" if op.claims.piecewise_constant else f"{op.certificate.resolution:.1e}"


def _certificate(op: Op) -> dict[str, object]:
    c = certificate_of(op)
    return {
        "module": op.module,
        "arguments": [a.name for a in op.arguments],
        "seed": c.seed,
        "cases": c.cases,
        "checks": c.checks,
        "kinks": c.kinks,
        "powers": [
            {"argument": p.argument, "cases": p.cases, "resolution": p.resolution, "worst": p.worst} for p in c.powers
        ],
        "refused": list(c.refused),
        "second_order": c.second_order,
        "seconds": c.seconds,
    }
