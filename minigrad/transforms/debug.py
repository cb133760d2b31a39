"""`mg.debug()`: name the op and the line where the first NaN or infinity was born.

Forward or backward; the line is the user's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar

import numpy as np

from minigrad.core.errors import MinigradError
from minigrad.core.graph import Constant, MultiOutputNode, Node, OpNode
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import Array
from minigrad.runtime.blocks import context_block
from minigrad.runtime.observer import Observer
from minigrad.runtime.source_line import user_frame_location, with_source_text


class NonFiniteValue(MinigradError, ArithmeticError):
    """An op, or a rule, turned finite numbers into NaN or infinity inside `mg.debug()`."""


@context_block
def debug() -> Iterator[None]:
    """Check every value and every gradient in the block.

    It raises where the first NaN or infinity appears.

    Raises:
        NonFiniteValue: names op, shapes, the first bad entry, and the line of the program that called the op; for a
            gradient, the line at which the forward value was made.
    """
    with mode_override(interceptor=_NonFiniteObserver()):
        before: dict[str, object] = {}
        try:
            before.update(np.geterr())
            _ERROR_STATES.set((*_ERROR_STATES.get(), before))
            np.seterr(all="ignore")
            yield
        finally:
            _put_back(before)


_ERROR_STATES: ContextVar[tuple[dict[str, object], ...]] = ContextVar("minigrad_debug_error_states", default=())
"""What NumPy did about NaN and overflow before each block of this thread or task.

The innermost last.
"""


def _put_back(before: dict[str, object]) -> None:
    """NumPy does again what it did before a block; if another has begun since, after that one."""
    states = _ERROR_STATES.get()
    number = next((k for k, state in enumerate(states) if state is before), None)
    if number is None:
        return
    if number + 1 < len(states):
        states[number + 1].update(before)
    else:
        np.seterr(**before)  # type: ignore[arg-type]
    _ERROR_STATES.set((*states[:number], *states[number + 1 :]))


class _NonFiniteObserver(Observer):
    """Looks at what comes out of each op.

    Nodes remember where they were made, while they live.
    """

    def after(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], result: Tensor | tuple[Tensor, ...]
    ) -> None:
        """Look at the outputs, and note the line in their nodes."""
        outputs: tuple[Tensor, ...] = result if isinstance(result, tuple) else (result,)
        line = with_source_text(user_frame_location())
        for out in outputs:
            _remember(out._node, line)
            self._look(op, args, out._node.value, line)

    def _look(self, op: Op, args: tuple[object, ...], value: Array, line: str) -> None:
        if _finite(value):
            return
        operands = [as_array(a) for a in args]
        if all(_finite(a) for a in operands):
            shapes = ", ".join(f"{a.shape} {a.dtype}" for a in operands)
            raise NonFiniteValue(
                f"op {op.name!r} gave {_first_bad(value)} for finite arguments ({shapes})\n  at {line}"
                f"{_offending_entries(op, operands, value)}"
            )

    def gradient(self, node: Node, parent: Node, g: object) -> None:
        """Look at a gradient that the rule of `node` has returned for `parent`."""
        value = as_array(g)
        if _finite(value):
            return
        assert isinstance(node, OpNode)
        raise NonFiniteValue(
            f"backward: the rule of op {node.op.name!r} gave {_first_bad(value)} for an argument of shape "
            f"{parent.value.shape}, from finite gradients\n  the op was called at {_made_at(node)}"
            f"{_offending_entries(node.op, list(node.args), value)}"
        )


def _remember(node: Node, line: str) -> None:
    if isinstance(node, Constant):
        return
    source = getattr(node, "producer", node)
    if isinstance(source, OpNode | MultiOutputNode):
        source.line = line


def _made_at(node: OpNode) -> str:
    return getattr(node, "line", "a line outside mg.debug()")


def _finite(value: Array) -> bool:
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _first_bad(value: Array) -> str:
    bad = ~np.isfinite(value)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), value.shape))
    count = int(np.count_nonzero(bad))
    return f"{float(value[index])} at {list(index)} ({count} of {value.size} entries)"


def _offending_entries(op: Op, operands: list[Array], value: Array) -> str:
    """The argument entries at the first bad place, where the op is elementwise."""
    if not op.claims.elementwise or value.ndim == 0:
        numbers = [float(a) for a in operands if a.ndim == 0]
        return f"\n  from {numbers}" if numbers and len(numbers) == len(operands) else ""
    index = np.unravel_index(int(np.argmax(~np.isfinite(value))), value.shape)
    try:
        entries = [float(np.broadcast_to(a, value.shape)[index]) for a in operands]
    except ValueError:
        return ""
    names = [a.name for a in op.arguments]
    return "\n  from " + ", ".join(f"{n} = {e:.8g}" for n, e in zip(names, entries, strict=False))
