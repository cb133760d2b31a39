"""Weights from PyTorch into a model of minigrad, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np

from minigrad import Tensor, nn
from minigrad.nn.errors import StateMismatch
from minigrad.nn.module_tree import walk
from minigrad.text import nearest
from minigrad.typing import Array
from minigrad_torch.errors import load_torch
from minigrad_torch.slots import Slot, list_slots
from minigrad_torch.weights import Source, read_weights, to_array

__all__ = ["Rename", "Transfer", "from_torch", "to_torch", "torch_names", "torch_state_dict"]

M = TypeVar("M")
Rename: TypeAlias = "Mapping[str, str | None] | Callable[[str], str | None]"
"""PyTorch's name -> the name that `torch_names(model)` lists; None leaves it out.

A mapping is of whole names or of beginnings that end at a dot.
"""

_WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before each name."""
_LIMIT = 300


@attrs.frozen
class Transfer:
    """What a transfer left alone.

    Attributes:
        loaded: minigrad's names of what was loaded.
        missing: PyTorch's names that the model needs and the source does not have.
        unexpected: names in the source that the model has no place for.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()


def torch_names(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """Minigrad's name of each parameter and buffer -> PyTorch's names for it."""
    return {slot.name: slot.keys for slot in list_slots(model) if slot.name}


def from_torch(source: Source, model: nn.Module, *, rename: Rename | None = None, strict: bool = True) -> Transfer:
    """Take all weights and buffers of `source` into `model`.

    The model keeps its dtypes.

    Args:
        source: a `torch.nn.Module`, its state dict, or a file: see `read_weights`.
        model: of the same layers as PyTorch's; its names may differ by `rename`.
        rename: PyTorch's names to those of `torch_names(model)`, where they differ; None leaves one out.
        strict: refuse a source that lacks something or has something left over; otherwise what fits is loaded. Shapes
            that differ are always refused.

    Returns:
        What was loaded and what was not.

    Raises:
        StateMismatch: names or shapes do not fit; the model is unchanged.
        UnreadableWeights: see `read_weights`.
        MissingTorch: see `read_weights`.
    """
    slots = list_slots(model)
    expected = {key: shape for slot in slots for key, shape in zip(slot.keys, slot.shapes, strict=True)}
    weights = _renamed(read_weights(source), rename, expected)
    # PyTorch counts batches where minigrad has no use for the number; old checkpoints do not have it.
    optional = {key for slot in slots if not slot.name or "num_batches_tracked" in slot.keys[0] for key in slot.keys}
    # Of tied Tensors files often hold one.
    known = {id(slot.tensor) for slot in slots if all(key in weights for key in slot.keys)}
    optional |= {key for slot in slots if id(slot.tensor) in known for key in slot.keys}
    missing = tuple(key for key in expected if key not in weights and key not in optional)
    unexpected = tuple(key for key in weights if key not in expected)
    misshapen = [
        f"{key} has shape {weights[key].shape}, the model needs {shape}"
        for key, shape in expected.items()
        if key in weights and weights[key].shape != shape
    ]
    if misshapen or (strict and (missing or unexpected)):
        raise StateMismatch(_describe(model, misshapen, missing, unexpected))
    state = _read_slots(model, slots, weights)
    model.load_state_dict({**model.state_dict(), **state})
    return Transfer(tuple(state), missing, unexpected)


def torch_state_dict(model: nn.Module) -> dict[str, Any]:
    """The weights and buffers of a model as PyTorch names and lays them out.

    They are `torch.Tensor`s with memory of their own.

    Raises:
        MissingTorch: PyTorch is not installed.
    """
    torch = load_torch("torch_state_dict")
    return {key: torch.tensor(array) for key, array in _write_slots(model).items()}


def to_torch(model: nn.Module, module: M, *, rename: Rename | None = None) -> M:
    """Take the weights of a minigrad model into PyTorch's twin of it.

    Args:
        model: where the numbers come from.
        module: a `torch.nn.Module`, changed in place by `load_state_dict(strict=True)`.
        rename: PyTorch's names to those of `torch_names(model)`: the same as for `from_torch`.

    Returns:
        The module.

    Raises:
        StateMismatch: names or shapes do not fit; the module is unchanged.
        MissingTorch: PyTorch is not installed.
    """
    torch = load_torch("to_torch")
    twin: Any = module
    own = {name: to_array(name, value) for name, value in twin.state_dict().items()}
    arrays = _write_slots(model)
    names = {name: _new_name(name, rename) for name in own} if rename is not None else {name: name for name in own}
    missing = tuple(key for key in arrays if key not in set(names.values()))
    unexpected = tuple(name for name, key in names.items() if key is not None and key not in arrays)
    misshapen = [
        f"{name} has shape {own[name].shape}, the model gives {arrays[key].shape}"
        for name, key in names.items()
        if key in arrays and arrays[key].shape != own[name].shape
    ]
    if misshapen or missing or unexpected:
        raise StateMismatch(_describe(model, misshapen, missing, unexpected))
    state = {name: torch.tensor(arrays[key] if key is not None else own[name]) for name, key in names.items()}
    twin.load_state_dict(state, strict=True)
    return module


def _write_slots(model: nn.Module) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for slot in list_slots(model):
        value = np.zeros(()) if slot.tensor is None else slot.tensor.numpy()
        for key, array in zip(slot.keys, slot.write(value), strict=True):
            # A GRU's bias_hh is written by two Tensors, each with zeros where the other has its numbers.
            arrays[key] = arrays[key] + array if key in arrays else array
    return {key: array.copy("C") for key, array in arrays.items()}


def _read_slots(model: nn.Module, slots: Sequence[Slot], weights: Mapping[str, Array]) -> dict[str, Array]:
    """What `weights` has for the model, under minigrad's names.

    Tied Tensors have their first name.

    Raises:
        StateMismatch: Tensors that are tied in the model differ in the source.
    """
    names = {id(part): name for name, part in walk(model) if isinstance(part, Tensor)}
    state: dict[str, Array] = {}
    for slot in slots:
        if slot.tensor is None or not all(key in weights for key in slot.keys):
            continue
        wide = [weights[key].astype(np.result_type(weights[key], slot.tensor.dtype)) for key in slot.keys]
        name, value = names[id(slot.tensor)], slot.read(wide)
        if name in state and not np.array_equal(state[name], value):
            raise StateMismatch(f"{slot.keys[0]} differs from {name}, and the model has one Tensor for both (tied)")
        state[name] = value
    return state


def _renamed(weights: Mapping[str, Array], rename: Rename | None, expected: Mapping[str, object]) -> dict[str, Array]:
    for wrapper in _WRAPPERS:
        if weights and all(name.startswith(wrapper) for name in weights) and not any(map(_begins(wrapper), expected)):
            weights = {name.removeprefix(wrapper): array for name, array in weights.items()}
    if rename is None:
        return dict(weights)
    renamed: dict[str, Array] = {}
    for name, array in weights.items():
        new = _new_name(name, rename)
        if new is not None:
            if new in renamed:
                raise StateMismatch(f"rename gives the name {new} twice, the second time for {name}")
            renamed[new] = array
    return renamed


def _begins(beginning: str) -> Callable[[str], bool]:
    return lambda name: name.startswith(beginning)


def _new_name(name: str, rename: Rename) -> str | None:
    if callable(rename):
        return rename(name)
    if name in rename:
        return rename[name]
    beginnings = [b for b in rename if not b or name.startswith(b.removesuffix(".") + ".")]
    if not beginnings:
        return name
    longest = max(beginnings, key=len)
    new = rename[longest]
    rest = name.removeprefix(longest).removeprefix(".")
    return None if new is None else f"{new.removesuffix('.')}.{rest}" if new else rest


def _describe(model: nn.Module, misshapen: Sequence[str], missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """One message for all that does not fit, as far as it has room."""
    problems = [
        *misshapen,
        *(f"{name} has no place in the model.{nearest(name, missing)}" for name in unexpected),
        *(f"{name} is missing" for name in missing),
    ]
    text = f"PyTorch's weights do not fit {type(model).__name__}: "
    advice = "; rename= maps names, torch_names(model) lists them"
    room = _LIMIT - len(text) - len(advice) - len("; and 10000 more")
    shown: list[str] = []
    for problem in problems:
        if shown and sum(map(len, shown)) + 2 * len(shown) + len(problem) > room:
            break
        shown.append(problem[:room])
    more = f"; and {len(problems) - len(shown)} more" if len(problems) > len(shown) else ""
    return f"{text}{'; '.join(shown)}{more}{advice}"
