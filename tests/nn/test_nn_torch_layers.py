"""Every layer against PyTorch in float64: output, gradients of the input and of every parameter, running figures."""

from __future__ import annotations

import numpy as np
import pytest

from minigrad import nn
from minigrad.core import tensor
from support.nn_cases import CASES, Case
from support.nn_torch import call, gradients, twin

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")

MODES = [
    pytest.param(case, mode, id=f"{case.name}-{'train' if mode else 'eval'}")
    for case in CASES
    for mode in ((True, False) if "BatchNorm" in case.name else (True,))
]


def _close(ours: np.ndarray, theirs: np.ndarray, what: str, rtol: float = 1e-10) -> None:
    scale = float(np.max(np.abs(theirs), initial=1.0))
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12 * scale, err_msg=what)


@pytest.mark.parametrize(("case", "training"), MODES)
def test_layer_equals_torch(case: Case, training: bool) -> None:
    layer = case.layer().train(training)
    made = twin(torch, layer) if not isinstance(layer, nn.Residual | nn.Maxout) else torch.nn.Identity()
    made.train(training)
    numbers = case.input()
    x = tensor(numbers, requires_grad=not case.symbols)
    z = torch.tensor(numbers, requires_grad=not case.symbols)
    y, w = layer(x), call(torch, layer, made, z)
    _close(y.numpy(), w.detach().numpy(), "output", case.torch_rtol)
    g = np.random.default_rng(9).normal(size=y.shape)
    y.backward(g)
    w.backward(torch.tensor(g))
    if not case.symbols:
        assert x.grad is not None
        _close(x.grad.numpy(), z.grad.numpy(), "gradient of the input", case.torch_rtol)
    if not isinstance(layer, nn.Residual):
        for name, ours, theirs in gradients(layer, made):
            _close(ours, theirs, f"gradient of {name}")
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        assert layer.running_mean is not None
        assert layer.running_var is not None
        _close(layer.running_mean.numpy(), made.running_mean.numpy(), "running mean")
        _close(layer.running_var.numpy(), made.running_var.numpy(), "running variance")


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_initial_and_last_state_equal_torch(kind: type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]) -> None:
    layer = kind(3, 4, rng=0).astype(np.float64)
    made = twin(torch, layer)
    rng = np.random.default_rng(1)
    x, starts = rng.normal(size=(2, 5, 3)), [rng.normal(size=(2, 4)) for _ in range(1 + (kind is nn.LSTM))]
    ours = [tensor(s, requires_grad=True) for s in starts]
    theirs = [torch.tensor(s, requires_grad=True) for s in starts]
    if isinstance(layer, nn.LSTM):
        y, last = layer.run(tensor(x), (ours[0], ours[1]))
        w, end = made(torch.tensor(x), tuple(s[None] for s in theirs))
    else:
        y, only = layer.run(tensor(x), ours[0])
        w, only_end = made(torch.tensor(x), theirs[0][None])
        last, end = (only,), (only_end,)  # type: ignore[assignment]
    _close(y.numpy(), w.detach().numpy(), "outputs")
    loss, objective = y.sum(), w.sum()
    for a, b in zip(last, end, strict=True):
        _close(a.numpy(), b[0].detach().numpy(), "last state")
        loss, objective = loss + (a * a).sum(), objective + (b * b).sum()
    loss.backward()
    objective.backward()
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad is not None
        _close(a.grad.numpy(), b.grad.numpy(), "gradient of the initial state")


def test_attention_to_another_sequence_and_with_a_mask_equals_torch() -> None:
    layer = nn.MultiHeadAttention(6, 2, rng=0).astype(np.float64)
    made = twin(torch, layer)
    rng = np.random.default_rng(2)
    x, source = rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 5, 6))
    allowed = rng.random((3, 5)) < 0.6
    allowed[:, 0] = True
    y = layer(tensor(x), tensor(source))
    w, _ = made(torch.tensor(x), torch.tensor(source), torch.tensor(source))
    _close(y.numpy(), w.detach().numpy(), "other sequence")
    y = layer.forward(tensor(x), tensor(source), allowed)
    w, _ = made(torch.tensor(x), torch.tensor(source), torch.tensor(source), attn_mask=torch.tensor(~allowed))
    _close(y.numpy(), w.detach().numpy(), "mask")
