"""`minigrad optimizers` and `minigrad ops`."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from collections.abc import Sequence

import attrs

from minigrad.core import REGISTRY, Op
from minigrad.optim import available

__all__ = ["list_ops", "list_optimizers"]


def list_optimizers(arguments: Namespace) -> int:
    """Print who offers which optimizer. Nothing of a plugin is imported."""
    entries = available()
    if arguments.json:
        print(json.dumps({name: attrs.asdict(e) for name, e in sorted(entries.items())}, indent=2))
        return 0
    rows = [(name, f"{e.distribution} {e.version}", e.value) for name, e in sorted(entries.items())]
    print("\n".join(_table(("name", "distribution", "entry point"), rows)))
    if not rows:
        print("no distribution offers an entry point in the group minigrad.optimizers")
    return 0


def list_ops(arguments: Namespace) -> int:
    """Print every op in the registry with what the gate checked."""
    import minigrad.ops  # noqa: F401 - registers the library

    ops = sorted(REGISTRY, key=lambda op: op.name)
    if arguments.json:
        print(json.dumps({op.name: _certificate(op) for op in ops}, indent=2, allow_nan=False))
    elif arguments.certificates:
        print("\n".join(str(op.certificate) for op in ops))
    else:
        rows = [
            (op.name, ", ".join(a.name for a in op.arguments), str(op.certificate.cases), _resolution(op)) for op in ops
        ]
        print("\n".join(_table(("op", "arguments", "cases", "reveals errors from"), rows)))
        print(f"{len(ops)} ops, each verified against finite differences when it was registered")
    return 0


def _resolution(op: Op) -> str:
    return "zero derivative" if op.claims.piecewise_constant else f"{op.certificate.resolution:.1e}"


def _certificate(op: Op) -> dict[str, object]:
    c = op.certificate
    return {
        "module": op.module,
        "arguments": [a.name for a in op.arguments],
        "seed": c.seed,
        "cases": c.cases,
        "checks": c.checks,
        "kinks": c.kinks,
        "powers": [
            {"argument": p.argument, "cases": p.cases, "resolution": _finite(p.resolution), "worst": _finite(p.worst)}
            for p in c.powers
        ],
        "refused": list(c.refused),
        "second_order": c.second_order,
        "seconds": c.seconds,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in (head, *rows)]
