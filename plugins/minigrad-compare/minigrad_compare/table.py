"""A comparison in words and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import attrs

from minigrad.text import finite_or_none
from minigrad.text import table as align
from minigrad_compare.compare import Comparison, Curve, Result

__all__ = ["document", "table"]


def table(comparison: Comparison) -> str:
    """One line for each optimizer, best first: median and range over the seeds."""
    problem = comparison.problem
    head = ("optimizer", "lr", "reached", f"{problem.unit} to target", "seconds to target", f"final {problem.figure}")
    rows = [_row(result, comparison) for result in comparison.results if not result.skipped]
    lines = [
        f"{problem.name}: {problem.figure} to {problem.target:g} in {problem.budget} {problem.unit}, "
        f"{comparison.seeds} seeds; median [least to most]"
    ]
    return "\n".join([*lines, *align(head, rows), *_notes(comparison)])


def _row(result: Result, comparison: Comparison) -> tuple[str, ...]:
    target, curves = comparison.problem.target, result.curves
    hits = [hit for curve in curves if (hit := curve.reached(target)) is not None]
    rate = "none" if result.lr is None else f"{result.lr:g}" + ("*" if result.at_edge else "")
    reached = f"{len(hits)}/{len(curves)}"
    units, seconds = _spread([h[0] for h in hits], "{:.4g}"), _spread([h[1] for h in hits], "{:.3g}")
    return result.optimizer, rate, reached, units, seconds, _spread([c.final for c in curves], "{:.3g}")


def _spread(values: Sequence[float], form: str) -> str:
    if not values:
        return "-"
    middle, least, most = (form.format(v) for v in (median(values), min(values), max(values)))
    return middle if least == most else f"{middle} [{least} to {most}]"


def _notes(comparison: Comparison) -> list[str]:
    tuned = len(comparison.grid)
    notes = [
        f"Each learning rate is the best of the same {tuned} for that rule alone, on {comparison.tuning_seeds} other "
        "seeds. Where ranges overlap, the order means little."
    ]
    if any(r.at_edge for r in comparison.results):
        notes.append("* the smallest or largest rate of the grid: a better one may lie beyond it (--lr).")
    notes += [f"{r.optimizer} was left out: it {r.skipped}." for r in comparison.results if r.skipped]
    for result in comparison.results:
        endings = [(c.seed, c.ended) for c in result.curves if c.ended]
        if endings:
            notes.append(f"{result.optimizer} broke off in {len(endings)} runs: seed {endings[0][0]} {endings[0][1]}.")
    return notes


def document(comparison: Comparison) -> dict[str, object]:
    """Everything, for JSON; figures that are not finite are null."""
    problem = comparison.problem
    return {
        "command": "compare",
        "problem": problem.name,
        "figure": problem.figure,
        "target": problem.target,
        "budget": problem.budget,
        "unit": problem.unit,
        "grid": list(comparison.grid),
        "seeds": comparison.seeds,
        "tuning_seeds": comparison.tuning_seeds,
        "results": [_result(result, problem.target) for result in comparison.results],
    }


def _result(result: Result, target: float) -> dict[str, object]:
    hits = [hit for curve in result.curves if (hit := curve.reached(target)) is not None]
    return {
        "optimizer": result.optimizer,
        "skipped": result.skipped,
        "lr": result.lr,
        "at_edge_of_grid": result.at_edge,
        "reached": len(hits),
        "units_to_target": median(h[0] for h in hits) if hits else None,
        "seconds_to_target": median(h[1] for h in hits) if hits else None,
        "final": finite_or_none(median(c.final for c in result.curves)) if result.curves else None,
        "runs": [_curve(curve) for curve in result.curves],
        "tuning": {f"{lr:g}": finite_or_none([c.final for c in curves]) for lr, curves in result.tuning.items()},
    }


def _curve(curve: Curve) -> dict[str, object]:
    return {
        **attrs.asdict(curve, filter=lambda field, _: field.name != "path"),
        "values": finite_or_none(curve.values),
        "path": finite_or_none(curve.path),
    }
