"""Rules made wrong in one place of the covering array only, by a generator.

Each blind spot is a place that the declaration does not name: a length, a number of axes, an option's neighbour, an
option on a length, equal numbers, zeros, an output gradient that stands out, float32, a derivative of higher order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import TypeAlias

import numpy as np

from minigrad.core.graph import Constant
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor, as_array, tensor_of
from minigrad.core.types import Array
from minigrad.verify.cases import base_shapes, metadata
from minigrad.verify.covering import option_values
from minigrad.verify.mutation.mutants import Change, MutantResult, Site, changed_where, mutants

Mask: TypeAlias = Callable[[Site], object]
Hit: TypeAlias = Callable[[Array], object]

_HALF = 0.5
_MOST_OPTIONS = 24


def _shape(site: Site) -> tuple[int, ...]:
    return site.value.shape


def _axis(k: int, hit: Callable[[int], bool]) -> Mask:
    def mask(site: Site) -> bool:
        shape = _shape(site)
        return len(shape) > abs(k) - (k < 0) and hit(shape[k])

    return mask


def _middle(hit: Callable[[int], bool]) -> Mask:
    return lambda site: len(_shape(site)) > 2 and any(hit(n) for n in _shape(site)[1:-1])


_LENGTHS: dict[str, Mask] = {
    "a first axis of one": _axis(0, lambda n: n == 1),
    "a last axis of one": _axis(-1, lambda n: n == 1),
    "a middle axis of one": _middle(lambda n: n == 1),
    "a first axis of two": _axis(0, lambda n: n == 2),
    "a last axis of two": _axis(-1, lambda n: n == 2),
    "a first axis of three": _axis(0, lambda n: n == 3),
    "a last axis of an odd length": _axis(-1, lambda n: n % 2 == 1 and n > 3),
    "a last axis of an even length": _axis(-1, lambda n: n % 2 == 0 and n > 2),
    "a long first axis": _axis(0, lambda n: n > 128),
    "a long last axis": _axis(-1, lambda n: n > 128),
    "no axes": lambda s: len(_shape(s)) == 0,
    "one axis": lambda s: len(_shape(s)) == 1,
    "two axes": lambda s: len(_shape(s)) == 2,
    "three axes": lambda s: len(_shape(s)) == 3,
    "four axes": lambda s: len(_shape(s)) == 4,
    "five axes": lambda s: len(_shape(s)) == 5,
    "six axes": lambda s: len(_shape(s)) == 6,
    "two axes of one": lambda s: _shape(s).count(1) > 1 and s.value.size > 1,
    "a single entry": lambda s: s.value.size == 1,
    "as many rows as columns": lambda s: len(_shape(s)) > 1 and _shape(s)[-1] == _shape(s)[-2] > 1,
    "more rows than columns": lambda s: len(_shape(s)) > 1 and _shape(s)[-2] > _shape(s)[-1] > 1,
    "more columns than rows": lambda s: len(_shape(s)) > 1 and _shape(s)[-1] > _shape(s)[-2] > 1,
}


def _rows(site: Site, hit: Hit) -> object:
    value = site.value
    return np.asarray(hit(value), dtype=bool)[..., None] if value.ndim > 1 and value.shape[-1] > 1 else False


def _equal_rows(value: Array) -> bool:
    return value.ndim > 1 and len(value) > 1 and bool(value[0].any() and (value == value[:1]).all())


def _flat(site: Site, hit: Hit) -> bool:
    return site.value.size > 1 and bool(hit(site.value))


_NUMBERS: dict[str, Mask] = {
    "an array of zeros": lambda s: _flat(s, lambda x: not x.any()),
    "a row of zeros": lambda s: _rows(s, lambda x: ~x.any(axis=-1)),
    "a single zero": lambda s: np.count_nonzero(s.value == 0.0) == 1,
    "entries that are zero": lambda s: s.value == 0.0,
    "equal numbers": lambda s: _flat(s, lambda x: np.ptp(x) == 0.0 and x.flat[0] != 0.0),
    "a row of equal numbers": lambda s: _rows(s, lambda x: (np.ptp(x, axis=-1) == 0.0) & (x[..., 0] != 0.0)),
    "equal rows": lambda s: _equal_rows(s.value),
    "entries that are one": lambda s: s.value == 1.0,
    "entries that are minus one": lambda s: s.value == -1.0,
    "whole numbers": lambda s: _flat(s, lambda x: (x == np.rint(x)).all() and np.ptp(x) > 0.0),
    "numbers in rising order": lambda s: _flat(s, lambda x: x.ndim == 1 and (np.diff(x) > 0.0).all()),
    "numbers above 20": lambda s: s.value > 20.0,
    "numbers below -20": lambda s: s.value < -20.0,
    "numbers between 50 and 60": lambda s: (np.abs(s.value) > 50.0) & (np.abs(s.value) < 60.0),
    "numbers above 500": lambda s: np.abs(s.value) > 500.0,
    "numbers below a thousandth": lambda s: (np.abs(s.value) < 1e-3) & (s.value != 0.0),
    "numbers below a millionth": lambda s: (np.abs(s.value) < 1e-6) & (s.value != 0.0),
}


def _others(site: Site) -> Iterator[Array]:
    for a in site.args:
        if a is not site.x and isinstance(a, Tensor | np.ndarray) and as_array(a).dtype.kind == "f":
            yield as_array(a)


_ARGUMENTS: dict[str, Mask] = {
    "equal arrays": lambda s: _flat(s, lambda x: x.any() and any(np.array_equal(x, o) for o in _others(s))),
    "another argument of zeros": lambda s: any(o.size > 1 and not o.any() for o in _others(s)),
    "another argument with one axis more": lambda s: any(o.ndim > s.value.ndim for o in _others(s)),
    "another argument with one axis less": lambda s: any(o.ndim < s.value.ndim for o in _others(s)),
    "another argument of another length": lambda s: any(
        o.ndim == s.value.ndim and o.shape != s.value.shape for o in _others(s)
    ),
    "another argument that is smaller": lambda s: any(
        o.shape == s.value.shape and (o < s.value).all() for o in _others(s)
    ),
}


def _g(site: Site) -> Array | None:
    return None if isinstance(site.g, tuple) else as_array(site.g)


def _on_g(hit: Hit) -> Mask:
    def mask(site: Site) -> bool:
        g = _g(site)
        return g is not None and g.size > 1 and bool(hit(g))

    return mask


_GRADIENTS: dict[str, Mask] = {
    "an output gradient of ones": _on_g(lambda g: (g == 1.0).all()),
    "an output gradient with a single one": _on_g(lambda g: np.count_nonzero(g) == 1),
    "an output gradient that is one number expanded": _on_g(lambda g: g.ndim > 0 and not any(g.strides)),
    "an output gradient of one sign": _on_g(lambda g: (g > 0.0).all() and np.ptp(g) > 0.0),
    "an output gradient that is negative": _on_g(lambda g: (g < 0.0).all()),
    "an output that is not used": lambda s: isinstance(s.g, tuple) and any(not as_array(g).any() for g in s.g),
}


def _detached_where(mask: Mask) -> Change:
    """The right value with no derivative of its own where the mask holds."""

    def change(site: Site, r: object) -> object:
        if not isinstance(r, Tensor) or not r.requires_grad:
            return r
        try:
            hit = np.broadcast_to(np.asarray(mask(site)), r.shape)
        except ValueError:
            return r
        if not hit.any():
            return r
        keep = np.where(hit, 0.0, 1.0).astype(r.dtype)
        return r * keep + tensor_of(Constant(as_array(r) * (1.0 - keep)))

    return change


def _bent(site: Site, r: object) -> object:
    """The right value and first derivative with another second one."""
    x = site.x
    if not isinstance(r, Tensor) or not r.requires_grad or not isinstance(x, Tensor) or x.shape != r.shape:
        return r
    moved = x - tensor_of(Constant(as_array(x)))
    return r * (moved * moved + 1.0)


_NARROW: dict[str, Change] = {
    "one part in a thousand in float32": changed_where(lambda s: s.value.dtype == np.float32, 1.001),
    "large numbers in float32": changed_where(lambda s: (s.value.dtype == np.float32) & (np.abs(s.value) > 4.0), 1.01),
}

_ORDERS: dict[str, Change] = {
    "second order at zeros": _detached_where(_NUMBERS["entries that are zero"]),
    "second order far out": _detached_where(lambda s: np.abs(s.value) > 20.0),
    "second order near zero": _detached_where(lambda s: np.abs(s.value) < 1e-3),
    "second order of one axis": _detached_where(_LENGTHS["one axis"]),
    "second order of three axes": _detached_where(_LENGTHS["three axes"]),
    "second order of four axes": _detached_where(_LENGTHS["four axes"]),
    "second order of squares": _detached_where(_LENGTHS["as many rows as columns"]),
    "second order of a last axis of one": _detached_where(_LENGTHS["a last axis of one"]),
    "second order of long axes": _detached_where(_LENGTHS["a long last axis"]),
    "second order of zero rows": _detached_where(_NUMBERS["a row of zeros"]),
    "second order of equal arrays": _detached_where(_ARGUMENTS["equal arrays"]),
    "second order in float32": _detached_where(lambda s: s.value.dtype == np.float32),
    "third order": _bent,
}

_MASKS: Mapping[str, Mask] = {**_LENGTHS, **_NUMBERS, **_ARGUMENTS, **_GRADIENTS}

PLACES: Mapping[str, Change] = {
    **{name: changed_where(mask, _HALF) for name, mask in _MASKS.items()},
    **_NARROW,
    **_ORDERS,
}
"""Blind spots of any op, by name."""


def _both(one: Mask, other: Mask) -> Mask:
    return lambda site: bool(one(site)) and bool(other(site))


def option_places(op: Op) -> dict[str, Change]:
    """Blind spots in the options of an op: values, pairs of values, values on lengths."""
    listed = metadata(op)
    if not listed or not listed[0]:
        return {}
    values = option_values(listed, op.defaults, len(base_shapes(op)[0][0]))

    def has(name: str, value: object) -> Mask:
        return lambda site: repr(site.kwargs.get(name)) == repr(value)

    single = {f"{n}={v!r}": has(n, v) for n, vs in values.items() for v in vs}
    masks = dict(list(single.items())[:_MOST_OPTIONS])
    for (one, a), (other, b) in combinations(list(masks.items()), 2):
        if one.split("=")[0] != other.split("=")[0] and len(masks) < 2 * _MOST_OPTIONS:
            masks[f"{one}, {other}"] = _both(a, b)
    for name, mask in list(single.items())[:_MOST_OPTIONS]:
        for place in ("a last axis of an even length", "a last axis of an odd length", "three axes"):
            masks[f"{name}, {place}"] = _both(mask, _LENGTHS[place])
    return {name: changed_where(mask, _HALF) for name, mask in masks.items()}


def blind_spots(op: Op, seed: int) -> Iterator[MutantResult]:
    """Every blind spot of every rule and argument of `op`, put through the gate."""
    yield from mutants(op, seed, {**PLACES, **option_places(op)})
