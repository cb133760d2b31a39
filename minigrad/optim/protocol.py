"""The contract between minigrad and an optimizer plugin, version 1.0.

A plugin is a frozen attrs class whose fields are hyperparameters and whose `update` is the textbook formula on one
flat vector. It is pure: everything it remembers is in the state that it returns. The driver owns the rest.
"""

from __future__ import annotations

import enum
from typing import ClassVar, Final, Protocol, TypeVar, runtime_checkable

import attrs

from minigrad.core.types import Array
from minigrad.optim.objective import Objective

__all__ = ["API", "Averages", "Need", "NeedsMore", "NoState", "Optimizer", "Segment", "needs_of"]

API: Final = (1, 0)


class Need(enum.Flag):
    """What a rule asks of its objective.

    Checked before the first step, never discovered in the middle of one.
    GRAD: the gradient at the current parameters. VALUE: the loss there. REEVAL: `f.at(w)`, loss and gradient
    elsewhere. HVP: Hessian times vector. HESSIAN: the whole matrix. RESIDUAL: residual vector and Jacobian of a
    least-squares loss. All but GRAD need `opt.step(closure)`.
    """

    GRAD = enum.auto()
    VALUE = enum.auto()
    REEVAL = enum.auto()
    HVP = enum.auto()
    HESSIAN = enum.auto()
    RESIDUAL = enum.auto()


@attrs.frozen
class Segment:
    """Where one parameter lives in the flat vector: `w[start:stop].reshape(shape)`.

    A rule that treats matrices as matrices (Muon, LAMB, Adafactor) has a field `layout: tuple[Segment, ...] = ()`; the
    driver fills it. A rule without that field sees a plain vector.
    """

    name: str
    start: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @property
    def stop(self) -> int:
        """One past the last index."""
        return self.start + self.size

    def of(self, flat: Array) -> Array:
        """This parameter's part of a flat vector, in its own shape.

        A view where NumPy can make one.
        """
        return flat[self.start : self.stop].reshape(self.shape)


@attrs.frozen
class NoState:
    """The state of a rule that remembers nothing."""


S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


@runtime_checkable
class Optimizer(Protocol[S]):
    """An update rule with state `S`: a frozen attrs class of arrays, Moments and numbers.

    A module that ends with `_check: Optimizer[AdamState] = Adam()` has its conformance proved by mypy.

    Attributes:
        api: version of this contract that the plugin was written for, `(1, 0)`. Same major number, and a minor
            number no higher than minigrad's.
        needs: what `update` asks of its objective. An option that asks for more adds it in `extra_needs()`.
        laws: the invariances it claims (`minigrad.optim.laws.DECLARED`). Each is checked when the plugin is loaded;
            one that fails keeps the plugin out, one that passes may be built upon (tiling, fusion).
    """

    api: ClassVar[tuple[int, int]]
    needs: ClassVar[Need]
    laws: ClassVar[frozenset[str]]

    def init(self, w: Array) -> S:
        """The state before the first step, for parameters `w` of shape `(n,)`."""
        ...

    def update(self, w: Array, f: Objective, state: S, t: int) -> tuple[Array, S]:
        """Parameters and state after step `t`, which counts from 1.

        Must not write into `w`, `f.grad` or `state`.
        """
        ...


@runtime_checkable
class NeedsMore(Protocol):
    """An optimizer some of whose options need more of the objective than the class says."""

    def extra_needs(self) -> Need:
        """What this instance needs on top of `needs`; `Need(0)` for nothing."""
        ...


@runtime_checkable
class Averages(Protocol[S_contra]):
    """An optimizer whose promise is about other weights than those it descends with.

    `opt.averaged()` shows them.
    """

    def average(self, w: Array, state: S_contra) -> Array:
        """The weights to evaluate and to keep, shape `(n,)`."""
        ...


def needs_of(rule: object, declared: Need) -> Need:
    """Everything this configured rule needs."""
    return declared | rule.extra_needs() if isinstance(rule, NeedsMore) else declared
