"""Computing without recording: a block, or a function of any kind."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ParamSpec, TypeVar, cast

from minigrad.core.mode import Mode, mode_override

__all__ = ["no_grad"]

P = ParamSpec("P")
R = TypeVar("R")
Block = AbstractContextManager[Mode]

_ENTERED: ContextVar[tuple[Block, ...]] = ContextVar("minigrad_no_grad", default=())
"""The blocks that this thread or task is in, the innermost last."""


class no_grad:
    """Context manager and decorator inside which ops are evaluated but not recorded.

    What is computed there cannot be differentiated.

    One object can be used again, inside itself, and in several threads and asyncio tasks at a time: what it does is
    held in context variables, so that others are not affected. Decorated generators and coroutines compute without
    recording whenever they run, and leave those that run them as they are.
    """

    def __enter__(self) -> None:
        block = mode_override(grad=False)
        block.__enter__()
        _ENTERED.set((*_ENTERED.get(), block))

    def __exit__(self, *exception: object) -> None:
        entered = _ENTERED.get()
        if entered:  # else the block was entered in another context, whose mode is not that of this one
            _ENTERED.set(entered[:-1])
            entered[-1].__exit__(None, None, None)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Make a function that runs `function` without recording."""
        call: Callable[..., Any] = function
        unrecorded: Callable[..., Any]

        if isgeneratorfunction(call):

            @wraps(call)
            def unrecorded(*args: P.args, **kwargs: P.kwargs) -> object:
                return _UnrecordedGenerator(call(*args, **kwargs))

        elif iscoroutinefunction(call):

            @wraps(call)
            async def unrecorded(*args: P.args, **kwargs: P.kwargs) -> object:
                return await _Unrecorded(call(*args, **kwargs))

        elif isasyncgenfunction(call):

            @wraps(call)
            def unrecorded(*args: P.args, **kwargs: P.kwargs) -> object:
                return _UnrecordedAsyncGenerator(call(*args, **kwargs))

        else:

            @wraps(call)
            def unrecorded(*args: P.args, **kwargs: P.kwargs) -> object:
                with no_grad():
                    return call(*args, **kwargs)

        return cast(Callable[P, R], unrecorded)


class _UnrecordedGenerator(Generator[Any, Any, Any]):
    """A generator whose own code records nothing; between its results all is as it was."""

    def __init__(self, inner: Generator[Any, Any, Any]) -> None:
        self._inner = inner

    def send(self, value: object) -> object:
        with no_grad():
            return self._inner.send(value)

    def throw(self, *error: Any) -> object:
        with no_grad():
            return self._inner.throw(*error)

    def close(self) -> None:
        with no_grad():
            self._inner.close()


class _Unrecorded(Awaitable[Any]):
    """Something to await whose own code records nothing, not even to whom it yields."""

    def __init__(self, inner: Awaitable[Any]) -> None:
        self._inner = inner

    def __await__(self) -> Generator[Any, Any, Any]:
        return _UnrecordedGenerator(self._inner.__await__())


class _UnrecordedAsyncGenerator(AsyncGenerator[Any, Any]):
    """An asynchronous generator whose own code records nothing."""

    def __init__(self, inner: AsyncGenerator[Any, Any]) -> None:
        self._inner = inner

    async def asend(self, value: object) -> object:
        return await _Unrecorded(self._inner.asend(value))

    async def athrow(self, *error: Any) -> object:
        return await _Unrecorded(self._inner.athrow(*error))

    async def aclose(self) -> None:
        await _Unrecorded(self._inner.aclose())
