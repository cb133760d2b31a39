"""Wrong versions of right rules: what the gate must refuse, made from any registered op.

Mutation testing of the gate by the op itself. Each mutation changes what one rule returns for one argument; the op is
otherwise untouched. A mutation that never changed anything on the samples (a region that the domain excludes, an
axis that no metadata names) is counted as not reached, apart from those that survive.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core.errors import RegistrationError
from minigrad.core.graph import Constant
from minigrad.core.op import VJP, Op
from minigrad.core.rules import broadcasts_to
from minigrad.core.tensor import Tensor, as_array, tensor_of
from minigrad.core.types import Array, Shape
from minigrad.verify.gate import verify

Change: TypeAlias = Callable[["Site", object], object]


@attrs.frozen
class Site:
    """Where a mutation acts.

    The call of a rule, and the argument `x` among `args` whose gradient it changes.
    """

    g: object
    x: object
    args: tuple[object, ...]
    kwargs: Mapping[str, object]

    @property
    def value(self) -> Array:
        """The argument as an array."""
        return as_array(self.x)

    @property
    def is_shared(self) -> bool:
        """Whether the same array was given for another argument too."""
        return sum(as_array(a) is self.value for a in self.args) > 1


def _scaled(factor: float) -> Change:
    return lambda site, r: r * factor  # type: ignore[operator]


def changed_where(mask: Callable[[Site], object], factor: float = 1.01) -> Change:
    """Multiply a gradient by a factor where a mask of the argument holds."""

    def change(site: Site, r: object) -> object:
        hit = np.asarray(mask(site))
        try:
            hit = np.broadcast_to(hit, np.shape(as_array(r)))
        except ValueError:
            return r  # the rule leaves broadcasting to the engine: the mask of the argument does not fit its result
        return r * np.where(hit, factor, 1.0).astype(as_array(r).dtype)  # type: ignore[operator]

    return change


def _entry(position: str) -> Change:
    def change(site: Site, r: object) -> object:
        value = as_array(r)
        if value.size < 2:
            return r
        factor = np.ones(value.shape, value.dtype)
        factor.flat[{"first": 0, "middle": value.size // 2, "last": value.size - 1}[position]] = 1.001
        return r * factor  # type: ignore[operator]

    return change


def _reversed(site: Site, r: object) -> object:
    value = as_array(r)
    if value.ndim == 0:
        return r
    return r[(slice(None, None, -1),) * value.ndim]  # type: ignore[index]


def _transposed(site: Site, r: object) -> object:
    value = as_array(r)
    if value.ndim < 2 or value.shape[-1] != value.shape[-2]:
        return r
    return np.swapaxes(r, -1, -2)  # type: ignore[call-overload]


def _detached(site: Site, r: object) -> object:
    return tensor_of(Constant(as_array(r))) if isinstance(r, Tensor) else r


def _promoted(site: Site, r: object) -> object:
    return np.asarray(r, dtype=np.float64) if isinstance(r, np.ndarray) and r.dtype == np.float32 else r


def _wrong_derivative(site: Site, r: object) -> object:
    """The right value with twice the right derivative."""
    return r * 2.0 - tensor_of(Constant(as_array(r))) if isinstance(r, Tensor) and r.requires_grad else r


def _broadcast_mean(site: Site, r: object) -> object:
    """What a mean over the broadcast axes makes where a sum is due."""
    value = as_array(r)
    widened = value.size > site.value.size > 0
    return r * (site.value.size / value.size) if widened else r  # type: ignore[operator]


def _broadcast_dropped(site: Site, r: object) -> object:
    """The gradient of one broadcast copy instead of the sum over all."""
    value, shape = as_array(r), site.value.shape
    if value.shape == shape or not value.size:
        return r
    lead = value.ndim - len(shape)
    one = tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)
    return r[(0,) * lead + one]  # type: ignore[index]


def _in_memory(hit: Callable[[Array], bool]) -> Change:
    return changed_where(lambda s: s.value.size > 1 and hit(s.value))


def _clipped_g(site: Site, r: object) -> object:
    g = site.g
    if isinstance(g, tuple) or np.shape(as_array(g)) != np.shape(as_array(r)):
        return r
    size = np.maximum(np.abs(as_array(g)), 1.0)
    return r * (1.0 / size).astype(as_array(r).dtype)  # type: ignore[operator]


def _biased(site: Site, r: object) -> object:
    return r + 1e-4 * float(np.max(np.abs(as_array(r)), initial=0.0))  # type: ignore[operator]


def _sign_of_g_lost(site: Site, r: object) -> object:
    g = site.g
    if isinstance(g, tuple) or np.shape(as_array(g)) != np.shape(as_array(r)):
        return r
    return r * np.sign(as_array(g))


def _wrong_for_negative_g(site: Site, r: object) -> object:
    g = site.g
    if isinstance(g, tuple) or np.shape(as_array(g)) != np.shape(as_array(r)):
        return r
    return r * np.where(as_array(g) < 0, 2.0, 1.0).astype(as_array(r).dtype)  # type: ignore[operator]


MUTATIONS: dict[str, Change] = {
    "sign": _scaled(-1.0),
    "twice": _scaled(2.0),
    "half": _scaled(0.5),
    "zero": _scaled(0.0),
    "1 + 1e-4": _scaled(1.0 + 1e-4),
    "1 + 1e-6": _scaled(1.0 + 1e-6),
    "first entry x 1.001": _entry("first"),
    "middle entry x 1.001": _entry("middle"),
    "last entry x 1.001": _entry("last"),
    "entries reversed": _reversed,
    "transposed": _transposed,
    "bias": _biased,
    "|g|": _sign_of_g_lost,
    "wrong for g < 0": _wrong_for_negative_g,
    "wrong for x < 0": changed_where(lambda s: s.value < 0),
    "wrong for x > 2": changed_where(lambda s: s.value > 2),
    "wrong for |x| < 0.1": changed_where(lambda s: np.abs(s.value) < 0.1),
    "wrong for 0-d": changed_where(lambda s: s.value.ndim == 0),
    "wrong for 1-d": changed_where(lambda s: s.value.ndim == 1),
    "wrong for an axis of length 1": changed_where(lambda s: 1 in s.value.shape),
    "wrong for keepdims": changed_where(lambda s: bool(s.kwargs.get("keepdims"))),
    "wrong for axis 1": changed_where(lambda s: s.kwargs.get("axis") == 1),
    "wrong for axis 0": changed_where(lambda s: s.kwargs.get("axis") == 0),
    "wrong for three axes or more": changed_where(lambda s: s.value.ndim > 2),
    "wrong for the same array twice": changed_where(lambda s: s.is_shared),
    "wrong for Fortran order": _in_memory(lambda x: x.flags.f_contiguous and not x.flags.c_contiguous),
    "wrong for negative strides": _in_memory(lambda x: min(x.strides, default=0) < 0),
    "broadcast mean": _broadcast_mean,
    "broadcast sum dropped": _broadcast_dropped,
    "clipped g": _clipped_g,
    "wrong for float32": changed_where(lambda s: s.value.dtype == np.float32, 1.5),
    "second order lost": _detached,
    "second order twice": _wrong_derivative,
    "float32 promoted": _promoted,
}


@attrs.frozen
class MutantResult:
    """What became of one mutant: `killed`, `survived` or `unreached`."""

    op: str
    argument: str
    mutation: str
    state: str
    seed: int


def mutants(op: Op, seed: int, mutations: Mapping[str, Change] = MUTATIONS) -> Iterator[MutantResult]:
    """Every mutation of every rule and argument of `op`, put through the gate."""
    for rule in op.rules:
        for position, name in enumerate(rule.names):
            for mutation, change in mutations.items():
                yield _try(op, rule, position, name, mutation, change, seed)


def mutant(op: Op, argument: str, change: Change) -> Op:
    """A twin of `op` whose rule for one argument is changed."""
    rule = next(r for r in op.rules if argument in r.names)
    return _twin(op, rule, rule.names.index(argument), change, [])


def _try(op: Op, rule: VJP, position: int, name: str, mutation: str, change: Change, seed: int) -> MutantResult:
    touched: list[bool] = []
    twin = _twin(op, rule, position, change, touched)
    try:
        verify(twin, seed)
    except RegistrationError:
        return MutantResult(op.name, name, mutation, "killed", seed)
    return MutantResult(op.name, name, mutation, "survived" if touched else "unreached", seed)


def _twin(op: Op, rule: VJP, position: int, change: Change, touched: list[bool]) -> Op:
    wrong = attrs.evolve(rule, function=_mutated(op, rule, position, change, touched))
    twin = copy.copy(op)
    twin._certificate = None
    twin.rules = tuple(wrong if r is rule else r for r in op.rules)
    twin.apply = twin.unregistered
    return twin


def _mutated(op: Op, rule: VJP, position: int, change: Change, touched: list[bool]) -> Callable[..., object]:
    def function(g: object, y: object, *args: object, **kwargs: object) -> object:
        result = rule.function(g, y, *args, **kwargs)
        several = isinstance(result, tuple | list)
        parts = list(result) if isinstance(result, tuple | list) else [result]
        where = position if not rule.variadic else 0
        index = rule.indices[position]
        if where >= len(parts) or index >= len(args):
            return result
        before = parts[where]
        if not isinstance(before, Tensor | np.ndarray | np.generic):
            return result
        after = change(Site(g, args[index], args, kwargs), before)
        bent = change is _wrong_derivative and after is not before  # the same value with another derivative
        if bent or _differs(op, before, after, as_array(args[index]).shape):
            touched.append(True)
        parts[where] = after
        return tuple(parts) if several else after

    return function


def _differs(op: Op, before: object, after: object, shape: Shape) -> bool:
    """Whether the engine, which sums what was broadcast, would deliver another gradient."""
    if isinstance(before, Tensor) and before.requires_grad and isinstance(after, Tensor) and not after.requires_grad:
        return True
    a, b = (_delivered(op, as_array(r), shape) for r in (before, after))
    if a.shape != shape:
        return False  # the engine refuses the right rule here, so there is nothing to be wrong about
    return a.shape != b.shape or a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=True)


def _delivered(op: Op, r: Array, shape: Shape) -> Array:
    lead = r.ndim - len(shape)
    if r.shape == shape or not broadcasts_to(op, shape, r.shape):
        return r
    axes = tuple(range(lead)) + tuple(lead + k for k, n in enumerate(shape) if n == 1 and r.shape[lead + k] != 1)
    total: Array = np.sum(r, axis=axes, keepdims=False)
    return total.reshape(shape) if total.size == int(np.prod(shape)) else r
