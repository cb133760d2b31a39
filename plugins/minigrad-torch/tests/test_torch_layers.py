"""Each layer of `nn` and PyTorch's, with PyTorch's random weights: outputs, gradients, and the way back."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-warn-return-any

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.runtime.parameters import assign
from minigrad_torch import from_torch, share_from_torch, share_with_torch, to_torch, torch_state_dict
from minigrad_torch.slots import list_slots

torch = pytest.importorskip("torch", reason="torch is not installed: pip install torch")
cases = pytest.importorskip("support.nn_cases")
named = pytest.importorskip("support.nn_named_cases")
twins = pytest.importorskip("support.nn_torch")
pytestmark = pytest.mark.filterwarnings("ignore")

BOUND = {np.float32: 1e-6, np.float64: 1e-12}
PLAIN = [c for c in cases.CASES if not any(word in c.name for word in ("Maxout", "Residual", "Ensemble"))]
# PyTorch computes these in float32 even for float64 (the constant 1/6 of the hard sigmoid).
COARSE = {"Hardsigmoid": 1e-7, "Hardswish": 1e-7}


def _randomize(module: Any) -> None:
    """Random numbers in every parameter and statistic, also in the second bias of recurrent layers."""
    generator = torch.Generator().manual_seed(7)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            drawn = torch.rand(value.shape, generator=generator, dtype=torch.float64)
            value.copy_(drawn + 0.5 if "running" in name or "norm" in name else drawn - 0.5)


def _gradients(layer: nn.Module, module: Any) -> list[tuple[str, np.ndarray, np.ndarray]]:
    theirs = {name: p.grad.numpy() for name, p in module.named_parameters() if p.grad is not None}
    ours = dict(layer.named_parameters())
    pairs = []
    for slot in list_slots(layer):
        if slot.name in ours and slot.keys[0] in theirs:
            two = len(slot.keys) == 2  # the gradient of a sum is that of either part
            arrays = [theirs[slot.keys[0]]] + [np.zeros_like(theirs[k]) for k in slot.keys[1:]]
            assert two == ("bias_ih" in slot.keys[0])
            grad = ours[slot.name].grad
            assert grad is not None, slot.name
            pairs.append((slot.name, grad.numpy(), slot.read(arrays)))
    return pairs


def _assert_near(ours: np.ndarray, theirs: np.ndarray, bound: float, what: str) -> None:
    scale = max(1.0, float(np.max(np.abs(theirs), initial=0.0)))
    worst = float(np.max(np.abs(ours - theirs), initial=0.0)) / scale
    assert worst <= bound, f"{what}: {worst:.2e} of the largest entry, or of 1"


def _compare(layer: nn.Module, module: Any, arrays: list[np.ndarray], call: Any, bound: float) -> None:
    ours = [mg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    outputs, expected = call(layer, module, ours, theirs)
    rng = np.random.default_rng(9)
    total: Any = 0.0
    objective: Any = 0.0
    for y, w in zip(outputs, expected, strict=True):
        _assert_near(y.numpy(), w.detach().numpy(), bound, "output")
        weights = rng.normal(size=y.shape).astype(y.dtype) / max(1, y.size)
        total, objective = total + (y * weights).sum(), objective + (w * torch.tensor(weights)).sum()
    total.backward()
    objective.backward()
    for x, z in zip(ours, theirs, strict=True):
        if z.grad is not None:
            assert x.grad is not None
            _assert_near(x.grad.numpy(), z.grad.numpy(), bound, "gradient of an input")
    for name, grad, expected_grad in _gradients(layer, module):
        _assert_near(grad, expected_grad, bound, f"gradient of {name}")


def _return(layer: nn.Module, fresh: Any) -> None:
    """The weights fit PyTorch's module strictly, and come back as they were."""
    fresh.load_state_dict(torch_state_dict(layer), strict=True)
    back = layer.copy()
    for p in back.parameters():
        assign(p, np.zeros(p.shape))
    from_torch(to_torch(layer, fresh), back)
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(back.state_dict()[name], value)


def _typed(arrays: list[np.ndarray], dtype: type) -> list[np.ndarray]:
    return [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]


