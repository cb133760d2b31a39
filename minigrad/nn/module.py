"""`Module`: the base of layers and models, a readable class whose fields are its settings, parameters and layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from minigrad.core.errors import nearest
from minigrad.core.graph import Leaf
from minigrad.core.tensor import Tensor, tensor
from minigrad.core.types import AnyArray, Array
from minigrad.nn.errors import ModuleError, StateMismatch
from minigrad.nn.observe import WATCHER
from minigrad.runtime.parameters import assign

if TYPE_CHECKING:
    from minigrad.nn.summary import Summary

__all__ = ["Module", "parameter"]

M = TypeVar("M", bound="Module")
Part: TypeAlias = "Module | Tensor"


def parameter(value: Array, dtype: DTypeLike = np.float32) -> Tensor:
    """A trainable Tensor with a copy of `value`: a leaf that requires a gradient, float32 unless said otherwise."""
    return tensor(value, requires_grad=True, dtype=dtype)


class Module:
    """A layer or a model.

    Subclasses are attrs classes (`@attrs.define`) or ordinary ones with an `__init__`. What their fields hold decides:
    a Tensor with `requires_grad` is a parameter; another Tensor is a buffer, saved but not trained; a Module is a part,
    and so are Modules and Tensors in lists, tuples and dicts. Names are the path of fields: `layers.0.weight`.
    A part that is reached twice (tied weights) counts once, under its first name.

    Attributes:
        forward: defined by each subclass; calling the module calls it.
    """

    __slots__ = ("__weakref__", "_evaluating")

    forward: Callable[..., Tensor]

    def __call__(self, *inputs: Tensor | AnyArray) -> Tensor:
        """The output for a batch; what shapes fit is for `forward` to say."""
        watcher = WATCHER.get()
        return self.forward(*inputs) if watcher is None else watcher.call(self, inputs)

    # -- what it is made of ------------------------------------------------------------------------------------------
    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """Name and Tensor of every parameter, in the order of the fields.

        Raises ModuleError for a Tensor that requires a gradient but is computed from others: it could not be trained.
        """
        found = [(name, part) for name, part in _parts(self) if isinstance(part, Tensor) and part.requires_grad]
        for name, part in found:
            if not isinstance(part._node, Leaf):
                raise ModuleError(
                    f"{type(self).__name__}: {name} is the result of an operation, so no optimizer can train it; make "
                    "it with nn.parameter(array), from numbers"
                )
        return found

    def parameters(self) -> list[Tensor]:
        """The trainable Tensors, for an optimizer."""
        return [part for _, part in self.named_parameters()]

    def named_modules(self) -> list[tuple[str, Module]]:
        """Name and Module of every part, this one first under the empty name."""
        return [(name, part) for name, part in _parts(self) if isinstance(part, Module)]

    @property
    def parameter_count(self) -> int:
        """Number of trainable numbers."""
        return sum(p.size for p in self.parameters())

    def summary(self, *batch: Tensor | AnyArray) -> Summary:
        """Shapes, parameters, bytes and FLOPs of each layer for one real batch: `print(model.summary(x))`.

        The model runs once, in evaluation, and stays as it is. Errors are those of `forward`.
        """
        from minigrad.nn.summary import summarise

        return summarise(self, batch)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self.parameters():
            p.zero_grad()

    # -- training and evaluation ---------------------------------------------------------------------------------------
    @property
    def training(self) -> bool:
        """Whether layers that act differently in training, such as dropout, do so now. True for a new module."""
        return not getattr(self, "_evaluating", False)

    def train(self, mode: bool = True) -> Self:
        """Switch this module and its parts to training (or, with False, to evaluation). Returns the module."""
        for _, part in self.named_modules():
            object.__setattr__(part, "_evaluating", not mode)
        return self

    def eval(self) -> Self:
        """Switch this module and its parts to evaluation. Returns the module."""
        return self.train(False)

    @contextmanager
    def mode(self, *, training: bool) -> Iterator[Self]:
        """A block in training (or evaluation) mode; afterwards every part has the mode back that it had before.

        >>> with model.mode(training=False):
        ...     outputs = model(x)
        """
        before = [(part, part.training) for _, part in self.named_modules()]
        self.train(training)
        try:
            yield self
        finally:
            for part, was_training in before:
                object.__setattr__(part, "_evaluating", not was_training)

    # -- numbers in and out ----------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Array]:
        """A copy of all parameters and buffers, by name."""
        return {name: part.numpy().copy() for name, part in _parts(self) if isinstance(part, Tensor)}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Take all parameters and buffers from `state`, cast to the dtypes of this model.

        Raises StateMismatch, with the model unchanged, unless names and shapes are those of this model.
        """
        own = {name: part for name, part in _parts(self) if isinstance(part, Tensor)}
        problems = [
            f"{name} has shape {np.shape(state[name])}, the model's is {t.shape}"
            for name, t in own.items()
            if name in state and np.shape(state[name]) != t.shape
        ]
        problems += [f"{name} is missing" for name in own if name not in state]
        problems += [f"{name} is not in the model.{nearest(name, own)}" for name in state if name not in own]
        if problems:
            more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
            raise StateMismatch(f"the weights do not fit {type(self).__name__}: {'; '.join(problems[:5])}{more}")
        for name, t in own.items():
            if t.requires_grad:
                assign(t, state[name])
            else:
                t[...] = np.array(state[name], dtype=t.dtype)

    def astype(self, dtype: DTypeLike) -> Self:
        """A copy whose floating parameters and buffers have another dtype: float64 for checking gradients.

        Settings are shared with the original; parameters, parts and random generators are the copy's own.
        """
        return _copied(self, np.dtype(dtype), {})

    def copy(self) -> Self:
        """A copy with parameters of its own."""
        return _copied(self, None, {})

    def twin(self) -> Self:
        """A copy with the same parameters, but running statistics and random generators of its own.

        What it computes leaves no trace in this module, unless it is trained.
        """
        return _copied(self, None, {id(p): p for p in self.parameters()})


