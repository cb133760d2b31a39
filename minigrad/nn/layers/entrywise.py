"""Further activations, each a layer for a function of `minigrad`."""

from __future__ import annotations

import attrs
import numpy as np

from minigrad.core.errors import ShapeError
from minigrad.core.tensor import Tensor
from minigrad.nn.module import Module, parameter
from minigrad.nn.validators import finite, not_negative, positive, size
from minigrad.ops.elementwise.piecewise_linear import minimum, relu
from minigrad.ops.functions import log_sigmoid, log_softmax, reshape, softmax
from minigrad.ops.network import activation

__all__ = [
    "CELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU6",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softshrink",
    "Softsign",
    "Tanhshrink",
    "Threshold",
]


@attrs.define(eq=False)
class Softmax(Module):
    """exp(x) / sum(exp(x)) along an axis.

    Losses take scores, not probabilities: a model that is trained ends without this layer.

    Attributes:
        axis: along which the results add up to 1.
    """

    axis: int = -1

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return softmax(x, self.axis)


@attrs.define(eq=False)
class Softmax2d(Module):
    """Softmax over the channels of images, at each place."""

    def forward(self, x: Tensor) -> Tensor:
        """Images `(N, channels, height, width)`, or one without N; the same shape comes out.

        Raises:
            ShapeError: x has another number of axes.
        """
        if x.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d needs an input of shape (N, channels, height, width), got {x.shape}")
        return softmax(x, -3)


@attrs.define(eq=False)
class LogSoftmax(Module):
    """The logarithm of softmax along an axis, without overflow.

    Attributes:
        axis: along which the exponentials of the results add up to 1.
    """

    axis: int = -1

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return log_softmax(x, self.axis)


@attrs.define(eq=False)
class Softmin(Module):
    """softmax(-x) along an axis.

    Attributes:
        axis: along which the results add up to 1.
    """

    axis: int = -1

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.softmin(x, self.axis)


@attrs.define(eq=False, repr=False)
class PReLU(Module):
    """x for x > 0 and weight * x below, with a learnt weight (He et al. 2015).

    Attributes:
        num_parameters: 1, or the number of channels, each with a weight of its own.
        initial: where the weights begin.
        weight: `(num_parameters,)`, PyTorch's layout.
    """

    num_parameters: int = attrs.field(default=1, validator=size)
    initial: float = attrs.field(default=0.25, kw_only=True, validator=finite)
    weight: Tensor = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.weight = parameter(np.full(self.num_parameters, self.initial))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out. Channels are on axis 1.

        Raises:
            ShapeError: there are several weights, and x has another number of channels.
        """
        if self.num_parameters == 1:
            return relu(x) + self.weight * minimum(x, 0.0)
        if x.ndim < 2 or x.shape[1] != self.num_parameters:
            raise ShapeError(f"{self!r} needs an input of shape (N, {self.num_parameters}, ...), got {x.shape}")
        return relu(x) + reshape(self.weight, (self.num_parameters, *(1,) * (x.ndim - 2))) * minimum(x, 0.0)

    def __repr__(self) -> str:
        return f"PReLU({self.num_parameters})"


@attrs.define(eq=False)
class SELU(Module):
    """A scaled ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.selu(x)


@attrs.define(eq=False)
class CELU(Module):
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1)) (Barron 2017)."""

    alpha: float = attrs.field(default=1.0, validator=positive)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.celu(x, self.alpha)


@attrs.define(eq=False)
class Mish(Module):
    """x tanh(softplus(x)) (Misra 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.mish(x)


@attrs.define(eq=False)
class ReLU6(Module):
    """min(max(x, 0), 6)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.relu6(x)


@attrs.define(eq=False)
class Hardtanh(Module):
    """x moved into [low, high].

    Attributes:
        low: the smallest result.
        high: the largest result.
    """

    low: float = attrs.field(default=-1.0, validator=finite)
    high: float = attrs.field(default=1.0, validator=finite)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.hardtanh(x, self.low, self.high)


@attrs.define(eq=False)
class Hardsigmoid(Module):
    """min(max(x / 6 + 1 / 2, 0), 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.hardsigmoid(x)


@attrs.define(eq=False)
class Hardswish(Module):
    """x times the hard sigmoid of x (Howard et al. 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.hardswish(x)


@attrs.define(eq=False)
class Hardshrink(Module):
    """x where |x| > lambd, else 0."""

    lambd: float = attrs.field(default=0.5, validator=not_negative)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.hardshrink(x, self.lambd)


@attrs.define(eq=False)
class Softshrink(Module):
    """x moved by lambd towards 0, and 0 where |x| <= lambd."""

    lambd: float = attrs.field(default=0.5, validator=not_negative)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.softshrink(x, self.lambd)


@attrs.define(eq=False)
class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.softsign(x)


@attrs.define(eq=False)
class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.tanhshrink(x)


@attrs.define(eq=False)
class LogSigmoid(Module):
    """log(sigmoid(x)), without overflow."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return log_sigmoid(x)


@attrs.define(eq=False)
class Threshold(Module):
    """x where x > threshold, else a value.

    Attributes:
        threshold: below and at which x is replaced.
        value: what it is replaced by.
    """

    threshold: float = attrs.field(validator=finite)
    value: float = attrs.field(validator=finite)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the same shape comes out."""
        return activation.threshold(x, self.threshold, self.value)


@attrs.define(eq=False)
class GLU(Module):
    """The first half of an axis times the sigmoid of the second (Dauphin et al. 2017).

    Attributes:
        axis: which is cut in halves; its length must be even.
    """

    axis: int = -1

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; the axis comes out with half its length."""
        return activation.glu(x, self.axis)
