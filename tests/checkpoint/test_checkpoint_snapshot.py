"""Model and optimizer out and in again: exact for every rule, or a difference that is named and nothing changed."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from minigrad import checkpoint, nn
from minigrad.checkpoint import CheckpointError
from minigrad.core import Tensor
from minigrad.optim import ClipNorm, Cosine, Ema, LookAhead, Need, StatefulOptimizer, available, optimizer

RULES = sorted(available())
X = np.random.default_rng(0).normal(size=(24, 5))
Y = np.random.default_rng(1).integers(0, 3, 24)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class Net(nn.Module):
    """Matrices and vectors of two dtypes, a buffer, a generator of its own and one in a list."""

    def __init__(self, seed: int, width: int = 4) -> None:
        rng = np.random.default_rng(seed)
        self.inner = nn.Linear(5, width, rng=rng)
        self.outer = nn.Linear(width, 3, rng=rng)
        self.rng = np.random.default_rng(seed + 100)
        self.more = [np.random.Generator(np.random.MT19937(seed)), np.random.Generator(np.random.Philox(seed))]
        self.offset = nn.parameter(np.zeros(1)).detach()

    def forward(self, x: Tensor) -> Tensor:
        noise = self.rng.normal(size=3) + self.more[0].normal() + self.more[1].normal()
        return self.outer(self.inner(x)) + 0.01 * noise


def made(rule: str, seed: int) -> tuple[Net, StatefulOptimizer]:
    model = Net(seed).astype(np.float64)
    if rule in ("newton", "gauss-newton"):
        return model, optimizer(rule, model.named_parameters(), damping=1.0)
    return model, optimizer(rule, model.named_parameters())


def steps(model: Net, opt: StatefulOptimizer, first: int, last: int) -> None:
    for i in range(first, last):
        rows = np.arange(i, i + 8) % len(X)
        if opt.needs == Need.GRAD:
            opt.zero_grad()
            nn.cross_entropy(model(X[rows]), Y[rows]).backward()
            opt.step()
        else:
            opt.step(partial(objective, model, rows, Need.RESIDUAL in opt.needs))


def objective(model: Net, rows: NDArray[np.intp], residuals: bool) -> Tensor:
    scores = model.outer(model.inner(X[rows]))
    return (scores - X[rows, :3]).reshape(-1) if residuals else nn.cross_entropy(scores, Y[rows])


def bits(model: Net, opt: StatefulOptimizer) -> dict[str, object]:
    found: dict[str, object] = {k: v.tobytes() for k, v in model.state_dict().items()}
    for k, v in opt.state_dict().items():
        found[f"optimizer {k}"] = (v.tobytes(), v.shape, v.dtype) if isinstance(v, np.ndarray) else (type(v), repr(v))
    found["next draw"] = [g.random() for g in (model.rng, *model.more)]
    return found


@pytest.mark.parametrize("rule", RULES)
def test_a_run_goes_on_to_the_last_bit(rule: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    model, opt = made(rule, 0)
    steps(model, opt, 0, 7)
    checkpoint.save(path, model, opt)
    steps(model, opt, 7, 14)
    other, other_opt = made(rule, 1)
    checkpoint.load(path).restore(other, other_opt)
    steps(other, other_opt, 7, 14)
    assert bits(other, other_opt) == bits(model, opt)


@pytest.mark.parametrize("saved_after", range(5, 10))
def test_with_everything_the_driver_offers_and_between_micro_batches(saved_after: int, tmp_path: Path) -> None:
    path = tmp_path / "a"

    def all_of_it(seed: int) -> tuple[Net, StatefulOptimizer]:
        model = Net(seed).astype(np.float64)
        return model, optimizer(
            "adam", model.named_parameters(), lr=Cosine(0.1, 5), clip=ClipNorm(0.5), accumulate=3,
            average=Ema(rate=0.5), lookahead=LookAhead(every=2), weight_decay=0.01,
        )  # fmt: skip

    model, opt = all_of_it(0)
    steps(model, opt, 0, saved_after)
    checkpoint.save(path, model, opt)
    steps(model, opt, saved_after, 20)
    other, other_opt = all_of_it(1)
    steps(other, other_opt, 0, 1)
    checkpoint.load(path).restore(other, other_opt)
    steps(other, other_opt, saved_after, 20)
    with opt.averaged(), other_opt.averaged():
        averages = [{k: v.tobytes() for k, v in m.state_dict().items()} for m in (model, other)]
    assert averages[0] == averages[1]
    assert bits(other, other_opt) == bits(model, opt)


def test_equal_states_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        model, opt = made("adam", 0)
        steps(model, opt, 0, 3)
        checkpoint.save(tmp_path / name, model, opt, arrays={"z": X, "a": X}, about={"k": [1.5, None]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = checkpoint.load(tmp_path / "a")
    assert back.about == {"k": [1.5, None]}
    assert back.arrays["z"].tobytes() == X.tobytes()
    assert back.other_versions == ""


def refused(path: Path, model: nn.Module, opt: StatefulOptimizer | None) -> str:
    """The message, after a look that nothing was changed."""
    before = {k: v.tobytes() for k, v in model.state_dict().items()}
    state = repr(opt.state_dict()) if opt is not None else ""
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(path).restore(model, opt)
    assert {k: v.tobytes() for k, v in model.state_dict().items()} == before
    assert opt is None or repr(opt.state_dict()) == state
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_another_model_is_told_by_names_and_shapes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    model, opt = made("adam", 0)
    checkpoint.save(path, model, opt)
    wider = Net(0, width=6).astype(np.float64)
    text = refused(path, wider, optimizer("adam", wider.named_parameters()))
    assert "inner.weight (5, 4) float64 in the file, (5, 6) float64 in the model" in text
    assert "outer" in text
    assert "inner.bias" in text
    text = refused(path, Net(0), None)
    assert "inner.weight (5, 4) float64 in the file, (5, 4) float32 in the model" in text
    text = refused(path, nn.mlp(5, [4], 3, rng=0), None)
    assert "layers.0.weight (5, 4) float32 is in the model only" in text
    other = Net(0).astype(np.float64)
    other.more = other.more[::-1]
    assert "generator 'more.0' cannot take the saved state" in refused(path, other, None)
    del other.rng
    assert "generator 'rng' is in the file only" in refused(path, other, None)


def test_another_optimizer_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a"
    model, opt = made("adam", 0)
    steps(model, opt, 0, 3)
    checkpoint.save(path, model, opt)
    text = refused(path, *made("rmsprop", 1))
    assert "rmsprop (minigrad" in text
    assert "saved by 'adam (minigrad" in text
    other = Net(0).astype(np.float64)
    averaging = optimizer("adam", other.named_parameters(), average=Ema())
    assert "is of another optimizer" in refused(path, other, averaging)
    checkpoint.save(path, model)
    assert "holds a model and no optimizer" in refused(path, *made("adam", 1))


def test_the_model_alone(tmp_path: Path) -> None:
    model, opt = made("adam", 0)
    steps(model, opt, 0, 3)
    checkpoint.save(tmp_path / "a", model, opt)
    other = Net(5).astype(np.float64)
    checkpoint.load(tmp_path / "a").restore(other)
    assert other.inner.weight.numpy().tobytes() == model.inner.weight.numpy().tobytes()
