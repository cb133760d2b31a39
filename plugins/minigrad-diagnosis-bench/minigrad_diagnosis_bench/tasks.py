"""What the benchmark trains on, in two parts that share no data set.

Rules are tuned on one, and judged on the other.

Architectures and seeds differ between the parts too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import numpy as np

from minigrad import data
from minigrad.core.types import Array
from minigrad.data import Dataset
from minigrad.data.dataset import Layout
from minigrad_diagnosis_bench.more_tasks import MORE_HELD_OUT, MORE_TUNING
from minigrad_diagnosis_bench.setting import Arch, Setting

__all__ = ["HELD_OUT", "HELD_OUT_SEEDS", "TUNING", "TUNING_SEEDS", "Task"]

Task = Callable[[int], Setting]


def _from(name: str, family: str, d: Dataset, arch: Arch, **options: object) -> Setting:
    outputs = d.classes or 1
    base = Setting(
        task=name, family=family, x=d.x_train, y=d.y_train, x_val=d.x_val, y_val=d.y_val, sound=(d.x_val, d.y_val),
        arch=arch, outputs=outputs, loss="softmax" if d.classes else "mse",
    )  # fmt: skip
    return attrs.evolve(base, **options)  # type: ignore[arg-type]  # fields of Setting


def _subset(d: Dataset, train: int, val: int, seed: int) -> Dataset:
    rng = np.random.default_rng([seed, 11])
    a, b = rng.permutation(len(d.x_train))[:train], rng.permutation(len(d.x_val))[:val]
    return attrs.evolve(d, x_train=d.x_train[a], y_train=d.y_train[a], x_val=d.x_val[b], y_val=d.y_val[b])


# -- tuning: digits, blobs, iris, friedman ----------------------------------------------------------------------------
def _digits(layout: Layout, seed: int) -> Dataset:
    return _subset(data.load("digits", seed=seed).scaled(layout), 1000, 350, seed)


def digits_mlp(seed: int) -> Setting:
    """8x8 digits, 64-48-10."""
    return _from("digits-mlp", "mlp", _digits("flat", seed), Arch(hidden=(48,)))


def digits_deep(seed: int) -> Setting:
    """8x8 digits, four layers of 32 tanh, Adam."""
    arch = Arch(hidden=(32, 32, 32), activation="tanh")
    return _from("digits-deep", "mlp", _digits("flat", seed), arch, optimizer="adam", hyper={"lr": 3e-3})


def digits_conv(seed: int) -> Setting:
    """8x8 digits, one convolution of 8 maps."""
    arch = Arch("conv", hidden=(8,))
    return _from("digits-conv", "conv", _digits("image", seed), arch, optimizer="adam", hyper={"lr": 5e-3}, epochs=8)


def digits_rnn(seed: int) -> Setting:
    """The rows of 8x8 digits as sequences, 24 recurrent units."""
    d = _digits("native", seed)
    return _from("digits-rnn", "rnn", d, Arch("rnn", hidden=(24,)), optimizer="adam", hyper={"lr": 1e-2}, epochs=8)


def blobs_mlp(seed: int) -> Setting:
    """Five clouds in 8 dimensions, 16 tanh units, plain SGD."""
    d = data.blobs(800, 5, 8, spread=2.5, seed=seed).scaled()
    return _from("blobs-mlp", "mlp", d, Arch(hidden=(16,), activation="tanh"), optimizer="sgd", hyper={"lr": 0.2})


def iris_svm(seed: int) -> Setting:
    """Iris, a linear multi-class SVM."""
    d = data.load("iris", val=0.33, seed=seed).scaled()
    return _from("iris-svm", "svm", d, Arch(hidden=()), loss="svm", hyper={"lr": 0.02}, batch=16, epochs=30)


def digits_svm(seed: int) -> Setting:
    """8x8 digits, a linear multi-class SVM."""
    return _from("digits-svm", "svm", _digits("flat", seed), Arch(hidden=()), loss="svm", hyper={"lr": 2e-3}, epochs=10)


def friedman(seed: int) -> Setting:
    """Friedman's first function of five of eight inputs (Friedman 1991), 32 units."""
    rng = np.random.default_rng([seed, 3])
    x = rng.uniform(size=(900, 8))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = y + rng.standard_normal(900)
    d = Dataset("friedman", x[:700], y[:700], x[700:], y[700:], task="regression").scaled()
    return _from("friedman-mlp", "regression", d, Arch(hidden=(32,)), optimizer="adam", hyper={"lr": 1e-2}, epochs=20)


# -- held out: fashion, wine, breast cancer, spiral, diabetes, text ---------------------------------------------------
def _fashion(layout: Layout, seed: int, rows: int = 1400) -> Dataset:
    d = _subset(data.load("fashion"), rows, 500, seed)
    x_train, x_val = (_halved(x) for x in (d.x_train, d.x_val))
    return attrs.evolve(d, x_train=x_train, x_val=x_val).scaled(layout)


def _halved(x: Array) -> Array:
    """Means of 2x2 pixels."""
    small: Array = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).mean(axis=(2, 4)).astype(np.uint8)
    return small


