"""One case of an op as a plain differentiable function, for other people's gradient checkers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np

import minigrad as mg
from minigrad.core.backward import gradients
from minigrad.core.mode import mode_override
from minigrad.core.op import Op
from minigrad.core.rules import argument_positions, call_rule, unbroadcast
from minigrad.typing import Array
from minigrad.verify.cases import difference_cases


@attrs.frozen(eq=False)
class Target:
    """An op at fixed metadata and integer arguments: float64 arrays in, all real outputs in one flat array out.

    Attributes:
        op: as declared, registered or not.
        arrays: all positional arguments of the case.
        meta: the metadata of the case.
        live: positions of the arguments that a gradient is due for.
    """

    op: Op
    arrays: tuple[Array, ...]
    meta: Mapping[str, object]
    live: tuple[int, ...]

    @property
    def point(self) -> tuple[Array, ...]:
        """Fresh copies of the differentiable arguments."""
        return tuple(np.array(self.arrays[i]) for i in self.live)

    def value(self, *xs: Array) -> Array:
        """The op, evaluated."""
        return np.concatenate([np.ravel(o) for o in self._outputs(xs) if o.dtype.kind == "f"])

    def pull(self, y: Array, g: Array, *xs: Array) -> tuple[Array, ...]:
        """What the rules say for output gradient `g`; un-broadcast as the engine would. Raises what the rules raise."""
        outputs = self._outputs(xs)
        several = isinstance(self.op.forward(*self._full(xs), **self.meta), tuple)
        shaped_y, shaped_g = _shaped(y, outputs), _shaped(g, outputs, zeros=True)
        found: dict[int, Array] = {}
        if self.op.claims.piecewise_constant:
            return tuple(_zero(x) for x in xs)
        full = self._full(xs)
        for rule in self.op.rules:
            indices = argument_positions(rule, len(full))
            if not set(indices) & set(self.live):
                continue
            values = call_rule(
                self.op, rule, tuple(shaped_g) if several else shaped_g[0], tuple(shaped_y) if several else shaped_y[0],
                full, self.meta,
            )  # fmt: skip
            for i, r in zip(indices, values, strict=True):
                if i in self.live:
                    found[i] = _summed(np.asarray(r), full[i].shape)
        return tuple(found[i] for i in self.live)

    def pull_again(self, ws: Sequence[Array], g: Array, *xs: Array) -> tuple[Array, ...]:
        """Gradient of sum_i <ws[i], pull(g, xs)[i]> for g, then for xs: the rules on Tensors, through the tape."""
        outputs = self._outputs(xs)
        with mode_override(allow_unverified=lambda op: True, grad=True):
            ts = {i: mg.tensor(x, requires_grad=True) for i, x in zip(self.live, xs, strict=True)}
            args = tuple(ts.get(i, a) for i, a in enumerate(self.arrays))
            y = self.op.apply(*args, **self.meta)
            gs = [mg.tensor(part, requires_grad=part.dtype.kind == "f") for part in _shaped(g, outputs, zeros=True)]
            losses, seeds = self._rule_values(args, y, gs, ws)
            found = gradients(losses, seeds, [*gs, *ts.values()], create_graph=False)
        dg = [np.zeros(t.shape) if d is None else np.asarray(d) for d, t in zip(found, gs, strict=False) if _real(t)]
        dx = [_zero(x) if d is None else np.asarray(d) for d, x in zip(found[len(gs) :], xs, strict=True)]
        return (np.concatenate([np.ravel(d) for d in dg]), *dx)

    def _rule_values(
        self, args: tuple[mg.Tensor | Array, ...], y: object, gs: list[mg.Tensor], ws: Sequence[Array]
    ) -> tuple[list[mg.Tensor], list[Array]]:
        several = isinstance(y, tuple)
        losses: list[mg.Tensor] = []
        seeds: list[Array] = []
        for rule in self.op.rules:
            indices = argument_positions(rule, len(args))
            if not set(indices) & set(self.live):
                continue
            values = call_rule(self.op, rule, tuple(gs) if several else gs[0], y, args, self.meta)
            for i, r in zip(indices, values, strict=True):
                if i in self.live and isinstance(r, mg.Tensor):  # an array has no gradient: silently zero
                    value = unbroadcast(self.op, str(i), r, self.arrays[i])
                    assert isinstance(value, mg.Tensor)
                    losses.append(value)
                    seeds.append(np.asarray(ws[self.live.index(i)]))
        return losses, seeds

    def _full(self, xs: Sequence[Array]) -> tuple[Array, ...]:
        given = dict(zip(self.live, xs, strict=True))
        return tuple(given.get(i, a) for i, a in enumerate(self.arrays))

    def _outputs(self, xs: Sequence[Array]) -> list[Array]:
        y = self.op.forward(*self._full(xs), **self.meta)
        return [np.asarray(o) for o in (y if isinstance(y, tuple) else (y,))]


def targets(op: Op, seed: int) -> Iterator[Target]:
    """Every case that the declaration of `op` lists: its samples, or its shapes and metadata."""
    last = len(op.arguments) - 1
    for case in difference_cases(op, seed):
        live = [
            i for i, a in enumerate(case.arrays) if a.dtype.kind == "f" and op.arguments[min(i, last)].differentiable
        ]
        if all(case.arrays[i].size for i in live):
            yield Target(op, case.arrays, case.kwargs, tuple(live))


def _real(t: mg.Tensor) -> bool:
    return t.dtype.kind == "f"


def _zero(x: Array) -> Array:
    return np.zeros(np.shape(x))


def _shaped(flat: Array, outputs: list[Array], zeros: bool = False) -> list[Array]:
    found, start = [], 0
    for o in outputs:
        if o.dtype.kind != "f":
            found.append(np.zeros_like(o) if zeros else o)
            continue
        found.append(np.array(flat[start : start + o.size], dtype=o.dtype).reshape(o.shape))
        start += o.size
    return found


def _summed(r: Array, shape: tuple[int, ...]) -> Array:
    """Un-broadcast where that is possible; another shape is left to the checker to complain about."""
    lead = r.ndim - len(shape)
    if r.shape == shape or lead < 0 or any(n not in (1, r.shape[lead + k]) for k, n in enumerate(shape)):
        return r
    axes = tuple(range(lead)) + tuple(lead + k for k, n in enumerate(shape) if n == 1)
    return np.asarray(r.sum(axis=axes)).reshape(shape)
