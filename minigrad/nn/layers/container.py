"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs

from minigrad.core.errors import ShapeError, nearest
from minigrad.core.tensor import Tensor
from minigrad.nn.errors import ModuleError
from minigrad.nn.initializers import Source, generator
from minigrad.nn.layers.activations import ReLU, Sigmoid, Tanh
from minigrad.nn.layers.linear import Linear
from minigrad.nn.module import Module

__all__ = ["Layer", "Residual", "Sequential", "mlp"]

Layer: TypeAlias = Callable[[Tensor], Tensor]


@attrs.define(eq=False, repr=False, init=False)
class Sequential(Module):
    """Layers one after another: `Sequential(Linear(784, 128), ReLU(), Linear(128, 10))`.

    A layer is a Module, or any function from Tensor to Tensor, such as `mg.relu`. Errors about shapes say which layer.
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise ModuleError(f"Sequential: layers.{i} is a {type(layer).__name__}, not a Module or a function")
        self.__attrs_init__(layers)

    if TYPE_CHECKING:

        def __attrs_init__(self, layers: tuple[Layer, ...]) -> None: ...

    def forward(self, x: Tensor) -> Tensor:
        """The input of the first layer in, the output of the last one out."""
        for i, layer in enumerate(self.layers):
            try:
                x = layer(x)
            except ShapeError as error:
                raise ShapeError(f"layers.{i}: {error}") from error
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __repr__(self) -> str:
        inside = ", ".join(getattr(x, "name", None) or repr(x) for x in self.layers)
        return f"Sequential({inside})"


@attrs.define(eq=False, repr=False)
class Residual(Module):
    """shortcut(x) + body(x) (He et al. 2016).

    Attributes:
        body: a layer whose output has the shape of the shortcut.
        shortcut: a layer for x, such as a Linear where the width changes; x itself by default.
    """

    body: Layer
    shortcut: Layer | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Add what the body gives to what the shortcut gives.

        Raises:
            ShapeError: the two differ in shape; broadcasting would hide a mistake.
        """
        y, around = self.body(x), x if self.shortcut is None else self.shortcut(x)
        if y.shape != around.shape:
            raise ShapeError(f"{self!r}: the body gives {y.shape}, the shortcut {around.shape}")
        return around + y

    def __repr__(self) -> str:
        return f"Residual({self.body!r}{'' if self.shortcut is None else f', {self.shortcut!r}'})"


_ACTIVATIONS = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid}


def mlp(
    inputs: int, hidden: Sequence[int], outputs: int, *, activation: str = "relu", rng: Source = None
) -> Sequential:
    """A multi-layer perceptron: Linear layers of these widths with an activation between them.

    Hidden weights are He-initialised for "relu", Xavier for "tanh" and "sigmoid". The output layer starts at a tenth of
    that, so that the first scores are close to 0 and the first loss is that of chance (ln C for softmax).
    `mlp(784, [], 10)` is a linear classifier.
    """
    if activation not in _ACTIVATIONS:
        names = ", ".join(_ACTIVATIONS)
        raise ModuleError(f"there is no activation {activation!r}.{nearest(activation, _ACTIVATIONS)} Known: {names}")
    source = generator(rng)
    init = "he" if activation == "relu" else "xavier"
    layers: list[Layer] = []
    for before, after in zip((inputs, *hidden), hidden, strict=False):
        layers += [Linear(before, after, weight_init=init, rng=source), _ACTIVATIONS[activation]()]
    layers.append(Linear(hidden[-1] if hidden else inputs, outputs, weight_init=init, gain=0.1, rng=source))
    return Sequential(*layers)
