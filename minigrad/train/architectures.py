"""Models by name, as `minigrad train` builds them and a run's file describes them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import attrs

from minigrad import lazy, nn
from minigrad.core.errors import nearest
from minigrad.data import Dataset
from minigrad.nn import Module
from minigrad.train.errors import TrainError

__all__ = ["ARCHITECTURES", "Architecture", "choose_architecture"]

ARCHITECTURES = ("mlp", "linear", "conv", "lstm")
_EMBEDDED = 32
_CHANNELS = (16, 32, 64)
_LEAST = 8
"""Pixels a side below which nothing is pooled any more."""


@attrs.frozen
class Architecture:
    """A model by its kind and sizes.

    Attributes:
        kind: "mlp" and "linear" for rows of numbers, "conv" for pictures, "lstm" for characters.
        shape: of a row as the model takes it: `(D,)`, `(C, H, W)`; `(T,)` characters.
        outputs: numbers for each row (of an "lstm" for each character).
        hidden: widths of the hidden layers.
        dropout: share of units left out in training behind each of them.
        letters: size of the alphabet of an "lstm"; 0 for others.
    """

    kind: str
    shape: tuple[int, ...]
    outputs: int
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0
    letters: int = 0

    def build(self, seed: int = 0) -> Module:
        """The model, with weights drawn from `seed`."""
        # Layers beyond the basic ones register their ops when they are loaded, which not every run should pay for.
        if self.kind == "conv":
            return nn.Sequential(*self._convolutions(seed))
        if self.kind == "lstm":
            width = self.hidden[0] if self.hidden else 128
            embedding = lazy.load("minigrad.nn", "Embedding")(self.letters, _EMBEDDED, rng=seed)
            lstm = lazy.load("minigrad.nn", "LSTM")(_EMBEDDED, width, rng=seed + 1)
            drop = [nn.Dropout(self.dropout, rng=seed + 2)] if self.dropout else []
            return nn.Sequential(embedding, lstm, *drop, nn.Linear(width, self.outputs, gain=0.1, rng=seed + 3))
        size = prod(self.shape)
        if not self.dropout:
            return nn.mlp(size, self.hidden, self.outputs, rng=seed)
        plain = nn.mlp(size, self.hidden, self.outputs, rng=seed)
        layers = []
        for k, layer in enumerate(plain.layers):
            layers.append(layer)
            if isinstance(layer, nn.ReLU):
                layers.append(nn.Dropout(self.dropout, rng=seed + k))
        return nn.Sequential(*layers)

    def _convolutions(self, seed: int) -> list[nn.Layer]:
        """Convolutions of 3 x 3 with pooling while the picture is large, then hidden layers."""
        channels, height, width = self.shape
        layers: list[nn.Layer] = []
        for k, wider in enumerate(_CHANNELS):
            layers += [nn.Conv2d(channels, wider, 3, padding=1, rng=seed + k), nn.ReLU()]
            channels = wider
            if min(height, width) < _LEAST:
                break
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        layers.append(nn.Flatten())
        size = channels * height * width
        for k, wide in enumerate(self.hidden):
            layers += [nn.Dropout(self.dropout, rng=seed + 10 + k)] if self.dropout else []
            layers += [nn.Linear(size, wide, rng=seed + 20 + k), nn.ReLU()]
            size = wide
        return [*layers, nn.Linear(size, self.outputs, gain=0.1, rng=seed + 30)]

    def as_dict(self) -> dict[str, object]:
        """The sizes as JSON values."""
        fields = attrs.asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in fields.items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, object]) -> Architecture:
        """The architecture that `as_dict` wrote.

        Runs of older versions say `features` in the place of `shape`.

        Raises:
            KeyError: a field is missing.
            TypeError: a field is of another kind.
            ValueError: the kind is unknown.
        """
        kind = fields["kind"]
        if kind not in ARCHITECTURES:
            raise ValueError(f"a model of kind {kind!r}")
        shape = fields["shape"] if "shape" in fields else [fields["features"]]
        dropout, letters = fields.get("dropout", 0.0), fields.get("letters", 0)
        if not isinstance(dropout, int | float):
            raise TypeError(f"dropout {dropout!r:.40}")
        whole = (_sizes(shape), _size(fields["outputs"]), _sizes(fields["hidden"]))
        return cls(str(kind), *whole, float(dropout), _size(letters))


def choose_architecture(
    name: str, data: Dataset, hidden: tuple[int, ...] | None = None, dropout: float = 0.0
) -> Architecture:
    """The architecture of this name for rows such as these.

    "auto" is an LSTM for text and an MLP for all else.

    Args:
        name: of `ARCHITECTURES`, or "auto".
        data: ready for a network; pictures of "conv" as `(N, C, H, W)`.
        hidden: widths of hidden layers; None for the usual ones.
        dropout: share of units left out in training.

    Raises:
        TrainError: there is no such architecture, or it does not take such rows.
    """
    if name == "auto":
        name = "lstm" if data.kind == "text" else "mlp"
    if name not in ARCHITECTURES:
        raise TrainError(f"there is no model {name!r}.{nearest(name, ARCHITECTURES)} Known: {', '.join(ARCHITECTURES)}")
    if (data.kind == "text") != (name == "lstm"):
        fits = "lstm" if data.kind == "text" else "mlp, linear, or conv for pictures"
        raise TrainError(f"--model {name} does not take {data.name}, which is {data.kind}: choose {fits}")
    if name == "conv" and data.x_train.ndim != 4:
        raise TrainError(f"--model conv takes pictures, and {data.name} has rows of {data.input_shape}: choose mlp")
    if not 0.0 <= dropout < 1.0:
        raise TrainError(f"dropout is a share from 0 up to 1, got {dropout:g}")
    usual = {"linear": (), "conv": (64,)}.get(name, (128,))
    widths = usual if hidden is None else hidden
    if name == "linear" and widths:
        raise TrainError("--model linear has no hidden layers: leave out --hidden, or choose mlp")
    letters = data.classes if name == "lstm" else 0
    outputs = data.classes or prod(data.y_train.shape[1:])
    return Architecture(name, data.x_train.shape[1:], outputs, widths, dropout, letters)


def _size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r:.40} where a size should be")
    return value


def _sizes(value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r:.40} where sizes should be")
    return tuple(_size(v) for v in value)
