"""Define and run: a training step, traced once through registered ops, repeated as a plan.

>>> @mg.define
... def step(x, labels):
...     opt.zero_grad()
...     loss = mg.cross_entropy(model(x), labels)
...     loss.backward()
...     opt.step()
...     return loss
"""

from minigrad.program.define import Program, define
from minigrad.program.errors import RetraceWarning, TraceError

__all__ = ["Program", "RetraceWarning", "TraceError", "define"]
