"""The op library, by family: importing it verifies and registers the ops of every day.

Tensors get their operators, methods and NumPy's functions here, too.

What the engine itself needs (`shape`, `index`) is registered first.
"""

from minigrad.ops import index, shape

shape.family.register()
index.family.register()

# They rest on the registered ones.
from minigrad.ops import functions, reduce  # noqa: E402
from minigrad.ops.contraction import matmul  # noqa: E402
from minigrad.ops.elementwise import (  # noqa: E402
    arithmetic,
    piecewise_constant,
    piecewise_linear,
    transcendental,
)
from minigrad.ops.numpy import dispatch, signatures, standard_methods, tensor_methods  # noqa: E402
from minigrad.runtime.malloc import raise_mmap_threshold  # noqa: E402

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

dispatch.install()
tensor_methods.install()
standard_methods.install()
raise_mmap_threshold()