@pytest.mark.parametrize("dtype", BOUND, ids=lambda d: d.__name__)
@pytest.mark.parametrize("case", PLAIN, ids=lambda c: c.name)
def test_a_plain_layer_takes_weights_and_gives_them_back(case, dtype):
    layer = case.layer().astype(dtype)
    module = twins.twin(torch, layer).to(torch.float64 if dtype is np.float64 else torch.float32).train()
    _randomize(module)
    from_torch(module, layer)

    def call(layer, module, ours, theirs):
        return [layer(*ours)], [twins.call(torch, layer, module, *theirs)]

    bound = max(BOUND[dtype], COARSE.get(case.name.split(" ")[0], 0.0))
    _compare(layer, module, _typed([case.input()], dtype), call, bound)
    _return(layer, module)


@pytest.mark.parametrize("dtype", BOUND, ids=lambda d: d.__name__)
@pytest.mark.parametrize("case", [c for c in named.CASES if not c.lengths], ids=lambda c: c.name)
def test_a_layer_of_pytorchs_name_takes_weights_and_gives_them_back(case, dtype):
    layer = case.ours().astype(dtype).train(case.training)
    module = case.build(torch.nn).to(torch.float64 if dtype is np.float64 else torch.float32).train(case.training)
    _randomize(module)
    from_torch(module, layer)

    def call(layer, module, ours, theirs):
        words = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in case.call.items()}
        mask = words.get("attn_mask")
        if mask is not None and mask.dtype.is_floating_point:
            words["attn_mask"] = mask.to(theirs[0].dtype)
        result, expected = layer(*ours, **case.call), module(*theirs, **words)
        if isinstance(layer, nn.RNN | nn.GRU | nn.LSTM):
            return [result], [expected[0]]
        several = isinstance(result, tuple)
        expected = expected if isinstance(expected, tuple) else (expected,)
        return list(result) if several else [result], list(expected) if several else [expected[0]]

    _compare(layer, module, _typed(case.inputs(), dtype), call, BOUND[dtype])
    _return(layer, module)


def test_a_checkpoint_and_half_precision(tmp_path):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4))
    torch.save({"epoch": 3, "state_dict": module.state_dict()}, tmp_path / "w.pt")
    from_torch(tmp_path / "w.pt", model)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    with model.mode(training=False):
        _assert_near(model(mg.tensor(x)).numpy(), module.eval()(torch.tensor(x)).detach().numpy(), 1e-6, "output")
    from_torch(module.to(torch.bfloat16), model)
    np.testing.assert_array_equal(model.state_dict()["layers.0.weight"], module[0].weight.detach().float().numpy().T)
    (tmp_path / "bad.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match="cannot read weights"):
        from_torch(tmp_path / "bad.pt", model)


def test_tensors_without_numbers_are_refused():
    model = nn.Linear(3, 2, rng=0)
    with torch.device("meta"):
        module = torch.nn.Linear(3, 2)
    with pytest.raises(ValueError, match="weight has no numbers"):
        from_torch(module, model)
    with pytest.raises(ValueError, match="sparse"):
        from_torch({"weight": torch.eye(3).to_sparse(), "bias": torch.zeros(2)}, model)


def test_a_module_that_does_not_fit_is_unchanged():
    module = torch.nn.Linear(3, 2)
    before = module.weight.detach().clone()
    with pytest.raises(nn.StateMismatch, match=r"weight has shape \(2, 3\), the model gives \(2, 4\)"):
        to_torch(nn.Linear(4, 2, rng=0), module)
    assert torch.equal(module.weight, before)


def test_memory_is_shared_in_both_directions():
    x = mg.tensor(np.arange(6.0).reshape(2, 3))
    assert share_with_torch(x).data_ptr() == x.numpy().ctypes.data
    assert torch.from_dlpack(x).data_ptr() != x.numpy().ctypes.data
    z = torch.arange(6.0)
    y = share_from_torch(z)
    z += 1.0  # seen on the other side: the memory is the same
    np.testing.assert_array_equal(y.numpy(), np.arange(1.0, 7.0))
    with pytest.raises(ValueError, match="cannot be shared"):
        share_from_torch(torch.zeros(3, dtype=torch.bfloat16))
    with pytest.raises(BufferError, match="another owner"):
        share_with_torch(y)


def test_an_optimizers_memory_is_not_shared():
    parameter = nn.parameter(np.ones(3))
    mg.optimizer("sgd", [parameter], lr=0.1)
    with pytest.raises(TypeError, match="requires a gradient"):
        share_with_torch(parameter)
    with pytest.raises(BufferError, match="another owner"):
        share_with_torch(parameter.detach())
