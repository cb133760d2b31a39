"""Random training steps for the fuzzer of programs: eager and defined, with everything in reach changing in between.

A step is a random graph over a few leaves, with some *parts* on top: a classifier with labels, an embedding, dropout,
batch norm, a convolution with pooling, an LSTM, attention, derivatives inside the step, a program inside the program,
numbers and arrays that the step reads without being given them. Then an optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.typing import Array
from support.program_recipes import BINARY, UNARY, Recipe, loss_of

__all__ = ["PARTS", "Drawn", "difference", "draw_program", "outcome"]

CALLS = 8
"""Of each program: C links its calls after five."""
_OPTIMIZERS: Mapping[str, dict[str, Any]] = {
    "sgd": {"lr": 1e-2}, "momentum": {"lr": 1e-2}, "nesterov": {"lr": 1e-2}, "adagrad": {"lr": 1e-2, "eps": 1e-3},
    "adam": {"lr": 1e-2, "eps": 1e-3}, "adamw": {"lr": 1e-2, "eps": 1e-3}, "rmsprop": {"lr": 1e-3, "eps": 1e-2},
}  # fmt: skip
_CLASSES = 5


@attrs.frozen
class Drawn:
    """A step in words.

    Attributes:
        seed: of the numbers.
        shape: of the leaves.
        single: float32 in place of float64.
        recipe: the graph.
        parts: what else goes into the loss.
        optimizer: its name; "" for none.
        changes: whether what the step reads is changed between calls.
    """

    seed: int
    shape: tuple[int, int]
    single: bool
    recipe: Recipe
    parts: tuple[str, ...]
    optimizer: str
    changes: bool


def draw_program(seed: int) -> Drawn:
    """The step of a number."""
    rng = np.random.default_rng([seed, 17])
    names = [*UNARY, *BINARY]
    count = int(rng.integers(1, 9))
    recipe = [(str(rng.choice(names)), int(rng.integers(0, n + 3)), int(rng.integers(0, n + 3))) for n in range(count)]
    parts = sorted(str(p) for p in rng.choice(list(PARTS), int(rng.integers(0, 4)), replace=False))
    shape = int(rng.integers(4, 40)), int(rng.integers(3, 24))
    return Drawn(
        seed, shape, bool(rng.integers(3) == 0), recipe, tuple(parts),
        str(rng.choice(["", *_OPTIMIZERS])), bool(rng.integers(2)),
    )  # fmt: skip


class _Setting:
    """The leaves of a step and all that it reads. The same at every call of `_Setting(drawn)`."""

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn
        self.dtype: Any = np.float32 if drawn.single else np.float64
        self.rng = np.random.default_rng(drawn.seed)
        rows, columns = drawn.shape
        self.w = self.parameter(rows, columns)
        self.b = self.parameter(columns)
        self.parameters = [self.w, self.b]
        self.scale, self.table, self.places = 1.0, {"k": np.ones(columns, self.dtype)}, np.arange(rows)[::-1].copy()
        self.buffers: list[mg.Tensor] = []
        self.parts = [PARTS[name](self) for name in drawn.parts]

    def parameter(self, *shape: int) -> Any:
        """A leaf with numbers of its own."""
        return mg.tensor(0.5 * self.rng.standard_normal(shape), requires_grad=True, dtype=self.dtype)

    def layer(self, module: Any) -> Any:
        """A module of the step's dtype whose parameters are trained."""
        module = module.astype(self.dtype)
        self.parameters += list(module.parameters())
        return module

    def change(self, rng: np.random.Generator) -> None:
        """Change something that the step reads, in place or by another object in its place."""
        which, rows, columns = int(rng.integers(5)), *self.drawn.shape
        if which == 0:
            self.scale = float(rng.choice([0.5, 1.0, -0.0, 2.0]))
        elif which == 1:
            self.table["k"] = rng.standard_normal(columns).astype(self.dtype)
        elif which == 2:
            self.table["k"][0] = float(rng.standard_normal())
        elif which == 3:
            self.places[:] = rng.integers(0, rows, rows)


Part = Callable[[Any, Any], Any]
"""What a part adds to the loss, of inputs and labels."""
_mg: Any = mg
"""minigrad without its types, which containers and derivatives would need casts for."""


