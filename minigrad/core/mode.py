"""What happens when an op meets a Tensor, as one context variable.

`None` is the default mode (evaluate, record for backward), so that the hot path asks one question only.
Anything else (no gradients, tracing, debugging, verification) is a `Mode`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ClassVar, Literal

import attrs

from minigrad.core.graph import Leaf, Node
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor


class Interceptor:
    """Base of what takes over every op call on Tensors.

    Such as a tracer, a debugger, a counter of layers.

    Attributes:
        records_backward: whether the backward pass must go through `call` as well, op by op. Then `backward` hands
            the gradients of leaves to `accumulate_grad`.
    """

    records_backward: ClassVar[bool] = False

    def call(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        """Apply `op`; `grad` tells whether the call is inside `no_grad` (False) or not."""
        raise NotImplementedError

    def gradient(self, node: Node, parent: Node, g: object) -> None:
        """Look at a gradient that a rule of `node` has just returned for `parent`."""

    def accumulate_grad(self, leaf: Leaf, g: Tensor) -> None:
        """Take the gradient of a leaf, in the place of adding it to `.grad`."""
        raise NotImplementedError


@attrs.frozen(eq=False)
class Override:
    """What one block changes of the mode.

    None leaves a field as it is, and an interceptor of False takes the present one off.
    """

    grad: bool | None
    allow_unverified: Callable[[Op], bool] | None
    interceptor: Interceptor | Literal[False] | None


@attrs.frozen(eq=False)
class Mode:
    """A departure from the default mode.

    Attributes:
        grad: whether ops are recorded.
        allow_unverified: tells which ops may run before the gate has passed them, or None.
        interceptor: takes over every op call on Tensors, or None.
        overrides: of the blocks that this thread or task is in, the innermost last.
    """

    grad: bool = True
    allow_unverified: Callable[[Op], bool] | None = None
    interceptor: Interceptor | None = None
    overrides: tuple[Override, ...] = ()


MODE: ContextVar[Mode | None] = ContextVar("minigrad_mode", default=None)
DEFAULT_MODE = Mode()


@contextmanager
def mode_override(
    grad: bool | None = None,
    allow_unverified: Callable[[Op], bool] | None = None,
    interceptor: Interceptor | Literal[False] | None = None,
) -> Iterator[Mode]:
    """Run the block in the current mode with some fields changed.

    An interceptor of False takes the present one off. Blocks may end in any order, as those of generators do: what is
    left is the mode of the others. One that ends in another thread or task than it began in changes nothing there.
    """
    override = Override(grad, allow_unverified, interceptor)
    try:
        before = MODE.get() or DEFAULT_MODE
        MODE.set(_mode_of((*before.overrides, override)))
        yield MODE.get() or DEFAULT_MODE
    finally:
        now = MODE.get()
        if now is not None and override in now.overrides:
            MODE.set(_mode_of(tuple(o for o in now.overrides if o is not override)))


def _mode_of(overrides: tuple[Override, ...]) -> Mode | None:
    grad, allow_unverified, interceptor = True, None, None
    for o in overrides:
        grad = grad if o.grad is None else o.grad
        allow_unverified = o.allow_unverified or allow_unverified
        interceptor = interceptor if o.interceptor is None else o.interceptor or None
    if len(overrides) <= 1 and grad and allow_unverified is None and interceptor is None:
        return None  # an only block that changes nothing need not be known to end
    return Mode(grad, allow_unverified, interceptor, overrides)


def is_recording() -> bool:
    """Tell whether an op applied here to a Tensor that requires a gradient is recorded."""
    mode = MODE.get()
    return mode is None or mode.grad
