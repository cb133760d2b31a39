"""Derivatives of functions: gradients, products with Jacobians from both sides, Jacobians and Hessians, of any order.

Functions take and return numbers, arrays, Tensors or containers of them (lists, tuples, dicts, attrs classes). Arrays
in, arrays out; Tensors in (or inside another derivative), Tensors out, so that everything can be nested. Forward mode
comes from the rules too: the vector-Jacobian product is linear in its cotangent, and its own transpose is the
Jacobian-vector product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.backward import gradients, topological
from minigrad.core.buffers import exposed
from minigrad.core.containers import Rebuild, flatten
from minigrad.core.errors import GradientError
from minigrad.core.mode import switched
from minigrad.core.node import Leaf
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array

Argnums: TypeAlias = int | Sequence[int]
Function: TypeAlias = Callable[..., object]

_inside: ContextVar[bool] = ContextVar("minigrad_inside_derivative", default=False)


@attrs.frozen
class _Traced:
    """A call whose differentiated arguments have been replaced by variables of our own."""

    variables: tuple[Tensor, ...]
    rebuild: Rebuild
    output: object
    as_tensors: bool

    def outputs(self) -> tuple[list[Tensor], Rebuild]:
        """The Tensors in the output (constants where it does not depend on the variables)."""
        leaves, rebuild = flatten(self.output)
        return [x if isinstance(x, Tensor) else Tensor(np.asarray(x, dtype=float)) for x in leaves], rebuild

    def back(self, found: Sequence[object], rebuild: Rebuild) -> object:
        """Gradients in the caller's structure and kind."""
        return rebuild([x if self.as_tensors else _array(x) for x in found])


def _array(x: object) -> Array:
    return exposed(x._node.value) if isinstance(x, Tensor) else np.asarray(x)


def _trace(f: Function, args: tuple[object, ...], kwargs: dict[str, object], argnums: Argnums) -> _Traced:
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in chosen:
        if not -len(args) <= n < len(args):
            raise GradientError(f"argnums names argument {n}, but the function was called with {len(args)} arguments")
    leaves, rebuild = flatten([args[n] for n in chosen])
    if not leaves:
        raise GradientError(f"there is no number in argument {argnums} to differentiate with respect to")
    variables = tuple(_variable(x) for x in leaves)
    changed = list(args)
    parts = rebuild(variables)
    assert isinstance(parts, list)
    for n, part in zip(chosen, parts, strict=True):
        changed[n] = part
    token = _inside.set(True)
    try:
        with switched(grad=True):
            output = f(*changed, **kwargs)
    finally:
        _inside.reset(token)
    as_tensors = any(isinstance(x, Tensor) for x in leaves) or (_inside.get() and _foreign(output, variables))
    single = isinstance(argnums, int)

    def back(new: Sequence[object]) -> object:
        values = rebuild(new)
        assert isinstance(values, list)
        return values[0] if single else tuple(values)

    return _Traced(variables, back, output, as_tensors)


def _variable(x: object) -> Tensor:
    if isinstance(x, Tensor):
        if x.dtype.kind != "f":
            raise GradientError(f"cannot differentiate with respect to a Tensor of {x.dtype}: convert it to floats")
        # An alias: other uses of the same Tensor inside the function are constants to this derivative.
        return REGISTRY["reshape"].apply(x, shape=x.shape) if x.requires_grad else Tensor(x, requires_grad=True)
    value = np.asarray(x)
    if value.dtype.kind in "iub":
        if value.ndim:
            raise GradientError(
                f"cannot differentiate with respect to an array of {value.dtype}: convert it with .astype(float)"
            )
        value = value.astype(float)
    return Tensor(value, requires_grad=True)


def _foreign(output: object, variables: tuple[Tensor, ...]) -> bool:
    """Whether `output` depends on leaves other than our own variables (those of an outer derivative)."""
    ours = {v._node for v in variables}
    roots = [x._node for x in flatten(output)[0] if isinstance(x, Tensor) and x.requires_grad]
    return any(isinstance(n, Leaf) and n not in ours for n in topological(roots))


def _pull(traced: _Traced, outputs: list[Tensor], seeds: Sequence[Array | Tensor]) -> list[object]:
    live = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o.requires_grad]
    found = gradients(
        [o for o, _ in live], [s for _, s in live], list(traced.variables), create_graph=traced.as_tensors
    )
    zeros = (Tensor(np.zeros(v.shape, v.dtype)) for v in traced.variables)
    return [z if g is None else g for g, z in zip(found, zeros, strict=True)]


def value_and_grad(f: Function, argnums: Argnums = 0) -> Callable[..., tuple[object, object]]:
    """A function that returns `f`'s value and its gradient with respect to the arguments `argnums`.

    Args:
        f: returns one real number (a 0-d or one-element array or Tensor).
        argnums: position of the argument, or several positions (then the gradient is a tuple).

    Raises:
        GradientError: when called: `f` does not return one number, or an argument holds integers.
    """

    def differentiated(*args: object, **kwargs: object) -> tuple[object, object]:
        traced = _trace(f, args, kwargs, argnums)
        outputs, rebuild = traced.outputs()
        if len(outputs) != 1 or outputs[0].size != 1:
            shapes = ", ".join(str(o.shape) for o in outputs) or "nothing"
            raise GradientError(
                f"grad needs a function that returns one number; this one returned {shapes}. See jacobian"
            )
        found = _pull(traced, outputs, [np.ones(outputs[0].shape, outputs[0].dtype)])
        return traced.back(outputs, rebuild), traced.back(found, traced.rebuild)

    return differentiated


