"""One call of a user's function, with variables in place of some arguments.

The arguments to differentiate are replaced by variables of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from itertools import chain
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.backward import topological_order
from minigrad.core.errors import GradientError
from minigrad.core.graph import Leaf
from minigrad.core.memory import readonly
from minigrad.core.mode import mode_override
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.runtime.effects import current_tracer
from minigrad.transforms.pytree import Unflatten, tree_flatten_with_path

Argnums: TypeAlias = int | Sequence[int]
Function: TypeAlias = Callable[..., object]

_inside: ContextVar[bool] = ContextVar("minigrad_inside_derivative", default=False)


@attrs.frozen(eq=False)
class DifferentiatedCall:
    """A call and what came out of it.

    Attributes:
        variables: what the numeric leaves of the chosen arguments were replaced by.
        output: what the function returned.
        outputs: the Tensors in it (constants where it does not depend on the variables).
        as_tensors: whether derivatives are handed back as Tensors.
        create_graph: whether the result may be differentiated again, so that the backward pass must be recorded.
    """

    variables: list[Tensor]
    rebuild_argument: Unflatten
    output: object
    outputs: list[Tensor]
    rebuild_output: Unflatten
    as_tensors: bool
    create_graph: bool

    def value(self) -> object:
        """The function's value in its own structure and the caller's kind."""
        return self.unflatten_output([o if self.create_graph else o.detach() for o in self.outputs])

    def unflatten_output(self, leaves: Sequence[object], as_tensors: bool | None = False) -> object:
        """Rebuild the structure of the output around `leaves`, one for each output.

        `as_tensors`: True gives Tensors, False what the caller gave, None leaves each leaf as it is.
        """
        kind = as_tensors if as_tensors is None else as_tensors or self.as_tensors
        return self.rebuild_output([_as_caller(x, kind) for x in leaves])

    def unflatten_args(self, leaves: Sequence[object], as_tensors: bool = False) -> object:
        """Rebuild the structure of the argument around `leaves`, one for each variable.

        As Tensors, or as given.
        """
        return self.rebuild_argument([_as_caller(x, as_tensors or self.as_tensors) for x in leaves])


def _as_caller(x: object, as_tensors: bool | None) -> object:
    if as_tensors is None:
        return x
    if as_tensors:
        return x if isinstance(x, Tensor) else Tensor(np.asarray(x))
    return readonly(x._node.value) if isinstance(x, Tensor) else np.asarray(x)


def call_with_variables(
    f: Function, args: tuple[object, ...], kwargs: dict[str, object], argnums: Argnums
) -> DifferentiatedCall:
    """Call `f` with variables in the place of the numbers in the arguments `argnums`.

    Raises:
        GradientError: there is no such argument, no number in it, or integers that cannot be varied.
    """
    chosen = _positions(argnums, len(args))
    flattened = [tree_flatten_with_path(args[n]) for n in chosen]
    variables = [
        _variable(leaf, f"argument {n}{path}")
        for n, flat in zip(chosen, flattened, strict=True)
        for leaf, path in zip(flat.leaves, flat.paths, strict=True)
    ]
    if not variables:
        raise GradientError(
            f"there is no number in argument {argnums} ({', '.join(type(args[n]).__name__ for n in chosen)}) to "
            "differentiate with respect to: pass floats, arrays, Tensors or containers of them"
        )
    ends = np.cumsum([len(flat.leaves) for flat in flattened]).tolist()
    starts = [0, *ends[:-1]]

    def rebuild(new: Sequence[object]) -> object:
        parts = tuple(flat.rebuild(new[a:b]) for flat, a, b in zip(flattened, starts, ends, strict=True))
        return parts[0] if isinstance(argnums, int) else parts

    output = _call(
        f, args, kwargs, chosen, rebuild(variables) if not isinstance(argnums, int) else (rebuild(variables),)
    )
    flat_output = tree_flatten_with_path(output)
    outputs = [_output(x) for x in flat_output.leaves]
    given_tensors = any(isinstance(x, Tensor) for flat in flattened for x in flat.leaves)
    recorded = (given_tensors or _inside.get()) and _depends_on_others(outputs, variables)
    as_tensors = given_tensors or recorded or current_tracer() is not None
    return DifferentiatedCall(variables, rebuild, output, outputs, flat_output.rebuild, as_tensors, recorded)


def _positions(argnums: Argnums, count: int) -> tuple[int, ...]:
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in chosen:
        if not -count <= n < count:
            raise GradientError(f"argnums names argument {n}, but the function was called with {count} arguments")
    wrapped = tuple(n % count for n in chosen)
    if len(set(wrapped)) != len(wrapped):
        raise GradientError(f"argnums {chosen} names an argument twice")
    return wrapped


def _call(
    f: Function, args: tuple[object, ...], kwargs: dict[str, object], chosen: tuple[int, ...], parts: object
) -> object:
    assert isinstance(parts, tuple)
    changed = list(args)
    for n, part in zip(chosen, parts, strict=True):
        changed[n] = part
    token = _inside.set(True)
    try:
        with mode_override(grad=True):
            return f(*changed, **kwargs)
    finally:
        _inside.reset(token)


def _variable(x: object, where: str) -> Tensor:
    if isinstance(x, Tensor):
        if x.dtype.kind != "f":
            raise GradientError(f"{where} is a Tensor of {x.dtype}, which cannot be varied: convert it to floats")
        # An alias: other uses of the same Tensor inside the function are constants to this derivative.
        return REGISTRY["reshape"].apply(x, shape=x.shape) if x.requires_grad else Tensor(x, requires_grad=True)
    value = np.asarray(x)
    if value.dtype.kind not in "fiub":
        raise GradientError(f"{where} holds {value.dtype}: only real numbers can be differentiated with respect to")
    if value.dtype.kind != "f":
        if value.ndim:
            raise GradientError(
                f"{where} is an array of {value.dtype}, which cannot be varied: convert it with .astype(float), or "
                "leave it out of argnums"
            )
        value = value.astype(float)
    return Tensor(value, requires_grad=True)


def _output(x: object) -> Tensor:
    if isinstance(x, Tensor):
        return x
    value = np.asarray(x)
    return Tensor(value if value.dtype.kind == "f" else value.astype(float))


def _depends_on_others(outputs: Sequence[Tensor], variables: Sequence[Tensor]) -> bool:
    """Tell whether the outputs depend on leaves that are not our own variables.

    Those of an outer derivative, say.
    """
    ours = {v._node for v in variables}
    roots = {o._node for o in outputs if o.requires_grad}
    below = chain(roots, *(node.parents for node in topological_order(roots)))
    return any(type(node) is Leaf and node not in ours for node in below)


def flatten_like(given: object, like: object, shapes: Sequence[Tensor], what: str) -> list[Array | Tensor]:
    """Flatten `given`, a container that must have the structure of `like`.

    Its leaves must have these shapes.

    Raises:
        GradientError: the structures or shapes differ; names the place.
    """
    flat, model = tree_flatten_with_path(given), tree_flatten_with_path(like)
    if flat.paths != model.paths:
        here, there = set(flat.paths), set(model.paths)
        details = [
            f"{word} {sorted(odd)[0] or 'a bare value'}"
            for word, odd in (("there is no number for", there - here), ("nothing corresponds to", here - there))
            if odd
        ]
        raise GradientError(f"the {what} has another structure than what it belongs to: {'; '.join(details)}")
    flat_leaves: list[Array | Tensor] = []
    for x, t, path in zip(flat.leaves, shapes, flat.paths, strict=True):
        value = x if isinstance(x, Tensor) else np.asarray(x, dtype=t.dtype)
        if value.shape != t.shape:
            where = f" at {path}" if path else ""
            raise GradientError(f"the {what}{where} has shape {value.shape} where {t.shape} is due")
        flat_leaves.append(value)
    return flat_leaves


__all__ = ["Argnums", "DifferentiatedCall", "Function", "call_with_variables", "flatten_like"]
