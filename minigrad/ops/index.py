"""Reading and replacing parts of an array."""

from __future__ import annotations

from math import prod
from operator import index

import numpy as np

from minigrad.core.errors import ArgumentError, IndexKeyError
from minigrad.core.memory import is_immutable
from minigrad.core.tensor import Tensor
from minigrad.core.types import Array, IndexArray, Key, KeyPart, Shape
from minigrad.ops.family import OpFamily
from minigrad.runtime.numpy_fast import segment_sum
from minigrad.typing import V
from minigrad.verify.declare import op
from minigrad.verify.domains import real

family = OpFamily()

_ROWS = np.array([1, 0, 1])
_COLUMNS = np.array([2, 2, 0])
_MASK = np.array([[True, False, True], [False, True, True]])
_KEYS: tuple[Key, ...] = (
    (slice(None), 1),
    (Ellipsis, slice(None, None, -2)),
    (0, None, slice(1, None)),
    (_ROWS, _COLUMNS),
    (_ROWS[:, None], slice(None), np.array([0, 0, 3])),
    (_MASK,),
    (-1, 2, 3),
)


def immutable_index(key: object) -> Key:
    """Copy the arrays in an index, so that it cannot change.

    Raises:
        TypeError: a Tensor in it requires a gradient.
        IndexKeyError: something in it is no index.
    """
    if isinstance(key, tuple):
        return tuple(_frozen_part(k) for k in key)
    return _frozen_part(key)


def _frozen_part(key: object) -> KeyPart:
    ours = isinstance(key, Tensor)
    if isinstance(key, Tensor):
        if key._node.requires_grad:
            raise ArgumentError("an index has no gradient: use .detach() on the Tensor inside the brackets")
        key = key._node.value
    if isinstance(key, list | bool | np.bool_):
        key = _array_of(key)
    if isinstance(key, np.ndarray):
        if key.dtype.kind not in "iub":
            raise IndexKeyError(f"an index array must hold integers or booleans, not {key.dtype}")
        if not (ours and is_immutable(key)):  # whoever made an array read-only can open it again
            key = key.copy()
            key.flags.writeable = False
        return key
    if isinstance(key, slice):
        return _frozen_slice(key)
    if key is None or key is Ellipsis:
        return key
    try:
        return index(key)  # type: ignore[arg-type]
    except TypeError:
        pass  # no integer: a sequence, a buffer, or what gives an array
    array = _array_of(key)
    if array.dtype.kind not in "iub":
        raise IndexKeyError(
            f"a Tensor is indexed by integers, slices, ..., None, integer or boolean arrays, not {type(key).__name__}"
        )
    return _frozen_part(array)


def _array_of(key: object) -> Array:
    """A key as NumPy takes it; of nothing, integers."""
    try:
        array = np.asarray(key)
    except (TypeError, ValueError) as error:
        raise IndexKeyError(f"no array of indices can be made of the {type(key).__name__}: {error}"[:250]) from None
    return array if array.size else array.astype(np.intp)


def _frozen_slice(key: slice) -> slice:
    """The slice with plain numbers as bounds: an array of one number could change."""
    bounds = (key.start, key.stop, key.step)
    if all(b is None or type(b) is int for b in bounds):
        return key
    return slice(*(None if b is None else index(b) for b in bounds))


def is_basic(key: object) -> bool:
    """Whether a key is basic in NumPy's sense, so that no entry is met twice."""
    for part in key if type(key) is tuple else (key,):
        if type(part) is slice or type(part) is int or part is None or part is Ellipsis:
            continue
        if not isinstance(part, np.integer):
            return False
    return True


_UNSIGNED = {n: np.dtype(f"u{n}") for n in (1, 2, 4, 8)}


def all_below(indices: Array | IndexArray, length: int) -> bool:
    """Whether all of some integers are in [0, length); of none at all they are."""
    # A negative integer, without its sign, is a very large one; argmax costs a third of max.
    unsigned = indices.view(_UNSIGNED[indices.itemsize])
    return not unsigned.size or unsigned.item(unsigned.argmax()) < length


