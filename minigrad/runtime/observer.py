"""`Observer`: an interceptor that lets every op run and looks at what came out.

An op runs as it would without it.
"""

from __future__ import annotations

from collections.abc import Mapping

from minigrad.core.apply import apply
from minigrad.core.mode import Interceptor, mode_override
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor

__all__ = ["Observer"]


class Observer(Interceptor):
    """Base of interceptors that change nothing: a subclass says in `after` what it looks at.

    >>> with mode_override(grad=False, interceptor=observer):
    ...     model(x)
    """

    def after(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], result: Tensor | tuple[Tensor, ...]
    ) -> None:
        """Look at one call of an op, which has returned `result`.

        Ops called in here are not observed.
        """
        raise NotImplementedError

    def call(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], *, grad: bool
    ) -> Tensor | tuple[Tensor, ...]:
        """Apply `op` without this observer, then look."""
        with mode_override(interceptor=False):
            result: Tensor | tuple[Tensor, ...] = apply(op, args, kwargs)
            self.after(op, args, kwargs, result)
        return result
