"""What the layers of a model put out for a fixed batch.

Size, spread, dead and saturated units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs
import numpy as np

from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, as_array, from_array
from minigrad.core.types import AnyArray, Array, BoolArray
from minigrad.nn import Flatten, Module
from minigrad.nn.layer_observer import LayerObserver
from minigrad.train.monitor.histograms import subsample

__all__ = ["LAYER_COLUMNS", "SATURATED", "LayerStats", "layer_stats"]

SATURATED: Mapping[str, float] = {"tanh": 0.99, "sigmoid": 0.49}
"""Distance from the middle beyond which a squashing function counts as saturated.

Its slope is then at most 2 % (tanh) or 4 % (sigmoid) of the steepest, and little gradient comes back.
"""

_MIDDLE = {"tanh": 0.0, "sigmoid": 0.5}
_RECTIFIERS = frozenset({"relu", "relu6"})
_ACTIVATIONS = _RECTIFIERS | frozenset(SATURATED)


@attrs.frozen(eq=False)
class LayerStats:
    """One layer's output for the whole batch.

    Attributes:
        name: the module, by its path of fields; with the op after a colon where a module calls an activation itself.
        kind: the activation ("relu", "tanh", "sigmoid"), else the class of the module.
        mean: over all entries.
        std: standard deviation of all entries.
        rms: root mean square of all entries.
        zero: share of entries that are exactly 0.
        dead: for rectifiers, the share of units that are 0 in every row; NaN for others. A unit is an entry of the last
            axis, behind a convolution a channel.
        saturated: for tanh and sigmoid, the share of entries beyond `SATURATED`; NaN for others.
        nonfinite: number of entries that are NaN or infinite; the other figures leave them out.
        sample: up to a few thousand of the entries, evenly spaced, for a histogram.
    """

    name: str
    kind: str
    mean: float
    std: float
    rms: float
    zero: float
    dead: float
    saturated: float
    nonfinite: float
    sample: Array


LAYER_COLUMNS = ("mean", "std", "rms", "zero", "dead", "saturated", "nonfinite")


def layer_stats(model: Module, *inputs: Array) -> tuple[LayerStats, ...]:
    """Run a twin of `model` on `inputs` and describe the output of each layer.

    Once, in training mode, in order of use.

    The twin has random generators and running statistics of its own, so nothing about `model` or its run changes. A
    layer is a part without parts of its own, or an activation that a module calls in its `forward`; one that is called
    several times (a cell of a recurrent net) is described over all calls.
    """
    twin = model.copy(share_parameters=True).train()
    observer = _OutputObserver(twin)
    with observer.watching(), np.errstate(all="ignore"):
        twin(*(from_array(x) for x in inputs))
    return tuple(sums.stats(name) for name, sums in observer.sums.items())


@attrs.define(eq=False)
class _OutputSums:
    """Sums over the calls of one layer."""

    kind: str
    entries: int = 0
    bad: int = 0
    zeros: int = 0
    beyond: int = 0
    total: float = 0.0
    squares: float = 0.0
    fired: BoolArray | None = None
    sample: list[Array] = attrs.field(factory=list)

    def add(self, y: Array, axis: int) -> None:
        """One call; units lie along `axis` of its output."""
        square = float(np.vdot(y, y))
        bad = 0 if math.isfinite(square) else y.size - int(np.count_nonzero(np.isfinite(y)))
        if bad:
            y = np.where(np.isfinite(y), y, 0.0)
            square = float(np.vdot(y, y))
        self.entries, self.bad = self.entries + y.size, self.bad + bad
        self.total += float(y.sum())
        self.squares += square
        live = y != 0.0
        self.zeros += y.size - int(np.count_nonzero(live)) - bad
        if self.kind in _RECTIFIERS and y.ndim >= 2:
            fired = live.any(axis=tuple(a for a in range(y.ndim) if a != axis % y.ndim))
            self.fired = fired if self.fired is None or self.fired.shape != fired.shape else self.fired | fired
        if self.kind in SATURATED:
            self.beyond += int(np.count_nonzero(np.abs(y - _MIDDLE[self.kind]) > SATURATED[self.kind]))
        self.sample.append(subsample(y))

    def stats(self, name: str) -> LayerStats:
        n = max(self.entries - self.bad, 1)
        mean, square = self.total / n, self.squares / n
        return LayerStats(
            name,
            self.kind,
            mean,
            math.sqrt(max(square - mean * mean, 0.0)),
            math.sqrt(square),
            self.zeros / n,
            math.nan if self.fired is None else float(np.mean(~self.fired)),
            self.beyond / n if self.kind in SATURATED else math.nan,
            float(self.bad),
            subsample(np.concatenate(self.sample)) if self.sample else np.zeros(0),
        )


class _OutputObserver(LayerObserver):
    """Describes the outputs of modules without parts, and of activations.

    Activations wherever they are called.

    Units lie along `axis` of an output: behind a convolution they are channels.
    """

    def __init__(self, model: Module) -> None:
        super().__init__()
        self.names = {id(part): name or "model" for name, part in model.named_modules()}
        self.sums: dict[str, _OutputSums] = {}
        self.axis = -1

    def after_module(self, module: Module, inputs: tuple[Tensor | AnyArray, ...], output: Tensor) -> None:
        name = self._name(module)
        counted_as_op = name in self.sums and self.sums[name].kind in _ACTIVATIONS
        if len(module.named_modules()) == 1 and not isinstance(module, Flatten) and not counted_as_op:
            self._add(name, type(module).__name__, output)

    def after(
        self, op: Op, args: tuple[object, ...], kwargs: Mapping[str, object], result: Tensor | tuple[Tensor, ...]
    ) -> None:
        if op.name == "matmul":
            self.axis = -1
        elif op.name.startswith("convolve"):
            self.axis = 1
        elif op.name in _ACTIVATIONS and isinstance(result, Tensor):
            # An activation is the layer itself if that is all it does, else a layer of its own.
            module = self.active[-1]
            name = self._name(module)
            alone = not module.parameters() and len(module.named_modules()) == 1
            self._add(name if alone else f"{name}:{op.name}", op.name, result)

    def _name(self, module: Module) -> str:
        return self.names.get(id(module), type(module).__name__)

    def _add(self, name: str, kind: str, y: Tensor) -> None:
        value = as_array(y)
        if value.dtype.kind == "f" and value.size:
            self.sums.setdefault(name, _OutputSums(kind)).add(value, self.axis)
