"""The C text of a kernel.

The text depends on the number of axes, on types and on how neighbours lie; sizes, strides and addresses come with the
call, as one array of 64-bit integers: the sizes, then for each array (those read, then those written) its address and
its strides in bytes. So one compiled kernel serves all shapes of a kind.

A row with reductions is passed over once for each level: level 0 computes what needs no reduction, level 1 what needs
the reductions of level 0, and so on; what a later pass needs waits in scratch memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from types import MappingProxyType

import attrs

from minigrad_cc.functions import FUNCTIONS, REDUCTIONS
from minigrad_cc.kernel import Kernel, Operand, Step

__all__ = ["ENTRY", "emitted"]

ENTRY = "minigrad_kernel"
_CHOICES: Mapping[str, str] = MappingProxyType({"maximum": "larger", "minimum": "smaller"})
_FRAME = """{library}
enum {{ TOTALS = {count} }};

static int part(const int64_t *a, int64_t first, int64_t last, f8 *totals)
{{
{body}
    return 0;
}}

static void written(const int64_t *a, const f8 *totals)
{{
{totals}
}}

{threads}
/* a: sizes, then address and strides of each array. Returns 0, or 1 where there was no memory. */
int {entry}(const int64_t *a, int64_t workers)
{{
    return shared(a, workers);
}}
"""


def emitted(kernel: Kernel) -> str:
    """C text with one function, `ENTRY(const int64_t *arguments, int64_t workers)`."""
    writer = _RowWriter(kernel) if kernel.rows else _Writer(kernel)
    source = files("minigrad_cc")
    return _FRAME.format(
        library=source.joinpath("vmath.h").read_text(),
        count=len(kernel.totals),
        body="\n".join(f"    {line}" for line in writer.text()),
        totals="\n".join(f"    {line}" for line in writer.written()),
        threads=source.joinpath("threads.h").read_text(),
        entry=ENTRY,
    )


@attrs.define
class _Writer:
    """Text of a kernel without reductions: nested loops, the steps inside."""

    kernel: Kernel

    @property
    def axes(self) -> int:
        return len(self.kernel.shape)

    @property
    def arrays(self) -> list[Operand]:
        kernel = self.kernel
        return [*kernel.reads, *(where for _, where in kernel.writes), *(where for _, _, where in kernel.totals)]

    def place(self, k: int, axis: int) -> str:
        """Where the call's integers hold the stride of array k along an axis; -1: its address."""
        return f"a[{self.axes + k * (self.axes + 1) + 1 + axis}]"

    def text(self) -> list[str]:
        start, clauses, inside, end = self.totals(self.kernel.totals)
        inner = [*self.loads(), *self.computed(range(len(self.kernel.steps))), *self.stores(), *inside]
        low, high = ("", "") if self.axes > 1 else ("first", "last")
        return self.outer([*self.fixed(), *start, *self.loop(inner, low, high, clauses), *end])

    # -- loops ---------------------------------------------------------------------------------------------------------
    def outer(self, inner: Sequence[str]) -> list[str]:
        """All axes but the last; of the outermost one only the part that was asked for."""
        lines: list[str] = []
        for axis in range(self.axes - 1):
            low, high = ("first", "last") if axis == 0 else ("0", f"a[{axis}]")
            lines.append(f"for (int64_t i{axis} = {low}; i{axis} < {high}; ++i{axis}) {{")
        lines += [f"    {line}" for line in inner]
        return lines + ["}"] * (self.axes - 1)

    def loop(self, inner: Sequence[str], low: str = "", high: str = "", reductions: Sequence[str] = ()) -> list[str]:
        clauses = "".join(f" {r}" for r in reductions)
        return [
            f"#pragma omp simd{clauses}",
            f"for (int64_t j = {low or '0'}; j < {high or f'a[{self.axes - 1}]'}; ++j) {{",
            *(f"    {line}" for line in inner),
            "}",
        ]

    # -- arrays --------------------------------------------------------------------------------------------------------
    def fixed(self) -> list[str]:
        """Addresses at the start of a row, and numbers that are one for the whole row."""
        lines = []
        for k, array in enumerate(self.arrays[: len(self.kernel.reads) + len(self.kernel.writes)]):
            outer = "".join(f" + i{axis} * {self.place(k, axis)}" for axis in range(self.axes - 1))
            const = "const " if k < len(self.kernel.reads) else ""
            lines.append(f"{const}{array.type} *p{k} = ({const}{array.type} *)({self.place(k, -1)}{outer});")
            if array.kind == "apart":
                lines.append(f"const int64_t s{k} = {self.place(k, self.axes - 1)} / (int64_t)sizeof({array.type});")
            if array.kind == "one" and k < len(self.kernel.reads):
                lines.append(f"const {array.type} v{k} = *p{k};")
        return lines

    def at(self, k: int) -> str:
        """Array k at place j of the row."""
        return {"one": f"*p{k}", "next": f"p{k}[j]", "apart": f"p{k}[j * s{k}]"}[self.arrays[k].kind]

    def loads(self) -> list[str]:
        return [
            f"const {array.type} v{k} = {self.at(k)};"
            for k, array in enumerate(self.kernel.reads)
            if array.kind != "one"
        ]

    def stores(self) -> list[str]:
        reads = len(self.kernel.reads)
        return [f"{self.at(reads + n)} = v{k};" for n, (k, _) in enumerate(self.kernel.writes)]

    # -- totals --------------------------------------------------------------------------------------------------------
    def totals(self, chosen: Sequence[tuple[str, int, Operand]]) -> tuple[list[str], list[str], list[str], list[str]]:
        """Declarations, clauses, lines of the loop and lines after it. A row is summed by itself, in double."""
        start, clauses, inside, end = list[str](), list[str](), list[str](), list[str]()
        for total in chosen:
            n, (function, k, _) = self.kernel.totals.index(total), total
            start.append(f"f8 total{n} = 0;")
            clauses.append(f"reduction(+ : total{n})")
            inside.append(f"total{n} += (f8)v{k}" + (f" * (f8)v{k};" if function == "sum_squares" else ";"))
            end.append(f"totals[{n}] += total{n};")
        return start, clauses, inside, end

    def written(self) -> list[str]:
        """The totals go to their places."""
        before = len(self.kernel.reads) + len(self.kernel.writes)
        lines = [
            f"*({where.type} *){self.place(before + n, -1)} = ({where.type})totals[{n}];"
            for n, (_, _, where) in enumerate(self.kernel.totals)
        ]
        return lines or ["(void)a, (void)totals;"]

    # -- steps ---------------------------------------------------------------------------------------------------------
    def computed(self, numbers: Sequence[int]) -> list[str]:
        reads = len(self.kernel.reads)
        return [
            f"const {step.type} v{reads + n} = {self.expression(step)};"
            for n, step in ((n, self.kernel.steps[n]) for n in numbers)
        ]

    def expression(self, step: Step) -> str:
        function = FUNCTIONS[step.function]
        operands = [
            f"v{k}" if self.kernel.type(k) == step.given or (step.function == "where" and n == 0) else
            f"({step.given})v{k}"
            for n, k in enumerate(step.operands)
        ]  # fmt: skip
        if step.function in _CHOICES:  # the quicker form is right where the second operand is no NaN
            sure = [k < len(self.kernel.reads) and self.kernel.reads[k].never_nan for k in step.operands]
            if any(sure):
                x, number = operands if sure[1] else reversed(operands)
                return f"{_CHOICES[step.function]}_{step.given}({x}, {number})"
        return function.text.format(*operands, T=step.given)


@attrs.define
class _RowWriter(_Writer):
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
        found = [0] * len(self.kernel.reads)
        for step in self.kernel.steps:
            below = max((found[k] for k in step.operands), default=0)
            found.append(below + 1 if step.function in REDUCTIONS else below)
        return found

    def kept(self, levels: list[int]) -> list[int]:
        """Values of one pass that a later pass, or the writing in the last one, asks for."""
        reads, last = len(self.kernel.reads), max(levels)
        ends = [*(k for k, _ in self.kernel.writes), *(k for _, k, _ in self.kernel.totals)]
        wanted = {k for k in ends if not self.kernel.is_row(k) and k >= reads and levels[k] < last}
        for n, step in enumerate(self.kernel.steps):
            at = levels[reads + n] - (step.function in REDUCTIONS)
            wanted |= {k for k in step.operands if k >= reads and not self.kernel.is_row(k) and levels[k] < at}
        return sorted(wanted)

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


def _accumulation(step: Step, k: int) -> tuple[list[str], list[str], list[str], list[str]]:
    """Declarations, clauses, lines of the loop and lines after it of one reduction. Sums are made in double."""
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
