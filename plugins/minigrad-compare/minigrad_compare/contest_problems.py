"""The problems of the contest: networks, a factorization, a stiff quadratic.

They are small, so that a table of all rules takes no longer than an hour on two cores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import attrs
import numpy as np

from minigrad import data, nn
from minigrad.core import Tensor, tensor
from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.data import Loader
from minigrad.nn import Module
from minigrad.runtime.no_grad import no_grad
from minigrad.train.evaluation import evaluate
from minigrad.train.splits import Rows, as_split
from minigrad_compare.batches import Batches
from minigrad_compare.compare import Problem, Trial

__all__ = ["char_lstm", "char_transformer", "digits_mlp", "factorization", "fashion_conv", "ill_conditioned"]

_LENGTH = 16


def digits_mlp() -> Problem:
    """Make a 64-32-10 network on the digits data, batches of 64.

    The figure is the training loss on all training rows.
    """
    split = as_split(data.load("digits", seed=0).scaled(normalize="unit"), np.dtype(np.float64))
    width = split.train.x.shape[1]
    return _network("digits-mlp", split.train, lambda seed: nn.mlp(width, (32,), 10, rng=seed), 64, 0.05, 30)


def fashion_conv() -> Problem:
    """Two convolutions and a linear layer on 1,000 pictures of clothes, halved in size.

    Batches of 50.
    """
    pictures = data.load("fashion").scaled()
    x = pictures.x_train[:1000].reshape(-1, 14, 2, 14, 2).mean((2, 4))[:, None].astype(np.float32)

    def build(seed: int) -> Module:
        with nn.seeded(seed):
            return nn.Sequential(
                nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(6, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(12 * 9, 10),
            )  # fmt: skip

    return _network("fashion-conv", Rows(x, pictures.y_train[:1000]), build, 50, 0.5, 8)


def char_lstm() -> Problem:
    """An LSTM of 32 cells that guesses the next letter.

    Of 640 windows of 16 letters, in batches of 32.
    """
    rows, letters = _text()

    def build(seed: int) -> Module:
        with nn.seeded(seed):
            return nn.Sequential(nn.Embedding(letters, 16), nn.LSTM(16, 32), nn.Linear(32, letters, gain=0.1))

    return _network("char-lstm", rows, build, 32, 2.2, 8)


def char_transformer() -> Problem:
    """One transformer block of width 24 on the windows of `char_lstm`."""
    rows, letters = _text()

    def build(seed: int) -> Module:
        return _Letters(letters, seed)

    return _network("char-transformer", rows, build, 32, 2.2, 8)


def factorization() -> Problem:
    """Mean of (U V' - A)^2 / 2 for a matrix A of 60 x 40 and rank 4.

    The factors have rank 6 and begin small.

    All entries at each evaluation.
    """
    rng = np.random.default_rng(4)
    target = rng.standard_normal((60, 4)) @ rng.standard_normal((4, 40))

    def start(seed: int) -> Trial:
        draw = np.random.default_rng([seed, 4])
        u = tensor(0.1 * draw.standard_normal((60, 6)), requires_grad=True)
        v = tensor(0.1 * draw.standard_normal((6, 40)), requires_grad=True)

        def residuals() -> Tensor:
            apart: Tensor = (u @ v - tensor(target)) * (1.0 / target.size**0.5)
            return apart.reshape(-1)

        return _squares({"u": u, "v": v}, residuals)

    return Problem("factorization", start, 1e-3, 300, plane=None)


def ill_conditioned() -> Problem:
    """w.Hw / 2 of 50 variables; the eigenvalues of H go from 1 to 10,000, its axes lie anyhow."""
    rng = np.random.default_rng(5)
    axes, _ = np.linalg.qr(rng.standard_normal((50, 50)))
    root = (axes * np.logspace(0.0, 2.0, 50)).T

    def start(seed: int) -> Trial:
        w = tensor(np.random.default_rng([seed, 5]).standard_normal(50), requires_grad=True)
        return _squares({"w": w}, lambda: tensor(root) @ w)

    return Problem("ill-conditioned", start, 1e-2, 300)


@attrs.define(eq=False)
class _Letters(nn.Module):
    """Letters and places as vectors, one block that looks back, scores of the next letter."""

    letters: int
    seed: int
    embed: nn.Embedding = attrs.field(init=False)
    places: Tensor = attrs.field(init=False)
    block: nn.TransformerBlock = attrs.field(init=False)
    scores: nn.Linear = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        with nn.seeded(self.seed) as rng:
            self.embed = nn.Embedding(self.letters, 24)
            self.places = nn.parameter(0.1 * rng.standard_normal((_LENGTH, 24)))
            self.block = nn.TransformerBlock(24, 2, causal=True)
            self.scores = nn.Linear(24, self.letters, gain=0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers of letters `(N, 16)` -> scores of the next `(N, 16, letters)`."""
        return self.scores(self.block(self.embed(x) + self.places))


@lru_cache(maxsize=1)
def _text() -> tuple[Rows, int]:
    text = data.load_text()
    windows = text.dataset(length=_LENGTH)
    chosen = np.random.default_rng(0).permutation(len(windows.x_train))[:640]
    return Rows(windows.x_train[chosen], windows.y_train[chosen]), len(text.alphabet)


def _network(name: str, rows: Rows, build: Callable[[int], Module], size: int, target: float, epochs: int) -> Problem:
    """Training loss of a classifier over all of `rows`, in batches of `size`."""
    softmax = nn.find_loss("softmax")
    per_epoch = len(Loader(rows.x, rows.y, size))

    def loss_of(model: Module, x: Array, y: Array) -> Tensor:
        scores = model(from_array(x))
        mean: Tensor = softmax(scores.reshape(-1, scores.shape[-1]), y.reshape(-1))
        return mean

    def start(seed: int) -> Trial:
        model = build(seed)
        batches = Batches(Loader(rows.x, rows.y, size, seed=seed))

        def measure() -> float:
            if rows.y.ndim == 1:
                return evaluate(model, rows, softmax).loss
            with no_grad():
                parts = [slice(k, k + 160) for k in range(0, len(rows.y), 160)]
                return float(np.mean([loss_of(model, rows.x[p].copy(), rows.y[p]).item() for p in parts]))

        return Trial(
            dict(model.named_parameters()),
            lambda k: loss_of(model, *batches(k)),
            measure,
            full=lambda: loss_of(model, rows.x.copy(), rows.y),
        )

    return Problem(name, start, target, epochs, "epochs", per_epoch, "training loss")


def _squares(parameters: dict[str, Tensor], residuals: Callable[[], Tensor]) -> Trial:
    def loss(k: int) -> Tensor:
        r = residuals()
        return (r * r).sum() * 0.5

    def measure() -> float:
        with no_grad():
            return loss(0).item()

    return Trial(parameters, loss, measure, residuals=residuals)
