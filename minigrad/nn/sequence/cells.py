"""Recurrent cells: one step of a recurrent layer, and the weights of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, from_array
from minigrad.nn.errors import ModuleError
from minigrad.nn.initializers import Initializer, Source, find_initializer, forget_bias, generator
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import finite, size
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.piecewise_linear import relu
from minigrad.ops.elementwise.transcendental import sigmoid, tanh
from minigrad.ops.index import getitem

__all__ = ["GRUCell", "LSTMCell", "LSTMState", "RNNCell", "RecurrentWeights", "State", "check_nonlinearity"]

LSTMState: TypeAlias = tuple[Tensor, Tensor]
"""Hidden state h and cell c, each `(N, hidden_size)`."""

State: TypeAlias = tuple[Tensor, ...]
"""Everything that a step hands to the next one; h comes first."""

_NONLINEARITIES = {"tanh": tanh, "relu": relu}


def check_nonlinearity(owner: object, field: attrs.Attribute[str], value: object) -> None:
    """`"tanh"` or `"relu"`."""
    if value not in _NONLINEARITIES:
        raise ModuleError(f"{type(owner).__name__}.nonlinearity must be 'tanh' or 'relu', got {value!r}")


@attrs.define(eq=False, repr=False)
class RecurrentWeights(Module):
    """What cells and layers share: weights for `gates` blocks of hidden units, side by side.

    Attributes:
        gates: number of blocks.
        state_parts: how many Tensors a state is made of.
    """

    gates: ClassVar[int]
    state_parts: ClassVar[int] = 1
    input_size: int = attrs.field(validator=size)
    hidden_size: int = attrs.field(validator=size)
    weight_init: str | Initializer = attrs.field(default="xavier", kw_only=True)
    state_init: str | Initializer = attrs.field(default="orthogonal", kw_only=True)
    use_bias: bool = attrs.field(default=True, kw_only=True)
    rng: Source = attrs.field(default=None, kw_only=True)
    input_weight: Tensor = attrs.field(init=False)
    state_weight: Tensor = attrs.field(init=False)
    bias: Tensor | None = attrs.field(init=False)

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
        self.bias = parameter(np.zeros(self.gates * self.hidden_size)) if self.use_bias else None

    def project(self, x: Tensor) -> Tensor:
        """x @ input_weight + bias: the share of the input in all gates."""
        y = matmul(x, self.input_weight)
        return y if self.bias is None else y + self.bias

    def step(self, now: Tensor, state: State) -> State:
        """The next state from the projected input and the state before."""
        raise NotImplementedError

    def begin(self, state: Sequence[Tensor] | Tensor | None, like: Tensor) -> State:
        """Check a state that the caller gives; None is 0, of the rows and dtype of `like`.

        Raises:
            ShapeError: it has another shape, or not as many parts.
        """
        shape = (like.shape[0], self.hidden_size)
        if state is None:
            return (from_array(np.zeros(shape, dtype=like.dtype)),) * self.state_parts
        parts = (state,) if isinstance(state, Tensor) else tuple(state)
        if len(parts) != self.state_parts:
            raise ShapeError(f"{self!r}: a state has {self.state_parts} parts, h and c; got {len(parts)}")
        for part in parts:
            if part.shape != shape:
                raise ShapeError(f"{self!r}: the initial state has shape {part.shape}, needed is {shape}")
        return parts

    def _block(self, gates: Tensor, number: int) -> Tensor:
        return getitem(gates, key=(slice(None), slice(number * self.hidden_size, (number + 1) * self.hidden_size)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size})"


def rnn_step(weights: RecurrentWeights, nonlinearity: str, now: Tensor, state: State) -> State:
    """h_t = tanh(projected x_t + h_{t-1} @ state_weight), or relu of it."""
    return (_NONLINEARITIES[nonlinearity](now + matmul(state[0], weights.state_weight)),)


def gru_step(weights: RecurrentWeights, state_bias: Tensor | None, now: Tensor, state: State) -> State:
    """The reset gate acts after the product, as in PyTorch and cuDNN."""
    h = state[0]
    before = matmul(h, weights.state_weight)
    r = sigmoid(weights._block(now, 0) + weights._block(before, 0))
    z = sigmoid(weights._block(now, 1) + weights._block(before, 1))
    candidate = weights._block(before, 2)
    n = tanh(weights._block(now, 2) + r * (candidate if state_bias is None else candidate + state_bias))
    return (n + z * (h - n),)


def lstm_step(weights: RecurrentWeights, now: Tensor, state: State) -> State:
    """i, f, o = sigmoid(...), g = tanh(...), c <- f c + i g, h = o tanh(c)."""
    h, c = state
    gates = now + matmul(h, weights.state_weight)
    i, f, o = (sigmoid(weights._block(gates, k)) for k in (0, 1, 3))
    c = f * c + i * tanh(weights._block(gates, 2))
    return o * tanh(c), c


@attrs.define(eq=False, repr=False)
class _Cell(RecurrentWeights):
    """A cell takes one step for a batch of rows."""

    def forward(self, x: Tensor, state: Any = None) -> Any:
        """Take x `(N, input_size)` and the state before, 0 by default, to the next state.

        Returns:
            h `(N, hidden_size)`; of an LSTM the pair (h, c).

        Raises:
            ShapeError: x or the state has another shape.
        """
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise ShapeError(f"{self!r} needs an input of shape (N, {self.input_size}), got {x.shape}")
        now = self.project(x)
        after = self.step(now, self.begin(state, now))
        return after[0] if self.state_parts == 1 else after


@attrs.define(eq=False, repr=False)
class RNNCell(_Cell):
    """h' = tanh(x @ input_weight + h @ state_weight + bias): one step of `RNN`.

    Attributes:
        input_size: length of x.
        hidden_size: length of h.
        nonlinearity: "tanh", or "relu".
        weight_init: initializer of `input_weight`.
        state_init: initializer of `state_weight`.
        use_bias: whether there is a bias.
        rng: as for Linear.
        input_weight: `(input_size, hidden_size)`, the transpose of PyTorch's weight_ih.
        state_weight: `(hidden_size, hidden_size)`, the transpose of weight_hh.
        bias: `(hidden_size,)`, 0 at first; bias_ih + bias_hh.
    """

    gates = 1
    nonlinearity: str = attrs.field(default="tanh", kw_only=True, validator=check_nonlinearity)

    def step(self, now: Tensor, state: State) -> State:
        """One step of `rnn_step`."""
        return rnn_step(self, self.nonlinearity, now, state)


@attrs.define(eq=False, repr=False)
class GRUCell(_Cell):
    """One step of `GRU`: `h = cell(x, h)`.

    Attributes:
        input_size: length of x.
        hidden_size: length of h.
        weight_init: initializer of `input_weight`, block by block.
        state_init: initializer of `state_weight`, block by block.
        use_bias: whether there are biases.
        rng: as for Linear.
        input_weight: `(input_size, 3 hidden_size)`, blocks r, z, n; the transpose of PyTorch's weight_ih.
        state_weight: `(hidden_size, 3 hidden_size)`, the same blocks; the transpose of weight_hh.
        bias: `(3 hidden_size,)`, 0 at first; bias_ih, with bias_hh of r and z added.
        state_bias: `(hidden_size,)`, 0 at first; the last block of bias_hh.
    """

    gates = 3
    state_bias: Tensor | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.state_bias = parameter(np.zeros(self.hidden_size)) if self.use_bias else None

    def step(self, now: Tensor, state: State) -> State:
        """One step of `gru_step`."""
        return gru_step(self, self.state_bias, now, state)


@attrs.define(eq=False, repr=False)
class LSTMCell(_Cell):
    """One step of `LSTM`: `h, c = cell(x, (h, c))`.

    Attributes:
        input_size: length of x.
        hidden_size: length of h and c.
        weight_init: initializer of `input_weight`, block by block.
        state_init: initializer of `state_weight`, block by block.
        use_bias: whether there is a bias.
        rng: as for Linear.
        forget_bias: where the bias of the forget gate begins.
        input_weight: `(input_size, 4 hidden_size)`, blocks i, f, g, o; the transpose of PyTorch's weight_ih.
        state_weight: `(hidden_size, 4 hidden_size)`, the same blocks; the transpose of weight_hh.
        bias: `(4 hidden_size,)`; bias_ih + bias_hh.
    """

    gates = 4
    state_parts = 2
    forget_bias: float = attrs.field(default=1.0, kw_only=True, validator=finite)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.bias = parameter(forget_bias(self.hidden_size, self.forget_bias)) if self.use_bias else None

    def step(self, now: Tensor, state: State) -> State:
        """One step of `lstm_step`."""
        return lstm_step(self, now, state)
