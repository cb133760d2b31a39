"""Text of a kernel with reductions along short rows.

Many rows side by side, so that they fill vectors.

Rows of ten numbers leave vectors of sixteen empty. Here sixteen rows make a tile: what is read is copied to tiles with
the place in the row first and the row last, all is computed there, and results are copied back. Reductions are sums of
vectors then.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from minigrad_cc.functions import REDUCTIONS
from minigrad_cc.kernel import KernelIR
from minigrad_cc.writers.rows import RowWriter

__all__ = ["ShortRowWriter", "has_short_rows"]

_LANES, _LONGEST, _FEWEST = 16, 32, 4
_CELL, _ROW = "[j * LANES + r]", "[r]"


def has_short_rows(kernel: KernelIR) -> bool:
    """Tell whether a kernel with reductions is one for short rows.

    Rows of up to 32 numbers, several of them in turn.
    """
    few = len(kernel.shape) > 1 and 1 < kernel.shape[-1] <= _LONGEST and kernel.shape[-2] >= _FEWEST
    return kernel.rows and few and not kernel.totals


@attrs.define
class ShortRowWriter(RowWriter):
    """Value k lies in the array `t<k>`, except for single numbers, which are `v<k>`."""

    def text(self) -> list[str]:
        levels = self.levels()
        kept = {*self.kept(levels), *(k for k, _ in self.kernel.writes if not self.kernel.is_row(k))}
        tile = [*self.copied_in()]
        for level in range(max(levels) + 1):
            tile += self.of_rows(level, levels)
            tile += self.of_cells(level, levels, kept)
        tile += self.copied_out()
        return [
            f"enum {{ LANES = {_LANES}, LONGEST = {_LONGEST} }};",
            f"const int64_t n = a[{self.axes - 1}];",
            *self.memory(kept),
            *self.tiles(tile),
        ]

    # -- memory and loops ----------------------------------------------------------------------------------------------
    def is_single(self, k: int) -> bool:
        """Whether value k is one number for the whole grid."""
        return k < len(self.kernel.reads) and not any(self.kernel.reads[k].strides)

    def memory(self, kept: set[int]) -> list[str]:
        """Tiles of what is read and kept, numbers of each row, sums in double."""
        lines = []
        reads = len(self.kernel.reads)
        for k in range(reads + len(self.kernel.steps)):
            kind = self.kernel.type(k)
            if self.is_single(k):
                lines.append(f"const {kind} v{k} = *(const {kind} *)({self.place(k, -1)});")
            elif self.kernel.is_row(k):
                lines.append(f"{kind} t{k}[LANES];")
            elif k < reads or k in kept:
                lines.append(f"{kind} t{k}[LONGEST * LANES];")
        lines += [f"f8 sum{reads + n}[LANES];" for n, s in enumerate(self.kernel.steps) if s.function == "sum"]
        return lines

    def tiles(self, inner: Iterable[str]) -> list[str]:
        """All axes but the last, the one before it in steps of a tile."""
        lines = []
        for axis in range(self.axes - 1):
            low, high = ("first", "last") if axis == 0 else ("0", f"a[{axis}]")
            step = f"i{axis} += LANES" if axis == self.axes - 2 else f"++i{axis}"
            lines.append(f"for (int64_t i{axis} = {low}; i{axis} < {high}; {step}) {{")
        high = "last" if self.axes == 2 else f"a[{self.axes - 2}]"
        here = f"i{self.axes - 2}"
        lines.append(f"const int64_t rows = {high} - {here} < LANES ? {high} - {here} : LANES;")
        return [*lines, *(f"    {line}" for line in inner), *["}"] * (self.axes - 1)]

    def lanes(self, inner: Iterable[str]) -> list[str]:
        return [
            "#pragma omp simd",
            "for (int64_t r = 0; r < LANES; ++r) {",
            *(f"    {line}" for line in inner),
            "}",
        ]

    def columns(self, inner: Iterable[str]) -> list[str]:
        return ["for (int64_t j = 0; j < n; ++j) {", *(f"    {line}" for line in inner), "}"]

    # -- in and out ----------------------------------------------------------------------------------------------------
    def pointer(self, k: int, row: str) -> str:
        """Array k at the start of a row of the tile."""
        outer = "".join(f" + i{axis} * {self.place(k, axis)}" for axis in range(self.axes - 2))
        kind = self.arrays[k].type
        here = f"(i{self.axes - 2} + {row}) * {self.place(k, self.axes - 2)}"
        return f"{kind} *p{k} = ({kind} *)({self.place(k, -1)}{outer} + {here});"

    def gap(self, k: int) -> str:
        """Stride along a row."""
        return f"const int64_t s{k} = {self.place(k, self.axes - 1)} / (int64_t)sizeof({self.arrays[k].type});"

    def copied_in(self) -> list[str]:
        """What is read; where rows are missing in the last tile, the last row again."""
        lines = []
        for k, array in enumerate(self.kernel.reads):
            if self.is_single(k):
                continue
            one = array.kind == "one"
            copied = [f"t{k}[r] = *p{k};"] if one else [self.gap(k), *self.columns([f"t{k}{_CELL} = p{k}[j * s{k}];"])]
            lines += [
                "for (int64_t r = 0; r < LANES; ++r) {",
                f"    const {self.pointer(k, '(r < rows ? r : rows - 1)')}",
                *(f"    {line}" for line in copied),
                "}",
            ]
        return lines

    def copied_out(self) -> list[str]:
        lines = []
        reads = len(self.kernel.reads)
        for n, (k, array) in enumerate(self.kernel.writes):
            p = reads + n
            if self.kernel.is_row(k) or array.kind == "one":
                copied = [f"*p{p} = {self.name(k)};"]
            else:
                copied = [self.gap(p), *self.columns([f"p{p}[j * s{p}] = {self.name(k)};"])]
            lines += [
                "for (int64_t r = 0; r < rows; ++r) {",
                f"    {self.pointer(p, 'r')}",
                *(f"    {line}" for line in copied),
                "}",
            ]
        return lines

    # -- steps ---------------------------------------------------------------------------------------------------------
    def name(self, k: int) -> str:
        """Where value k is, at row r (and column j) of the tile."""
        if self.is_single(k):
            return f"v{k}"
        return f"t{k}{_ROW if self.kernel.is_row(k) else _CELL}"

    def loaded(self, wanted: Iterable[int]) -> list[str]:
        return [f"const {self.kernel.type(k)} v{k} = {self.name(k)};" for k in sorted(wanted) if not self.is_single(k)]

    def of_rows(self, level: int, levels: list[int]) -> list[str]:
        """Reductions that are complete now, and what is computed from numbers of rows."""
        reads, steps = len(self.kernel.reads), self.kernel.steps
        chosen = [n for n, s in enumerate(steps) if s.row and levels[reads + n] == level]
        sums = [n for n in chosen if steps[n].function in REDUCTIONS]
        own = [n for n in chosen if n not in sums]
        body = [f"t{reads + n}[r] = ({steps[n].type})sum{reads + n}[r];" for n in sums if steps[n].function == "sum"]
        computed = {reads + n for n in own}
        body += self.loaded({k for n in own for k in steps[n].operands} - computed)
        body += self.computed(own)
        body += [f"t{k}[r] = v{k};" for k in sorted(computed)]
        return self.lanes(body) if body else []

    def of_cells(self, level: int, levels: list[int], kept: set[int]) -> list[str]:
        """One pass over the tile."""
        reads, steps = len(self.kernel.reads), self.kernel.steps
        cells = [n for n, s in enumerate(steps) if not s.row and levels[reads + n] == level]
        sums = [n for n, s in enumerate(steps) if s.function in REDUCTIONS and levels[reads + n] == level + 1]
        computed = {reads + n for n in cells}
        body = self.loaded({k for n in (*cells, *sums) for k in steps[n].operands} - computed)
        body += self.computed(cells)
        body += [f"t{k}{_CELL} = v{k};" for k in sorted(computed & kept)]
        before = []
        for n in sums:
            k, x, kind = reads + n, f"v{steps[n].operands[0]}", steps[n].type
            if steps[n].function == "sum":
                before.append(f"sum{k}[r] = 0;")
                body.append(f"sum{k}[r] += (f8){x};")
            else:
                most, start = ("maximum", "-INFINITY") if steps[n].function == "max" else ("minimum", "INFINITY")
                before.append(f"t{k}[r] = {start};")
                body.append(f"t{k}[r] = {most}_{kind}(t{k}[r], {x});")
        return [*(self.lanes(before) if before else []), *(self.columns(self.lanes(body)) if body else [])]
