"""What a program cannot repeat is refused, at the line of the user's program; what changes is noticed."""

from __future__ import annotations

import inspect
import random
import warnings
from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.types import Array, IndexArray
from minigrad.program import RetraceWarning, TraceError
from support.program_steps import batches, largest_difference, model_and_optimizer, step_of, weights

X = np.array([1.0, 2.0])
W: mg.Tensor = mg.tensor([1.0, 2.0], requires_grad=True)
READS: dict[str, Callable[[mg.Tensor], object]] = {
    "item": lambda t: t.sum().item(),
    "float": lambda t: float(t.sum()),
    "int": lambda t: int(t.sum()),
    "bool": lambda t: bool(t.sum()),
    "tolist": lambda t: t.tolist(),
    "branch": lambda t: 1 if t.sum() > 1 else 2,
    "any": lambda t: 1 if (t > 1).any() else 2,
    "equal numbers": lambda t: 1 if np.array_equal(t.numpy(), X) else 2,
    "range": lambda t: range(t.argmax()),
    "written": lambda t: np.negative(X, out=t.numpy() * 2),
    "entry written": lambda t: (t.numpy() * 2).__setitem__(0, 1.0),
    "asarray": lambda t: np.asarray(t).sum(),
    "array": lambda t: mg.tensor(np.array(t)) * 1.0,
    "weights": lambda t: W.sum().item(),
}


@pytest.mark.parametrize("name", READS)
def test_reading_a_traced_value_names_the_line(name: str) -> None:
    read = READS[name]

    @mg.define
    def step(x: Array) -> mg.Tensor:
        y = W * mg.exp(x)
        read(y)
        return y

    with pytest.raises(TraceError) as caught:
        step(X)
    line = inspect.getsourcelines(read)[1]
    assert f"{__file__}:{line}" in str(caught.value)
    assert W.numpy().tolist() == [1.0, 2.0]  # what was held during the trace has been put back


def test_a_branch_on_the_loss() -> None:
    model, opt = model_and_optimizer()

    @mg.define
    def step(x: Array, labels: IndexArray) -> mg.Tensor:
        loss: mg.Tensor = mg.cross_entropy(model(x), labels)
        if loss > 1:
            loss.backward()
        return loss

    (x, labels), *_ = batches(1)
    with pytest.raises(TraceError, match=r"if loss > 1"):
        step(x, labels)
    opt.zero_grad()


def test_returned_values_may_be_read() -> None:
    @mg.define
    def step(x: mg.Tensor | Array) -> tuple[mg.Tensor, dict[str, mg.Tensor]]:
        y = mg.exp(mg.tensor(1.0) * x)
        return y.sum(), {"y": y}

    for _ in range(2):
        total, parts = step(X)
        assert total.item() > 1
        np.testing.assert_allclose(parts["y"].numpy(), np.exp(X), rtol=1e-14)


def test_a_captured_array_that_changes() -> None:
    mask = np.array([1.0, 0.0])
    step = mg.define(lambda x: x * mask)
    assert step(X).numpy().tolist() == [1.0, 0.0]
    assert step(X).numpy().tolist() == [1.0, 0.0]
    mask[1] = 1.0
    assert step(X).numpy().tolist() == [1.0, 2.0]
    mask[1] = 0.0
    assert step(X).numpy().tolist() == [1.0, 0.0]
    assert step.traces == 2


def test_a_captured_view_of_an_array_that_changes() -> None:
    table = np.ones((3, 2))
    step = mg.define(lambda x: x * table[1])
    for _ in range(3):
        step(X)
    table[1] = 5.0
    assert step(X).numpy().tolist() == [5.0, 10.0]


def test_a_parameter_out_of_sight() -> None:
    find = {"weight": mg.tensor([1.0, 2.0], requires_grad=True)}.__getitem__
    step = mg.define(lambda x: x * find("weight"))
    with pytest.raises(TraceError, match="cannot find again"):
        step(X)


def test_a_closure_that_does_more_than_compute_the_loss() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    mean = mg.tensor([0.0])
    opt = mg.optimizer("sgd", [w], lr=0.1)

    def greedy() -> mg.Tensor:
        loss = (w * w).sum()
        loss.backward()
        return loss

    def changing() -> mg.Tensor:
        mean[0] = w[0].detach()
        return (w * w).sum()

    with pytest.raises(TraceError, match="leave backward"):
        mg.define(lambda: opt.step(greedy))()
    with pytest.raises(TraceError, match="running mean"):
        mg.define(lambda: opt.step(changing))()
    assert w.numpy().tolist() == [1.0]
    assert mean.numpy().tolist() == [0.0]


def test_draws_past_minigrad_are_refused() -> None:
    rng = np.random.default_rng(0)
    for source in (lambda: rng.random(2), lambda: np.random.rand(2), lambda: random.random()):
        step = mg.define(lambda x, source=source: x * source())
        with pytest.raises(TraceError, match="random_uniform"):
            step(X)


