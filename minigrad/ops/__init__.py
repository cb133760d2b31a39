"""The op library, by family. Importing it verifies and registers every op in it.

What the engine itself needs (`shape`, `index`) is registered first.
"""

from minigrad.ops import index, shape

shape.family.register()
index.family.register()

from minigrad.ops import (  # noqa: E402 - they rest on the registered ones
    arithmetic,
    functions,
    matmul,
    piecewise_constant,
    piecewise_linear,
    reduce,
    transcendental,
)
from minigrad.ops.numpy import signatures  # noqa: E402

__all__ = [
    "arithmetic",
    "functions",
    "index",
    "matmul",
    "piecewise_constant",
    "piecewise_linear",
    "reduce",
    "shape",
    "signatures",
    "transcendental",
]
