"""The op library, by family. Importing it verifies and registers every op in it.

What the engine itself needs (`shape`, `index`) is registered first.
"""

from minigrad.ops import index, shape

shape.family.register()
index.family.register()

from minigrad.ops import (  # noqa: E402 - they rest on the registered ones
    contract,
    elementwise,
    functions,
    numpy_signatures,
    reduce,
)

__all__ = ["contract", "elementwise", "functions", "index", "numpy_signatures", "reduce", "shape"]
