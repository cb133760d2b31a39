"""The inside of a model on a few rows.

Activations, gradients, and how its weights follow one another.

The model is run once with its graph recorded, and the graph is read: so functions such as `mg.relu` inside a `forward`
are seen as well as layers. Nothing of the model changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.backward import gradients, topological_order
from minigrad.core.graph import Leaf, Node, OpNode
from minigrad.core.tensor import from_array
from minigrad.core.types import Array
from minigrad.diagnosis.evidence import Activation, ModelStats, ParameterStats
from minigrad.nn import Loss, Module
from minigrad.runtime.no_grad import no_grad
from minigrad.train.evaluation import count_correct

__all__ = ["inside_of", "score_of"]

_FLAT, _COLUMNS = ("tanh", "sigmoid"), 100
_NONLINEAR = frozenset({"relu", "tanh", "sigmoid", "softplus", "leaky_relu", "elu", "gaussian_gate", "maximum", "max"})
_LINEAR = frozenset(
    {"add", "subtract", "reshape", "transpose", "matrix_transpose", "broadcast_to", "negative", "astype"}
)


def inside_of(model: Module, loss: Loss, x: Array, y: Array, *, drops: bool) -> ModelStats:
    """Look at `model` on the rows `x`, `y`.

    It runs once forward and backward, and stays as it is; with dropout a copy runs forward once more.
    """
    named = model.named_parameters()
    with np.errstate(all="ignore"):
        with model.mode(training=False):
            outputs = model(from_array(x))
            value = loss(outputs, y)
            grads = gradients((value,), (np.ones_like(value.data),), [t for _, t in named], False)
        moving = _training_loss(model, loss, x, y) if drops else None
        order = [n for n in reversed(topological_order((outputs._node,))) if isinstance(n, OpNode)]
        names = {id(t._node): name for name, t in named}
        spread = outputs.numpy().reshape(len(x), -1).astype(np.float64)
        return ModelStats(
            activations=tuple(_activations(order, names)),
            parameters=tuple(
                ParameterStats(
                    name, t.size, _rms(t.numpy()), 0.0 if g is None else _rms(np.asarray(g)), _alike(t), t.ndim > 1
                )
                for (name, t), g in zip(named, grads, strict=True)
            ),
            loss=float(value.item()),
            outputs_std=float(spread.std(axis=0).mean()),
            breadth=_breadth(outputs.numpy()),
            end=outputs._node.op.name if isinstance(outputs._node, OpNode) else "",
            stacked=tuple(_stacked(order, names)),
            score=score_of(outputs.numpy(), y),
            training_loss=moving,
        )


def _breadth(outputs: Array) -> float | None:
    """Second largest singular value of the outputs about their mean, over the largest.

    None for fewer than three columns, more than a hundred, and where all rows have the same outputs.
    """
    rows = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64) if outputs.ndim > 1 else outputs
    if rows.ndim < 2 or not 3 <= rows.shape[1] <= _COLUMNS or not np.isfinite(rows).all():
        return None
    about = rows - rows.mean(axis=0)
    squares = np.linalg.eigvalsh(about.T @ about)
    return float(np.sqrt(max(squares[-2], 0.0) / squares[-1])) if squares[-1] > 0.0 else None


def score_of(outputs: Array, y: Array) -> float | None:
    """Score outputs: accuracy for labels, R^2 for floating targets of the outputs' size.

    None where neither makes sense.
    """
    right = count_correct(outputs, np.asarray(y, dtype=y.dtype))
    if right is not None:
        return right / max(int(np.count_nonzero(y >= 0)), 1)  # what a loss ignores is below 0
    if y.dtype.kind != "f" or outputs.size != y.size or not np.isfinite(outputs).all():
        return None
    goal = y.astype(np.float64).ravel()
    total = float(((goal - goal.mean()) ** 2).sum())
    return 1.0 - float(((goal - outputs.ravel()) ** 2).sum()) / total if total else None


def _training_loss(model: Module, loss: Loss, x: Array, y: Array) -> float | None:
    """The loss in training mode, of a copy: dropout leaves traces."""
    twin = model.copy()
    twin.train()
    with no_grad():
        return float(loss(twin(from_array(x)), y).item())


def _rms(a: Array) -> float:
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64)))) if a.size else 0.0


def _alike(t: Tensor) -> bool:
    """Whether every unit has the same weights: columns of a matrix, kernels of a convolution."""
    w = t.numpy()
    if w.ndim < 2:
        return False
    units = w.shape[-1] if w.ndim == 2 else w.shape[0]
    return units > 1 and bool((np.ptp(w, axis=-1 if w.ndim == 2 else 0) == 0.0).all())


@attrs.define
class _Tally:
    op: str
    std: list[float] = attrs.field(factory=list)
    dead: list[float] = attrs.field(factory=list)
    saturated: list[float] = attrs.field(factory=list)


def _activations(order: Sequence[OpNode], names: Mapping[int, str]) -> Iterator[Activation]:
    """One entry for each place; the steps of a recurrent layer are one place."""
    tallies: dict[str, _Tally] = {}
    for node in order:
        if node.op.name not in _NONLINEAR or node.value.ndim < 2:
            continue
        tally = tallies.setdefault(f"{node.op.name} after {_before(node, names)}", _Tally(node.op.name))
        value = node.value
        tally.std.append(float(value.std(dtype=np.float64)))
        if node.op.name == "relu":
            rows = tuple(i for i in range(value.ndim) if i != (1 if value.ndim == 4 else value.ndim - 1))
            tally.dead.append(float(np.mean(value.max(axis=rows) <= 0.0)))
        elif node.op.name in _FLAT:
            ends = np.abs(value) > 0.99 if node.op.name == "tanh" else np.abs(value - 0.5) > 0.49
            tally.saturated.append(float(np.mean(ends)))
    for name, t in tallies.items():
        yield Activation(name, t.op, *(float(np.mean(v)) if v else 0.0 for v in (t.std, t.dead, t.saturated)))


def _before(node: OpNode, names: Mapping[int, str]) -> str:
    """The layer whose parameter comes last before `node`."""
    level: list[Node] = [node]
    for _ in range(6):
        level = [p for n in level if isinstance(n, OpNode) for p in n.parents if p is not None]
        weights = [names[id(n)] for n in level if id(n) in names]
        if weights:
            return weights[0].rpartition(".")[0] or weights[0]
    return "?"


def _stacked(order: Sequence[OpNode], names: Mapping[int, str]) -> Iterator[str]:
    """Yield weights applied to what another weight gave, with only sums in between.

    Without a bottleneck. A sum that another path goes on with, too, as in a residual block, is no such place.
    """
    uses = Counter(id(p) for n in order for p in n.parents if p is not None)
    for node in order:
        weight = _weight(node)
        if weight is None or node.parents[0] is None or uses[id(node.parents[0])] > 1:
            continue
        before = _linear_sources(node.parents[0])
        if before and all(w.value.shape[1] >= min(w.value.shape[0], weight.value.shape[1]) for w in before):
            yield f"{names.get(id(weight), '?')} after {names.get(id(before[0]), '?')}"


def _weight(node: Node) -> Leaf | None:
    if isinstance(node, OpNode) and node.op.name == "matmul" and isinstance(node.parents[1], Leaf):
        return node.parents[1] if node.parents[1].value.ndim == 2 else None
    return None


def _linear_sources(node: Node) -> list[Leaf]:
    """The weights that `node` is a linear function of; empty if anything else takes part."""
    leaves: list[Leaf] = []
    stack = [node]
    while stack:
        n = stack.pop()
        weight = _weight(n)
        if weight is not None:
            leaves.append(weight)
        elif isinstance(n, OpNode) and n.op.name in _LINEAR:
            stack.extend(p for p in n.parents if p is not None)
        elif not isinstance(n, Leaf):
            return []
    return leaves
