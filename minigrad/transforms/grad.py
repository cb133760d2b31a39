"""Derivatives of functions, of any order.

Gradients, products with Jacobians from both sides, Jacobians and Hessians.

Functions take and return numbers, arrays, Tensors or containers of them (lists, tuples, dicts, attrs classes,
dataclasses). Arrays in, arrays out; Tensors in (or inside another derivative), Tensors out, so that everything can be
nested. Forward mode comes from the rules too: the vector-Jacobian product is linear in its cotangent, and its own
transpose is the Jacobian-vector product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from minigrad.core.backward import gradients
from minigrad.core.errors import GradientError
from minigrad.core.registry import REGISTRY
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array
from minigrad.transforms.call import Argnums, DifferentiatedCall, Function, call_with_variables, flatten_like
from minigrad.transforms.jacobians import jacobian_blocks
from minigrad.transforms.pytree import flatten


def _vjp(call: DifferentiatedCall, seeds: Sequence[Array | Tensor]) -> object:
    """Compute gradients of `<seeds, outputs>` in the structure of the argument.

    They are recorded if they may be differentiated.
    """
    create_graph = call.create_graph or any(isinstance(s, Tensor) and s.requires_grad for s in seeds)
    live = [(o, s) for o, s in zip(call.outputs, seeds, strict=True) if o.requires_grad]
    grads = gradients([o for o, _ in live], [s for _, s in live], call.variables, create_graph=create_graph)
    zeros = (Tensor(np.zeros(v.shape, v.dtype)) for v in call.variables)
    return call.unflatten_args(
        [z if g is None else g for g, z in zip(grads, zeros, strict=True)], as_tensors=create_graph
    )


def value_and_grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Callable[..., tuple[object, object]]:
    """Make a function that returns `f`'s value and its gradient.

    With respect to the arguments `argnums`.

    The gradient has the structure, shapes and dtypes of the argument. A Tensor that `f` takes from outside (a closure)
    is a constant to this derivative, even if it is the very Tensor that is passed as the argument.

    Args:
        f: returns one real number (a 0-d or one-element array or Tensor).
        argnums: position of the argument, or several positions (then the gradient is a tuple).
        has_aux: `f` returns (number, more), and so does the value; `more`, of any structure, is not differentiated.

    Raises:
        GradientError: when called: `f` does not return one number (or such a pair), an argument holds integers or
            nothing to differentiate with respect to, or there is no argument of that position.
    """

    def differentiated(*args: object, **kwargs: object) -> tuple[object, object]:
        call = call_with_variables(f, args, kwargs, argnums)
        value = call.value()
        if has_aux:
            value, call = _value_with_aux(call, value), _without_aux(call)
        check_scalar_output(call)
        out = call.outputs[0]
        return value, _vjp(call, [np.ones(out.shape, out.dtype)])

    return differentiated


def _value_with_aux(call: DifferentiatedCall, value: object) -> object:
    """Restore what is no Tensor in the second part of a value, as the function gave it."""
    pairs = zip(flatten(call.output)[0], flatten(value)[0], strict=True)
    leaves = [new if isinstance(old, Tensor) or k == 0 else old for k, (old, new) in enumerate(pairs)]
    return call.unflatten_output(leaves, as_tensors=None)


def _without_aux(call: DifferentiatedCall) -> DifferentiatedCall:
    """Keep the first member of the call's output, a pair."""
    output = call.output
    if not isinstance(output, tuple) or len(output) != 2:
        raise GradientError(
            f"with has_aux the function returns a pair (number, more); this one returned {type(output).__name__}"
        )
    return attrs.evolve(call, outputs=call.outputs[: len(flatten(output[0])[0])])


def check_scalar_output(call: DifferentiatedCall) -> None:
    """Raise `GradientError` unless the function returned one real number."""
    if len(call.outputs) == 1 and call.outputs[0].size == 1:
        return
    shapes = ", ".join(str(o.shape) for o in call.outputs) or "nothing numeric"
    raise GradientError(
        f"grad needs a function that returns one number; this one returned {shapes}. "
        "Reduce it (.sum(), .mean()), or see jacobian and vjp"
    )


def grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Callable[..., object]:
    """Make a function that returns the gradient of `f`; see `value_and_grad`.

    With respect to the arguments `argnums`. With `has_aux`, where `f` returns (number, more), it returns
    (gradient, more).
    """
    both = value_and_grad(f, argnums, has_aux=has_aux)

    def differentiated(*args: object, **kwargs: object) -> object:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux and isinstance(value, tuple) else gradient

    return differentiated


