"""Results as Markdown and as a bar chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.contestants import CONTESTANTS
from benchmarks.measure import Figures

__all__ = ["chart", "tables"]

REFERENCE = "PyTorch eager"
Results = Mapping[str, Mapping[str, Mapping[str, Figures]]]


def tables(results: Results, imports: Mapping[str, float | None]) -> str:
    """p10 and median times, ratios to PyTorch eager, first steps, memory, imports, and reasons for what is missing."""
    parts = []
    for threads, rows in results.items():
        parts.append(f"## {threads}\n\np10 (median) of a step, in microseconds\n\n{_table(rows, _time)}")
        parts.append(f"p10 over that of {REFERENCE}; below 1 is faster\n\n{_table(rows, _ratio)}")
        parts.append(f"Seconds until the first step was done (tracing, compiling)\n\n{_table(rows, _first)}")
        parts.append(f"Peak memory of the process, MiB\n\n{_table(rows, _memory)}")
        parts.append(_reasons(rows))
    if imports:
        lines = "\n".join(f"| {n} | {'' if ms is None else f'{ms:.0f}'} |" for n, ms in imports.items())
        parts.append("## Import\n\nmilliseconds over the bare interpreter, median of 7")
        parts.append(f"| import | ms |\n|---|---|\n{lines}")
    return "\n\n".join(parts) + "\n"


Cell = Callable[[Mapping[str, Figures], Figures], str]


def _time(row: Mapping[str, Figures], f: Figures) -> str:
    return "" if f.p10 is None or f.median is None else f"{f.p10 * 1e6:.0f} ({f.median * 1e6:.0f})"


def _ratio(row: Mapping[str, Figures], f: Figures) -> str:
    reference = row.get(REFERENCE, Figures()).p10
    return "" if f.p10 is None or not reference else f"{f.p10 / reference:.3g}"


def _first(row: Mapping[str, Figures], f: Figures) -> str:
    return "" if f.p10 is None else f"{f.first:.3f}"


def _memory(row: Mapping[str, Figures], f: Figures) -> str:
    return "" if f.p10 is None else f"{f.memory:.0f}"


def _table(rows: Mapping[str, Mapping[str, Figures]], cell: Cell) -> str:
    names = [c.name for c in CONTESTANTS if any(c.name in row for row in rows.values())]
    lines = ["| case | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for case, row in rows.items():
        lines.append(f"| {case} | " + " | ".join(cell(row, row.get(n, Figures())) for n in names) + " |")
    return "\n".join(lines)


def _reasons(rows: Mapping[str, Mapping[str, Figures]]) -> str:
    found: dict[str, dict[str, list[str]]] = {}
    for case, row in rows.items():
        for name, f in row.items():
            if f.missing:
                found.setdefault(name, {}).setdefault(f.missing, []).append(case)
    lines = [f"- {n}: {why} ({', '.join(cases)})" for n, reasons in found.items() for why, cases in reasons.items()]
    return "Not run\n\n" + "\n".join(lines) if lines else ""


def chart(results: Results, path: Path) -> None:
    """Bars of the ratios, on a logarithmic axis, a panel for each number of threads."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5.5 * max(1, len(results))), layout="constrained")
    for k, (threads, rows) in enumerate(results.items()):
        axes = figure.add_subplot(len(results), 1, k + 1)
        names = [c.name for c in CONTESTANTS if c.name != REFERENCE and any(c.name in row for row in rows.values())]
        for i, name in enumerate(names):
            bars = [(j, _number(row, name)) for j, row in enumerate(rows.values())]
            places = [j + (i - len(names) / 2) * 0.8 / len(names) for j, value in bars if value]
            axes.bar(places, [value for _, value in bars if value], 0.8 / len(names), label=name, align="edge")
        axes.axhline(1.0, color="black", linewidth=1.0)
        axes.set_yscale("log")
        axes.set_xticks(range(len(rows)), list(rows), rotation=20, ha="right")
        axes.set_ylabel(f"time over {REFERENCE}")
        axes.set_title(f"{threads}: shorter is faster")
        axes.legend(ncols=5, fontsize=8)
    figure.savefig(path, dpi=110)


def _number(row: Mapping[str, Figures], name: str) -> float | None:
    text = _ratio(row, row.get(name, Figures()))
    return float(text) if text else None
