"""The C text of a kernel.

The text depends on the number of axes, on types and on how neighbours lie; sizes, strides and addresses come with the
call, as one array of 64-bit integers: the sizes, then for each array (those read, then those written) its address and
its strides in bytes. So one compiled kernel serves all shapes of a kind.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from minigrad_cc.kernel import KernelIR
from minigrad_cc.writers.loops import Writer
from minigrad_cc.writers.rows import RowWriter
from minigrad_cc.writers.short_rows import ShortRowWriter, has_short_rows

__all__ = ["ENTRY", "SHARE", "emitted"]

ENTRY = "minigrad_kernel"
SHARE = "minigrad_share"
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
int {entry}(const int64_t *a, int64_t parts)
{{
    return shared(a, parts);
}}
"""


def emitted(kernel: KernelIR) -> str:
    """C text with one function, `ENTRY(const int64_t *arguments, int64_t parts)`."""
    writer = _writer(kernel)
    return _FRAME.format(
        library=_text("vmath.h"),
        count=len(kernel.totals),
        body="\n".join(f"    {line}" for line in writer.text()),
        totals="\n".join(f"    {line}" for line in writer.written()),
        threads=_text("threads.h"),
        entry=ENTRY,
    )


def _writer(kernel: KernelIR) -> Writer:
    if not kernel.rows:
        return Writer(kernel)
    return ShortRowWriter(kernel) if has_short_rows(kernel) else RowWriter(kernel)


@cache
def _text(name: str) -> str:
    return files("minigrad_cc").joinpath(name).read_text()
