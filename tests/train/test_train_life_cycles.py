"""A model, its optimizer, its program and its checkpoints through any order of what users do, beside plain NumPy."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import minigrad as mg
from minigrad import checkpoint, nn
from minigrad.checkpoint import CheckpointError
from minigrad.core.errors import StaleGraphError
from minigrad.typing import Array

X = np.random.default_rng(0).normal(size=(4, 3))
BETA = 0.9


class LifeCycle(RuleBasedStateMachine):
    """Weights of one layer under SGD with momentum, by minigrad and by NumPy.

    The reference is the formula: v <- beta v + g, w <- w - lr v with g the gradient of mean((x w - 1)^2).
    """

    @initialize(seed=st.integers(0, 9))
    def begin(self, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.w = np.random.default_rng(seed).normal(size=(3, 2))
        self.v, self.lr, self.t = np.zeros_like(self.w), 0.1, 0
        self.saved: dict[int, tuple[Array, Array, int, float]] = {}
        self.handed: list[tuple[Array, Array]] = []
        self.pending: mg.Tensor | None = None
        self._build(self.w)

    def _build(self, w: Array) -> None:
        self.parameter = nn.parameter(w, dtype=np.float64)
        self.optimizer = mg.optimizer("momentum", [("w", self.parameter)], lr=self.lr, momentum=BETA)

        parameter, optimizer = self.parameter, self.optimizer

        def step(x: mg.Tensor) -> mg.Tensor:
            optimizer.zero_grad()
            loss = ((x @ parameter - 1.0) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        self.program = mg.define(step)
        self.model = Holder(self.parameter)

    def loss(self, x: mg.Tensor | Array) -> mg.Tensor:
        return ((mg.tensor(x) @ self.parameter - 1.0) ** 2).mean()

    def _follow(self, x: Array) -> None:
        residual = x @ self.w - 1.0
        self.v = BETA * self.v + 2.0 * x.T @ residual / residual.size
        self.w = self.w - self.lr * self.v
        self.t += 1

    @rule(k=st.integers(1, 4))
    def eager(self, k: int) -> None:
        self.optimizer.zero_grad()
        self.loss(X[:k]).backward()
        self.optimizer.step()
        self._follow(X[:k])

    @rule(k=st.integers(1, 4))
    def defined(self, k: int) -> None:
        value = self.program(X[:k])  # type: ignore[arg-type]  # arrays become Tensors inside
        np.testing.assert_allclose(float(value), ((X[:k] @ self.w - 1.0) ** 2).mean(), rtol=1e-9, atol=1e-12)
        self._follow(X[:k])

    @rule()
    def forward_for_later(self) -> None:
        self.pending, self.made_at = self.loss(X), self.t

    @precondition(lambda self: self.pending is not None)
    @rule()
    def backward_later(self) -> None:
        assert self.pending is not None
        self.parameter.zero_grad()
        if self.made_at == self.t:
            self.pending.backward()
        else:
            with pytest.raises(StaleGraphError):
                self.pending.backward()
        self.pending = None

    @rule()
    def hand_out(self) -> None:
        array = self.parameter.numpy()
        self.handed.append((array, array.copy()))
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 7.0

    @rule(lr=st.sampled_from([0.0, 0.01, 0.05]))
    def change_rate(self, lr: float) -> None:
        self.optimizer.set(lr=lr)
        self.lr = lr

    @rule(slot=st.integers(0, 2))
    def save(self, slot: int) -> None:
        checkpoint.save(self.folder / str(slot), self.model, self.optimizer, about={"t": self.t})
        self.saved[slot] = (self.w, self.v, self.t, self.lr)

    @precondition(lambda self: self.saved)
    @rule(data=st.data(), anew=st.booleans())
    def restore(self, data: st.DataObject, anew: bool) -> None:
        slot = data.draw(st.sampled_from(sorted(self.saved)))
        if anew:
            self._build(np.zeros_like(self.w))
        loaded = checkpoint.load(self.folder / str(slot))
        loaded.restore(self.model, self.optimizer)
        self.w, self.v, self.t, _ = self.saved[slot]
        assert loaded.about == {"t": self.t}
        self.pending = None

    @precondition(lambda self: self.saved)
    @rule(data=st.data(), at=st.integers(0, 10_000), bit=st.integers(0, 7))
    def restore_damaged(self, data: st.DataObject, at: int, bit: int) -> None:
        content = bytearray((self.folder / str(data.draw(st.sampled_from(sorted(self.saved))))).read_bytes())
        content[at % len(content)] ^= 1 << bit
        (self.folder / "bent").write_bytes(content)
        with pytest.raises(CheckpointError):
            checkpoint.load(self.folder / "bent").restore(self.model, self.optimizer)

    @invariant()
    def weights_and_count_are_those_of_the_formula(self) -> None:
        if not hasattr(self, "parameter"):
            return
        assert self.optimizer.t == self.t
        np.testing.assert_allclose(self.model.state_dict()["w"], self.w, rtol=1e-9, atol=1e-12)
        for array, copy in self.handed:
            np.testing.assert_array_equal(array, copy)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


class Holder(nn.Module):
    """A module with one parameter."""

    def __init__(self, w: mg.Tensor) -> None:
        self.w = w


@pytest.mark.parametrize("examples", [15, pytest.param(1_500, marks=pytest.mark.soak)])
def test_any_order_of_steps_saves_and_restores(examples: int) -> None:
    run_state_machine_as_test(
        LifeCycle,
        settings=settings(max_examples=examples, stateful_step_count=25, deadline=None, derandomize=examples < 100),
    )
