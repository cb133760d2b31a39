"""What a case of the gate's corpus is, and short ways of declaring ops for one.

A wrong rule comes with its mended twin: `build(True)` makes the op with the flaw, `build(False)` the same op without
it. The gate must refuse the first and accept the second, so a refusal is due to the flaw and to nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import TypeAlias, cast

import attrs
import numpy as np

import minigrad as mg
from minigrad.core.op import Forward, Op
from minigrad.core.types import Shape
from minigrad.typing import Array
from minigrad.verify.declare import Domain, Kinks

Build: TypeAlias = Callable[[bool], Op]
Made: TypeAlias = "Op | tuple[Op, ...]"
Samples: TypeAlias = Callable[[np.random.Generator], Iterable[mg.Sample]]
Refusal: TypeAlias = type[mg.RegistrationError]

MISMATCH, INVALID, INCONCLUSIVE = mg.GradientMismatch, mg.InvalidRule, mg.InconclusiveCheck
REAL, POSITIVE, UNIT, NONZERO, DISTINCT = mg.real(), mg.positive(), mg.unit(), mg.nonzero(), mg.distinct()


@attrs.frozen
class Wrong:
    """A rule that must be refused.

    Attributes:
        name: identifies the case.
        kind: what sort of mistake it is.
        expected: the errors that say so.
        build: makes a fresh op, with the flaw (True) or mended (False).
        twin: whether the mended op is a correct one that the gate must accept.
        public: the bug of a public project that is re-enacted, by its description: `owner/name#number`.
    """

    name: str
    kind: str
    expected: tuple[Refusal, ...]
    build: Build
    twin: bool = True
    public: str = ""

    def op(self) -> Op:
        """A fresh, unregistered op with the flaw."""
        return _named(self.build(True), f"wrong_{self.name}")

    def mended(self) -> Op:
        """The same op without the flaw."""
        return _named(self.build(False), f"mended_{self.name}")


@attrs.frozen
class Tricky:
    """A correct op, or a group whose rules use each other, that a careless checker refuses."""

    name: str
    build: Callable[[], Made]

    def ops(self) -> tuple[Op, ...]:
        """Fresh, unregistered ops."""
        made = self.build()
        group = made if isinstance(made, tuple) else (made,)
        return tuple(_named(op, f"tricky_{self.name}_{op.name}") for op in group)


def _named(op: Op, name: str) -> Op:
    op.name = name
    return op


def wrong(kind: str, *expected: Refusal, twin: bool = True) -> Callable[[Build], Wrong]:
    """Make a case of a function `build(flaw) -> Op`; its name is the case's."""

    def declare(build: Build) -> Wrong:
        return Wrong(build.__name__, kind, expected, build, twin)

    return declare


def tricky(build: Callable[[], Made]) -> Tricky:
    """Make a case of a function that returns a correct op, or a group of them."""
    return Tricky(build.__name__, build)


def wrongs(*modules: ModuleType) -> tuple[Wrong, ...]:
    """All wrong rules declared in some modules, one by one or in tuples."""
    return tuple(case for m in modules for case in _declared(m) if isinstance(case, Wrong))


def trickies(*modules: ModuleType) -> tuple[Tricky, ...]:
    """All tricky correct ops declared in some modules, one by one or in tuples."""
    return tuple(case for m in modules for case in _declared(m) if isinstance(case, Tricky))


def _declared(module: ModuleType) -> Iterator[object]:
    for value in vars(module).values():
        yield from value if isinstance(value, tuple) else (value,)


def made(
    forward: Callable[..., object],
    rules: Mapping[str, Callable[..., object]],
    domains: Mapping[str, Domain],
    *,
    name: str = "op",
    params: Sequence[Mapping[str, object]] = ({},),
    shapes: Sequence[tuple[Shape, ...]] = (),
    samples: Samples | None = None,
    kinks: Kinks = (),
    elementwise: bool = False,
    linear: bool = False,
    piecewise_constant: bool = False,
) -> Op:
    """An op from its forward function and its rules; the key "x y" stands for one rule that returns both gradients."""
    op = mg.op(
        name=name, params=params, shapes=shapes, samples=samples, kinks=kinks, elementwise=elementwise, linear=linear,
        piecewise_constant=piecewise_constant, trailing=False, numpy=None, role="", **domains,
    )(cast(Forward, forward))  # fmt: skip
    for names, rule in rules.items():
        op.vjp(*names.split())(rule)
    return op


Rules: TypeAlias = Mapping[str, Callable[..., object]]


