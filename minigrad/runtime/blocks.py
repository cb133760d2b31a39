"""Context managers that can be used again and end in any order.

As decorators they take functions of any kind.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from threading import RLock
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar, cast

import attrs

from minigrad.core.errors import ArgumentError

__all__ = ["Block", "ContextStack", "Overlays", "block", "context_block"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_ENTERED: ContextVar[tuple[tuple[object, AbstractContextManager[object]], ...]] = ContextVar(
    "minigrad_blocks", default=()
)
"""The blocks that this thread or task is in, the innermost last.

A `Block`, and what one entrance made.
"""


class Block(AbstractContextManager[T_co]):
    """A context manager and decorator that makes another one at each entrance.

    One object can be entered again, inside itself, and in several threads and asyncio tasks at a time. Decorated
    generators and coroutines are inside whenever they run, and leave those that run them as they are.

    Attributes:
        in_context: what it does is held in context variables, so that an end elsewhere than in the thread or task of
            its beginning means nothing.
    """

    in_context: ClassVar[bool] = True

    def __init__(self, make: Callable[[], AbstractContextManager[T_co]]) -> None:
        self._make = make
        self._begun: list[AbstractContextManager[T_co]] = []

    def __enter__(self) -> T_co:
        inner = self._make()
        value = inner.__enter__()
        if not self.in_context:
            self._begun.append(inner)
        _ENTERED.set((*_ENTERED.get(), (self, inner)))
        return value

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> bool | None:
        entered = _ENTERED.get()
        place = len(entered) - 1
        while place >= 0 and entered[place][0] is not self:
            place -= 1
        if place >= 0:
            inner = cast("AbstractContextManager[T_co]", entered[place][1])
            _ENTERED.set(entered[:place] + entered[place + 1 :])
            if inner in self._begun:
                self._begun.remove(inner)
        elif self._begun:
            inner = self._begun.pop()
        else:
            return None
        return inner.__exit__(kind, error, at)

    def for_one_call(self) -> Block[T_co]:
        """The block of one call of a decorated function, which a generator enters many times."""
        return self

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Make a function that runs `function` inside the block.

        Raises:
            ArgumentError: it is no function, or a class.
        """
        if isinstance(function, classmethod | staticmethod):
            return type(function)(self(function.__func__))
        if isinstance(function, type) or not callable(function):
            name = getattr(function, "__name__", type(function).__name__)
            raise ArgumentError(f"a block decorates functions and methods, not {name!r}: decorate its methods")
        call: Callable[..., Any] = function
        plain = call if hasattr(call, "__code__") or hasattr(call, "func") else type(call).__call__
        wrapper: Callable[..., Any]

        if iscoroutinefunction(plain):

            @wraps(call)
            async def wrapper(*args: P.args, **kwargs: P.kwargs) -> object:
                return await _Guarded(self.for_one_call(), call(*args, **kwargs))

        elif isgeneratorfunction(plain) or isasyncgenfunction(plain):

            @wraps(call)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> object:
                return _guarded(self.for_one_call(), call(*args, **kwargs))

        else:

            @wraps(call)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> object:
                own = self.for_one_call()
                with own:
                    result = call(*args, **kwargs)
                return _guarded(own, result) if isinstance(result, _RUNNING) else result

        return cast(Callable[P, R], wrapper)


_RUNNING = (GeneratorType, CoroutineType, AsyncGeneratorType)
"""What a function may return whose code has not run yet."""


def _guarded(own: Block[Any], running: object) -> object:
    if isinstance(running, CoroutineType):
        return _await(own, running)
    kind = _GuardedAsyncGenerator if isinstance(running, AsyncGenerator) else _GuardedGenerator
    return kind(own, running)  # type: ignore[arg-type]


async def _await(own: Block[Any], running: Awaitable[object]) -> object:
    return await _Guarded(own, running)


