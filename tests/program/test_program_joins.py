"""Joins whose parts are computed in place, and rows of recurrent gradients in order of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.types import IndexArray
from minigrad.engines import CompiledGroup, EngineWithFallback, FusionGroup, NumpyEngine
from minigrad.program import Program
from minigrad.program.compile.bind import bind
from minigrad.program.compile.executable import CompileOptions


def parts(x: Any) -> tuple[Any, Any, Any]:
    return mg.exp(x), mg.matmul(x, mg.transpose(x)) @ x, mg.tanh(x) * 2.0 + 1.0


def all_apart(x: Any) -> Any:
    a, b, c = parts(x)
    return mg.concatenate([a, b, c], axis=0)


def a_part_twice(x: Any) -> Any:
    a, b, _ = parts(x)
    return mg.concatenate([a, b, a], axis=0)


def shared_by_two(x: Any) -> Any:
    a, b, c = parts(x)
    return mg.concatenate([a, b], axis=0) @ mg.transpose(mg.concatenate([c, a], axis=0))


def read_before_and_after(x: Any) -> Any:
    a, b, c = parts(x)
    joined = mg.concatenate([a * b, b, c], axis=0)
    return mg.concatenate([mg.exp(joined * 0.1), joined], axis=0) @ mg.transpose(a + c)


def with_constants(x: Any) -> Any:
    return mg.concatenate([np.ones((2, 4)), mg.exp(x), np.zeros((1, 4))], axis=0)


def an_input_too(x: Any) -> Any:
    return mg.concatenate([x, mg.exp(x)], axis=0)


def one_in_another(x: Any) -> Any:
    a, b, c = parts(x)
    return mg.concatenate([mg.concatenate([a, b], axis=0), c], axis=0) * 1.0


@pytest.mark.parametrize("disable", [(), ("direct",), ("fuse",), ("reuse",)])
@pytest.mark.parametrize(
    "step",
    [all_apart, a_part_twice, shared_by_two, read_before_and_after, with_constants, an_input_too, one_in_another],
)
def test_joins_are_what_they_were(step: Any, disable: tuple[str, ...]) -> None:
    program = mg.define(step, disable=disable)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((3, 4))
        np.testing.assert_allclose(program(x).numpy(), step(mg.tensor(x)).numpy(), rtol=1e-13, atol=1e-13)


def test_parts_are_computed_in_their_places() -> None:
    """Without the copy a program owns as much memory as the join has, and no time is spent on it."""
    program, copying = mg.define(all_apart), mg.define(all_apart, disable=("direct",))
    x = np.ones((3, 4))
    program(x), copying(x)
    assert spans(program) == 0
    assert spans(copying) == 1


def wide(x: Any) -> list[Any]:
    return [mg.exp(x) * 2.0 + 1.0, mg.tanh(x) - x, mg.exp(-x) * x]


def beside(x: Any) -> Any:
    return mg.concatenate(wide(x), axis=1) @ np.linspace(0.0, 1.0, 120)[:, None]


def beside_and_below(x: Any) -> Any:
    """Joins of columns in a join of rows, as a recurrent layer's gradient has them."""
    joined = [mg.concatenate(wide(y), axis=1) for y in (x, x * 0.5)]
    return mg.transpose(mg.concatenate(joined, axis=0)) @ mg.concatenate(joined, axis=0)


def read_elsewhere_too(x: Any) -> Any:
    a, b, c = wide(x)
    return mg.concatenate([a, b, c], axis=1) @ mg.transpose(mg.concatenate([b, a, c * 1.5 + 1.0], axis=1)) + a @ b.T


@pytest.mark.parametrize("disable", [(), ("direct",), ("fuse",), ("reuse",)])
@pytest.mark.parametrize("step", [beside, beside_and_below, read_elsewhere_too])
def test_columns_are_computed_in_their_places(step: Any, disable: tuple[str, ...]) -> None:
    program = mg.define(step, disable=disable)
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((5, 40))
        np.testing.assert_allclose(program(x).numpy(), step(mg.tensor(x)).numpy(), rtol=1e-12, atol=1e-12)
    if step is beside:
        assert spans(program) == (1 if disable in (("direct",), ("fuse",)) else 0)