def vjp(f: Function, *primals: object) -> tuple[object, Callable[[object], tuple[object, ...]]]:
    """Compute `f(*primals)` and a function that maps cotangents to gradients.

    A cotangent has the structure of the value; there is one gradient for each primal.

    Raises:
        GradientError: a primal holds integers; a cotangent has not the structure or the shapes of the output.
    """
    call = call_with_variables(f, primals, {}, tuple(range(len(primals))))

    def pull(cotangent: object) -> tuple[object, ...]:
        seeds = flatten_like(cotangent, call.output, call.outputs, "cotangent")
        cotangents = _vjp(call, seeds)
        assert isinstance(cotangents, tuple)
        return cotangents

    return call.value(), pull


def jvp(f: Function, primals: Sequence[object], tangents: Sequence[object]) -> tuple[object, object]:
    """Compute `f(*primals)` and its directional derivative along `tangents`.

    This is forward mode, from the rules of reverse mode.

    Args:
        f: any differentiable function.
        primals: its arguments.
        tangents: one direction for each argument, of the same structure and shapes.

    Raises:
        GradientError: a primal holds integers; a tangent has not the structure or the shapes of its primal.
    """
    if isinstance(primals, np.ndarray | Tensor) or isinstance(tangents, np.ndarray | Tensor):
        raise GradientError("jvp takes a sequence of primals and one of tangents: jvp(f, (x,), (v,))")
    call = call_with_variables(f, tuple(primals), {}, tuple(range(len(primals))))
    directions = flatten_like(tuple(tangents), tuple(primals), call.variables, "tangent")
    # <d, f(x)>' is linear in d; its derivative in d along u is f'(x) u.
    duals = [Tensor(np.zeros(o.shape, o.dtype), requires_grad=True) for o in call.outputs]
    live = [(o, d) for o, d in zip(call.outputs, duals, strict=True) if o.requires_grad]
    pulled = gradients([o for o, _ in live], [d for _, d in live], call.variables, create_graph=True)
    pairs = [(g, u) for g, u in zip(pulled, directions, strict=True) if isinstance(g, Tensor) and g.requires_grad]
    create_graph = call.create_graph or any(isinstance(u, Tensor) and u.requires_grad for u in directions)
    pushed = gradients([g for g, _ in pairs], [u for _, u in pairs], duals, create_graph=create_graph)
    zeros = (Tensor(np.zeros(o.shape, o.dtype)) for o in call.outputs)
    tangents_out = [z if p is None else p for p, z in zip(pushed, zeros, strict=True)]
    return call.value(), call.unflatten_output(tangents_out, as_tensors=create_graph)


def jacobian(f: Function, argnums: Argnums = 0) -> Callable[..., object]:
    """A function that returns the Jacobian of `f`, of shape (*output shape, *argument shape).

    Containers give containers: the structure of the output, in which each array is replaced by the structure of the
    argument, filled with Jacobians. Rows are found in blocks, many in one walk over the graph (see
    `minigrad.transforms.jacobians`), except inside another derivative.
    """

    def differentiated(*args: object, **kwargs: object) -> object:
        call = call_with_variables(f, args, kwargs, argnums)
        return call.unflatten_output([call.unflatten_args(row) for row in jacobian_blocks(call)], as_tensors=None)

    return differentiated


def hessian(f: Function, argnums: Argnums = 0) -> Callable[..., object]:
    """Make a function that returns the matrix of second derivatives of a scalar `f`.

    It has shape (*argument, *argument).

    The gradient is recorded once, and its rows are found in blocks, as in `jacobian`: a Hessian of n parameters costs
    far fewer than n walks in Python. For a container, or several `argnums`, the blocks are nested: `H["w"]["b"]`.
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, primals: Sequence[object], vectors: Sequence[object]) -> object:
    """The Hessian of a scalar `f` at `primals` times `vectors`, without forming the Hessian.

    Reverse over reverse: the gradient of <grad f, v>. Costs a small multiple of one gradient.

    Returns:
        What `grad` returns: the product in the structure of the primal, or a tuple of them for several primals.

    Raises:
        GradientError: `f` does not return one number, or a vector has not the structure or shapes of its primal.
    """
    if isinstance(primals, np.ndarray | Tensor) or isinstance(vectors, np.ndarray | Tensor):
        raise GradientError("hvp takes a sequence of primals and one of vectors: hvp(f, (x,), (v,))")
    where: Argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))

    def along(*args: object) -> object:
        leaves, _ = flatten(grad(f, where)(*args))
        slopes = [s for s in leaves if isinstance(s, Tensor)]
        directions = flatten_like(tuple(vectors), tuple(primals), slopes, "vector")
        total = Tensor(0.0)
        for s, v in zip(slopes, directions, strict=True):
            total = total + REGISTRY["sum"].apply(s * v)
        return total

    return grad(along, where)(*primals)


__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
