"""Text of a kernel with reductions along its rows.

A row is passed over once for each level: level 0 computes what needs no reduction, level 1 what needs the reductions of
level 0, and so on; what a later pass needs waits in scratch memory.
"""

from __future__ import annotations

import attrs

from minigrad_cc.functions import REDUCTIONS
from minigrad_cc.kernel import KernelStep, Operand
from minigrad_cc.writers.loops import Writer

__all__ = ["RowWriter"]


@attrs.define
class RowWriter(Writer):
    """Text of a kernel with reductions along its rows."""

    def text(self) -> list[str]:
        levels = self.levels()
        top = max(levels)
        kept = self.kept(levels)
        inner = [*self.fixed()]
        for level in range(top + 1):
            inner += self.scalars(level, levels)
            inner += self.sweep(level, levels, kept)
        inner += self.row_stores()
        if self.axes == 1:
            inner = ["(void)first, (void)last;", *inner]
        memory = [
            f"{self.kernel.type(k)} *t{k} = ({self.kernel.type(k)} *)malloc((size_t)a[{self.axes - 1}] * sizeof *t{k});"
            for k in kept
        ]
        freed = [f"free(t{k});" for k in kept]
        if kept:
            missing = " || ".join(f"!t{k}" for k in kept)
            memory += [f"if ({missing}) {{", *(f"    {line}" for line in freed), "    return 1;", "}"]
        return [*memory, *self.outer(inner), *freed]

    def levels(self) -> list[int]:
        """For each value the pass in which it is computed."""
        row_levels = [0] * len(self.kernel.reads)
        for step in self.kernel.steps:
            below = max((row_levels[k] for k in step.operands), default=0)
            row_levels.append(below + 1 if step.function in REDUCTIONS else below)
        return row_levels

    def kept(self, levels: list[int]) -> list[int]:
        """Values of one pass that a later pass, or the writing in the last one, asks for."""
        reads, last = len(self.kernel.reads), max(levels)
        ends = [*(k for k, _ in self.kernel.writes), *(k for _, k, _ in self.kernel.totals)]
        needed_values = {k for k in ends if not self.kernel.is_row(k) and k >= reads and levels[k] < last}
        for n, step in enumerate(self.kernel.steps):
            at = levels[reads + n] - (step.function in REDUCTIONS)
            needed_values |= {k for k in step.operands if k >= reads and not self.kernel.is_row(k) and levels[k] < at}
        return sorted(needed_values)

    def scalars(self, level: int, levels: list[int]) -> list[str]:
        """What is one number for the row, from reductions that are complete."""
        reads = len(self.kernel.reads)
        chosen = [
            n
            for n, step in enumerate(self.kernel.steps)
            if step.row and step.function not in REDUCTIONS and levels[reads + n] == level
        ]
        return self.computed(chosen)

    def sweep(self, level: int, levels: list[int], kept: list[int]) -> list[str]:
        """One pass over the row."""
        reads, steps, top = len(self.kernel.reads), self.kernel.steps, max(levels)
        cells = [n for n, s in enumerate(steps) if not s.row and levels[reads + n] == level]
        sums = [n for n, s in enumerate(steps) if s.function in REDUCTIONS and levels[reads + n] == level + 1]
        written, totals = self.last_pass() if level == top else ([], [])
        needed = {k for n in (*cells, *sums) for k in steps[n].operands} | {k for _, k in written}
        needed |= {k for _, k, _ in totals}
        if not (cells or sums or written or totals):
            return []
        body = [
            f"const {self.kernel.type(k)} v{k} = {self.at(k) if k < reads else f't{k}[j]'};"
            for k in sorted(needed)
            if not self.kernel.is_row(k) and (k < reads or levels[k] < level)
        ]
        body += self.computed(cells)
        body += [f"t{k}[j] = v{k};" for k in kept if levels[k] == level]
        body += [f"{self.at(reads + n)} = v{k};" for n, k in written]
        lines, clauses, inside, after = self.totals(totals)
        body += inside
        for n in sums:
            before, clause, inside, end = _accumulation(steps[n], reads + n)
            lines += before
            clauses += clause
            body += inside
            after = [*end, *after]
        return [*lines, *self.loop(body, reductions=clauses), *after]

    def last_pass(self) -> tuple[list[tuple[int, int]], list[tuple[str, int, Operand]]]:
        """What is written and summed up in the last pass: results may lie where the operands are."""
        written = [(n, k) for n, (k, _) in enumerate(self.kernel.writes) if not self.kernel.is_row(k)]
        return written, [t for t in self.kernel.totals if not self.kernel.is_row(t[1])]

    def row_stores(self) -> list[str]:
        reads = len(self.kernel.reads)
        return [f"*p{reads + n} = v{k};" for n, (k, _) in enumerate(self.kernel.writes) if self.kernel.is_row(k)]


def _accumulation(step: KernelStep, k: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Declarations, clauses, lines of the loop and lines after it of one reduction.

    Sums are made in double.
    """
    x = f"v{step.operands[0]}"
    if step.function == "sum":
        return (
            [f"f8 r{k} = 0;"],
            [f"reduction(+ : r{k})"],
            [f"r{k} += (f8){x};"],
            [f"const {step.type} v{k} = ({step.type})r{k};"],
        )
    sign, start, clause = (">", "-INFINITY", "max") if step.function == "max" else ("<", "INFINITY", "min")
    return (
        [f"{step.type} r{k} = {start};", f"int n{k} = 0;"],
        [f"reduction({clause} : r{k})", f"reduction(| : n{k})"],
        [f"r{k} = {x} {sign} r{k} ? {x} : r{k};", f"n{k} |= {x} != {x};"],
        [f"const {step.type} v{k} = n{k} ? ({step.type})NAN : r{k};"],
    )
