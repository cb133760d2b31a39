"""Flat buffers for the numbers and gradients of all parameters of a dtype."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter, is_
from typing import TypeAlias

import attrs
import numpy as np

from minigrad.core import Tensor
from minigrad.core.types import Array
from minigrad.optim.errors import MissingGradient, ParameterError
from minigrad.optim.protocol import Segment
from minigrad.runtime.parameters import aligned_zeros, bind_to_buffers, has_grad, is_parameter, mark_updated

__all__ = ["NamedParameter", "ParamBucket", "Parameters", "make_buckets", "named_parameters"]

_value_of, _has_grad = attrgetter("_node.value"), attrgetter("_sink.has_grad")

Parameters: TypeAlias = Mapping[str, Tensor] | Iterable[Tensor] | Iterable[tuple[str, Tensor]]


@attrs.frozen
class NamedParameter:
    """A trainable leaf and the name it goes by in messages and in saved state."""

    name: str
    tensor: Tensor


@attrs.frozen(eq=False)
class ParamBucket:
    """The parameters of one group and one dtype.

    A contiguous slice of that dtype's flat buffers.

    Attributes:
        group: index of the parameter group.
        params: their numbers, shape `(n,)`.
        grads: their gradients.
        parameters: the Tensors with their names.
        layout: one Segment for each of `parameters`, in order.
        views: the part of `params` that each was bound to.
        tensors: those of `parameters`.
        frozen: names of parameters that need no gradient, since they do not move.
    """

    group: int
    params: Array
    grads: Array
    parameters: tuple[NamedParameter, ...]
    layout: tuple[Segment, ...]
    views: tuple[Array, ...]
    frozen: set[str] = attrs.field(factory=set, init=False)
    tensors: tuple[Tensor, ...] = attrs.field(init=False)

    @tensors.default
    def _tensors(self) -> tuple[Tensor, ...]:
        return tuple(p.tensor for p in self.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""
        return tuple(p.name for p in self.parameters)

    def renew(self) -> None:
        """Declare that `params` has changed."""
        mark_updated(*self.tensors)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for t in self.tensors:
            t._sink.clear()

    def is_ready(self) -> bool:
        """Whether every parameter is at home, not frozen, and reached by a gradient."""
        at_home = all(map(is_, map(_value_of, self.tensors), self.views))
        return at_home and not self.frozen and all(map(_has_grad, self.tensors))

    def check_ownership(self) -> None:
        """Raise ParameterError if another optimizer has taken over a parameter.

        Updates here would be lost.
        """
        gone = [p.name for p, view in zip(self.parameters, self.views, strict=True) if p.tensor._node.value is not view]
        if gone:
            raise ParameterError(
                f"{', '.join(map(repr, gone))} moved to an optimizer that was made after this one, and a parameter "
                "belongs to one at a time: go on with the newer optimizer, or make this one anew and load its state "
                "with load_state_dict"
            )

    def missing(self) -> list[str]:
        """Names of parameters that no gradient has reached since `zero_grad`.

        Apart from frozen ones.
        """
        return [p.name for p in self.parameters if not has_grad(p.tensor) and p.name not in self.frozen]

    def fill_missing_grads(self, missing: str) -> None:
        """Put 0 where a parameter has no gradient, or is frozen.

        Unless `missing == "zero"`, raise MissingGradient instead.
        """
        names = self.missing()
        if names and missing != "zero":
            raise MissingGradient(
                f"no gradient has reached {', '.join(map(repr, names))} since zero_grad(). Call loss.backward() "
                "before opt.step(), and check that the loss depends on them; "
                'missing="zero" treats such parameters as having gradient 0'
            )
        still = self.frozen.union(names)
        if still:
            for segment in self.layout:
                if segment.name in still:
                    self.grads[segment.start : segment.stop] = 0.0

    def describe_nonfinite(self) -> str:
        """Names of the parameters whose gradient holds NaN or infinity, with one entry each."""
        culprits = []
        for segment in self.layout:
            g = segment.of(self.grads)
            bad = np.argwhere(~np.isfinite(g))
            if len(bad):
                at = tuple(int(i) for i in bad[0])
                culprits.append(f"{segment.name!r} ({len(bad)} of {g.size} entries, first {g[at]} at {list(at)})")
        return ", ".join(culprits)


def named_parameters(params: Parameters) -> tuple[NamedParameter, ...]:
    """Parameters by name, each Tensor once.

    From a mapping, from (name, Tensor) pairs, or from bare Tensors.

    Raises:
        ParameterError: for anything that is not a leaf with requires_grad, for a name used twice, and for nothing.
    """
    if isinstance(params, Tensor):
        raise ParameterError("pass a list of parameters: [parameter], or model.parameters()")
    if hasattr(params, "named_parameters"):
        raise ParameterError(
            f"pass the parameters of the {type(params).__name__}: model.parameters() or model.named_parameters()"
        )
    if isinstance(params, str) or not isinstance(params, Iterable):
        raise ParameterError(f"parameters come as a list, (name, Tensor) pairs or a mapping, not {params!r}")
    entries = params.items() if isinstance(params, Mapping) else enumerate(params)
    tensors: dict[str, Tensor] = {}
    seen_ids: set[int] = set()
    for key, entry in entries:
        if isinstance(entry, dict):
            raise ParameterError(
                "parameters come first, then groups of them with hyperparameters of their own: "
                'mg.optimizer("adam", model.named_parameters(), lr=1e-3, groups=[Group("*.bias", lr=0.1)])'
            )
        if isinstance(entry, tuple) and len(entry) != 2:
            raise ParameterError(f"a parameter with its name is a pair, (name, Tensor), not {entry!r:.80}")
        name, t = entry if isinstance(entry, tuple) else (key if isinstance(key, str) else f"param{key}", entry)
        if not isinstance(name, str):
            raise ParameterError(f"a parameter with its name is a pair, (name, Tensor), not ({name!r:.60}, ...)")
        if not isinstance(t, Tensor):
            raise ParameterError(f"parameter {name!r} is a {type(t).__name__}, not a Tensor")
        if not t.requires_grad:
            raise ParameterError(
                f"parameter {name!r} has requires_grad=False: leave frozen parameters out, "
                "[p for p in model.parameters() if p.requires_grad]"
            )
        if not is_parameter(t) or t._own_sink() is None:
            raise ParameterError(
                f"parameter {name!r} is no leaf: it was computed, or copied by t.copy(). Give the Tensor made with "
                "requires_grad=True, or another of its numbers, mg.tensor(t.numpy(), requires_grad=True)"
            )
        if id(t) in seen_ids or t.size == 0:  # nothing to train, and rules would have to mind division by no rows
            continue
        if name in tensors:
            raise ParameterError(f"two different parameters are called {name!r}: names must be unique")
        seen_ids.add(id(t))
        tensors[name] = t
    if not tensors:
        raise ParameterError(
            "an optimizer needs at least one parameter with entries, got none (is the iterator used up?)"
        )
    return tuple(NamedParameter(name, t) for name, t in tensors.items())


def make_buckets(groups: Sequence[Sequence[NamedParameter]]) -> tuple[ParamBucket, ...]:
    """Move all parameters into flat buffers, a pair for each dtype, group after group."""
    buckets = []
    for dtype in dict.fromkeys(p.tensor.dtype for group in groups for p in group):
        chosen = [tuple(p for p in group if p.tensor.dtype == dtype) for group in groups]
        total = sum(p.tensor.size for group in chosen for p in group)
        values, grads = aligned_zeros(total, dtype), aligned_zeros(total, dtype)
        start = 0
        for index, group in enumerate(chosen):
            if group:
                stop = start + sum(p.tensor.size for p in group)
                buckets.append(_make_bucket(index, group, values[start:stop], grads[start:stop]))
                start = stop
    return tuple(buckets)


def _make_bucket(index: int, group: tuple[NamedParameter, ...], w: Array, g: Array) -> ParamBucket:
    layout, views = [], []
    start = 0
    for p in group:
        segment = Segment(p.name, start, p.tensor.shape)
        views.append(segment.of(w))
        bind_to_buffers(p.tensor, views[-1], segment.of(g))
        layout.append(segment)
        start = segment.stop
    return ParamBucket(index, w, g, group, tuple(layout), tuple(views))
