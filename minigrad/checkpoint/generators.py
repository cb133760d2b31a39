"""The random generators of a model, so that a resumed run draws the same numbers.

Dropout and noise have such generators.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from minigrad.checkpoint.contents import Json
from minigrad.nn import Module
from minigrad.nn.module_tree import fields_of

__all__ = ["generators", "misfits", "state_of", "with_state"]


def generators(model: Module) -> dict[str, np.random.Generator]:
    """Collect every Generator in the fields of a module or its parts, by path of fields.

    A path looks like `layers.1.rng`.

    One that several parts share is found under each of its names.
    """
    by_path = {}
    for owner, module in model.named_modules():
        stack = [(f"{owner}.{name}" if owner else name, value) for name, value in fields_of(module)]
        while stack:
            name, value = stack.pop()
            if isinstance(value, np.random.Generator):
                by_path[name] = value
            elif isinstance(value, list | tuple):
                stack += [(f"{name}.{i}", part) for i, part in enumerate(value)]
            elif isinstance(value, dict):
                stack += [(f"{name}.{key}", part) for key, part in value.items()]
    return by_path


def state_of(generator: np.random.Generator) -> Json:
    """The state of a generator as JSON."""
    return _plain(generator.bit_generator.state)


def with_state(generator: np.random.Generator, state: Json) -> None:
    """Put a generator into a state.

    Raises:
        ValueError: the state is none of this kind.
        TypeError: the state is none of this kind.
        KeyError: the state is none of this kind.
    """
    generator.bit_generator.state = _restored(state)


def misfits(model: Module, states: Mapping[str, Json]) -> list[str]:
    """Say how the generators of a model differ from saved states.

    The list is empty if they can take the states.
    """
    own = generators(model)
    wrong = [f"generator {name!r} is in the file only" for name in states if name not in own]
    wrong += [f"generator {name!r} is in the model only" for name in own if name not in states]
    for name, generator in own.items():
        if name in states:
            try:
                with_state(np.random.Generator(type(generator.bit_generator)()), states[name])
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                wrong.append(f"generator {name!r} cannot take the saved state ({error})")
    return wrong


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return {"array": value.ravel().tolist(), "dtype": str(value.dtype)}
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, int | str):
        return value
    raise TypeError(f"a generator whose state holds a {type(value).__name__} cannot be saved")


def _restored(value: Json) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"expected the state of a generator, got a {type(value).__name__}")
    return {key: _part(part) for key, part in value.items()}


def _part(value: Json) -> object:
    if isinstance(value, dict) and value.keys() == {"array", "dtype"}:
        return np.array(value["array"], dtype=str(value["dtype"]))
    return _restored(value) if isinstance(value, dict) else value
