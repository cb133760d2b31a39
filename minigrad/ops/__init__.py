"""The op library, by family. Importing it verifies and registers every op in it.

What the engine itself needs (`shape`, `index`) is registered first.
"""

from minigrad.ops import index, shape

shape.family.register()
index.family.register()

from minigrad.ops import elementwise, functions, matmul, reduce  # noqa: E402 - they rest on the registered ones
from minigrad.ops.numpy import signatures  # noqa: E402

__all__ = ["elementwise", "functions", "index", "matmul", "reduce", "shape", "signatures"]
