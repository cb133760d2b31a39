"""Recurrent layers, attention and embeddings against step-by-step NumPy; dropout against its promises."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import tensor
from minigrad.core.errors import ShapeError
from minigrad.nn import LabelError, ModuleError
from minigrad.runtime.parameters import assign
from support import nn_naive

RNG = np.random.default_rng


def shaken(layer: nn.Module, seed: int = 4) -> list[np.ndarray]:
    """Random biases too; the parameters as arrays."""
    rng = RNG(seed)
    for p in layer.parameters():
        assign(p, p.numpy() + 0.2 * rng.normal(size=p.shape))
    return [p.numpy() for p in layer.parameters()]


@pytest.mark.parametrize("time", [1, 2, 3, 7, 8])
def test_recurrent_layers(time: int) -> None:
    x, h, c = RNG(0).normal(size=(2, time, 3)), RNG(1).normal(size=(2, 4)), RNG(2).normal(size=(2, 4))
    lstm = nn.LSTM(3, 4, rng=0).astype(np.float64)
    w, r, b = shaken(lstm)
    outputs, last_h, last_c = nn_naive.lstm(x, w, r, b, h, c)
    y, state = lstm.run(tensor(x), (tensor(h), tensor(c)))
    for ours, theirs in ((y, outputs), (state[0], last_h), (state[1], last_c)):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-13)
    gru = nn.GRU(3, 4, rng=0).astype(np.float64)
    w, r, b, inside = shaken(gru)
    outputs = nn_naive.gru(x, w, r, b, inside, h)
    y, end = gru.run(tensor(x), tensor(h))
    np.testing.assert_allclose(y.numpy(), outputs, atol=1e-13)
    np.testing.assert_allclose(end.numpy(), outputs[:, -1], atol=1e-13)
    rnn = nn.RNN(3, 4, rng=0).astype(np.float64)
    w, r, b = shaken(rnn)
    y, end = rnn.run(tensor(x), tensor(h))
    for t in range(time):
        h = np.tanh(x[:, t] @ w + h @ r + b)
        np.testing.assert_allclose(y.numpy()[:, t], h, atol=1e-13)
    np.testing.assert_allclose(end.numpy(), h, atol=1e-13)


def test_a_sequence_in_two_stretches_is_the_same_sequence() -> None:
    x = tensor(RNG(0).normal(size=(2, 9, 3)))
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        layer = kind(3, 4, rng=0).astype(np.float64)
        whole = layer(x).numpy()
        first, state = layer.run(x[:, :4])
        second, _ = layer.run(x[:, 4:], state)  # type: ignore[arg-type]
        np.testing.assert_allclose(np.concatenate([first.numpy(), second.numpy()], 1), whole, atol=1e-13)


def test_recurrent_layers_begin_as_documented() -> None:
    lstm, forgetful = nn.LSTM(5, 8, rng=0), nn.LSTM(5, 8, forget_bias=0.0)
    assert lstm.bias is not None
    assert forgetful.bias is not None
    assert lstm.bias.numpy().tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16
    for k in range(4):
        block = lstm.state_weight.numpy()[:, 8 * k : 8 * (k + 1)].astype(np.float64)
        np.testing.assert_allclose(block.T @ block, np.eye(8), atol=1e-5)
    assert forgetful.bias.numpy().max() == 0.0


@pytest.mark.parametrize("causal", [True, False])
def test_attention(causal: bool) -> None:
    layer = nn.MultiHeadAttention(6, 2, causal=causal, rng=0).astype(np.float64)
    x = RNG(0).normal(size=(2, 5, 6))
    w, b, out, shift = shaken(layer)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), nn_naive.attention(x, w, b, out, shift, 2, causal), atol=1e-12)
    same = layer(tensor(x), tensor(x))
    np.testing.assert_allclose(same.numpy(), layer(tensor(x)).numpy(), atol=1e-12)


def test_a_causal_block_does_not_look_ahead() -> None:
    block = nn.TransformerBlock(6, 3, causal=True, rng=0).astype(np.float64)
    x = RNG(0).normal(size=(1, 6, 6))
    changed = x.copy()
    changed[:, 4:] += 1.0
    before, after = block(tensor(x)).numpy(), block(tensor(changed)).numpy()
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert np.abs(before[:, 4:] - after[:, 4:]).min() > 0.0
    free = nn.TransformerBlock(6, 3, rng=0).astype(np.float64)
    assert np.abs(free(tensor(x)).numpy() - free(tensor(changed)).numpy())[:, :4].max() > 0.0


def test_embedding_looks_up_rows_and_adds_up_their_gradients() -> None:
    layer = nn.Embedding(5, 3, rng=0).astype(np.float64)
    symbols = np.array([[1, 4, 1], [0, 1, 4]])
    y = layer(symbols)
    np.testing.assert_array_equal(y.numpy(), layer.weight.numpy()[symbols])
    np.testing.assert_array_equal(layer(tensor(symbols)).numpy(), y.numpy())
    g = RNG(0).normal(size=(2, 3, 3))
    y.backward(g)
    expected = np.zeros((5, 3))
    np.add.at(expected, symbols, g)
    assert layer.weight.grad is not None
    np.testing.assert_allclose(layer.weight.grad.numpy(), expected, atol=1e-13)


def test_dropout_keeps_the_mean_and_its_seed_decides() -> None:
    layer, x = nn.Dropout(0.3, rng=5), tensor(np.ones((200, 200)), dtype=np.float32)
    y = layer(x).numpy()
    assert set(np.unique(y)) == {np.float32(0.0), np.float32(1 / 0.7)}
    assert abs(np.mean(y == 0.0) - 0.3) < 5 * np.sqrt(0.21 / y.size)
    assert not np.array_equal(layer(x).numpy(), y), "each call has a mask of its own"
    np.testing.assert_array_equal(nn.Dropout(0.3, rng=5)(x).numpy(), y)
    assert layer.eval()(x) is x
    assert nn.Dropout(0.0)(x) is x


def test_frozen_dropout_repeats_itself_and_leaves_the_generator_alone() -> None:
    model = nn.Sequential(nn.Dropout(0.5, rng=0), nn.Dropout(0.5, rng=0))
    first, second = model
    x = tensor(np.ones((30, 30)))
    state = first.generator.bit_generator.state  # type: ignore[attr-defined]
    with nn.fixed_masks(model, seed=3):
        once = model(x).numpy()
        np.testing.assert_array_equal(model(x).numpy(), once)
        assert not np.array_equal(first(x).numpy(), second(x).numpy()), "every layer has a mask of its own"
    with nn.fixed_masks(model, seed=4):
        assert not np.array_equal(model(x).numpy(), once)
    assert first.generator.bit_generator.state == state  # type: ignore[attr-defined]
    assert not np.array_equal(model(x).numpy(), model(x).numpy())
    nn.reseed(model, 1)
    a = model(x).numpy()
    nn.reseed(model, 1)
    np.testing.assert_array_equal(model(x).numpy(), a)


def test_residual_refuses_to_broadcast() -> None:
    x = tensor(RNG(0).normal(size=(3, 4)))
    layer = nn.Residual(nn.Linear(4, 4, rng=0))
    np.testing.assert_array_equal(layer(x).numpy(), (x + layer.body(x)).numpy())
    with pytest.raises(ShapeError, match=r"the body gives \(3, 1\), the shortcut \(3, 4\)"):
        nn.Residual(nn.Linear(4, 1, rng=0))(x)


def test_wrong_inputs_are_named() -> None:
    with pytest.raises(LabelError, match=r"Embedding\(5, 3\): symbol 5 at \[1, 0\] is not in 0 to 4"):
        nn.Embedding(5, 3)(np.array([[0, 1], [5, 2]]))
    with pytest.raises(LabelError, match=r"needs integers.*float64"):
        nn.Embedding(5, 3)(np.zeros(2))
    with pytest.raises(ShapeError, match=r"LSTM\(3, 4\) needs an input of shape \(N, time >= 1, 3\), got \(2, 5, 4\)"):
        nn.LSTM(3, 4)(tensor(np.zeros((2, 5, 4))))
    with pytest.raises(ShapeError, match=r"initial state has shape \(1, 4\), needed is \(2, 4\)"):
        nn.GRU(3, 4).run(tensor(np.zeros((2, 5, 3))), tensor(np.zeros((1, 4))))
    with pytest.raises(ShapeError, match=r"\(N, time, 6\), got \(2, 5, 7\)"):
        nn.MultiHeadAttention(6, 2)(tensor(np.zeros((2, 5, 7))))
    with pytest.raises(ModuleError, match="an embed_dim of 6 does not divide into num_heads=4"):
        nn.MultiHeadAttention(6, 4)
    with pytest.raises(ShapeError, match="divides by 3"):
        nn.Maxout(3)(tensor(np.zeros((2, 4))))
    with pytest.raises(AttributeError, match=r"no 'Conv2D'. Did you mean 'Conv2d'\?"):
        nn.Conv2D  # type: ignore[attr-defined]  # noqa: B018