def _classifier(s: _Setting) -> Part:
    layer = s.layer(nn.Linear(s.drawn.shape[1], _CLASSES, rng=1))
    return lambda x, labels: _mg.cross_entropy(layer(x), labels)


def _embedding(s: _Setting) -> Part:
    layer = s.layer(nn.Embedding(_CLASSES, s.drawn.shape[1], rng=2))
    return lambda x, labels: _mg.mean(layer(labels) * x)


def _dropout(s: _Setting) -> Part:
    rng = np.random.default_rng(3)
    return lambda x, labels: _mg.mean(_mg.dropout(x * s.b, 0.4, rng=rng) ** 2)


def _batch_norm(s: _Setting) -> Part:
    layer = s.layer(nn.BatchNorm1d(s.drawn.shape[1]))
    s.buffers += list(layer.buffers())
    return lambda x, labels: _mg.mean(_mg.tanh(layer(x * s.w)) ** 2)


def _convolution(s: _Setting) -> Part:
    layers = s.layer(nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, rng=4), nn.ReLU(), nn.MaxPool2d(2)))
    return lambda x, labels: _mg.mean(layers((x * s.w).reshape(1, 1, *x.shape)) ** 2)


def _lstm(s: _Setting) -> Part:
    layer = s.layer(nn.LSTM(s.drawn.shape[1], 4, rng=5))
    return lambda x, labels: _mg.mean(layer(x[:4].reshape(1, 4, -1)) ** 2)


def _attention(s: _Setting) -> Part:
    def attend(x: Any, labels: Any) -> Any:
        q = _mg.stack([x * s.w, _mg.tanh(x)])
        scores = _mg.softmax(q @ _mg.swapaxes(q, 1, 2) / 4.0, axis=-1)
        return _mg.mean(_mg.square(scores @ q))

    return attend


def _penalty(s: _Setting) -> Part:
    slope: Any = _mg.grad(lambda t: _mg.sum(_mg.tanh(t * s.w) @ s.b))
    return lambda x, labels: _mg.mean(_mg.square(slope(x)))


def _curvature(s: _Setting) -> Part:
    return lambda x, labels: 0.1 * _mg.mean(_mg.square(_mg.hvp(lambda t: _mg.sum(_mg.sigmoid(t * s.w)), (x,), (x,))))


def _forward_derivative(s: _Setting) -> Part:
    def along(x: Any, labels: Any) -> Any:
        value, change = _mg.jvp(lambda t: _mg.softmax(t * s.w, axis=-1), (x,), (x,))
        return _mg.mean(_mg.square(change)) + _mg.mean(value)

    return along


def _recomputed(s: _Setting) -> Part:
    block = _mg.checkpointed(lambda t: _mg.gelu(t * s.w) * _mg.tanh(t))
    return lambda x, labels: _mg.mean(block(x))


def _program_inside(s: _Setting) -> Part:
    inner = _mg.define(lambda t: _mg.softplus(t * s.w) + s.b)
    return lambda x, labels: _mg.mean(inner(x) * x)


def _rows_at_once(s: _Setting) -> Part:
    each = _mg.vmap(lambda row: _mg.logsumexp(row * s.b))
    return lambda x, labels: _mg.mean(each(x))


def _number(s: _Setting) -> Part:
    return lambda x, labels: _mg.sum(x * s.b) * s.scale


def _array(s: _Setting) -> Part:
    return lambda x, labels: _mg.mean(x * s.table["k"] * s.b)


def _index(s: _Setting) -> Part:
    return lambda x, labels: _mg.mean(x[s.places] * s.w)


PARTS: Mapping[str, Callable[[_Setting], Part]] = {
    "classifier": _classifier, "embedding": _embedding, "dropout": _dropout, "batch norm": _batch_norm,
    "convolution": _convolution, "lstm": _lstm, "attention": _attention, "gradient penalty": _penalty,
    "curvature": _curvature, "forward derivative": _forward_derivative, "recomputed block": _recomputed,
    "program inside": _program_inside, "rows at once": _rows_at_once, "number in reach": _number,
    "array in reach": _array, "index array in reach": _index,
}  # fmt: skip


