"""PyTorch's words for options, misspelt ones, and what modules are asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import Tensor, tensor
from minigrad.core.errors import GradientError, ShapeError
from minigrad.runtime.parameters import set_requires_grad


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.Linear(3, 4, baes=False), "Linear has no option 'baes'. Did you mean 'bias'"),  # type: ignore[call-arg]
        (lambda: nn.Conv2d(3, 4, 3, strde=2), "Conv2d has no option 'strde'. Did you mean 'stride'"),  # type: ignore[call-arg]
        (lambda: nn.LSTM(3, 4, num_layer=2), "LSTM has no option 'num_layer'. Did you mean 'num_layers'"),  # type: ignore[call-arg]
        (lambda: nn.LSTM(3, 4, batch_first=False), r"batch_first=False: sequences are \(N, time, ...\) always"),  # type: ignore[call-arg]
        (lambda: nn.ReLU(inplace=True), "ReLU has no option inplace=True: Tensors do not change"),  # type: ignore[call-arg]
        (lambda: nn.Linear(3, 4, device="cuda"), "device='cuda': there is one device"),  # type: ignore[call-arg]
        (lambda: nn.Linear(3, 4, bias=False, use_bias=True), "bias and use_bias are one option; give use_bias only"),  # type: ignore[call-arg]
    ],
)
def test_misspelt_options_are_named(build: Callable[[], object], message: str) -> None:
    with pytest.raises(nn.UnknownOption, match=message):
        build()


def test_every_layer_refuses_an_unknown_option() -> None:
    for name in nn.__all__:
        layer = getattr(nn, name)
        if isinstance(layer, type) and issubclass(layer, nn.Module) and layer is not nn.Module:
            with pytest.raises(nn.UnknownOption, match=f"{layer.__name__} has no option 'no_such_option'"):
                layer(no_such_option=1)


def test_words_of_pytorch_are_taken() -> None:
    assert nn.Linear(3, 4, bias=False, device=None, dtype=None).bias is None  # type: ignore[call-arg]
    assert nn.LayerNorm(3, bias=False).bias is None  # type: ignore[call-arg]
    assert nn.LayerNorm(3, elementwise_affine=False).weight is None  # type: ignore[call-arg]
    assert nn.Softmax(dim=1).axis == 1  # type: ignore[call-arg]
    assert nn.MultiheadAttention is nn.MultiHeadAttention
    assert nn.TransformerEncoderLayer(d_model=4, nhead=2, dim_feedforward=3, batch_first=True).hidden == 3  # type: ignore[call-arg]
    assert nn.PReLU(init=0.5).weight.numpy() == [0.5]  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("LazyLinear", "use nn.Linear and say how many inputs"),
        ("functional", "the functions are in minigrad itself"),
        ("ParameterList", "a plain list"),
        ("Lienar", "Did you mean 'Linear'"),
    ],
)
def test_names_that_are_missing_are_answered(name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=hint):
        getattr(nn, name)


def test_attributes_that_are_missing_are_answered() -> None:
    layer = nn.Linear(2, 3)
    with pytest.raises(AttributeError, match="there is one device"):
        layer.cuda()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="Did you mean 'weight'"):
        layer.wieght  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(layer, "_private")


class Model(nn.Module):
    """Layers in a field, a list, a dict and a tied one."""

    def __init__(self) -> None:
        self.first = nn.Linear(2, 3, rng=0)
        self.steps = [nn.Tanh(), nn.Sequential(nn.BatchNorm1d(3))]
        self.heads = {"a": nn.Linear(3, 1, rng=1), "b": self.first}

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for step in self.steps:
            x = step(x)
        return self.heads["a"](x)


def test_children_and_modules() -> None:
    model = Model()
    assert [name for name, _ in model.named_children()] == ["first", "steps.0", "steps.1", "heads.a"]
    assert [type(m).__name__ for m in model.modules()] == [
        "Model", "Linear", "Tanh", "Sequential", "BatchNorm1d", "Linear",
    ]  # fmt: skip
    assert [name for name, _ in model.named_buffers()] == [
        "steps.1.layers.0.running_mean",
        "steps.1.layers.0.running_var",
    ]
    visited: list[str] = []
    assert model.apply(lambda m: visited.append(type(m).__name__)) is model
    assert visited == ["Linear", "Tanh", "BatchNorm1d", "Sequential", "Linear", "Model"]


def test_gradients_of_a_model_are_switched_off_and_on() -> None:
    model = Model()
    names = [name for name, _ in model.named_parameters()]
    before = model.state_dict()
    model.first.requires_grad_(False)
    assert [name for name, _ in model.named_parameters()] == [n for n in names if not n.startswith("first")]
    assert len(model.buffers()) == 2
    model(tensor(np.ones((4, 2)))).sum().backward()
    assert model.first.weight.grad is None
    copy = model.copy()
    assert len(copy.parameters()) == len(model.parameters())
    assert [name for name, _ in copy.requires_grad_().named_parameters()] == names
    model.load_state_dict({name: 2.0 * value for name, value in before.items()})
    assert not model.first.weight.requires_grad
    np.testing.assert_array_equal(model.first.weight.numpy(), 2.0 * before["first.weight"])
    model.requires_grad_()
    assert [name for name, _ in model.named_parameters()] == names
    model(tensor(np.ones((4, 2)))).sum().backward()
    assert model.first.weight.grad is not None
    with pytest.raises(GradientError, match="made with requires_grad=True only"):
        set_requires_grad(tensor(1.0), True)


def test_the_former_names_of_lists_and_dicts_load() -> None:
    class Lists(nn.Module):
        """A list and a dict of layers."""

        def __init__(self) -> None:
            self.steps = nn.ModuleList([nn.Linear(2, 2, rng=0)])
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 2, rng=1)})

    model, other = Lists(), Lists()
    state = {name: value + 1.0 for name, value in model.state_dict().items()}
    assert list(state) == ["steps.0.weight", "steps.0.bias", "heads.a.weight", "heads.a.bias"]
    former = {
        n.replace("steps.", "steps.modules_held.").replace("heads.", "heads.modules_held."): v for n, v in state.items()
    }
    other.load_state_dict(former)
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, state[name])


def test_hooks_look_at_calls_and_may_replace_the_output() -> None:
    layer = nn.Linear(2, 3, rng=0)
    x = tensor(np.ones((1, 2)))
    seen: list[tuple[int, ...]] = []
    handle = layer.register_forward_hook(lambda m, inputs, y: seen.append(inputs[0].shape))
    with layer.register_forward_hook(lambda m, inputs, y: y * 0.0):
        assert not layer(x).numpy().any()
    assert layer(x).numpy().any()
    nn.Linear(2, 3, rng=0)(x)
    assert seen == [(1, 2), (1, 2)]
    handle.remove()
    handle.remove()
    layer(x)
    assert len(seen) == 2


def test_momentum_none_averages_all_batches() -> None:
    layer = nn.BatchNorm1d(2, momentum=None)
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(5, 2)) for _ in range(3)]
    for batch in batches:
        layer(tensor(batch, dtype=np.float32))
    assert layer.running_mean is not None
    assert layer.running_var is not None
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean([b.mean(0) for b in batches], 0), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), np.mean([b.var(0, ddof=1) for b in batches], 0), rtol=1e-5)
    assert "num_batches" in layer.state_dict()
    assert "num_batches" not in nn.BatchNorm1d(2).state_dict()
    plain = nn.BatchNorm1d(2, track_running_stats=False).eval()
    assert not plain.buffers()
    np.testing.assert_allclose(plain(tensor(batches[0])).numpy().mean(0), 0.0, atol=1e-6)


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_dropout_of_channels(kind: type[nn.Dropout1d] | type[nn.Dropout2d] | type[nn.Dropout3d]) -> None:
    layer = kind(0.5, rng=0)
    x = np.ones((50, 40, *(3,) * kind.axes))
    y = layer(tensor(x)).numpy().reshape(50, 40, -1)
    assert set(np.unique(y)) == {0.0, 2.0}
    assert np.array_equal(y.min(-1), y.max(-1))
    assert abs(y.mean() - 1.0) < 0.1
    with pytest.raises(ShapeError, match="needs an input with"):
        layer(tensor(np.ones((2, 3))))
    assert not kind(1.0)(tensor(x)).numpy().any()


@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_dropout_keeps_mean_and_variance(kind: type[nn.AlphaDropout]) -> None:
    x = np.random.default_rng(0).normal(size=(400, 300))
    y = kind(0.3, rng=1)(tensor(x)).numpy()
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1.0) < 0.02
    with nn.fixed_masks(layer := kind(0.3, rng=1)):
        np.testing.assert_array_equal(layer(tensor(x)).numpy(), layer(tensor(x)).numpy())


def test_dropout_between_layers_and_inside_attention() -> None:
    x = tensor(np.random.default_rng(0).normal(size=(2, 5, 4)))
    for layer in (
        nn.LSTM(4, 4, num_layers=2, dropout=0.5, rng=0),
        nn.MultiHeadAttention(4, 2, dropout=0.5, rng=0),
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.5, rng=0), 2, rng=0),
    ):
        model = layer.astype(np.float64)
        first, second = model(x).numpy(), model(x).numpy()
        assert not np.array_equal(first, second)
        model.eval()
        np.testing.assert_array_equal(model(x).numpy(), model(x).numpy())
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.5, rng=0), 2, rng=0)
    masks = [part.drop.generator.random() for part in stack.layers]
    assert masks[0] != masks[1], "copies draw masks of their own"


def test_lengths_and_masks_are_checked() -> None:
    x = tensor(np.ones((2, 5, 3)))
    with pytest.raises(nn.LabelError, match=r"LSTM\(3, 4\): length 6 of row 1 is not in 1 to 5"):
        nn.LSTM(3, 4)(x, lengths=np.array([1, 6]))
    with pytest.raises(ShapeError, match="needs 2 whole numbers as lengths"):
        nn.GRU(3, 4)(x, lengths=np.array([1.0, 2.0]))
    with pytest.raises(ShapeError, match=r"needs states of shape \(4, N, 4\)"):
        nn.GRU(3, 4, num_layers=2, bidirectional=True).run(x, tensor(np.zeros((2, 2, 4))))
    with pytest.raises(ShapeError, match="a state has 2 parts"):
        nn.LSTMCell(3, 4)(tensor(np.ones((2, 3))), tensor(np.ones((2, 4))))
    attention = nn.MultiHeadAttention(4, 2)
    y = tensor(np.ones((2, 5, 4)))
    with pytest.raises(ShapeError, match=r"key_padding_mask of shape \(2, 5\), got \(5, 2\)"):
        attention(y, key_padding_mask=np.zeros((5, 2), bool))
    with pytest.raises(ShapeError, match=r"attn_mask of shape \(5, 5\)"):
        attention(y, attn_mask=np.zeros((4, 5), bool))
    with pytest.raises(ShapeError, match=r"a mask of shape \(3, 5\) does not broadcast"):
        attention(y, mask=np.zeros((3, 5), bool))


def test_masks_of_both_senses_join() -> None:
    layer = nn.MultiHeadAttention(4, 2, rng=0).astype(np.float64)
    rng = np.random.default_rng(0)
    x, allowed, added = tensor(rng.normal(size=(2, 5, 4))), rng.random((5, 5)) < 0.7, rng.normal(size=(5, 5))
    allowed |= np.eye(5, dtype=bool)
    np.testing.assert_allclose(layer(x, mask=allowed).numpy(), layer(x, attn_mask=~allowed).numpy(), rtol=1e-13)
    joined = np.where(allowed & np.tri(5, dtype=bool), added, -np.inf)
    together = layer(x, mask=allowed, attn_mask=added, is_causal=True)
    np.testing.assert_allclose(layer(x, mask=joined).numpy(), together.numpy(), rtol=1e-13)
    of_tensors = layer(x, mask=tensor(allowed), attn_mask=tensor(~np.tri(5, dtype=bool)))
    np.testing.assert_allclose(layer(x, mask=allowed, is_causal=True).numpy(), of_tensors.numpy(), rtol=1e-13)


def test_padding_does_not_change_what_recurrent_layers_say() -> None:
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(3, 6, 3)), np.array([2, 6, 4])
    for kind in (nn.RNN, nn.GRU, nn.LSTM):
        layer = kind(3, 4, num_layers=2, bidirectional=True, rng=0).astype(np.float64)
        y, state = layer.run(tensor(x), lengths=lengths)
        last = state[0] if isinstance(state, tuple) else state
        for row, length in enumerate(lengths):
            alone, end = layer.run(tensor(x[row : row + 1, :length]))
            end = end[0] if isinstance(end, tuple) else end
            np.testing.assert_allclose(y.numpy()[row, :length], alone.numpy()[0], atol=1e-14)
            assert not y.numpy()[row, length:].any()
            np.testing.assert_allclose(last.numpy()[:, row], end.numpy()[:, 0], atol=1e-14)