def pair(
    name: str,
    kind: str,
    forward: Callable[..., object],
    right: Rules,
    flawed: Rules,
    domains: Mapping[str, Domain],
    *,
    public: str = "",
    params: Sequence[Mapping[str, object]] = ({},),
    shapes: Sequence[tuple[Shape, ...]] = (),
    samples: Samples | None = None,
    kinks: Kinks = (),
    elementwise: bool = False,
) -> Wrong:
    """A wrong rule and its mended twin as one row of a table: `flawed` holds the rules that are wrong."""

    def build(flaw: bool) -> Op:
        rules = {**right, **flawed} if flaw else right
        return made(
            forward, rules, domains, params=params, shapes=shapes, samples=samples, kinks=kinks, elementwise=elementwise
        )

    return Wrong(name, kind, (MISMATCH, INVALID), build, public=public)


def one(
    name: str,
    kind: str,
    forward: Callable[..., object],
    right: Callable[..., object],
    flawed: Callable[..., object],
    domain: Domain = REAL,
    *,
    public: str = "",
    params: Sequence[Mapping[str, object]] = ({},),
    kinks: Kinks = (),
) -> Wrong:
    """A row for an elementwise op of one argument `x`."""
    return pair(
        name, kind, forward, {"x": right}, {"x": flawed}, {"x": domain}, public=public, params=params, kinks=kinks,
        elementwise=True,
    )  # fmt: skip


def two(
    name: str,
    kind: str,
    forward: Callable[..., object],
    left: Callable[..., object],
    right: Callable[..., object],
    flawed: Rules,
    domains: tuple[Domain, Domain] = (REAL, REAL),
    *,
    public: str = "",
    kinks: Kinks = (),
    elementwise: bool = True,
    shapes: Sequence[tuple[Shape, ...]] = (),
) -> Wrong:
    """A row for an op of two arguments `a` and `b`: `flawed` holds "a", "b", or both."""
    return pair(
        name, kind, forward, {"a": left, "b": right}, flawed, {"a": domains[0], "b": domains[1]}, public=public,
        kinks=kinks, elementwise=elementwise, shapes=shapes,
    )  # fmt: skip


def array(
    name: str,
    kind: str,
    forward: Callable[..., object],
    right: Callable[..., object],
    flawed: Callable[..., object],
    shape: Shape = (3, 4),
    domain: Domain = REAL,
    *,
    public: str = "",
    params: Sequence[Mapping[str, object]] = ({},),
    kinks: Kinks = (),
) -> Wrong:
    """A row for an op of one argument `x` that is not elementwise, declared for one shape."""
    return pair(
        name, kind, forward, {"x": right}, {"x": flawed}, {"x": domain}, public=public, params=params, kinks=kinks,
        shapes=[(shape,)],
    )  # fmt: skip


def honest(
    name: str,
    forward: Callable[..., object],
    rules: Rules,
    domains: Mapping[str, Domain],
    *,
    params: Sequence[Mapping[str, object]] = ({},),
    shapes: Sequence[tuple[Shape, ...]] = (),
    samples: Samples | None = None,
    kinks: Kinks = (),
    elementwise: bool = False,
    linear: bool = False,
    piecewise_constant: bool = False,
) -> Tricky:
    """A delicate correct op as one row of a table."""
    return Tricky(
        name,
        lambda: made(
            forward, rules, domains, params=params, shapes=shapes, samples=samples, kinks=kinks,
            elementwise=elementwise, linear=linear, piecewise_constant=piecewise_constant,
        ),
    )  # fmt: skip


def unary(
    forward: Callable[..., object], rule: Callable[..., object], domain: Domain = REAL, *, kinks: Kinks = ()
) -> Op:
    """An op of one argument `x` that claims to be elementwise: `rule(g, y, x)`."""
    return made(forward, {"x": rule}, {"x": domain}, elementwise=True, kinks=kinks)


def binary(
    forward: Callable[..., object],
    left: Callable[..., object],
    right: Callable[..., object],
    *,
    domains: tuple[Domain, Domain] = (REAL, REAL),
    kinks: Kinks = (),
    elementwise: bool = True,
) -> Op:
    """An op of two arguments `a` and `b` that broadcast: rules `(g, y, a, b)`."""
    return made(
        forward, {"a": left, "b": right}, {"a": domains[0], "b": domains[1]}, elementwise=elementwise, kinks=kinks
    )


def plain(x: object) -> Array:
    """The numbers of an array or Tensor, as a rule reads them that forgets about second order."""
    return x.data if isinstance(x, mg.Tensor) else np.asarray(x)


def either(condition: object, inside: float, outside: float, like: Array | mg.Tensor) -> Array:
    """`inside` where `condition` holds, else `outside`, in the dtype of `like`: a constant factor for a rule."""
    factor: Array = np.where(np.asarray(condition), inside, outside).astype(like.dtype)
    return factor
