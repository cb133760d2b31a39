"""Recurrent networks and differential equations, written as loops over verified ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.ops.arrangement.split_join import stack
from minigrad.ops.contraction.matmul import matmul
from minigrad.ops.elementwise.transcendental import sigmoid, tanh
from minigrad.ops.index import getitem
from minigrad.typing import V


def gru(x: V, w_input: Sequence[V], w_state: Sequence[V], bias: Sequence[V], start: V | None = None) -> V:
    """Run a gated recurrent unit (Cho et al., 2014), as MyGrad's.

    Returns all states, from the start state on.

    Args:
        x: inputs (time, batch, features).
        w_input: three matrices (features, units), for update gate z, reset gate r and candidate h.
        w_state: three matrices (units, units) for the same.
        bias: three vectors (units,).
        start: first state (batch, units), zeros by default.

    Returns:
        States (time + 1, batch, units): s' = (1 - z) tanh(x U + (r s) W + b) + z s.
    """
    inputs = [matmul(x, u) + b for u, b in zip(w_input, bias, strict=True)]
    s: V = getitem(inputs[0], key=(0,)) * 0.0 if start is None else start
    states = [s]
    for t in range(x.shape[0]):
        update, reset, candidate = (getitem(i, key=(t,)) for i in inputs)
        z: V = sigmoid(update + matmul(s, w_state[0]))
        r: V = sigmoid(reset + matmul(s, w_state[1]))
        h: V = tanh(candidate + matmul(r * s, w_state[2]))
        s = (1.0 - z) * h + z * s
        states.append(s)
    return stack(states)


def odeint(f: Callable[..., V], y0: V, t: V | Array, *args: V, substeps: int = 4) -> V:
    """Solve dy/dt = f(y, t, *args) at the times t.

    By the classical Runge-Kutta method of order 4.

    Args:
        f: the right-hand side, as for scipy.integrate.odeint.
        y0: the value at t[0].
        t: increasing or decreasing times.
        *args: further arguments of f; gradients flow into them, into y0 and into t.
        substeps: equal steps between neighbouring times; the error falls with its fourth power.

    Returns:
        Values (len(t), *y0.shape).
    """
    y = y0
    solution = [y]
    times: list[Any] = list(t) if isinstance(t, Tensor) and t.requires_grad else [float(time) for time in t]
    for start, stop in pairwise(times):
        h = (stop - start) / substeps
        for k in range(substeps):
            now = start + h * k
            k1 = f(y, now, *args)
            k2 = f(y + k1 * (h / 2), now + h / 2, *args)
            k3 = f(y + k2 * (h / 2), now + h / 2, *args)
            k4 = f(y + k3 * h, now + h, *args)
            y = y + (k1 + (k2 + k3) * 2.0 + k4) * (h / 6)
        solution.append(y)
    return stack(solution)
