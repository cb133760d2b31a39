"""Matrix products of stacks: one large product instead of many small ones.

x of shape (N, T, width) times a matrix is a product of N T rows; the gradient of the matrix, which sums the products
of the stack, is one product of the same rows; and the sum of the gradients that a recurrent weight gets at each step
is the product of all steps' rows. The sums are added up in another order.
"""

from __future__ import annotations

from collections import Counter
from math import prod

import numpy as np

from minigrad.program.graph import Call, Graph, Instruction, Value
from minigrad.program.passes.rewrite import Builder, producers, use_counts

_FEWEST = 3


def flatten_stacked_matmuls(graph: Graph) -> Graph:
    """Turn stacks of rows into one matrix.

    In products with a matrix, and in sums of products over a stack.
    """
    values = list(graph.values)
    defined = producers(graph)
    count = use_counts(graph)
    steps: list[Instruction] = []
    for step in graph.steps:
        if isinstance(step, Call) and step.op.name == "matmul" and _stack_times_matrix(step, graph):
            a, b = step.args
            shape = values[step.outs[0]].shape
            builder = Builder(step, values, steps)
            rows = builder.reshape(a, (prod(shape[:-1]), values[a].shape[-1]))
            builder.reshape(builder.matmul(rows, b), shape, step.outs[0])
            continue
        if isinstance(step, Call) and step.op.name == "sum_to" and _sums_products(step, graph, defined, count):
            product = defined[step.args[0]]
            turned = defined[product.args[0]]
            builder = Builder(step, values, steps)
            x, g = turned.args[0], product.args[1]
            flat = [builder.reshape(k, (prod(values[k].shape[:-1]), values[k].shape[-1])) for k in (x, g)]
            builder.matmul(builder.matrix_transpose(flat[0]), flat[1], step.outs[0])
            continue
        steps.append(step)
    return Graph(tuple(values), tuple(steps), graph.outputs)


def merge_summed_matmuls(graph: Graph) -> Graph:
    """a1^T b1 + a2^T b2 + ... becomes (a1; a2; ...)^T (b1; b2; ...)."""
    values = list(graph.values)
    defined, count = producers(graph), use_counts(graph)
    inner = {a for s in graph.steps if isinstance(s, Call) and s.op.name == "add" for a in s.args}
    steps: list[Instruction] = []
    for step in graph.steps:
        outermost = isinstance(step, Call) and step.op.name == "add" and step.outs[0] not in inner
        terms = _terms(step, graph, defined, count) if outermost and isinstance(step, Call) else []
        if isinstance(step, Call) and len(terms) >= _FEWEST:
            _join(Builder(step, values, steps), terms, defined)
        else:
            steps.append(step)
    return Graph(tuple(values), tuple(steps), graph.outputs)


def _join(b: Builder, terms: list[Call], defined: dict[int, Call]) -> None:
    """The product of all terms' rows.

    What the backward pass of a recurrence made last goes first: in order of time.
    """
    terms = sorted(terms, key=lambda t: t.args[1], reverse=True)
    right = b.concatenate([t.args[1] for t in terms], 0)
    left = b.concatenate([_upright(b, t.args[0], defined) for t in terms], 0)
    b.matmul(b.matrix_transpose(left), right, b.call.outs[0])


def _upright(b: Builder, turned: int, defined: dict[int, Call]) -> int:
    """The matrix whose transpose `turned` is: a call's operand, or a constant."""
    call, number = defined.get(turned), b.values[turned].data
    if call is not None or number is None:
        return b.matrix_transpose(turned) if call is None else call.args[0]
    b.values.append(Value(number.T.shape, number.dtype, "constant", data=np.ascontiguousarray(number.T)))
    return len(b.values) - 1


def _stack_times_matrix(call: Call, graph: Graph) -> bool:
    a, b = (graph.values[k] for k in call.args)
    return len(a.shape) > 2 and len(b.shape) == 2 and a.nbytes > 0 and a.dtype == b.dtype


def _sums_products(call: Call, graph: Graph, defined: dict[int, Call], count: Counter[int]) -> bool:
    """sum_to(x^T g) over all leading axes, of stacks of the same form."""
    product = defined.get(call.args[0])
    if product is None or product.op.name != "matmul" or count[call.args[0]] != 1:
        return False
    turned = defined.get(product.args[0])
    if turned is None or turned.op.name != "matrix_transpose":
        return False
    x, g, out = (graph.values[k] for k in (turned.args[0], product.args[1], call.outs[0]))
    alike = len(x.shape) > 2 and x.shape[:-1] == g.shape[:-1] and x.nbytes > 0 and x.dtype == g.dtype
    return alike and out.shape == (x.shape[-1], g.shape[-1])


def _terms(call: Call, graph: Graph, defined: dict[int, Call], count: Counter[int]) -> list[Call]:
    """The products a^T b that a sum consists of, if it does."""
    products: list[Call] = []
    stack = [call]
    shape = graph.values[call.outs[0]].shape
    if len(shape) != 2:
        return []
    while stack:
        top = stack.pop()
        for a in top.args:
            below = defined.get(a)
            if below is None or count[a] != 1 or graph.values[a].shape != shape:
                return []
            if below.op.name == "add":
                stack.append(below)
            elif below.op.name == "matmul" and _turned(below, graph, defined):
                products.append(below)
            else:
                return []
    return products


def _turned(product: Call, graph: Graph, defined: dict[int, Call]) -> bool:
    """Whether it is a product of a transposed matrix, or of a constant, and a matrix."""
    left = defined.get(product.args[0])
    a, b = (graph.values[k] for k in product.args)
    transposed = a.data is not None if left is None else left.op.name == "matrix_transpose"
    return transposed and len(a.shape) == len(b.shape) == 2 and a.dtype == b.dtype
