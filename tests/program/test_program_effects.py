"""What a step does besides ops happens at each run, as in eager: draws, running figures, closures, gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core import REGISTRY
from minigrad.core.types import Array, BoolArray, IndexArray
from minigrad.nn.sequence.recurrent import LSTMState
from minigrad.optim import StatefulOptimizer
from minigrad.typing import V

Pair = tuple[nn.Sequential, StatefulOptimizer]
Given = Array | mg.Tensor
RNG = np.random.default_rng(3)
ROWS, LABELS = RNG.normal(size=(10, 6)), RNG.integers(0, 3, 10)


def noisy(name: str = "adam", **options: object) -> Pair:
    """A model with dropout and batch norm, the same at every call."""
    with nn.seeded(3):
        model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.4), nn.ReLU(), nn.Linear(8, 3))
    model = model.astype(np.float64)
    return model, mg.optimizer(name, model.named_parameters(), **options)  # type: ignore[arg-type]


def training(model: nn.Module, opt: StatefulOptimizer) -> Callable[[Given, IndexArray], mg.Tensor]:
    """One training step."""

    def step(x: Given, labels: IndexArray) -> mg.Tensor:
        opt.zero_grad()
        loss = nn.cross_entropy(model(x), labels)
        loss.backward()
        opt.step()
        return loss

    return step


def eager(step: Callable[[Given, IndexArray], mg.Tensor]) -> Callable[[Array, IndexArray], float]:
    """The step on Tensors."""
    return lambda x, labels: step(mg.tensor(x), labels).item()


def test_dropout_draws_anew_and_as_eager_does() -> None:
    (model, opt), (twin, twin_opt) = noisy(), noisy()
    by_hand, program = eager(training(model, opt)), mg.define(training(twin, twin_opt))
    losses = [(by_hand(ROWS, LABELS), program(ROWS, LABELS).item()) for _ in range(6)]
    assert max(abs(a - b) for a, b in losses) < 1e-13
    assert len({round(a, 6) for a, _ in losses}) == 6
    assert program.traces == 1
    for name, value in model.state_dict().items():  # running figures too
        np.testing.assert_allclose(twin.state_dict()[name], value, rtol=0, atol=1e-10)


def test_reseeded_and_frozen_masks() -> None:
    layer = nn.Dropout(0.5, rng=0)
    program = mg.define(lambda x: layer(x))
    ones = np.ones(50)
    first = program(ones).numpy()
    assert not np.array_equal(program(ones).numpy(), first)
    layer.reseed(4)
    third = program(ones).numpy()
    layer.reseed(4)
    assert np.array_equal(program(ones).numpy(), third)
    with nn.fixed_masks(layer):
        assert np.array_equal(program(ones).numpy(), program(ones).numpy())
        assert np.array_equal(program(ones).numpy(), layer(mg.tensor(ones)).numpy())
    assert not np.array_equal(program(ones).numpy(), program(ones).numpy())
    assert program.traces == 1


def test_draws_of_the_step_itself() -> None:
    rng, twin = np.random.default_rng(1), np.random.default_rng(1)
    program = mg.define(
        lambda x: mg.dropout(x, 0.3, rng=rng) + mg.random_normal((4,), rng) * mg.random_uniform((4,), rng, np.float32)
    )
    x = np.ones(4)
    for _ in range(3):
        mask = mg.dropout_mask((4,), 0.3, twin)
        expected = x * mask + twin.standard_normal(4) * twin.random(4).astype(np.float32)
        assert np.array_equal(program(x).numpy(), expected)


def test_nothing_is_drawn_or_changed_by_tracing() -> None:
    model, opt = noisy()
    dropout = next(m for _, m in model.named_modules() if isinstance(m, nn.Dropout))
    state = dropout.generator.bit_generator.state

    @mg.define
    def step(x: Given, labels: IndexArray) -> mg.Tensor:
        training(model, opt)(x, labels)
        raise KeyError("too late")

    before = model.state_dict()
    with pytest.raises(KeyError):
        step(ROWS, LABELS)
    assert dropout.generator.bit_generator.state == state
    assert opt.t == 0
    assert all(np.array_equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", ["newton", "gauss-newton", "l-bfgs"])
def test_rules_that_evaluate_the_loss_run_as_a_call(name: str) -> None:
    def made() -> tuple[mg.Tensor, StatefulOptimizer]:
        w = mg.tensor([0.3, -0.2, 0.5], requires_grad=True)
        return w, mg.optimizer(name, {"w": w})

    def step_of(w: mg.Tensor, opt: StatefulOptimizer) -> Callable[[Array, Array], mg.Tensor]:
        def step(x: Array, y: Array) -> mg.Tensor:
            scaled = mg.multiply(x, 2.0)

            def closure() -> mg.Tensor:
                residual = mg.tanh(mg.matmul(scaled, w)) - y
                return residual if name == "gauss-newton" else (residual * residual).sum() + (w * w).sum() * 0.1

            opt.step(closure)
            return (w * w).sum()

        return step

    x, y = RNG.normal(size=(2, 7, 3)), RNG.normal(size=(2, 7))
    (w, opt), (v, twin_opt) = made(), made()
    by_hand, program = step_of(w, opt), mg.define(step_of(v, twin_opt))
    for k in (0, 1, 0, 1):
        a, b = by_hand(mg.tensor(x[k]), mg.tensor(y[k])), program(x[k], y[k])  # type: ignore[arg-type]
        assert a.item() == b.item()
    assert np.array_equal(w.numpy(), v.numpy())
    assert program.traces == 1
    assert twin_opt.t == 4


def test_dropout_inside_a_closure_draws_at_each_evaluation() -> None:
    (model, opt), (twin, twin_opt) = noisy("sgd", lr=0.1), noisy("sgd", lr=0.1)

    def step_of(m: nn.Module, o: StatefulOptimizer) -> Callable[[Given, IndexArray], mg.Tensor]:
        def step(x: Given, labels: IndexArray) -> mg.Tensor:
            o.step(lambda: nn.cross_entropy(m(x), labels))
            return m.parameters()[0].sum()

        return step

    for part in (*model.named_modules(), *twin.named_modules()):
        if isinstance(part[1], nn.BatchNorm1d):
            part[1].eval()
    by_hand, program = eager(step_of(model, opt)), mg.define(step_of(twin, twin_opt))
    for _ in range(4):
        assert by_hand(ROWS, LABELS) == pytest.approx(program(ROWS, LABELS).item(), abs=1e-13)


def test_micro_batches() -> None:
    (model, opt), (twin, twin_opt) = noisy("sgd", lr=0.1, accumulate=3), noisy("sgd", lr=0.1, accumulate=3)
    by_hand, program = eager(training(model, opt)), mg.define(training(twin, twin_opt))
    for k in range(9):
        assert by_hand(ROWS + k, LABELS) == pytest.approx(program(ROWS + k, LABELS).item(), abs=1e-13)
    assert opt.t == twin_opt.t == 3


def test_gradients_as_values() -> None:
    def loss(w: mg.Tensor, x: mg.Tensor) -> mg.Tensor:
        value: mg.Tensor = mg.tanh(x @ w).sum() * (w * w).sum()
        return value

    w, x = RNG.normal(size=6), ROWS
    derivatives: dict[str, Callable[..., object]] = {
        "value_and_grad": lambda v, z: mg.value_and_grad(loss)(v, z),
        "grad of grad": lambda v, z: mg.grad(lambda u: mg.grad(loss)(u, z).sum())(v),  # type: ignore[attr-defined]
        "hessian": lambda v, z: mg.hessian(lambda u: loss(u, z))(v),
        "hvp": lambda v, z: mg.hvp(lambda u: loss(u, z), (v,), (v,)),
        "jvp": lambda v, z: mg.jvp(lambda u: mg.sin(u) * u, (v,), (v,)),
        "backward": delivered,
    }
    for name, derivative in derivatives.items():
        program = mg.define(derivative)
        for k in range(3):
            found, expected = program(w + k, x), derivative(mg.tensor(w + k), mg.tensor(x))
            pairs = zip(*(r if isinstance(r, tuple) else (r,) for r in (found, expected)), strict=True)
            assert all(np.allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-12) for a, b in pairs), name
        assert program.traces == 1, name


def delivered(w: mg.Tensor, x: mg.Tensor) -> mg.Tensor:
    """The gradient at a leaf that the step makes itself."""
    leaf = mg.tensor(w, requires_grad=True)
    (mg.exp(x @ leaf).sum() + leaf.sum()).backward()
    (leaf * leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def test_state_of_an_lstm_passed_from_call_to_call() -> None:
    def made() -> tuple[nn.LSTM, nn.Linear, StatefulOptimizer]:
        lstm, head = nn.LSTM(3, 4, rng=0).astype(np.float64), nn.Linear(4, 3, rng=1).astype(np.float64)
        return lstm, head, mg.optimizer("adam", [*lstm.parameters(), *head.parameters()], lr=0.01)

    def step_of(lstm: nn.LSTM, head: nn.Linear, opt: StatefulOptimizer) -> Callable[..., tuple[mg.Tensor, LSTMState]]:
        def step(x: mg.Tensor, labels: IndexArray, state: LSTMState) -> tuple[mg.Tensor, LSTMState]:
            opt.zero_grad()
            outputs, (h, c) = lstm.run(x, state)
            loss = nn.cross_entropy(head(outputs), labels)
            loss.backward()
            opt.step()
            return loss, (h.detach(), c.detach())

        return step

    by_hand, program = step_of(*made()), mg.define(step_of(*made()))
    zero = mg.tensor(np.zeros((2, 4)))
    state = twin = (zero, zero)
    for _ in range(5):
        x, labels = RNG.normal(size=(2, 6, 3)), RNG.integers(0, 3, (2, 6))
        a, state = by_hand(mg.tensor(x), labels, state)
        b, twin = program(x, labels, twin)
        assert a.item() == pytest.approx(b.item(), abs=1e-13)
        assert np.allclose(state[1].numpy(), twin[1].numpy(), rtol=0, atol=1e-13)
    assert program.traces == 1


def test_masks_are_arguments() -> None:
    layer = nn.MultiHeadAttention(6, 2, rng=0).astype(np.float64)
    program = mg.define(lambda x, mask: layer.forward(x, None, mask))
    x = RNG.normal(size=(2, 5, 6))
    for k in range(3):
        allowed: BoolArray = RNG.random((2, 1, 5, 5)) < 0.6
        allowed[..., 0] = True
        added = np.where(allowed, 0.0, -1.0 - k)
        for mask in (allowed, added):
            assert np.allclose(program(x, mask).numpy(), layer.forward(mg.tensor(x), None, mask).numpy(), atol=1e-13)
    assert program.traces == 2


def test_the_last_smaller_batch_makes_one_more_program() -> None:
    model, opt = noisy()
    program = mg.define(training(model, opt))
    for _ in range(5):
        for rows in (slice(0, 4), slice(4, 8), slice(8, 10)):
            program(ROWS[rows], LABELS[rows])
    assert program.traces == 2


def test_an_op_checked_for_the_first_time_inside_a_trace() -> None:
    """The gate's own work does not go through the trace, nor through no_grad."""

    @mg.op(x=mg.real(), elementwise=True, name="test_effects_cubed")
    def cubed(x: Array) -> Array:
        """x ** 3."""
        return x * x * x

    @cubed.vjp("x")
    def _(g: V, y: V, x: V) -> V:
        return g * (x * x) * 3.0

    mg.register(cubed)
    program = mg.define(lambda x: mg.grad(lambda u: mg.grad(lambda v: cubed(v).sum())(u).sum())(x))  # type: ignore[attr-defined]
    try:
        with mg.no_grad():
            found = program(ROWS[0])
        assert np.allclose(np.asarray(found), 6.0 * ROWS[0])
    finally:
        REGISTRY.ops.pop("test_effects_cubed", None)
