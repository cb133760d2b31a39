"""The op library, by family. Importing it verifies and registers every op in it.

Families are registered in this order: what the engine itself needs (`shape`) first.
"""

from minigrad.ops import shape  # isort: skip
from minigrad.ops import index  # isort: skip

shape.family.register()
index.family.register()

from minigrad.ops import contract, elementwise, reduce  # noqa: E402 - after the ops that they rest on

__all__ = ["contract", "elementwise", "index", "reduce", "shape"]
