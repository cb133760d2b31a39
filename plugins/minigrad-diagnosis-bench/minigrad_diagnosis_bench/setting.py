"""One training run as plain values, so that a fault is a change of a few of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import attrs
import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.nn import Loss, Module
from minigrad.runtime.parameters import assign
from minigrad_diagnosis_bench.own_losses import OWN_LOSSES

__all__ = ["Arch", "Setting", "build"]

Kind: TypeAlias = Literal["mlp", "conv", "rnn", "lm"]


@attrs.frozen
class Arch:
    """A network.

    Attributes:
        kind: "mlp" on rows, "conv" on images, "rnn" on sequences of rows, "lm" on characters.
        hidden: widths; channels for "conv", units for "rnn" and "lm".
        activation: "relu", "tanh", "sigmoid", or a fault: "" for none, "sign", "sine" (of 30 x) or "mean" over units.
        cell: "RNN", "GRU" or "LSTM".
        dropout: probability.
        norm: whether batch normalisation follows each layer.
        begin: what comes before the first layer, a fault: "nothing" (a product with 0) or "first columns".
        end: what follows the output layer, "softmax", "sigmoid", "tanh" or "relu", all of them faults; "half", which
            hides half of the computation from the graph; "blind", which hides all of it; "dropout", "cut", "centred"
            (less the mean of the batch), "scrambled" (rows and columns exchanged by a reshape) or "whole" (rounded).
        scale: factor on hidden weights, for faults; 0 makes them 0.
        constant: the value of all weights instead.
        bias: of hidden layers.
        spread: standard deviation of the biases of hidden layers.
        gain: of the output layer.
        out_bias: of the first output.
    """

    kind: Kind = "mlp"
    hidden: tuple[int, ...] = (48,)
    activation: str = "relu"
    cell: str = "RNN"
    dropout: float = 0.0
    norm: bool = False
    begin: str = ""
    end: str = ""
    scale: float = 1.0
    constant: float | None = None
    bias: float = 0.0
    spread: float = 0.0
    gain: float = 0.1
    out_bias: float = 0.0


@attrs.frozen(eq=False, kw_only=True)
class Setting:
    """Data, network, loss and how they are trained.

    Attributes:
        task: name of the task it belongs to.
        family: "mlp", "conv", "rnn", "svm", "regression" or "lm".
        x: training inputs that the run is given.
        y: training targets that the run is given.
        x_val: validation inputs that the run is given.
        y_val: validation targets that the run is given.
        sound: validation rows as they should be, for the outcome.
        outputs: columns of the output.
        optimizer: name, as for `mg.optimizer`.
        hyper: hyperparameters, as for `mg.optimizer`.
        l2: strength of a penalty.
        clip: bound on the gradient's norm.
        maximise: whether it climbs.
        schedule: factor on lr at a share of the run in [0, 1].
        order: "shuffled" or "sorted".
        zero_grad: whether the loop calls `zero_grad` before each step.
        train_mode: whether updates are computed in training mode.
        eval_mode: whether evaluations are made in evaluation mode.
        frozen: index of a parameter that the optimizer is not given.
        sign: of the loss.
        summed: loss times rows.
        group: class of the data, for false alarms by class.
        own_loss: a loss of the user's own, with a mistake: a key of `OWN_LOSSES`.
        loop: a mistake of the user's own loop: "other copy", "redrawn", "no step", or a key of `loops`.
        half: whether parameters are float16.
    """

    task: str
    family: str
    x: Array
    y: Array
    x_val: Array
    y_val: Array
    sound: tuple[Array, Array]
    arch: Arch
    outputs: int
    loss: str = "softmax"
    optimizer: str = "momentum"
    hyper: Mapping[str, float] = attrs.field(factory=lambda: {"lr": 0.05})
    epochs: int = 12
    batch: int = 32
    l2: float = 0.0
    clip: float | None = None
    maximise: bool = False
    schedule: Callable[[float], float] | None = None
    order: str = "shuffled"
    zero_grad: bool = True
    train_mode: bool = True
    eval_mode: bool = True
    frozen: int | None = None
    sign: float = 1.0
    summed: bool = False
    group: str = "classic"
    own_loss: str = ""
    loop: str = ""
    half: bool = False

    def loss_of(self) -> Loss:
        """The loss with its sign and scale."""
        if self.own_loss:
            return OWN_LOSSES[self.own_loss]
        plain = nn.find_loss(self.loss)
        if self.sign == 1.0 and not self.summed:
            return plain

        def changed(outputs: Tensor, targets: nn.Targets) -> Tensor:
            return plain(outputs, targets) * (
                self.sign * (len(targets.shape) and targets.shape[0] if self.summed else 1.0)
            )

        return changed

    @property
    def by_hand(self) -> bool:
        """Whether only a loop of one's own can have this fault."""
        whole = (
            not self.loop
            and self.zero_grad
            and self.train_mode
            and self.eval_mode
            and self.frozen is None
            and not self.maximise
        )
        floats = [a for a in (self.x, self.y, self.x_val, self.y_val) if a.dtype.kind == "f"]
        return bool(self.loop) or not whole or self.order != "shuffled" or any(not np.isfinite(a).all() for a in floats)

    def with_hyper(self, **changes: float) -> Setting:
        """With other hyperparameters."""
        return attrs.evolve(self, hyper={**self.hyper, **changes})

    def with_arch(self, **changes: object) -> Setting:
        """With another network."""
        return attrs.evolve(self, arch=attrs.evolve(self.arch, **changes))  # type: ignore[arg-type]  # fields of Arch