def outcome(drawn: Drawn, engine: str = "", moved: float = 0.0) -> list[Array]:
    """What eight calls of a step leave: losses, gradients of the last one, parameters, buffers.

    Args:
        drawn: the step.
        engine: of the program; "" runs it eagerly.
        moved: inputs are changed by this share of themselves, which shows how far rounding may reach.
    """
    s = _Setting(drawn)
    opt = None
    if drawn.optimizer:
        clip = optim.ClipNorm(0.5) if drawn.seed % 4 == 0 else None
        opt = mg.optimizer(drawn.optimizer, s.parameters, clip=clip, **_OPTIMIZERS[drawn.optimizer])

    def step(x: Any, labels: Any) -> list[mg.Tensor]:
        for p in s.parameters:
            p.zero_grad()
        loss = loss_of(drawn.recipe, [x, s.w, x * s.b]) + 1e-3 * mg.sum(mg.square(s.w * s.b))
        for part in s.parts:
            loss = loss + part(x, labels)
        loss.backward()
        if opt is not None:
            opt.step()
        return [loss, mg.sum(x)]

    run: Any = mg.define(step, engine=engine) if engine else step
    numbers, between = np.random.default_rng([drawn.seed, 1]), np.random.default_rng([drawn.seed, 2])
    results: list[Array] = []
    with np.errstate(all="ignore"):
        for _ in range(CALLS):
            x: Any = (numbers.standard_normal(drawn.shape) * (1.0 + moved)).astype(s.dtype)
            labels: Any = numbers.integers(0, _CLASSES, drawn.shape[0])
            results += [t.numpy() for t in run(x if engine else mg.tensor(x), labels if engine else mg.tensor(labels))]
            results += [p.grad.numpy().copy() for p in s.parameters if p.grad is not None]
            if drawn.changes:
                s.change(between)
    return [*results, *(t.numpy().copy() for t in (*s.parameters, *s.buffers))]


def difference(drawn: Drawn, engine: str) -> str:
    """Where a program's outcome is not the eager one, "" for nothing.

    An entry may differ by 1e-9 (float32: 2e-4) of the largest of its array, by a hundred times what changes when the
    inputs move by a few units in the last place (slopes at corners, near-ties of sorts), and in float32 by four times
    what the eager answer differs from that of float64.
    """
    try:
        expected = outcome(drawn)
        results = outcome(drawn, engine)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if len(results) != len(expected):
        return f"{len(results)} arrays, not {len(expected)}"
    tolerance = 2e-4 if drawn.single else 1e-9
    slack: list[Array] | None = None
    for k, (a, b) in enumerate(zip(results, expected, strict=True)):
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"array {k}: {a.dtype}{a.shape}, not {b.dtype}{b.shape}"
        if _beyond(a, b, tolerance * _size(b)).any():
            moves = [3e-7, -3e-7] if drawn.single else [4e-16, -4e-16, 1e-14]
            slack = slack or _slack([outcome(drawn, moved=m) for m in moves], expected)
            exact = outcome(attrs.evolve(drawn, single=False))[k] if drawn.single else b
            rounded = np.nan_to_num(np.abs(b - exact), posinf=0.0)
            wrong = _beyond(a, b, tolerance * _size(b) + 100.0 * np.nan_to_num(slack[k]) + 4.0 * rounded)
            if wrong.any():
                where = tuple(int(i) for i in np.argwhere(wrong)[0])
                return f"array {k} of {len(results)} at {where}: {a[where]!r}, not {b[where]!r}"
    return ""


def _slack(moved: list[list[Array]], expected: list[Array]) -> list[Array]:
    """By how much each entry differs from what is expected in the outcomes of inputs that were moved."""
    return [np.max([np.abs(m[k] - y) for m in moved], axis=0) for k, y in enumerate(expected)]


def _size(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x))) + 1e-3


def _beyond(a: Array, b: Array, bar: Any) -> Any:
    with np.errstate(invalid="ignore"):
        return ~((np.abs(a - b) <= bar) | (a == b) | (np.isnan(a) & np.isnan(b)))