def _members(module: Module) -> Iterator[tuple[str, object]]:
    """What the fields of a module hold, in the order of their definition."""
    for cls in reversed(type(module).__mro__):
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            mangled = slot.startswith("__") and not slot.endswith("__")
            name = f"_{cls.__name__.lstrip('_')}{slot}" if mangled else slot
            if name not in ("__weakref__", "__dict__", "_evaluating") and hasattr(module, name):
                yield name, getattr(module, name)
    yield from getattr(module, "__dict__", {}).items()


def _children(item: object) -> Iterator[tuple[str, object]]:
    if isinstance(item, Module):
        yield from _members(item)
    elif isinstance(item, list | tuple):
        yield from ((str(i), part) for i, part in enumerate(item))
    elif isinstance(item, dict):
        yield from ((str(key), part) for key, part in item.items())


def _parts(root: Module) -> Iterator[tuple[str, Part]]:
    """Every Module and Tensor below and including `root`, each once, depth first, with its name."""
    seen: set[int] = set()
    stack: list[tuple[str, object]] = [("", root)]
    while stack:
        name, item = stack.pop()
        if not isinstance(item, Module | Tensor | list | tuple | dict) or id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Module | Tensor):
            yield name, item
        below = [(f"{name}.{key}" if name else key, part) for key, part in _children(item)]
        stack.extend(reversed(below))


def _copied(module: M, dtype: np.dtype[np.generic] | None, done: dict[int, Part]) -> M:
    known = done.get(id(module))
    if isinstance(known, type(module)):
        return known
    new = object.__new__(type(module))
    done[id(module)] = new
    for name, value in _members(module):
        object.__setattr__(new, name, _copied_value(value, dtype, done))
    object.__setattr__(new, "_evaluating", not module.training)
    return new


def _copied_value(value: object, dtype: np.dtype[np.generic] | None, done: dict[int, Part]) -> object:
    if isinstance(value, Module):
        return _copied(value, dtype, done)
    if isinstance(value, Tensor):
        if id(value) not in done:
            target = value.dtype if dtype is None or value.dtype.kind != "f" else dtype
            done[id(value)] = tensor(value, requires_grad=value.requires_grad, dtype=target)
        return done[id(value)]
    if isinstance(value, list | tuple):
        parts = [_copied_value(v, dtype, done) for v in value]
        return parts if type(value) is list else tuple(parts)
    if isinstance(value, dict):
        return {key: _copied_value(v, dtype, done) for key, v in value.items()}
    if isinstance(value, np.random.Generator):
        twin = np.random.Generator(type(value.bit_generator)())
        twin.bit_generator.state = value.bit_generator.state
        return twin
    return value