class Older(NumpyEngine):
    """An engine of the days when outputs lay in one piece."""

    api = (1, 1)

    def bind(self, group: FusionGroup) -> CompiledGroup:
        assert all(o.array.flags.c_contiguous for o in group.outputs)
        return super().bind(group)


def test_engines_that_do_not_know_of_rows_apart_get_none() -> None:
    x = np.random.default_rng(0).standard_normal((5, 40))
    for engine, expected in ((Older(), 1), (NumpyEngine(), 0)):
        graph = mg.define(beside)
        graph(x)
        bound = bind(graph._last().graph, CompileOptions(), EngineWithFallback("older", engine))
        (at,) = [i for i, s in enumerate(graph._last().graph.steps) if getattr(s, "op", None) is not None and _joins(s)]
        assert bound.spans[at + 1] - bound.spans[at] == expected


def spans(program: Program[Any, Any]) -> int:
    """Code of the join."""
    traced = program._last()
    (at,) = [i for i, s in enumerate(traced.graph.steps) if getattr(s, "op", None) is not None and _joins(s)]
    return traced.executable.spans[at + 1] - traced.executable.spans[at]


def _joins(step: Any) -> bool:
    return bool(step.op.name == "concatenate")


def recurrent(layer: nn.Module, disable: tuple[str, ...] = ()) -> tuple[Program[Any, Any], list[IndexArray], Any]:
    """A program that trains an embedding, a recurrent layer and a projection; its arguments; the step."""
    head, table = nn.Linear(5, 6, rng=1).astype(np.float64), nn.Embedding(6, 4, rng=2).astype(np.float64)
    model = nn.Sequential(table, layer.astype(np.float64), head)
    opt = mg.optimizer("sgd", model.named_parameters(), lr=0.1)

    def step(x: Any, y: Any) -> list[mg.Tensor]:
        opt.zero_grad()
        loss = mg.cross_entropy(mg.reshape(model(x), (-1, 6)), mg.reshape(y, (-1,)))
        loss.backward()
        opt.step()
        return [loss, *(p.detach() * 1.0 for p in model.parameters())]

    rng = np.random.default_rng(3)
    return mg.define(step, disable=disable), [rng.integers(0, 6, (3, 7)) for _ in range(2)], step


@pytest.mark.parametrize(
    "disable", [(), ("time_major_concat",), ("merge_matmuls",), ("cse",), ("gather_after_matmul",)]
)
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_recurrent_layers_learn_as_in_eager(kind: Any, disable: tuple[str, ...]) -> None:
    program, arrays, _ = recurrent(kind(4, 5, rng=0), disable)
    _, _, step = recurrent(kind(4, 5, rng=0))
    for _ in range(3):
        expected = step(*map(mg.tensor, arrays))
        for got, right in zip(program(*arrays), expected, strict=True):
            np.testing.assert_allclose(got.numpy(), right.numpy(), rtol=1e-11, atol=1e-12)


def test_the_gates_gradients_are_joined_once_and_not_side_by_side() -> None:
    program, arrays, _ = recurrent(nn.LSTM(4, 5, rng=0))
    program(*arrays)
    graph = program.graph
    joins = [graph.values[c.outs[0]].shape for c in graph.calls if c.op.name == "concatenate"]
    assert joins.count((21, 20)) == 1
    assert (3, 7, 20) not in joins


def test_sums_over_some_rows_only_stay() -> None:
    """Inputs with a term for each time: its gradient is the sum over the batch, not over all rows."""

    def value(x: Any, p: Any, b: Any, w: Any) -> Any:
        inputs = x + p + b
        h = b * 0.0
        for t in range(4):
            h = mg.tanh(inputs[:, t] + h @ w)
        return (h * h).sum()

    def step(*arrays: Any) -> Any:
        return mg.grad(value, argnums=(1, 2, 3))(*arrays)

    rng = np.random.default_rng(4)
    arrays = [rng.standard_normal(s) for s in ((3, 4, 5), (4, 5), (5,), (5, 5))]
    for got, right in zip(mg.define(step)(*arrays), step(*map(mg.tensor, arrays)), strict=True):
        np.testing.assert_allclose(got.numpy(), right.numpy(), rtol=1e-12, atol=1e-13)
