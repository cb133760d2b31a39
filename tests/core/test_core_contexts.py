"""Blocks of every kind, in every order: what is outside all of them is as it was, and what is inside is covered.

A state machine enters and leaves blocks as generators, tasks and threads do: one object several times, in any order.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import minigrad as mg
from minigrad import nn
from minigrad.core.errors import ArgumentError
from minigrad.nn.initializers import seeded
from minigrad.runtime.blocks import Block


class PassOn:
    """A hook that counts the calls of modules."""

    def __init__(self) -> None:
        self.calls = 0

    def call(self, module: nn.Module, inputs: Any, **options: Any) -> Any:
        self.calls += 1
        return module.forward(*inputs, **options)


class World:
    """A model and an optimizer, and every kind of block around them.

    Attributes:
        kinds: name -> what makes a block, and what tells whether one is at work.
    """

    def __init__(self) -> None:
        with seeded(0):
            self.model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
        self.drop: Any = self.model.layers[1]
        weights = self.model.parameters()
        self.optimizer = mg.optimizer("sgd", weights, lr=0.5, average=mg.optim.Ema(rate=0.5))
        for _ in range(2):
            self.optimizer.zero_grad()
            mg.sum(self.model.layers[0](mg.tensor(np.ones((3, 2), np.float32)))).backward()
            self.optimizer.step()
        self.trained = [w.numpy().copy() for w in weights]
        self.error_state = np.geterr()
        hook, leaf = PassOn(), mg.tensor(1.0, requires_grad=True)

        def hooked() -> bool:
            before = hook.calls
            self.model.layers[0](mg.tensor(np.ones((1, 2), np.float32)))
            return hook.calls > before

        self.kinds: dict[str, tuple[Callable[[], Any], Callable[[], bool]]] = {
            "no_grad": (mg.no_grad, lambda: not (leaf * 2.0).requires_grad),
            "debug": (mg.debug, self._raises_at_infinity),
            "seeded": (lambda: seeded(7), lambda: self._seed_is(7)),
            "module_hook": (lambda: nn.module_hook(hook), hooked),
            "fixed_masks": (lambda: nn.fixed_masks(self.model), self._mask_repeats),
            "mode": (lambda: self.model.mode(training=False), lambda: not self.drop.training),
            "averaged": (self.optimizer.averaged, self._is_averaged),
        }

    def _raises_at_infinity(self) -> bool:
        try:
            with np.errstate(all="ignore"):
                mg.log(mg.tensor(0.0))
        except mg.transforms.debug.NonFiniteValue:
            return True
        return False

    def _seed_is(self, seed: int) -> bool:
        with seeded(seed):
            return nn.initializers._SEEDED.entries.get()[0].value is not nn.initializers._SEEDED.innermost()

    def _mask_repeats(self) -> bool:
        masks = []
        for _ in range(2):
            out = np.empty(64)
            self.drop._mask(out)
            masks.append(out)
        return bool(np.array_equal(masks[0], masks[1]))

    def _is_averaged(self) -> bool:
        return any(not np.array_equal(w.numpy(), t) for w, t in zip(self.model.parameters(), self.trained, strict=True))

    def at_work(self) -> set[str]:
        """The kinds of which a block is at work here."""
        return {name for name, (_, look) in self.kinds.items() if look()}


KINDS = list(World().kinds)
OBJECTS = 2


class Blocks(RuleBasedStateMachine):
    """Enter and leave blocks in any order, two objects of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.objects = {(k, i): self.world.kinds[k][0]() for k in KINDS for i in range(OBJECTS)}
        self.inside: dict[tuple[str, int], int] = {}

    @rule(kind=st.sampled_from(KINDS), number=st.integers(0, OBJECTS - 1))
    def enter(self, kind: str, number: int) -> None:
        """Enter one object, maybe a second time."""
        self.objects[kind, number].__enter__()
        self.inside[kind, number] = self.inside.get((kind, number), 0) + 1

    @rule(kind=st.sampled_from(KINDS), number=st.integers(0, OBJECTS - 1), error=st.sampled_from([None, KeyError]))
    def leave(self, kind: str, number: int, error: type[Exception] | None) -> None:
        """Leave one object that is entered, with an error or without."""
        if self.inside.get((kind, number)):
            with suppress(KeyError):
                assert not self.objects[kind, number].__exit__(error, error and error(), None)
            self.inside[kind, number] -= 1

    @invariant()
    def the_blocks_at_work_are_those_entered(self) -> None:
        """Nothing ends early, and nothing stays."""
        assert self.world.at_work() == {kind for (kind, _), count in self.inside.items() if count}
        if not any(count for (kind, _), count in self.inside.items() if kind == "debug"):
            assert np.geterr() == self.world.error_state

    def teardown(self) -> None:
        """Leave everything."""
        for (kind, number), count in self.inside.items():
            for _ in range(count):
                self.objects[kind, number].__exit__(None, None, None)
        assert not self.world.at_work()
        assert np.geterr() == self.world.error_state