def grad(f: Function, argnums: Argnums = 0) -> Callable[..., object]:
    """A function that returns the gradient of `f` with respect to the arguments `argnums`; see `value_and_grad`."""
    both = value_and_grad(f, argnums)

    def differentiated(*args: object, **kwargs: object) -> object:
        return both(*args, **kwargs)[1]

    return differentiated


def vjp(f: Function, *primals: object) -> tuple[object, Callable[[object], tuple[object, ...]]]:
    """`f(*primals)` and a function that maps a cotangent of its structure to gradients, one for each primal."""
    traced = _trace(f, primals, {}, tuple(range(len(primals))))
    outputs, rebuild = traced.outputs()

    def pull(cotangent: object) -> tuple[object, ...]:
        seeds = _matching(cotangent, outputs, "cotangent")
        found = traced.back(_pull(traced, outputs, seeds), traced.rebuild)
        assert isinstance(found, tuple)
        return found

    return traced.back(outputs, rebuild), pull


def jvp(f: Function, primals: Sequence[object], tangents: Sequence[object]) -> tuple[object, object]:
    """`f(*primals)` and its directional derivative along `tangents` (forward mode, from the same rules).

    Args:
        f: any differentiable function.
        primals: its arguments.
        tangents: one direction for each argument, of the same structure and shapes.
    """
    traced = _trace(f, tuple(primals), {}, tuple(range(len(primals))))
    outputs, rebuild = traced.outputs()
    directions = _matching(list(tangents), list(traced.variables), "tangent")
    duals = [Tensor(np.zeros(o.shape, o.dtype), requires_grad=True) for o in outputs]
    live = [(o, d) for o, d in zip(outputs, duals, strict=True) if o.requires_grad]
    pulled = gradients([o for o, _ in live], [d for _, d in live], list(traced.variables), create_graph=True)
    pairs = [(g, u) for g, u in zip(pulled, directions, strict=True) if isinstance(g, Tensor) and g.requires_grad]
    pushed = gradients([g for g, _ in pairs], [u for _, u in pairs], duals, create_graph=traced.as_tensors)
    zeros = (Tensor(np.zeros(o.shape, o.dtype)) for o in outputs)
    found = [z if p is None else p for p, z in zip(pushed, zeros, strict=True)]
    return traced.back(outputs, rebuild), traced.back(found, rebuild)


def _matching(given: object, like: Sequence[Tensor], what: str) -> list[Array | Tensor]:
    leaves, _ = flatten(given)
    if len(leaves) != len(like):
        raise GradientError(f"the {what} has {len(leaves)} arrays where {len(like)} are due")
    found: list[Array | Tensor] = []
    for x, t in zip(leaves, like, strict=True):
        value = x if isinstance(x, Tensor) else np.asarray(x, dtype=t.dtype)
        if value.shape != t.shape:
            raise GradientError(f"a {what} has shape {value.shape} where {t.shape} is due")
        found.append(value)
    return found


def jacobian(f: Function, argnums: int = 0) -> Callable[..., object]:
    """A function that returns the Jacobian of `f`, of shape (*output shape, *argument shape).

    One reverse pass for each output entry. `f` takes one array at `argnums` and returns one array.
    """

    def differentiated(*args: object, **kwargs: object) -> object:
        traced = _trace(f, args, kwargs, argnums)
        outputs, _ = traced.outputs()
        if len(outputs) != 1 or len(traced.variables) != 1:
            raise GradientError(
                "jacobian needs one array argument and one array result; differentiate parts separately"
            )
        out, variable = outputs[0], traced.variables[0]
        rows = []
        for index in np.ndindex(*out.shape):
            seed = np.zeros(out.shape, out.dtype)
            seed[index] = 1.0
            rows.append(_pull(traced, outputs, [seed])[0])
        shape = (*out.shape, *variable.shape)
        if not traced.as_tensors:
            return np.array([_array(r) for r in rows], dtype=out.dtype).reshape(shape)
        flat = [REGISTRY["reshape"].apply(r, shape=(1, variable.size)) for r in rows]
        return REGISTRY["reshape"].apply(REGISTRY["concatenate"].apply(*flat, axis=0), shape=shape)

    return differentiated


def hessian(f: Function, argnums: int = 0) -> Callable[..., object]:
    """A function that returns the matrix of second derivatives of a scalar `f`, of shape (*argument, *argument)."""
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, primals: Sequence[object], vectors: Sequence[object]) -> object:
    """The Hessian of a scalar `f` at `primals` times `vectors`, without forming the Hessian.

    Reverse over reverse: the gradient of <grad f, v>. Costs a small multiple of one gradient.
    """
    count = len(primals)
    where: Argnums = 0 if count == 1 else tuple(range(count))

    def along(*args: object) -> object:
        slopes, _ = flatten(grad(f, where)(*args))
        directions = _matching(list(vectors), [s for s in slopes if isinstance(s, Tensor)], "vector")
        total: Tensor | None = None
        for s, v in zip(slopes, directions, strict=True):
            assert isinstance(s, Tensor)
            term: Tensor = REGISTRY["sum"].apply(s * v)
            total = term if total is None else total + term
        return total

    return grad(along, where)(*primals)
