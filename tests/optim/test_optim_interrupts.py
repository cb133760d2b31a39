"""Ctrl-C at any line of a step: weights, moments and the count are those of before or those of after, and go on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.optim import Ema, LookAhead, StatefulOptimizer
from support.interrupts import interrupted, places

X = np.random.default_rng(1).normal(size=(5, 3))
Y = np.array([0, 1, 0, 1, 1])
Snapshot: TypeAlias = dict[str, object]

CASES: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "sgd": ("sgd", {"lr": 0.1}, 4, 11),
    "compiled": ("adam", {"lr": 0.1}, 4, 53),
    "plain, first step": ("adam", {"lr": 0.1}, 0, 11),
    "micro-batch that is gathered": ("adam", {"lr": 0.1, "accumulate": 2}, 4, 2),
    "micro-batch that is the last": ("adam", {"lr": 0.1, "accumulate": 2}, 5, 17),
    "averages and look-ahead": ("adam", {"lr": 0.1, "average": Ema(), "lookahead": LookAhead(every=5)}, 4, 61),
    "weight decay, clipping": ("sgd", {"lr": 0.1, "weight_decay": 0.01, "clip": mg.optim.ClipNorm(0.1)}, 4, 19),
}
"""The rule, its options, steps before the one that is interrupted, and lines between interrupts."""


@pytest.fixture(autouse=True)
def numpy_error_handling() -> Iterator[None]:
    """What NumPy's own `errstate` leaves behind when it is interrupted as it is entered ends with each test."""
    with np.errstate():
        yield


class Training:
    """A small network, its optimizer and a loss on fixed rows."""

    def __init__(self, rule: str, options: dict[str, Any], warm: int, closures: bool = False) -> None:
        self.model = nn.mlp(3, [4], 2, rng=0)
        self.optimizer: StatefulOptimizer = mg.optimizer(rule, self.model.named_parameters(), **options)
        for _ in range(warm):
            self.whole_step(closures)

    def loss(self) -> mg.Tensor:
        return nn.cross_entropy(self.model(mg.tensor(X)), Y)

    def whole_step(self, closures: bool = False) -> None:
        if closures:
            self.optimizer.step(self.loss)
            return
        self.optimizer.zero_grad()
        self.loss().backward()
        self.optimizer.step()

    def snapshot(self) -> Snapshot:
        state = {**self.optimizer.state_dict(), **self.model.state_dict()}
        return {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in state.items()}


def check_steps(name: str, step: int = 0, opcodes: bool = False) -> None:
    rule, options, warm, stride = CASES[name]
    reference = Training(rule, options, warm)
    reference.optimizer.zero_grad()
    reference.loss().backward()
    before = reference.snapshot()
    reference.optimizer.step()
    states = [reference.snapshot()]
    reference.whole_step()
    states.append(reference.snapshot())
    training: Training
    old: mg.Tensor

    def prepare() -> Callable[[], object]:
        nonlocal training, old
        training = Training(rule, options, warm)
        training.optimizer.zero_grad()
        old = training.loss()
        old.backward()
        return training.optimizer.step

    hits = 0
    for place in places(prepare, step or stride, opcodes=opcodes):
        hits += 1
        snapshot = training.snapshot()
        assert snapshot in (before, states[0]), place
        moved = any(snapshot[k] != before[k] for k in training.model.state_dict())
        if moved:
            with pytest.raises(mg.StaleGraphError):
                old.backward()
        if snapshot == states[0]:
            training.whole_step()
            assert training.snapshot() == states[1], place
        else:
            training.optimizer.step()
            assert training.snapshot() == states[0], place
    assert hits > 10


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_made_as_a_whole_or_not_at_all(name: str) -> None:
    check_steps(name)


@pytest.mark.soak
@pytest.mark.parametrize("opcodes", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_at_every_line_and_bytecode(name: str, opcodes: bool) -> None:
    check_steps(name, 1 if not opcodes else 7, opcodes)


@pytest.mark.parametrize(("rule", "options"), [("newton", {"damping": 0.1}), ("l-bfgs", {})])
def test_closures_at_lines_far_apart(rule: str, options: dict[str, Any]) -> None:
    training = Training(rule, options, 2, closures=True)
    before = training.snapshot()
    training.whole_step(closures=True)
    after = training.snapshot()
    for number in (3, 50, 400, 1500, 3000, 5000, 8000):
        training = Training(rule, options, 2, closures=True)
        place = interrupted(partial(training.optimizer.step, training.loss), number)
        if not place:
            break
        assert training.snapshot() in (before, after), place
        training.whole_step(closures=True)


def test_a_parameter_is_never_stale_for_ever() -> None:
    w = nn.parameter(np.ones(3))
    opt = mg.optimizer("sgd", [w], lr=0.1)

    def step() -> None:
        opt.zero_grad()
        (w * w).sum().backward()
        opt.step()

    number = 1
    while interrupted(step, number):
        step()
        number += 5
    assert number > 100


LARGE = """
import os, signal, threading, time
import numpy as np
import minigrad as mg
from minigrad import nn

w = nn.parameter(np.zeros(200_000))
opt = mg.optimizer("momentum", [w], lr=1.0)

def step():
    opt.zero_grad()
    w.sum().backward()
    opt.step()

ready = threading.Event()

def send():
    for _ in range(100):
        ready.wait()  # never while the last interrupt is still being dealt with
        ready.clear()
        time.sleep(0.003)
        os.kill(os.getpid(), signal.SIGINT)

for _ in range(4):
    step()
sender, interrupts = threading.Thread(target=send), 0
sender.start()
while True:
    try:
        ready.set()
        while sender.is_alive():
            step()
        break
    except KeyboardInterrupt:
        interrupts += 1
numbers = w.numpy()
print(interrupts, bool(np.all(numbers == numbers[0])), opt.t)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends itself interrupts")
def test_updates_in_place_hold_interrupts_back() -> None:
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True, timeout=60)
    interrupts, even, steps = done.stdout.split()
    assert int(interrupts) > 30
    assert int(steps) > 4
    assert even == "True"  # no tile is a step ahead of the others


def test_defined_steps_leave_the_model_alive() -> None:
    def built() -> tuple[Training, Callable[[], object]]:
        training = Training("adam", {"lr": 0.1}, 0)

        @mg.define
        def step(x: mg.Tensor, y: mg.Tensor) -> mg.Tensor:
            training.optimizer.zero_grad()
            loss = nn.cross_entropy(training.model(x), y)
            loss.backward()
            training.optimizer.step()
            return loss

        return training, lambda: step(X, Y)  # type: ignore[arg-type]  # arrays become Tensors

    training, step = built()
    states = [training.snapshot()]
    for _ in range(3):
        step()
        states.append(training.snapshot())
    for warm, stride in ((0, 4111), (1, 509)):
        number = 1
        while True:
            training, step = built()
            for _ in range(warm):
                step()
            place = interrupted(step, number)
            if not place:
                break
            snapshot = training.snapshot()
            assert snapshot in states[warm : warm + 2], place
            step()
            assert training.snapshot() == states[states.index(snapshot) + 1], place
            number += stride