def build(s: Setting, seed: int) -> Module:
    """The network, untrained, with its faults."""
    a = s.arch
    rng = np.random.default_rng([seed, 5])
    with nn.seeded(int(rng.integers(2**31))):
        model = _BUILDERS[a.kind](s)
    weights = [t for _, t in model.named_parameters() if t.ndim > 1]
    biases = [t for _, t in model.named_parameters() if t.ndim == 1]
    if a.constant is not None:
        for t in weights:
            assign(t, np.full(t.shape, a.constant, t.dtype))
    elif a.scale != 1.0:
        for t in weights[:-1]:
            assign(t, t.numpy() * np.float32(a.scale))
    if a.bias:
        for t in biases[:-1]:
            assign(t, np.full(t.shape, a.bias, t.dtype))
    if a.spread:
        for t in biases[:-1]:
            assign(t, (a.spread * rng.standard_normal(t.shape)).astype(t.dtype))
    if a.out_bias:
        values = np.zeros(biases[-1].shape, biases[-1].dtype)
        values[0] = a.out_bias
        assign(biases[-1], values)
    return model.astype(np.float16) if s.half else model


def _activation(a: Arch) -> list[nn.Layer]:
    layers: dict[str, list[nn.Layer]] = {"relu": [nn.ReLU()], "tanh": [nn.Tanh()], "sigmoid": [nn.Sigmoid()], "": [],
        "sign": [lambda t: t * 0.0 + mg.sign(t)],
        "sine": [lambda t: mg.sin(30.0 * t)],
        "mean": [lambda t: t * 0.0 + t.mean(axis=-1, keepdims=True)],
    }  # fmt: skip
    return layers[a.activation]


def _begin(a: Arch) -> list[nn.Layer]:
    begins: dict[str, list[nn.Layer]] = {
        "": [],
        "nothing": [lambda t: t * 0.0],
        "first columns": [lambda t: t * (np.arange(t.shape[-1]) < max(1, t.shape[-1] // 8)).astype(np.float32)],
    }
    return begins[a.begin]


def _end(a: Arch) -> list[nn.Layer]:
    ends: dict[str, list[nn.Layer]] = {
        "": [],
        "softmax": [lambda t: mg.softmax(t, axis=-1)],
        "sigmoid": [nn.Sigmoid()],
        "relu": [nn.ReLU()],
        "tanh": [nn.Tanh()],
        "blind": [lambda t: t * 0.0 + 0.1 * t.detach()],
        "half": [lambda t: t * 0.5 + t.detach() * 0.5],
        "dropout": [nn.Dropout(0.5)],
        "cut": [lambda t: mg.clip(t, -0.3, 0.3)],
        "centred": [lambda t: t - t.mean(axis=0, keepdims=True)],
        "scrambled": [lambda t: mg.transpose(t).reshape(t.shape)],
        "whole": [lambda t: t * 0.0 + mg.round(t)],
    }
    return ends[a.end]


def _init(a: Arch) -> str:
    return "he" if a.activation == "relu" else "xavier"


def _mlp(s: Setting) -> Module:
    a, layers = s.arch, list[nn.Layer]()
    width = int(np.prod(s.x.shape[1:]))
    if s.x.ndim > 2:
        layers.append(nn.Flatten())
    layers += _begin(a)
    for units in a.hidden:
        layers.append(nn.Linear(width, units, weight_init=_init(a)))
        layers += [nn.BatchNorm1d(units)] if a.norm else []
        layers += _activation(a)
        layers += [nn.Dropout(a.dropout)] if a.dropout else []
        width = units
    gain = a.gain if a.end != "relu" else 1.0
    return nn.Sequential(*layers, nn.Linear(width, s.outputs, weight_init=_init(a), gain=gain), *_end(a))


def _conv(s: Setting) -> Module:
    a, layers = s.arch, list[nn.Layer]()
    channels, size = s.x.shape[1], s.x.shape[2]
    for maps in a.hidden:
        layers.append(nn.Conv2d(channels, maps, 3, padding=1))
        layers += [nn.BatchNorm2d(maps)] if a.norm else []
        layers += [*_activation(a), nn.MaxPool2d(2)]
        channels, size = maps, size // 2
    layers += [nn.Flatten()]
    layers += [nn.Dropout(a.dropout)] if a.dropout else []
    gain = 0.1 if a.end != "relu" else 1.0
    return nn.Sequential(*layers, nn.Linear(channels * size * size, s.outputs, gain=gain), *_end(a))


def _cell(a: Arch, inputs: int) -> nn.Layer:
    cells: dict[str, type[nn.RNN | nn.GRU | nn.LSTM]] = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
    return cells[a.cell](inputs, a.hidden[0])


def _rnn(s: Setting) -> Module:
    a = s.arch
    drop: list[nn.Layer] = [nn.Dropout(a.dropout)] if a.dropout else []
    out = nn.Linear(a.hidden[0], s.outputs, weight_init="xavier", gain=0.1 if a.end != "relu" else 1.0)
    return nn.Sequential(_cell(a, s.x.shape[2]), lambda t: t[:, -1], *drop, out, *_end(a))


def _lm(s: Setting) -> Module:
    a = s.arch
    out = nn.Linear(a.hidden[0], s.outputs, weight_init="xavier", gain=0.1 if a.end != "relu" else 1.0)
    return nn.Sequential(nn.Embedding(s.outputs, 16), _cell(a, 16), out, *_end(a))


_BUILDERS: Mapping[str, Callable[[Setting], Module]] = {"mlp": _mlp, "conv": _conv, "rnn": _rnn, "lm": _lm}
