"""Text of a kernel's loops: addresses, numbers read and written, steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import attrs

from minigrad_cc.functions import FUNCTIONS
from minigrad_cc.kernel import KernelIR, KernelStep, Operand
from minigrad_cc.writers.stages import stages_of

__all__ = ["Writer"]

_CHOICES: Mapping[str, str] = MappingProxyType({"maximum": "larger", "minimum": "smaller"})
_TILE = 256
"""Places of a tile: some dozen arrays of them stay in the first cache."""


@attrs.define
class Writer:
    """Text of a kernel without reductions: nested loops, the steps inside."""

    kernel: KernelIR

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
        low, high = ("0", f"a[{self.axes - 1}]") if self.axes > 1 else ("first", "last")
        stages = stages_of(self.kernel)
        if len(stages) > 1:
            return self.outer([*self.fixed(), *start, *self.in_stages(stages, low, high), *end])
        inner = [*self.loads(), *self.computed(range(len(self.kernel.steps))), *self.stores(), *inside]
        return self.outer([*self.fixed(), *start, *self.loop(inner, low, high, clauses), *end])

    # -- stages --------------------------------------------------------------------------------------------------------
    def in_stages(self, stages: Sequence[range], low: str, high: str) -> list[str]:
        """A row in tiles, each stage a loop over the tile.

        What later stages want lies in arrays meanwhile. Results are written by the last stage: one may take the memory
        of what an earlier one still reads.
        """
        kernel, reads = self.kernel, len(self.kernel.reads)
        made = {reads + n: s for s, stage in enumerate(stages) for n in stage}
        wanted: list[set[int]] = [{k for n in stage for k in kernel.steps[n].operands} for stage in stages]
        for _, k, _ in kernel.totals:
            wanted[made.get(k, 0)].add(k)
        wanted[-1].update(k for k, _ in kernel.writes)
        kept = sorted({k for s, values in enumerate(wanted) for k in values if made.get(k, s) < s})
        lines = [f"{kernel.type(k)} t{k}[TILE] __attribute__((aligned(64)));" for k in kept]
        inner = [f"const int64_t n = {high} - j0 < TILE ? {high} - j0 : TILE;"]
        for s, stage in enumerate(stages):
            _, clauses, totals, _ = self.totals([t for t in kernel.totals if made.get(t[1], 0) == s])
            body = ["const int64_t j = j0 + r;"]
            body += self.loads(wanted[s])
            body += [f"const {kernel.type(k)} v{k} = t{k}[r];" for k in kept if k in wanted[s] and made[k] < s]
            body += self.computed(stage)
            body += [f"t{k}[r] = v{k};" for k in kept if made[k] == s]
            body += [*totals, *(self.stores() if s == len(stages) - 1 else ())]
            inner += self.loop(body, "0", "n", clauses, "r")
        return [
            f"enum {{ TILE = {_TILE} }};",
            *lines,
            f"for (int64_t j0 = {low}; j0 < {high}; j0 += TILE) {{",
            *(f"    {line}" for line in inner),
            "}",
        ]

    # -- loops ---------------------------------------------------------------------------------------------------------
    def outer(self, inner: Sequence[str]) -> list[str]:
        """All axes but the last; of the outermost one only the part that was asked for."""
        lines: list[str] = []
        for axis in range(self.axes - 1):
            low, high = ("first", "last") if axis == 0 else ("0", f"a[{axis}]")
            lines.append(f"for (int64_t i{axis} = {low}; i{axis} < {high}; ++i{axis}) {{")
        lines += [f"    {line}" for line in inner]
        return lines + ["}"] * (self.axes - 1)

    def loop(
        self, inner: Sequence[str], low: str = "", high: str = "", reductions: Sequence[str] = (), at: str = "j"
    ) -> list[str]:
        clauses = "".join(f" {r}" for r in reductions)
        return [
            f"#pragma omp simd{clauses}",
            f"for (int64_t {at} = {low or '0'}; {at} < {high or f'a[{self.axes - 1}]'}; ++{at}) {{",
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

    def loads(self, wanted: Collection[int] | None = None) -> list[str]:
        """Numbers read at each place: all, or those that are wanted."""
        return [
            f"const {array.type} v{k} = {self.at(k)};"
            for k, array in enumerate(self.kernel.reads)
            if array.kind != "one" and (wanted is None or k in wanted)
        ]

    def stores(self) -> list[str]:
        reads = len(self.kernel.reads)
        return [f"{self.at(reads + n)} = v{k};" for n, (k, _) in enumerate(self.kernel.writes)]

    # -- totals --------------------------------------------------------------------------------------------------------
    def totals(self, chosen: Sequence[tuple[str, int, Operand]]) -> tuple[list[str], list[str], list[str], list[str]]:
        """Declarations, clauses, lines of the loop and lines after it.

        A row is summed by itself, in double.
        """
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

    def expression(self, step: KernelStep) -> str:
        function = FUNCTIONS[step.function]
        operands = [
            f"v{k}" if self.kernel.type(k) == step.operand_type or (step.function == "where" and n == 0) else
            f"({step.operand_type})v{k}"
            for n, k in enumerate(step.operands)
        ]  # fmt: skip
        if step.function in _CHOICES:  # the quicker form is right where the second operand is no NaN
            sure = [k < len(self.kernel.reads) and self.kernel.reads[k].never_nan for k in step.operands]
            if any(sure):
                x, number = operands if sure[1] else reversed(operands)
                return f"{_CHOICES[step.function]}_{step.operand_type}({x}, {number})"
        return function.text.format(*operands, T=step.operand_type)