def fashion_mlp(seed: int) -> Setting:
    """Fashion-MNIST at 14x14, 196-64-32-10."""
    return _from("fashion-mlp", "mlp", _fashion("flat", seed), Arch(hidden=(64, 32)), hyper={"lr": 0.02})


def fashion_wide(seed: int) -> Setting:
    """Fashion-MNIST at 14x14, 196-128-10, RMSprop."""
    task = _from("fashion-wide", "mlp", _fashion("flat", seed), Arch(hidden=(128,)))
    return attrs.evolve(task, optimizer="rmsprop", hyper={"lr": 1e-3}, batch=50)


def fashion_conv(seed: int) -> Setting:
    """Fashion-MNIST at 14x14, two convolutions of 4 and 8 maps."""
    d, arch = _fashion("image", seed, 450), Arch("conv", hidden=(4, 8))
    return _from("fashion-conv", "conv", d, arch, optimizer="adam", hyper={"lr": 4e-3}, epochs=10)


def fashion_gru(seed: int) -> Setting:
    """The rows of Fashion-MNIST at 14x14 as sequences, 24 gated units."""
    d, arch = _fashion("native", seed, 450), Arch("rnn", hidden=(24,), cell="GRU")
    return _from("fashion-gru", "rnn", d, arch, optimizer="adam", hyper={"lr": 1e-2}, epochs=8)


def cancer_mlp(seed: int) -> Setting:
    """Breast cancer, 30-20-2, tanh, Adam."""
    d = data.load("breast_cancer", seed=seed).scaled()
    arch = Arch(hidden=(20,), activation="tanh")
    return _from("cancer-mlp", "mlp", d, arch, optimizer="adam", hyper={"lr": 4e-3}, batch=20, epochs=15)


def wine_mlp(seed: int) -> Setting:
    """Wine, 13-24-24-3, plain SGD."""
    d = data.load("wine", val=0.3, seed=seed).scaled()
    return _from("wine-mlp", "mlp", d, Arch(hidden=(24, 24)), optimizer="sgd", hyper={"lr": 0.1}, batch=12, epochs=25)


def spiral_mlp(seed: int) -> Setting:
    """The spiral of the course notes, 2-64-64-3, Adam."""
    d = data.spiral(900, 3, noise=0.15, seed=seed).scaled()
    return _from("spiral-mlp", "mlp", d, Arch(hidden=(64, 64)), optimizer="adam", hyper={"lr": 1e-2}, epochs=25)


def cancer_svm(seed: int) -> Setting:
    """Breast cancer, a linear SVM."""
    d = data.load("breast_cancer", seed=seed).scaled()
    return _from("cancer-svm", "svm", d, Arch(hidden=()), loss="svm", hyper={"lr": 5e-3}, batch=25, epochs=12)


def fashion_svm(seed: int) -> Setting:
    """Fashion-MNIST at 14x14, a linear multi-class SVM."""
    return _from("fashion-svm", "svm", _fashion("flat", seed), Arch(hidden=()), loss="svm", hyper={"lr": 5e-4})


def diabetes(seed: int) -> Setting:
    """Diabetes, 10-16-1, Adam: a regression with much noise."""
    d = data.load("diabetes", seed=seed).scaled()
    arch = Arch(hidden=(16,), activation="tanh")
    return _from("diabetes-mlp", "regression", d, arch, optimizer="adam", hyper={"lr": 3e-3}, epochs=15, batch=24)


def kjv_lm(seed: int) -> Setting:
    """Characters of Genesis and Psalms, an LSTM of 32 units on windows of 16."""
    d = _subset(data.load_text("kjv").dataset(16), 400, 200, seed)
    arch = Arch("lm", hidden=(32,), cell="LSTM")
    return _from("kjv-lstm", "lm", d, arch, optimizer="adam", hyper={"lr": 1e-2}, epochs=6)


TUNING: Mapping[str, Task] = {
    "digits-mlp": digits_mlp,
    "digits-deep": digits_deep,
    "digits-conv": digits_conv,
    "digits-rnn": digits_rnn,
    "blobs-mlp": blobs_mlp,
    "iris-svm": iris_svm,
    "digits-svm": digits_svm,
    "friedman-mlp": friedman,
    **MORE_TUNING,
}
TUNING_SEEDS = (0, 1)

HELD_OUT: Mapping[str, Task] = {
    "fashion-mlp": fashion_mlp,
    "fashion-wide": fashion_wide,
    "fashion-conv": fashion_conv,
    "fashion-gru": fashion_gru,
    "cancer-mlp": cancer_mlp,
    "wine-mlp": wine_mlp,
    "spiral-mlp": spiral_mlp,
    "cancer-svm": cancer_svm,
    "fashion-svm": fashion_svm,
    "diabetes-mlp": diabetes,
    "kjv-lstm": kjv_lm,
    **MORE_HELD_OUT,
}
HELD_OUT_SEEDS = (100, 101, 102, 103, 104, 105, 106, 107, 108, 109)
