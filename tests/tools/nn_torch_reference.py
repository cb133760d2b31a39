"""PyTorch's numbers for every layer; run with an interpreter that has PyTorch, NumPy and attrs.

PYTHONPATH=.:tests python tests/tools/nn_torch_reference.py   # writes tests/data/nn_*.npz
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from minigrad import nn
from support.nn_cases import CASES, Case
from support.nn_golden import LOSS_RECORD, NAMED_RECORD, RECORD, cotangent
from support.nn_loss_cases import CASES as LOSS_CASES
from support.nn_named_cases import CASES as NAMED_CASES
from support.nn_named_torch import evaluate
from support.nn_torch import call, gradients, twin


def answers(case: Case) -> dict[str, np.ndarray]:
    """Output, gradient of the input and of each parameter, in training."""
    layer = case.layer()
    made = twin(torch, layer) if not isinstance(layer, nn.Residual | nn.Maxout) else torch.nn.Identity()
    z = torch.tensor(case.input(), requires_grad=not case.symbols)
    w = call(torch, layer, made.train(), z)
    w.backward(torch.tensor(cotangent(tuple(w.shape))))
    found = {"output": w.detach().numpy()}
    if not case.symbols:
        found["input"] = z.grad.numpy()
    if not isinstance(layer, nn.Residual):
        found |= dict(_parameters(layer, made))
    return found


def _parameters(layer: nn.Module, made: torch.nn.Module) -> list[tuple[str, np.ndarray]]:
    for p in layer.parameters():
        (p * 0.0).sum().backward()  # `gradients` reads ours, too
    return [(name, theirs) for name, _, theirs in gradients(layer, made)]


def write(path: Path, record: dict[str, np.ndarray], layers: int) -> None:
    """Store arrays by name, with PyTorch's version."""
    record["version"] = np.array(torch.__version__)
    np.savez_compressed(path, **record)  # type: ignore[arg-type]  # names and arrays
    print(f"{layers} cases, {len(record)} arrays, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write(RECORD, {f"{c.name}/{name}": a for c in CASES for name, a in answers(c).items()}, len(CASES))
    named = {f"{c.name}/{name}": a for c in NAMED_CASES for name, a in evaluate(torch, c).items()}
    losses = {
        f"{c.name}/{name}": a
        for c in LOSS_CASES
        for name, a in c.evaluate(
            torch.nn, lambda a: torch.tensor(a, requires_grad=True), torch.tensor, torch.log_softmax
        ).items()
    }
    write(LOSS_RECORD, losses, len(LOSS_CASES))
    write(NAMED_RECORD, named, len(NAMED_CASES))
