"""PyTorch: variants "eager", "fused" (the fused optimizer) and "compile" (torch.compile and the fused optimizer)."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch.nn import functional as F

from benchmarks.protocol import Batch, Numbers, Step, Training, Unsupported, parameters

torch.set_num_threads(int(os.environ.get("OPENBLAS_NUM_THREADS", "1")))
Parameters = list[torch.Tensor]
Scores = Callable[[Parameters, torch.Tensor], torch.Tensor]
Loss = Callable[[Parameters, torch.Tensor, torch.Tensor], torch.Tensor]


def build(case: str, numbers: Numbers, variant: str) -> Step:
    """The step of a case."""
    kind = case.split()[0]
    if kind in ("chain", "elementwise"):
        return _gradient(_chain if kind == "chain" else _elementwise, numbers, variant)
    if kind == "adam":
        return _adam(numbers, variant)
    if kind == "hessian":
        return _hessian(numbers, variant)
    if kind == "char-lstm" and variant == "compile":
        raise Unsupported("torch.compile takes minutes to unroll it")
    found = [torch.tensor(p, requires_grad=True) for p in parameters(numbers)]
    opt = _optimizer(kind, found, fused=variant != "eager")
    loss = torch.compile(_loss(SCORES[kind])) if variant == "compile" else _loss(SCORES[kind])
    x, y = torch.from_numpy(numbers["x"]), torch.from_numpy(numbers["y"])

    def step() -> float:
        opt.zero_grad()
        value = loss(found, x, y)
        value.backward()
        opt.step()
        return float(value.item())

    return step


def build_training(case: str, numbers: Numbers, variant: str) -> Training:
    """The training of a net."""
    kind = case.split()[0]
    weights = [torch.tensor(p, requires_grad=True) for p in parameters(numbers)]
    opt, scores = _optimizer(kind, weights, fused=variant != "eager"), SCORES[kind]
    loss = torch.compile(_loss(scores)) if variant == "compile" else _loss(scores)

    def step(x: Batch, y: Batch) -> None:
        opt.zero_grad()
        loss(weights, torch.from_numpy(x), torch.from_numpy(y)).backward()
        opt.step()

    def predict(x: Batch) -> Batch:
        with torch.no_grad():
            predicted: Batch = scores(weights, torch.from_numpy(x)).numpy()
        return predicted

    return Training(step, predict)


def _loss(scores: Scores) -> Loss:
    return lambda p, x, y: F.cross_entropy(scores(p, x).flatten(0, -2), y.flatten())


def _optimizer(kind: str, found: Parameters, fused: bool) -> torch.optim.Optimizer:
    if kind == "conv":
        return torch.optim.SGD(found, lr=0.05, fused=fused)
    if kind == "transformer":
        return torch.optim.AdamW(found, lr=1e-3, weight_decay=0.01, fused=fused)
    return torch.optim.Adam(found, lr=1e-3, fused=fused)


def _mlp(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    for k in range(0, len(p), 2):
        x = x @ p[k] + p[k + 1] if k else torch.addmm(p[1], x, p[0])
        x = torch.relu(x) if k + 2 < len(p) else x
    return x


def _conv(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    for k in (0, 2):
        x = F.max_pool2d(torch.relu(F.conv2d(x, p[k], p[k + 1], padding=1)), 2)
    return torch.addmm(p[5], x.flatten(1), p[4])


def _transformer(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    rows, time, d = x.shape
    joint = F.layer_norm(x, (d,), p[0], p[1]) @ p[2] + p[3]
    q, k, v = joint.view(rows, time, 3, 4, d // 4).permute(2, 0, 3, 1, 4)
    seen = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(rows, time, d)
    x = x + seen @ p[4] + p[5]
    h = F.gelu(F.layer_norm(x, (d,), p[6], p[7]) @ p[8] + p[9], approximate="tanh")
    x = x + h @ p[10] + p[11]
    return x @ p[12] + p[13]


def _lstm(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    zeros = torch.zeros(1, x.shape[0], 128)
    flat = [p[1].T.contiguous(), p[2].T.contiguous(), p[3], torch.zeros(512)]
    h, _, _ = torch.lstm(F.embedding(x, p[0]), (zeros, zeros), flat, True, 1, 0.0, True, False, True)
    return h @ p[4] + p[5]


SCORES: dict[str, Scores] = {"mlp": _mlp, "conv": _conv, "transformer": _transformer, "char-lstm": _lstm}


def _chain(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    for _ in range(500):
        x = x * 0.999 + 0.001
    return (x * w).sum()


def _elementwise(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return (F.gelu(F.softplus(x), approximate="tanh") * w).sum()


def _gradient(loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], numbers: Numbers, variant: str) -> Step:
    if variant == "fused" or (variant == "compile" and loss is _chain):
        raise Unsupported("no optimizer here" if variant == "fused" else "torch.compile takes minutes on 1,000 ops")
    x = torch.tensor(numbers["x"], requires_grad=True)
    w = torch.from_numpy(numbers["w"])
    run = torch.compile(loss) if variant == "compile" else loss

    def step() -> float:
        x.grad = None
        value = run(x, w)
        value.backward()
        return float(value.item())

    return step


def _adam(numbers: Numbers, variant: str) -> Step:
    if variant == "compile":
        raise Unsupported("fused is PyTorch's best")
    found = [torch.tensor(p, requires_grad=True) for p in parameters(numbers)]
    for k, p in enumerate(found):
        p.grad = torch.from_numpy(numbers[f"g{k}"])
    opt = torch.optim.Adam(found, lr=1e-3, fused=variant == "fused")

    def step() -> float:
        opt.step()
        return 0.0

    return step


def _hessian(numbers: Numbers, variant: str) -> Step:
    if variant != "eager":
        raise Unsupported("torch.func runs eagerly")
    x, y = torch.from_numpy(numbers["x"]), torch.from_numpy(numbers["y"])

    def loss(p: torch.Tensor) -> torch.Tensor:
        h = torch.tanh((x * p[195:200].mean()) @ p[:128].reshape(8, 16) + p[128:144])
        return F.cross_entropy(h @ p[144:192].reshape(16, 3) + p[192:195], y)

    run, point = torch.func.hessian(loss), torch.from_numpy(numbers["p0"])
    return lambda: float(run(point).abs().sum())