Blocks.TestCase.settings = settings(max_examples=10, stateful_step_count=20, deadline=None, derandomize=True)
TestBlocks = Blocks.TestCase


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.mark.parametrize("kind", KINDS)
def test_decorated_functions_of_every_kind_are_inside_while_they_run(kind: str, world: World) -> None:
    make, look = world.kinds[kind]
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = make()

    class Methods:
        @decorate
        def method(self) -> bool:
            return look()

        @decorate
        @classmethod
        def of_class(cls) -> bool:
            return look()

        @staticmethod
        @decorate
        def static() -> bool:
            return look()

    @decorate
    def generate() -> Iterator[bool]:
        try:
            yield look()
            yield look()
        finally:
            closed.append(look())

    @decorate
    async def wait() -> bool:
        await asyncio.sleep(0)
        return look()

    @decorate
    async def generate_slowly() -> AsyncIterator[bool]:
        yield look()
        await asyncio.sleep(0)
        yield look()

    async def use() -> list[bool]:
        running = asyncio.create_task(wait())
        await asyncio.sleep(0)
        beside = look()
        return [not beside, await running, *[k async for k in generate_slowly()], not look()]

    closed: list[bool] = []
    later = decorate(lambda: generate())  # a plain function that returns what has not run yet
    for each in (Methods().method, Methods.of_class, Methods().of_class, Methods.static):
        assert each()
    for function in (generate, later):
        running: Any = function()
        assert next(running)
        assert not look()
        assert next(running)
        running.close()
        assert closed.pop()
    assert asyncio.run(use()) == [True] * 5
    assert not look()


@pytest.mark.parametrize("kind", KINDS)
def test_generators_tasks_and_threads_interleave(kind: str, world: World) -> None:
    make, look = world.kinds[kind]

    def hold() -> Iterator[bool]:
        with make():
            yield look()

    for order in ((0, 1), (1, 0)):
        held: list[Any] = [hold(), hold()]
        assert next(held[0])
        assert next(held[1])
        held[order[0]].close()
        assert look()
        held[order[1]].close()
        assert not look()
    assert asyncio.run(_interleaved(make, look)) == [True] * 3
    answers: list[bool] = []
    shared, begin = make(), threading.Barrier(3)

    def work() -> None:
        begin.wait()
        with shared:
            answers.append(look())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [True] * 3
    assert not look()


async def _interleaved(make: Callable[[], Any], look: Callable[[], bool]) -> list[bool]:
    async def hold(turns: int) -> bool:
        with make():
            for _ in range(turns):
                await asyncio.sleep(0)
            return look()

    return list(await asyncio.gather(hold(1), hold(3), hold(2)))


def _ended_elsewhere(kind: str, world: World) -> tuple[Any, Any]:
    """A block that began here and was ended in another thread, and what tells whether it still holds."""
    make, look = world.kinds[kind]
    held = make()
    held.__enter__()
    thread = threading.Thread(target=held.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    return held, look


@pytest.mark.parametrize("kind", ["fixed_masks", "mode", "averaged"])
def test_what_all_threads_see_ends_wherever_it_is_ended(kind: str, world: World) -> None:
    _, look = _ended_elsewhere(kind, world)
    assert not look()


@pytest.mark.parametrize("kind", ["no_grad", "debug", "seeded", "module_hook"])
def test_what_is_of_one_thread_is_ended_there(kind: str, world: World) -> None:
    held, look = _ended_elsewhere(kind, world)
    assert look()
    held.__exit__(None, None, None)
    assert not look()


def test_a_seeded_generator_goes_on_drawing() -> None:
    @seeded(3)
    def layers() -> Iterator[nn.Linear]:
        for _ in range(2):
            yield nn.Linear(2, 2)

    first, second = (layer.weight.numpy() for layer in layers())
    again = [layer.weight.numpy() for layer in layers()]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal([first, second], again)


def test_copies_made_in_a_block_leave_it_too(world: World) -> None:
    with nn.fixed_masks(world.model):
        copy = world.model.copy()
        repeats: Any = copy.layers[1]
        masks = [np.empty(64), np.empty(64)]
        for mask in masks:
            repeats._mask(mask)
        np.testing.assert_array_equal(masks[0], masks[1])
    for mask in masks:
        repeats._mask(mask)
    assert not np.array_equal(masks[0], masks[1])


def test_recording_again_inside_no_grad() -> None:
    x = mg.tensor(2.0, requires_grad=True)

    def compute() -> mg.Tensor:
        with mg.enable_grad():
            assert (x * x).requires_grad
        return x * x

    bare: Any = mg.no_grad  # as `@mg.no_grad` calls it, without parentheses
    value: Callable[[], mg.Tensor] = bare(compute)
    assert not value().requires_grad
    square: Callable[[], mg.Tensor] = mg.enable_grad()(lambda: x * x)
    assert square().requires_grad


def test_what_is_no_function_is_not_decorated() -> None:
    for wrong in (5, "text", int):
        with pytest.raises(ArgumentError, match="decorates functions"):
            Block.__call__(mg.no_grad(), wrong)  # type: ignore[arg-type]