def test_one_trace_for_each_shape_dtype_and_structure() -> None:
    step = mg.define(lambda x, power=2: x["a"] * x["a"] if power == 2 else x["a"])
    for _ in range(3):
        step({"a": X})
        step({"a": np.ones(3)})
        step({"a": X.astype(np.float32)})
        step({"a": X}, power=1)
    assert step.traces == 4


def test_training_and_evaluation_are_two_programs() -> None:
    class Noisy(nn.Module):
        def forward(self, x: mg.Tensor) -> mg.Tensor:
            return x * 2.0 if self.training else x

    layer = Noisy()
    step = mg.define(lambda x: layer(x))
    for _ in range(2):
        assert step(X).numpy().tolist() == [2.0, 4.0]
        layer.eval()
        assert step(X).numpy().tolist() == [1.0, 2.0]
        layer.train()
    assert step.traces == 2


def test_repeated_tracing_is_reported() -> None:
    step = mg.define(lambda x, rate: x * rate)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(8):
            step(X, float(k))
    with pytest.warns(RetraceWarning, match="traced 9 times"):
        step(X, 8.5)


def test_debug_inside_a_program_names_the_line() -> None:
    step = mg.define(lambda x: mg.log(x - 1.0).sum())
    with np.errstate(all="ignore"):
        step(X)
    with mg.debug(), pytest.raises(mg.NonFiniteValue, match="test_program_errors"):
        step(mg.tensor(X))


def test_a_program_inside_a_program() -> None:
    inner = mg.define(lambda x: mg.exp(mg.tensor(1.0) * x))
    outer = mg.define(lambda x: inner(x) * 2.0)
    for _ in range(2):
        np.testing.assert_allclose(outer(X).numpy(), np.exp(X) * 2.0, rtol=1e-14)


def test_after_an_error_in_the_step_everything_is_as_before() -> None:
    model, opt = model_and_optimizer()
    good = step_of(model, opt)

    @mg.define
    def bad(x: Array, labels: IndexArray) -> mg.Tensor:
        good(x, labels)
        raise KeyError("oops")

    (x, labels), *_ = batches(1)
    before = weights(model)
    with pytest.raises(KeyError):
        bad(x, labels)
    assert opt.t == largest_difference(weights(model), before) == 0
    good(x, labels)
    assert opt.t == 1


def test_explain_and_graph() -> None:
    model, opt = model_and_optimizer()
    step = mg.define(step_of(model, opt))
    with pytest.raises(TraceError, match="call it once"):
        step.explain()
    (x, labels), *_ = batches(1)
    step(x, labels)
    text = step.explain()
    assert "matmul" in text
    assert "update by adam" in text
    assert len(list(step.graph)) == len(step.graph) > 20
    with pytest.raises(ValueError, match="no pass is called 'speed'"):
        mg.define(disable=("speed",))(lambda x: x)


def test_wrong_labels_are_found_at_each_run_before_anything_is_changed() -> None:
    model, opt = model_and_optimizer()

    @mg.define
    def step(x: Array, labels: IndexArray) -> mg.Tensor:
        opt.zero_grad()
        loss = nn.cross_entropy(model(x), labels)
        loss.backward()
        opt.step()
        return loss

    (x, labels), *_ = batches(1)
    step(x, labels)
    before = [p.numpy().copy() for p in model.parameters()]
    for wrong in (5, -1):
        bad = labels.copy()
        bad[3] = wrong
        with pytest.raises(nn.LabelError, match=f"label {wrong} in row 3"):
            step(x, bad)
    assert all(np.array_equal(p.numpy(), b) for p, b in zip(model.parameters(), before, strict=True))
    assert opt.t == step.traces == 1


class Scaled(nn.Module):
    """Multiplies by a setting."""

    def __init__(self) -> None:
        self.factor = 2.0
        self.steps_seen = 0  # known to the training loop only

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return x * self.factor


def test_a_setting_that_changes_between_calls_makes_another_program() -> None:
    layer = Scaled()
    step = mg.define(lambda x: layer(x))
    for factor in (2.0, 3.0, 2.0):
        layer.factor = factor
        layer.steps_seen += 1
        assert step(X).numpy().tolist() == [factor, 2.0 * factor]
    assert step.traces == 2


def test_an_update_sees_what_the_step_has_stored_before_it() -> None:
    mean, seen = mg.tensor([0.0]), []
    w = mg.tensor([1.0], requires_grad=True)
    opt = mg.optimizer("sgd", [w], lr=0.1)
    opt.grad_hook = lambda: seen.append(mean.numpy()[0])

    def step(x: mg.Tensor) -> None:
        opt.zero_grad()
        mean[...] = x
        (w * x).sum().backward()
        opt.step()

    program = mg.define(step)
    for value in (1.0, 2.0):
        program(mg.tensor([value]))
    assert seen == [1.0, 2.0]
