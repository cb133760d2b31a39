"""Recurrent layers: batch first, the whole sequence at once.

They are loops over verified ops.
`layer(x)` gives the outputs, so that layers fit into Sequential and stack: `Sequential(LSTM(8, 32), LSTM(32, 32))`.
`layer.run(x, state)` starts from a given state and returns outputs and last state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import attrs
import numpy as np

from minigrad import lazy
from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor, as_array
from minigrad.core.types import AnyArray, Array
from minigrad.nn.errors import LabelError
from minigrad.nn.initializers import forget_bias, generator
from minigrad.nn.layers.dropout import Dropout
from minigrad.nn.module import parameter
from minigrad.nn.sequence.cells import (
    LSTMState,
    RecurrentWeights,
    State,
    check_nonlinearity,
    gru_step,
    lstm_step,
    rnn_step,
)
from minigrad.nn.validators import finite, probability, size
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.elementwise.arithmetic import where
from minigrad.ops.elementwise.piecewise_constant import greater
from minigrad.ops.functions import concatenate
from minigrad.ops.index import getitem
from minigrad.runtime.effects import runtime_check

__all__ = ["GRU", "LSTM", "RNN", "LSTMState"]

_OLD_NAMES = {"inputs": "input_size", "units": "hidden_size", "init": "weight_init"}

S = TypeVar("S")


@attrs.define(eq=False, repr=False)
class _Recurrent(RecurrentWeights, Generic[S]):
    """A cell that runs over a sequence, in as many layers and directions as wanted."""

    num_layers: int = attrs.field(default=1, kw_only=True, validator=size)
    bidirectional: bool = attrs.field(default=False, kw_only=True)
    dropout: float = attrs.field(default=0.0, kw_only=True, validator=probability)
    further: tuple[_Recurrent[S], ...] = attrs.field(init=False, default=())
    drop: Dropout | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.rng = rng = generator(self.rng)
        super().__attrs_post_init__()
        directions = 2 if self.bidirectional else 1
        options = {
            f.alias: getattr(self, f.name) for f in attrs.fields(type(self)) if f.init and f.name not in _OF_THE_STACK
        }
        for number in range(1, self.num_layers * directions):
            width = self.input_size if number < directions else self.hidden_size * directions
            self.further += (type(self)(**{**options, "input_size": width}),)
        if self.dropout and self.num_layers > 1:
            self.drop = Dropout(self.dropout, rng=rng)

    def forward(self, x: Tensor, lengths: Tensor | AnyArray | None = None) -> Tensor:
        """x `(N, time, input_size)` -> all h_t, `(N, time, hidden_size)`, from the state 0.

        Args:
            x: the sequences.
            lengths: as for `run`.
        """
        return self.run(x, lengths=lengths)[0]

    def run(self, x: Tensor, state: S | None = None, lengths: Tensor | AnyArray | None = None) -> tuple[Tensor, S]:
        """Run x `(N, time, input_size)` from a state.

        To carry a state from one stretch of a text to the next without differentiating through it, detach it.

        Args:
            x: the sequences.
            state: h_0 `(N, hidden_size)`, of an LSTM the pair of h_0 and c_0; 0 by default. With several layers or
                directions `(num_layers * directions, N, hidden_size)`, as in PyTorch: forwards and backwards of the
                first layer, then of the second.
            lengths: `(N,)`, how many steps of each row count; the rest is padding, whose outputs are 0.

        Returns:
            All h_t of the last layer, `(N, time, hidden_size)`, both directions side by side; and the state after the
            last step of each row, like `state`.

        Raises:
            ShapeError: x, the state or the lengths have another shape.
            LabelError: a length is not in 1 to time.
        """
        if x.ndim != 3 or x.shape[2] != self.input_size or x.shape[1] == 0:
            raise ShapeError(f"{self!r} needs an input of shape (N, time >= 1, {self.input_size}), got {x.shape}")
        inside = None if lengths is None else _places_inside(self, lengths, *x.shape[:2])
        directions = 2 if self.bidirectional else 1
        runs = (self, *self.further)
        starts = self._split_states(state, len(runs))
        ends: list[State] = []
        for first in range(0, len(runs), directions):
            outputs = []
            for way in range(directions):
                y, end = _scan(runs[first + way], x, starts[first + way], inside, backwards=way == 1)
                outputs.append(y)
                ends.append(end)
            x = outputs[0] if directions == 1 else concatenate(outputs, axis=-1)
            if self.drop is not None and first + directions < len(runs):
                x = self.drop(x)
        parts = [p[0] if len(runs) == 1 else stack(list(p), axis=0) for p in zip(*ends, strict=True)]
        last: Any = parts[0] if self.state_parts == 1 else tuple(parts)
        return x, last

    def _split_states(self, state: Any, runs: int) -> list[Any]:
        """The state of each run, from one for all."""
        if state is None or runs == 1:
            return [state] * runs
        parts = (state,) if isinstance(state, Tensor) else tuple(state)
        for part in parts:
            if part.ndim != 3 or part.shape[0] != runs:
                raise ShapeError(f"{self!r} needs states of shape ({runs}, N, {self.hidden_size}), got {part.shape}")
        return [tuple(getitem(part, key=(k,)) for part in parts) for k in range(runs)]

    def __repr__(self) -> str:
        several = f", num_layers={self.num_layers}" * (self.num_layers > 1)
        both = ", bidirectional=True" if self.bidirectional else ""
        return f"{type(self).__name__}({self.input_size}, {self.hidden_size}{several}{both})"


_OF_THE_STACK = ("num_layers", "bidirectional", "dropout", "input_size")


def _places_inside(layer: object, lengths: Tensor | AnyArray, rows: int, time: int) -> list[Tensor]:
    """For each step, `(N, 1)` truth values: whether the row is that long."""
    index = as_array(lengths)
    if index.shape != (rows,) or index.dtype.kind not in "iu":
        raise ShapeError(f"{layer!r} needs {rows} whole numbers as lengths, got {index.dtype} {index.shape}")

    def check(counts: Array) -> None:
        if counts.size and (counts.min() < 1 or counts.max() > time):
            row = int(np.argmax((counts < 1) | (counts > time)))
            raise LabelError(f"{layer!r}: length {counts[row]} of row {row} is not in 1 to {time}")

    runtime_check(lengths, check)
    column = lengths.reshape((rows, 1))
    return [greater(column, t) for t in range(time)]


def _scan(
    weights: RecurrentWeights, x: Tensor, start: Any, inside: Sequence[Tensor] | None, backwards: bool
) -> tuple[Tensor, State]:
    """Run one layer in one direction over `(N, time, width)`: its outputs, and its last state."""
    inputs = _steps(weights.project(x))
    state = weights.begin(start, inputs[0])
    outputs: list[Tensor] = []
    for t in reversed(range(len(inputs))) if backwards else range(len(inputs)):
        after = weights.step(inputs[t], state)
        if inside is None:
            state = after
            outputs.append(after[0])
        else:
            state = tuple(where(inside[t], new, old) for new, old in zip(after, state, strict=True))
            outputs.append(where(inside[t], after[0], 0.0))
    return stack(outputs[::-1] if backwards else outputs, axis=1), state


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


_STACK_DOC = """num_layers: layers on top of each other; each takes the outputs of the one below.
        bidirectional: whether each layer also runs from the end to the start; outputs are then twice as wide.
        dropout: probability with which an output between two layers is lost, in training."""


@lazy.renamed_fields(**_OLD_NAMES)
@attrs.define(eq=False, repr=False)
class RNN(_Recurrent[Tensor]):
    __doc__ = f"""h_t = tanh(x_t @ input_weight + h_{{t-1}} @ state_weight + bias) (Elman 1990).

    Attributes:
        input_size: length of x_t.
        hidden_size: length of h_t.
        nonlinearity: "tanh", or "relu".
        {_STACK_DOC}
        weight_init: initializer of `input_weight`.
        state_init: initializer of `state_weight`.
        use_bias: whether there is a bias.
        rng: as for Linear.
        input_weight: `(input_size, hidden_size)`, the transpose of PyTorch's weight_ih_l0.
        state_weight: `(hidden_size, hidden_size)`, the transpose of PyTorch's weight_hh_l0.
        bias: `(hidden_size,)`, 0 at first; PyTorch's bias_ih_l0 + bias_hh_l0.
        further: layers of one direction each: backwards of the first layer, then forwards of the second and so on.
    """

    gates = 1
    nonlinearity: str = attrs.field(default="tanh", kw_only=True, validator=check_nonlinearity)

    def step(self, now: Tensor, state: State) -> State:
        """One step, as `RNNCell`."""
        return rnn_step(self, self.nonlinearity, now, state)


@lazy.renamed_fields(**_OLD_NAMES)
@attrs.define(eq=False, repr=False)
class GRU(_Recurrent[Tensor]):
    __doc__ = f"""Gated recurrent unit (Cho et al. 2014), with the reset gate after the product.

    That is the form of PyTorch and cuDNN:

    r, z = sigmoid(...), n = tanh(x W_n + b_n + r * (h W'_n + b'_n)), h <- (1 - z) n + z h.

    Attributes:
        input_size: length of x_t.
        hidden_size: length of h_t.
        {_STACK_DOC}
        weight_init: initializer of `input_weight`, block by block.
        state_init: initializer of `state_weight`, block by block.
        use_bias: whether there are biases.
        rng: as for Linear.
        input_weight: `(input_size, 3 hidden_size)`, blocks r, z, n; the transpose of PyTorch's weight_ih_l0.
        state_weight: `(hidden_size, 3 hidden_size)`, the same blocks; the transpose of weight_hh_l0.
        bias: `(3 hidden_size,)`, 0 at first; bias_ih_l0, with bias_hh_l0 of r and z added.
        state_bias: `(hidden_size,)`, 0 at first; b'_n, the last block of bias_hh_l0.
        further: layers of one direction each: backwards of the first layer, then forwards of the second and so on.
    """

    gates = 3
    state_bias: Tensor | None = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.state_bias = parameter(np.zeros(self.hidden_size)) if self.use_bias else None

    def step(self, now: Tensor, state: State) -> State:
        """One step, as `GRUCell`."""
        return gru_step(self, self.state_bias, now, state)


@lazy.renamed_fields(**_OLD_NAMES)
@attrs.define(eq=False, repr=False)
class LSTM(_Recurrent[LSTMState]):
    __doc__ = f"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

    i, f, o = sigmoid(...), g = tanh(...), c <- f c + i g, h = o tanh(c).

    Attributes:
        input_size: length of x_t.
        hidden_size: length of h_t.
        {_STACK_DOC}
        weight_init: initializer of `input_weight`, block by block.
        state_init: initializer of `state_weight`, block by block.
        use_bias: whether there is a bias.
        rng: as for Linear.
        forget_bias: where the bias of the forget gate begins; 1 lets the cell remember (Jozefowicz et al. 2015).
        input_weight: `(input_size, 4 hidden_size)`, blocks i, f, g, o; the transpose of PyTorch's weight_ih_l0.
        state_weight: `(hidden_size, 4 hidden_size)`, the same blocks; the transpose of weight_hh_l0.
        bias: `(4 hidden_size,)`; bias_ih_l0 + bias_hh_l0.
        further: layers of one direction each: backwards of the first layer, then forwards of the second and so on.
    """

    gates = 4
    state_parts = 2
    forget_bias: float = attrs.field(default=1.0, kw_only=True, validator=finite)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.bias = parameter(forget_bias(self.hidden_size, self.forget_bias)) if self.use_bias else None

    def step(self, now: Tensor, state: State) -> State:
        """One step, as `LSTMCell`."""
        return lstm_step(self, now, state)
