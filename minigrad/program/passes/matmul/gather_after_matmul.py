"""Gather after the product: rows of E W instead of rows of E, times W.

An embedding of 64 symbols meets the input weights of a recurrent layer in one product of 64 rows, however long the
text; and the gradients for both come from the sums of gradients by symbol.
"""

from __future__ import annotations

from math import prod

import attrs

from minigrad.core.types import Shape
from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.passes.rewrite import Builder, is_call_of, producers

__all__ = ["gather_after_matmul"]


@attrs.frozen
class _GatheredRows:
    """Rows of `table` that lie at `places`, in another shape."""

    table: int
    places: int


def gather_after_matmul(graph: Graph) -> Graph:
    """Rewrite take(E, places) @ W as take(E @ W, places), and the gradients likewise.

    The bias is added before.
    """
    return _Gather(graph).gathered()


class _Gather:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values: list[Value] = list(graph.values)
        self.steps: list[Instruction] = []
        self.producers = producers(graph)
        self.rows: dict[int, _GatheredRows] = {}
        """Matrices and stacks of rows that were taken from a table."""
        self.sums: dict[tuple[int, int], int] = {}
        """Of (gradient, places): the rows of the gradient added up by place."""

    def gathered(self) -> Graph:
        for step in self.graph.steps:
            if not (isinstance(step, Call) and self._rewritten(step)):
                self.steps.append(step)
        return Graph(tuple(self.values), tuple(self.steps), self.graph.outputs)

    def _rewritten(self, call: Call) -> bool:
        if is_call_of(call, "take"):
            self._enter(call)
        elif is_call_of(call, "reshape") and call.args[0] in self.rows:
            if self._shape(call.outs[0])[-1:] == self._shape(call.args[0])[-1:]:
                self.rows[call.outs[0]] = self.rows[call.args[0]]
        elif is_call_of(call, "matmul"):
            return self._forward(call) or self._of_weights(call)
        elif is_call_of(call, "add"):
            return self._biased(call)
        elif is_call_of(call, "put_along"):
            return self._of_table(call)
        return False

    def _enter(self, call: Call) -> None:
        """Rows of a matrix, more of them than the matrix has."""
        table, places = call.args
        wide = len(self._shape(table)) == 2 and call.kwargs["axis"] in (0, -2)
        if wide and prod(self._shape(places)) > self._shape(table)[0] > 0:
            self.rows[call.outs[0]] = _GatheredRows(table, places)

    def _forward(self, call: Call) -> bool:
        """Rewrite take(E) @ W."""
        gathered = self.rows.get(call.args[0])
        if gathered is None or len(self._shape(call.args[1])) != 2:
            return False
        b = Builder(call, self.values, self.steps)
        self._take(b, b.matmul(gathered.table, call.args[1]), gathered.places, call.outs[0])
        return True

    def _biased(self, call: Call) -> bool:
        """take(E) + b, where b is the same for all rows."""
        for rows, bias in (call.args, call.args[::-1]):
            gathered = self.rows.get(rows)
            if gathered is not None and self._shape(bias) == self._shape(rows)[-1:] and self._made_here(gathered.table):
                b = Builder(call, self.values, self.steps)
                self._take(b, b.op("add", gathered.table, bias), gathered.places, call.outs[0])
                return True
        return False

    def _of_weights(self, call: Call) -> bool:
        """Rewrite take(E)^T @ g as E^T @ sums of g."""
        turned = self.producers.get(call.args[0])
        if turned is None or not is_call_of(turned, "matrix_transpose") or len(self._shape(call.args[1])) != 2:
            return False
        gathered = self.rows.get(turned.args[0])
        if gathered is None:
            return False
        b = Builder(call, self.values, self.steps)
        b.matmul(b.matrix_transpose(gathered.table), self._summed(b, call.args[1], gathered), call.outs[0])
        return True

    def _of_table(self, call: Call) -> bool:
        """The sums by place of g @ W^T are sums of g, times W^T."""
        g, places = call.args
        product = self._product_below(g)
        shape = self._shape(call.outs[0])
        many = prod(self._shape(places)) > shape[0]
        if product is None or call.kwargs["axis"] != 0 or len(shape) != 2 or not many:
            return False
        b = Builder(call, self.values, self.steps)
        sums = self._summed(b, product.args[0], _GatheredRows(call.outs[0], places))
        b.matmul(sums, product.args[1], call.outs[0])
        return True

    def _product_below(self, g: int) -> Call | None:
        """The product that g is, in another shape with the same rows."""
        call = self.producers.get(g)
        while call is not None and is_call_of(call, "reshape"):
            if self._shape(call.args[0])[-1:] != self._shape(call.outs[0])[-1:]:
                return None
            call = self.producers.get(call.args[0])
        if call is None or not is_call_of(call, "matmul") or any(len(self._shape(a)) != 2 for a in call.args):
            return None
        return call

    def _summed(self, b: Builder, g: int, gathered: _GatheredRows) -> int:
        """(symbols, columns): the rows of matrix g added up by symbol."""
        key = (self._root(g), gathered.places)
        if key not in self.sums:
            length, columns = self._shape(gathered.table)[0], self._shape(g)[1]
            stacked = b.reshape(g, (*self._shape(gathered.places), columns))
            self.sums[key] = b.op(
                "put_along", stacked, gathered.places, shape=(length, columns), kwargs={"axis": 0, "length": length}
            )
        return self.sums[key]

    def _root(self, g: int) -> int:
        """The value that g is a reshape of, with the same columns."""
        call = self.producers.get(g)
        while (
            call is not None and is_call_of(call, "reshape") and self._shape(call.args[0])[-1:] == self._shape(g)[-1:]
        ):
            g = call.args[0]
            call = self.producers.get(g)
        return g

    def _take(self, b: Builder, table: int, places: int, out: int) -> None:
        shape = (*self._shape(places), self._shape(table)[1])
        kwargs = {"axis": 0}
        if shape == self._shape(out):
            b.op("take", table, places, shape=shape, out=out, kwargs=kwargs)
        else:
            b.reshape(b.op("take", table, places, shape=shape, kwargs=kwargs), self._shape(out), out)
        self.rows[out] = _GatheredRows(table, places)

    def _made_here(self, table: int) -> bool:
        """Tell whether the table is a product that this pass wrote, with no other reader.

        Adding to it costs nothing.
        """
        return table >= len(self.graph.values)

    def _shape(self, k: int) -> Shape:
        return self.values[k].shape