class _GuardedGenerator(Generator[Any, Any, Any]):
    """A generator whose own code runs in a block; between its results all is as it was."""

    def __init__(self, own: Block[Any], inner: Generator[Any, Any, Any]) -> None:
        self._own, self._inner = own, inner

    def send(self, value: object) -> object:
        with self._own:
            return self._inner.send(value)

    def throw(self, *error: Any) -> object:
        with self._own:
            return self._inner.throw(*error)

    def close(self) -> None:
        with self._own:
            self._inner.close()


class _Guarded(Awaitable[Any]):
    """Something to await whose own code runs in a block, but not what it waits for."""

    def __init__(self, own: Block[Any], inner: Awaitable[Any]) -> None:
        self._own, self._inner = own, inner

    def __await__(self) -> Generator[Any, Any, Any]:
        return _GuardedGenerator(self._own, self._inner.__await__())


class _GuardedAsyncGenerator(AsyncGenerator[Any, Any]):
    """An asynchronous generator whose own code runs in a block."""

    def __init__(self, own: Block[Any], inner: AsyncGenerator[Any, Any]) -> None:
        self._own, self._inner = own, inner

    async def asend(self, value: object) -> object:
        return await _Guarded(self._own, self._inner.asend(value))

    async def athrow(self, *error: Any) -> object:
        return await _Guarded(self._own, self._inner.athrow(*error))

    async def aclose(self) -> None:
        await _Guarded(self._own, self._inner.aclose())


class _SharedBlock(Block[T_co]):
    in_context = False


def block(function: Callable[P, Iterator[T]]) -> Callable[P, Block[T]]:
    """Decorate a generator function of one `yield`, as contextlib.contextmanager.

    It then makes a `Block`. For what changes objects that all threads see: it ends wherever it is ended.
    """
    return _maker(_SharedBlock, function)


def context_block(function: Callable[P, Iterator[T]]) -> Callable[P, Block[T]]:
    """Do as `block`, for what is held in context variables."""
    return _maker(Block, function)


def _maker(kind: type[Block[Any]], function: Callable[P, Iterator[T]]) -> Callable[P, Block[T]]:
    begin = contextmanager(function)

    @wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> Block[T]:
        return kind(lambda: begin(*args, **kwargs))

    return make


@attrs.frozen(eq=False)
class _Entry(Generic[T]):
    value: T


class ContextStack(Generic[T]):
    """Values that blocks of this thread or task have set, the innermost last.

    Blocks may end in any order.
    """

    def __init__(self, name: str) -> None:
        self.entries: ContextVar[tuple[_Entry[T], ...]] = ContextVar(f"minigrad_{name}", default=())

    def innermost(self) -> T | None:
        """The value of the innermost block, None outside all."""
        entries = self.entries.get()
        return entries[-1].value if entries else None

    @contextmanager
    def pushed(self, value: T) -> Iterator[T]:
        """A block in which `value` is the innermost."""
        entry = _Entry(value)
        try:
            self.entries.set((*self.entries.get(), entry))
            yield value
        finally:
            self.entries.set(tuple(e for e in self.entries.get() if e is not entry))


class Overlays(Generic[T]):
    """What blocks have put away in order to put it back.

    They may end in any order: what a block put away goes to the next later one that has changed the same thing since,
    or back to its place if there is none.
    """

    lock = RLock()  # of all: an object with a lock of its own could not be copied

    def __init__(self) -> None:
        self._saved: list[dict[int, T]] = []

    def __bool__(self) -> bool:
        return bool(self._saved)

    def begin(self, values: dict[int, T]) -> None:
        """Note the values that a block is about to replace, by a number for each place."""
        self._saved.append(values)

    def end(self, values: dict[int, T]) -> dict[int, T]:
        """Return the values that the block which began with this very dict puts back."""
        with self.lock:
            number = next((k for k, saved in enumerate(self._saved) if saved is values), None)
            if number is None:
                return {}
            later = self._saved[number + 1 :]
            back = {}
            for place, value in values.items():
                heir = next((saved for saved in later if place in saved), None)
                if heir is None:
                    back[place] = value
                else:
                    heir[place] = value
            del self._saved[number]
        return back
