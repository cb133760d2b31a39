"""Sums of rows by place as entries of a C plan: by the products of which NumPy makes them.

See `minigrad.program.kernels.moves`. The bits of such a product depend on how many rows it adds up, so C has the matrix
library make the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import attrs
import numpy as np

from minigrad.engines.blas import blas_function
from minigrad.engines.plan import ArrayCall, Operand
from minigrad.engines.threads import thread_count
from minigrad.typing import Array
from minigrad_cc.entries import Entry, copied, entry, kind_of
from minigrad_cc.products import matmul, reshaped

__all__ = ["put_along"]

_ADDED = 1 << 17
"""Numbers that are worth a thread: some 15 microseconds."""


def put_along(call: ArrayCall) -> Sequence[Entry] | None:
    """Rows of the first operand, added to zeros at the places of the second."""
    (g, places), out = call.operands, call.out
    if out is None or kind_of(g.form, out) is None or places.form.dtype != np.int64:
        return None
    if not (g.form.flags.c_contiguous and out.flags.c_contiguous):
        return None
    before: Sequence[Entry] | None = ()
    if not places.form.flags.c_contiguous:
        straight = np.empty_like(places.form, order="C")
        before, places = copied(places, straight), Operand(straight)
    rows = attrs.evolve(g, form=reshaped(g.form, (places.form.size, g.form.size // places.form.size)))
    add = _by_place if call.options["by_place"] else _by_product
    sums = add(rows, places, out.reshape(cast(int, call.options["length"]), -1))
    return None if before is None or sums is None else [*before, *sums]


def _by_place(rows: Operand, places: Operand, sums: Array) -> Sequence[Entry] | None:
    """Ones times the rows of each place."""
    (count, width), length, kind = rows.form.shape, len(sums), kind_of(sums)
    function = blas_function("gemv", kind or "f4")
    if not function or width < 2:  # NumPy takes one column as a vector
        return None
    ones, together = np.ones(count, sums.dtype), np.empty(rows.form.shape, sums.dtype)
    numbers, starts = np.empty_like(places.form, shape=count), np.empty_like(places.form, shape=length + 1)
    kept: tuple[Array, ...] = (ones, together, numbers, starts)
    rest = [count, length, width, function, *(array.ctypes.data for array in kept)]
    one = entry(f"put_along_{kind}", (rows, places), sums, rest)
    parts = max(1, min(thread_count(), length, rows.form.size // _ADDED))
    return [attrs.evolve(one, kept=(*one.kept, *kept), parts=parts)]


def _by_product(rows: Operand, places: Operand, sums: Array) -> Sequence[Entry] | None:
    """The 0-1 matrix of places times all rows."""
    matrix = np.zeros((len(sums), places.form.size), sums.dtype)
    one = int(np.ones(1, sums.dtype).view(f"i{sums.itemsize}")[0])
    product = matmul(ArrayCall("matmul", (Operand(matrix), rows), sums))
    rest = [places.form.size, len(sums), sums.itemsize, one]
    return None if product is None else [entry("place_matrix", (places,), matrix, rest), *product]
