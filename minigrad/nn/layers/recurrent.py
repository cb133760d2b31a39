"""Recurrent layers: batch first, the whole sequence at once.

They are loops over verified ops.
`layer(x)` gives the outputs, so that layers fit into Sequential and stack: `Sequential(LSTM(8, 32), LSTM(32, 32))`.
`layer.run(x, state)` starts from a given state and returns outputs and last state.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, from_array
from minigrad.nn.initializers import Initializer, Source, find_initializer, forget_bias, generator
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import finite, size
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.transcendental import sigmoid, tanh
from minigrad.ops.index import getitem

__all__ = ["GRU", "LSTM", "RNN", "LSTMState"]

LSTMState: TypeAlias = tuple[Tensor, Tensor]
"""Hidden state h and cell c, each `(N, hidden_size)`."""


_OLD_NAMES = {"inputs": "input_size", "units": "hidden_size", "init": "weight_init"}


@attrs.define(eq=False, repr=False)
class _Recurrent(Module):
    """What recurrent layers share: weights for `gates` blocks of hidden units, side by side."""

    gates: ClassVar[int]
    input_size: int = attrs.field(validator=size)
    hidden_size: int = attrs.field(validator=size)
    weight_init: str | Initializer = attrs.field(default="xavier", kw_only=True)
    state_init: str | Initializer = attrs.field(default="orthogonal", kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    input_weight: Tensor = attrs.field(init=False)
    state_weight: Tensor = attrs.field(init=False)
    bias: Tensor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        rng = generator(self.rng)
        into, across = find_initializer(self.weight_init), find_initializer(self.state_init)
        # Each block is drawn alone: the fans of one gate count, not those of all together.
        self.input_weight = parameter(
            np.hstack([into((self.input_size, self.hidden_size), rng) for _ in range(self.gates)])
        )
        self.state_weight = parameter(
            np.hstack([across((self.hidden_size, self.hidden_size), rng) for _ in range(self.gates)])
        )
        self.bias = parameter(np.zeros(self.gates * self.hidden_size))

    def _projected(self, x: Tensor) -> list[Tensor]:
        """x_t @ input_weight + bias for every step t, by one matrix product."""
        if x.ndim != 3 or x.shape[2] != self.input_size or x.shape[1] == 0:
            raise ShapeError(f"{self!r} needs an input of shape (N, time >= 1, {self.input_size}), got {x.shape}")
        return _steps(matmul(x, self.input_weight) + self.bias)

    def _state(self, initial: Tensor | None, like: Tensor) -> Tensor:
        shape = (like.shape[0], self.hidden_size)
        if initial is None:
            return from_array(np.zeros(shape, dtype=like.dtype))
        if initial.shape != shape:
            raise ShapeError(f"{self!r}: the initial state has shape {initial.shape}, needed is {shape}")
        return initial

    def _block(self, gates: Tensor, number: int) -> Tensor:
        return getitem(gates, key=(slice(None), slice(number * self.hidden_size, (number + 1) * self.hidden_size)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size})"


def _steps(x: Tensor) -> list[Tensor]:
    """Cut x into its slices along axis 1, by halving.

    Their gradients then add up in T log T work, not in T^2.
    """
    parts = [x]
    while parts[0].shape[1] > 1 or parts[-1].shape[1] > 1:
        parts = [half for part in parts for half in _halves(part)]
    return [getitem(part, key=(slice(None), 0)) for part in parts]


def _halves(x: Tensor) -> list[Tensor]:
    middle = (x.shape[1] + 1) // 2
    if x.shape[1] == 1:
        return [x]
    return [getitem(x, key=(slice(None), part)) for part in (slice(None, middle), slice(middle, None))]


@attrs.define(eq=False, repr=False)
class _Plain(_Recurrent):
    """What layers share whose state is their last output."""

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, time, input_size)` -> all h_t, `(N, time, hidden_size)`, from the state 0."""
        return self.run(x)[0]

    def run(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run x `(N, time, input_size)` from a state.

        Args:
            x: the sequences.
            state: h_0, `(N, hidden_size)`; 0 by default.

        Returns:
            All h_t, `(N, time, hidden_size)`, and the last one.
        """
        states = []
        inputs = self._projected(x)
        h = self._state(state, inputs[0])
        for now in inputs:
            h = self._step(now, h)
            states.append(h)
        return stack(states, axis=1), h

    def _step(self, now: Tensor, h: Tensor) -> Tensor:
        """h_t from the projected x_t and h_{t-1}."""
        raise NotImplementedError


@lazy.renamed_fields(**_OLD_NAMES)
@attrs.define(eq=False, repr=False)
class RNN(_Plain):
    """h_t = tanh(x_t @ input_weight + h_{t-1} @ state_weight + bias) (Elman 1990).

    Attributes:
        input_size: length of x_t.
        hidden_size: length of h_t.
        weight_init: initializer of `input_weight`.
        state_init: initializer of `state_weight`.
        rng: as for Linear.
        input_weight: `(input_size, hidden_size)`, the transpose of PyTorch's weight_ih_l0.
        state_weight: `(hidden_size, hidden_size)`, the transpose of PyTorch's weight_hh_l0.
        bias: `(hidden_size,)`, 0 at first; PyTorch's bias_ih_l0 + bias_hh_l0.
    """

    gates = 1

    def _step(self, now: Tensor, h: Tensor) -> Tensor:
        return tanh(now + matmul(h, self.state_weight))


@lazy.renamed_fields(**_OLD_NAMES)
@attrs.define(eq=False, repr=False)
class GRU(_Plain):
    """Gated recurrent unit (Cho et al.

    2014), the form of PyTorch and cuDNN, with the reset gate after the product:

    r, z = sigmoid(...), n = tanh(x W_n + b_n + r * (h W'_n + b'_n)), h <- (1 - z) n + z h.

    Attributes:
        input_size: length of x_t.
        hidden_size: length of h_t.
        weight_init: initializer of `input_weight`, block by block.
        state_init: initializer of `state_weight`, block by block.
        rng: as for Linear.
        input_weight: `(input_size, 3 hidden_size)`, blocks r, z, n; the transpose of PyTorch's weight_ih_l0.
        state_weight: `(hidden_size, 3 hidden_size)`, the same blocks; the transpose of weight_hh_l0.
        bias: `(3 hidden_size,)`, 0 at first; bias_ih_l0, with bias_hh_l0 of r and z added.
        state_bias: `(hidden_size,)`, 0 at first; b'_n, the last block of bias_hh_l0.
    """

    gates = 3
    state_bias: Tensor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.state_bias = parameter(np.zeros(self.hidden_size))

    def _step(self, now: Tensor, h: Tensor) -> Tensor:
        before = matmul(h, self.state_weight)
        r = sigmoid(self._block(now, 0) + self._block(before, 0))
        z = sigmoid(self._block(now, 1) + self._block(before, 1))
        n = tanh(self._block(now, 2) + r * (self._block(before, 2) + self.state_bias))
        return n + z * (h - n)


@lazy.renamed_fields(**_OLD_NAMES)
@attrs.define(eq=False, repr=False)
class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000):

    i, f, o = sigmoid(...), g = tanh(...), c <- f c + i g, h = o tanh(c).

    Attributes:
        input_size: length of x_t.
        hidden_size: length of h_t.
        weight_init: initializer of `input_weight`, block by block.
        state_init: initializer of `state_weight`, block by block.
        rng: as for Linear.
        forget_bias: where the bias of the forget gate begins; 1 lets the cell remember (Jozefowicz et al. 2015).
        input_weight: `(input_size, 4 hidden_size)`, blocks i, f, g, o; the transpose of PyTorch's weight_ih_l0.
        state_weight: `(hidden_size, 4 hidden_size)`, the same blocks; the transpose of weight_hh_l0.
        bias: `(4 hidden_size,)`; bias_ih_l0 + bias_hh_l0.
    """

    gates = 4
    forget_bias: float = attrs.field(default=1.0, kw_only=True, validator=finite)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.bias = parameter(forget_bias(self.hidden_size, self.forget_bias))

    def forward(self, x: Tensor) -> Tensor:
        """x `(N, time, input_size)` -> all h_t, `(N, time, hidden_size)`, from the state 0."""
        return self.run(x)[0]

    def run(self, x: Tensor, state: LSTMState | None = None) -> tuple[Tensor, LSTMState]:
        """Run x `(N, time, input_size)` from a state.

        To carry a state from one stretch of a text to the next without differentiating through it, detach both.

        Args:
            x: the sequences.
            state: h_0 and c_0, each `(N, hidden_size)`; 0 by default.

        Returns:
            All h_t, `(N, time, hidden_size)`, and the last (h, c).
        """
        states = []
        inputs = self._projected(x)
        h, c = (self._state(s, inputs[0]) for s in state or (None, None))
        for now in inputs:
            gates = now + matmul(h, self.state_weight)
            i, f, o = (sigmoid(self._block(gates, k)) for k in (0, 1, 3))
            c = f * c + i * tanh(self._block(gates, 2))
            h = o * tanh(c)
            states.append(h)
        return stack(states, axis=1), (h, c)