@op(x=real(), linear=True, shapes=[((2, 3, 4),)], params=[{"key": k} for k in _KEYS])
def getitem(x: Array, *, key: Key) -> Array:
    """x[key], with all of NumPy's forms of indexing."""
    return np.asarray(x[key])


@getitem.vjp("x")
def _(g: V, y: V, x: V, *, key: Key) -> V:
    return scatter(g, key=key, shape=x.shape)


@getitem.accumulate
def _(total: Array, g: Array, *, key: Key) -> bool:
    if not is_basic(key):
        return False
    total[key] += g
    return True


def _behind(key: Key) -> Key:
    """A key into one array as a key into every array of a stack."""
    return (slice(None), *(key if isinstance(key, tuple) else (key,)))


@getitem.batch
def _(x: V, *, key: Key) -> V | None:
    return getitem(x, key=_behind(key)) if is_basic(key) else None


@op(
    g=real(),
    linear=True,
    shapes=[((2, 4),)],
    params=[{"key": (slice(None), 1), "shape": (2, 3, 4)}],
)
def scatter(g: Array, *, key: Key, shape: Shape) -> Array:
    """Zeros of `shape` to which g has been added at `key`; entries met several times add up."""
    if isinstance(key, np.ndarray) and key.dtype.kind in "iu" and len(shape) > 1:
        places = np.where(key < 0, key + shape[0], key).ravel()
        return segment_sum(g.reshape(len(places), prod(shape[1:])), places, shape[0]).reshape(shape)
    x: Array = np.zeros(shape, dtype=g.dtype)
    if is_basic(key) or (isinstance(key, np.ndarray) and key.dtype.kind == "b"):
        x[key] = g
    else:
        np.add.at(x, key, g)  # type: ignore[arg-type]  # the stub knows fewer keys than NumPy
    return x


@scatter.vjp("g")
def _(h: V, y: V, g: V, *, key: Key, shape: Shape) -> V:
    return getitem(h, key=key)


@scatter.batch
def _(g: V, *, key: Key, shape: Shape) -> V | None:
    return scatter(g, key=_behind(key), shape=(g.shape[0], *shape)) if is_basic(key) else None


@op(
    x=real(),
    v=real(),
    linear=True,
    shapes=[((2, 3, 4), (1, 1)), ((2, 3, 4), ()), ((2, 3, 4), (3, 4))],
    params=[{"key": k} for k in ((_ROWS, _COLUMNS), (_MASK,), (Ellipsis, slice(None, None, 2)))],
)
def setitem(x: Array, v: Array, *, key: Key) -> Array:
    """A copy of x in which x[key] = v; of several values for an entry the last stays."""
    result = np.array(x, dtype=np.result_type(x, v) if v.ndim else x.dtype)
    result[key] = v
    return result


@setitem.vjp("x")
def _(g: V, y: V, x: V, v: V, *, key: Key) -> V:
    return setitem(g, np.zeros((), dtype=x.dtype), key=key)


@setitem.vjp("v")
def _(g: V, y: V, x: V, v: V, *, key: Key) -> V:
    picked: V = getitem(g, key=key)
    if not is_basic(key):
        picked = picked * last_writer(x.shape, key).astype(x.dtype)
    return picked


def last_writer(shape: Shape, key: Key) -> Array:
    """Mark each place that `key` reads and that is the last to be written to its entry.

    1.0 there, else 0.0.
    """
    order = np.arange(int(np.prod(shape)) or 1).reshape(shape)[key]
    places = np.arange(order.size).reshape(order.shape)
    final = np.empty(shape, dtype=np.intp)
    final[key] = places
    last: Array = (final[key] == places).astype(np.float64)
    return last


for _op in (getitem, scatter, setitem):
    family.add(_op)
